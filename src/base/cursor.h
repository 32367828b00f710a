/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A checked cursor over bytes from outside. Every read says whether it was there; after
 * the first miss `bad` stays set and all further reads fail, so one look at the end is
 * enough. Fixed-width reads are host byte order unless they say be/le.
 */
#ifndef EC_BASE_CURSOR_H
#define EC_BASE_CURSOR_H

#include "base/util.h"

struct ec_cursor {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

void ec_cursor_init(struct ec_cursor *c, const void *p, size_t n);
size_t ec_cursor_left(const struct ec_cursor *c);
bool ec_cursor_skip(struct ec_cursor *c, size_t n);
bool ec_cursor_copy(struct ec_cursor *c, void *to, size_t n);
/* Pointer to n bytes, which the cursor then passes; NULL if there are fewer. */
const uint8_t *ec_cursor_take(struct ec_cursor *c, size_t n);
bool ec_cursor_u8(struct ec_cursor *c, uint8_t *v);
bool ec_cursor_u16(struct ec_cursor *c, uint16_t *v);
bool ec_cursor_u32(struct ec_cursor *c, uint32_t *v);
bool ec_cursor_u64(struct ec_cursor *c, uint64_t *v);

/* p[off, off+len) inside n bytes, without overflow. */
static inline bool ec_range_ok(uint64_t off, uint64_t len, uint64_t n)
{
	return off <= n && len <= n - off;
}

#endif
