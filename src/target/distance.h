/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the room: what code of x86-64 may lead to, looked for without decoding. */
#ifndef EC_TARGET_DISTANCE_H
#define EC_TARGET_DISTANCE_H

#include <stdint.h>

/*
 * The first place from `i` on whose four bytes, taken as a distance from behind them,
 * lead to [low, low + span]; `n` if there is none. All are counted from `p`, which has
 * `n` bytes.
 */
uint64_t ec_distance_next(const uint8_t *p, uint64_t n, uint64_t i, uint64_t low,
			  uint64_t span);

#endif
