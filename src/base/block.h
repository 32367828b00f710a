/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sixteen bytes at a time, in the compilers' vector extension: SSE2 and NEON are the
 * baseline of the two architectures, so no dispatch is needed. Private to base.
 */
#ifndef EC_BASE_BLOCK_H
#define EC_BASE_BLOCK_H

#include "base/util.h"
#include <string.h>

#define EC_BLOCK 16

typedef uint8_t ec_block __attribute__((vector_size(EC_BLOCK)));
typedef uint64_t ec_block_words __attribute__((vector_size(EC_BLOCK)));

static inline ec_block ec_block_load(const void *p)
{
	ec_block v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline bool ec_block_any(ec_block mask)
{
	ec_block_words w = (ec_block_words)mask;

	return (w[0] | w[1]) != 0;
}

/* Index of the first byte of the mask that is set, EC_BLOCK if none (little endian). */
static inline size_t ec_block_first(ec_block mask)
{
	ec_block_words w = (ec_block_words)mask;

	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little endian");
	if (w[0])
		return (size_t)__builtin_ctzll(w[0]) / 8;
	return w[1] ? 8 + (size_t)__builtin_ctzll(w[1]) / 8 : EC_BLOCK;
}

#endif
