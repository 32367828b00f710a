/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hex dump in the canonical form of hexdump -C: offset, sixteen bytes in two groups,
 * ASCII. Private to this room.
 */
#ifndef EC_SINK_HEXDUMP_H
#define EC_SINK_HEXDUMP_H

#include "sink/out.h"

/* `at`: offset of the first byte. 0 or -errno */
int ec_hexdump(struct ec_out *o, const uint8_t *p, size_t n, uint64_t at);

#endif
