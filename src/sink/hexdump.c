// SPDX-License-Identifier: GPL-2.0-only
#include "sink/hexdump.h"

#include <string.h>

#define ROW	16
#define ROW_MAX 96 /* 16 digits of offset, 52 of bytes, 19 of ASCII */

static const char hex[] = "0123456789abcdef";

/* Eight digits, more when it takes them. */
static char *put_offset(char *to, uint64_t at)
{
	int shift = 28;

	while (shift < 60 && at >> (shift + 4))
		shift += 4;
	for (; shift >= 0; shift -= 4)
		*to++ = hex[at >> shift & 15];
	return to;
}

static char *put_row(char *to, const uint8_t *p, size_t n, uint64_t at)
{
	size_t i;

	to = put_offset(to, at);
	for (i = 0; i < ROW; i++) {
		if (i % 8 == 0)
			*to++ = ' ';
		to[0] = ' ';
		to[1] = i < n ? hex[p[i] >> 4] : ' ';
		to[2] = i < n ? hex[p[i] & 15] : ' ';
		to += 3;
	}
	memcpy(to, "  |", 3);
	to += 3;
	for (i = 0; i < n; i++)
		*to++ = p[i] >= 0x20 && p[i] < 0x7f ? (char)p[i] : '.';
	*to++ = '|';
	*to++ = '\n';
	return to;
}

int ec_hexdump(struct ec_out *o, const uint8_t *p, size_t n, uint64_t at)
{
	char *room, *to;
	int rc = 0;

	for (size_t len; n && !rc; p += len, n -= len, at += len) {
		len = EC_MIN(n, (size_t)ROW);
		room = ec_buf_room(&o->buf, ROW_MAX);
		if (!room)
			return ec_out_commit(o);
		to = put_row(room, p, len, at);
		o->buf.len += (size_t)(to - room);
		rc = ec_out_commit(o);
	}
	return rc;
}
