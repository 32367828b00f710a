// SPDX-License-Identifier: GPL-2.0-only
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CAP 256

void ec_buf_init(struct ec_buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void ec_buf_free(struct ec_buf *b)
{
	free(b->data);
	ec_buf_init(b, b->max);
}

void ec_buf_reset(struct ec_buf *b)
{
	b->len = 0;
	b->err = 0;
}

/* Makes cap at least len + n; doubles, so that appending costs amortised O(1). */
static int grow(struct ec_buf *b, size_t n)
{
	size_t cap;
	char *data;

	if (b->len > b->max || n > b->max - b->len)
		return -EFBIG;
	cap = b->cap <= b->max / 2 ? b->cap * 2 : b->max;
	cap = EC_MAX(cap, b->len + n);
	cap = EC_MIN(EC_MAX(cap, (size_t)FIRST_CAP), b->max);
	/* realloc(p, 0) would free: an empty buffer of ceiling 0 gets one byte. */
	data = realloc(b->data, EC_MAX(cap, (size_t)1));
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

char *ec_buf_room(struct ec_buf *b, size_t n)
{
	if (b->err)
		return NULL;
	if (!b->data || n > b->cap - b->len) {
		b->err = grow(b, n);
		if (b->err)
			return NULL;
	}
	return b->data + b->len;
}

void ec_buf_add(struct ec_buf *b, const void *p, size_t n)
{
	char *to;

	if (!n)
		return;
	to = ec_buf_room(b, n);
	if (!to)
		return;
	memcpy(to, p, n);
	b->len += n;
}

void ec_buf_puts(struct ec_buf *b, const char *s)
{
	ec_buf_add(b, s, strlen(s));
}

void ec_buf_putc(struct ec_buf *b, char c)
{
	char *to = ec_buf_room(b, 1);

	if (!to)
		return;
	*to = c;
	b->len++;
}

void ec_buf_printf(struct ec_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ec_buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void ec_buf_vprintf(struct ec_buf *b, const char *fmt, va_list ap)
{
	char small[256];
	va_list again;
	char *to;
	int n;

	if (b->err)
		return;
	/* vsnprintf ends with a NUL that the buffer need not have room for. */
	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	if (n < 0) {
		b->err = -errno ?: -EINVAL;
	} else if ((size_t)n < sizeof(small)) {
		ec_buf_add(b, small, n);
	} else {
		_ec_free_ char *big = malloc((size_t)n + 1);

		if (!big) {
			b->err = -ENOMEM;
		} else {
			to = ec_buf_room(b, n);
			if (to && vsnprintf(big, (size_t)n + 1, fmt, again) == n) {
				memcpy(to, big, n);
				b->len += n;
			}
		}
	}
	va_end(again);
}

void ec_buf_u64(struct ec_buf *b, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = '0' + v % 10;
		v /= 10;
	} while (v);
	ec_buf_add(b, digits + i, sizeof(digits) - i);
}

void ec_buf_base64(struct ec_buf *b, const void *p, size_t n)
{
	static const char abc[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *s = p;
	size_t full = n / 3, rest = n % 3, i;
	uint32_t v;
	char *to;

	if (full > SIZE_MAX / 4 - 1) {
		b->err = b->err ?: -EFBIG;
		return;
	}
	if (!n)
		return;
	to = ec_buf_room(b, (full + !!rest) * 4);
	if (!to)
		return;
	for (i = 0; i < full; i++, s += 3, to += 4) {
		v = (uint32_t)s[0] << 16 | (uint32_t)s[1] << 8 | s[2];
		to[0] = abc[v >> 18];
		to[1] = abc[v >> 12 & 63];
		to[2] = abc[v >> 6 & 63];
		to[3] = abc[v & 63];
	}
	if (rest) {
		v = (uint32_t)s[0] << 16 | (rest == 2 ? (uint32_t)s[1] << 8 : 0);
		to[0] = abc[v >> 18];
		to[1] = abc[v >> 12 & 63];
		to[2] = rest == 2 ? abc[v >> 6 & 63] : '=';
		to[3] = '=';
	}
	b->len += (full + !!rest) * 4;
}
