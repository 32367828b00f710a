// SPDX-License-Identifier: GPL-2.0-only
#include "sink/hexdump.h"

#include <string.h>

static char *hex(char *to, uint64_t v, int digits)
{
	for (int i = digits - 1; i >= 0; i--)
		*to++ = "0123456789abcdef"[v >> 4 * i & 15];
	return to;
}

static size_t line(char *to, const uint8_t *p, size_t n, uint64_t at)
{
	char *o = hex(to, at, at >> 32 ? 16 : 8);

	for (size_t i = 0; i < 16; i++) {
		*o++ = ' ';
		if (i % 8 == 0)
			*o++ = ' ';
		if (i < n) {
			o = hex(o, p[i], 2);
		} else {
			*o++ = ' ';
			*o++ = ' ';
		}
	}
	*o++ = ' ';
	*o++ = ' ';
	*o++ = '|';
	for (size_t i = 0; i < n; i++)
		*o++ = p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '.';
	*o++ = '|';
	*o++ = '\n';
	return o - to;
}

void ec_hexdump(struct ec_buf *b, const uint8_t *p, size_t n, uint64_t base)
{
	for (size_t i = 0; i < n; i += 16) {
		char *to = ec_buf_room(b, EC_HEXDUMP_LINE + 16);

		if (!to)
			return;
		b->len += line(to, p + i, EC_MIN(n - i, (size_t)16), base + i);
	}
}
