// SPDX-License-Identifier: GPL-2.0-only
#include "base/cursor.h"

#include <string.h>

void ec_cursor_init(struct ec_cursor *c, const void *p, size_t n)
{
	c->p = p;
	c->end = n ? c->p + n : c->p; /* NULL + 0 is undefined in C */
	c->bad = false;
}

size_t ec_cursor_left(const struct ec_cursor *c)
{
	return c->bad ? 0 : (size_t)(c->end - c->p);
}

const uint8_t *ec_cursor_take(struct ec_cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->bad || n > (size_t)(c->end - c->p)) {
		c->bad = true;
		return NULL;
	}
	if (n)
		c->p += n;
	return p;
}

bool ec_cursor_skip(struct ec_cursor *c, size_t n)
{
	ec_cursor_take(c, n);
	return !c->bad; /* take() of nothing from NULL gives NULL without a miss */
}

bool ec_cursor_copy(struct ec_cursor *c, void *to, size_t n)
{
	const uint8_t *p = ec_cursor_take(c, n);

	if (c->bad)
		return false;
	if (n)
		memcpy(to, p, n);
	return true;
}

bool ec_cursor_u8(struct ec_cursor *c, uint8_t *v)
{
	return ec_cursor_copy(c, v, sizeof(*v));
}

bool ec_cursor_u16(struct ec_cursor *c, uint16_t *v)
{
	return ec_cursor_copy(c, v, sizeof(*v));
}

bool ec_cursor_u32(struct ec_cursor *c, uint32_t *v)
{
	return ec_cursor_copy(c, v, sizeof(*v));
}

bool ec_cursor_u64(struct ec_cursor *c, uint64_t *v)
{
	return ec_cursor_copy(c, v, sizeof(*v));
}
