/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_SINK_HEXDUMP_H
#define EC_SINK_HEXDUMP_H

#include "base/buf.h"

#define EC_HEXDUMP_LINE 80 /* longest line with its newline */

/* Canonical dump: offset (from `base`), 16 bytes in two groups, ASCII. */
void ec_hexdump(struct ec_buf *b, const uint8_t *p, size_t n, uint64_t base);

#endif
