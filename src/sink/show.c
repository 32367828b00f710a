// SPDX-License-Identifier: GPL-2.0-only
#include "sink/show.h"
#include "base/utf8.h"

#include <string.h>

/* Length of the character at p, 0: none. ASCII is left to ec_utf8_plain(). */
static size_t char_len(const uint8_t *p, size_t n)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	return len <= n && ec_utf8_valid(p, len) == len ? len : 0;
}

/* A character of several bytes that a terminal would act on. */
static bool acts(const uint8_t *p)
{
	if (p[0] == 0xc2)
		return p[1] < 0xa0; /* C1 */
	if (p[0] != 0xe2)
		return false;
	/* U+202A to U+202E are e2 80 aa to ae, U+2066 to U+2069 e2 81 a6 to a9: the
	 * controls of UAX #9, see "Trojan Source", CVE-2021-42574. */
	return (p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
	       (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

/* Where in valid UTF-8 the first character is that a terminal acts on. */
static size_t first_act(const uint8_t *p, size_t n)
{
	size_t i = 0, k;

	while (i < n) {
		if (p[i] < 0x80) {
			k = ec_utf8_plain(p + i, n - i);
			if (!k)
				break;
			i += k;
		} else if (acts(p + i)) {
			break;
		} else {
			/* Its tail, and what else begins with neither c2 nor e2. */
			do
				i++;
			while (i < n && p[i] >= 0x80 && p[i] != 0xc2 && p[i] != 0xe2);
		}
	}
	return i;
}

size_t ec_show_plain(const uint8_t *p, size_t n)
{
	size_t i = ec_utf8_plain(p, n);

	if (i == n || p[i] < 0x80)
		return i;
	return i + first_act(p + i, ec_utf8_valid(p + i, n - i));
}

/* Length of what must be escaped at p. */
static size_t bad_len(const uint8_t *p, size_t n, bool *invalid)
{
	size_t len = char_len(p, n);

	*invalid = !len;
	return len ?: 1;
}

void ec_show_judge(const uint8_t *p, size_t n, struct ec_show_kind *k)
{
	size_t end, i;
	bool invalid;

	memset(k, 0, sizeof(*k));
	k->plain = i = ec_show_plain(p, n);
	if (i == n)
		return;
	while (!i && k->head < 3 && k->head < n && (p[k->head] & 0xc0) == 0x80)
		k->head++;
	i += k->head;
	k->tail = (uint8_t)ec_utf8_tail(p + i, n - i);
	end = n - k->tail;
	while (i < end) {
		i += bad_len(p + i, end - i, &invalid);
		if (invalid) {
			k->invalid = true;
			return;
		}
		k->controls++;
		i += ec_show_plain(p + i, end - i);
	}
}

static size_t put_escape(char *to, const uint8_t *p, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	unsigned int c;

	if (len == 1) {
		memcpy(to, "\\x", 2);
		to[2] = hex[p[0] >> 4];
		to[3] = hex[p[0] & 15];
		return 4;
	}
	c = len == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
		     : (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	memcpy(to, "\\u", 2);
	for (int i = 0; i < 4; i++)
		to[2 + i] = hex[c >> (12 - 4 * i) & 15];
	return 6;
}

static void add_escape(struct ec_buf *b, const uint8_t *p, size_t len)
{
	char *to = ec_buf_room(b, 6);

	if (to)
		b->len += put_escape(to, p, len);
}

int ec_show_text(struct ec_out *o, const uint8_t *p, size_t n)
{
	bool invalid;
	size_t len;
	int rc = 0;

	while (n && !rc) {
		len = ec_show_plain(p, n);
		if (len)
			rc = ec_out_data(o, p, len);
		p += len;
		n -= len;
		if (!n || rc)
			break;
		len = bad_len(p, n, &invalid);
		add_escape(&o->buf, p, len);
		p += len;
		n -= len;
		rc = ec_out_commit(o);
	}
	return rc;
}

void ec_show_name(struct ec_buf *b, const char *s)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t n = strlen(s), len;
	bool invalid;

	while (n) {
		/* Up to what ends a line or a column. */
		len = ec_show_plain(p, EC_MIN(n, strcspn((const char *)p, "\t\r\n")));
		ec_buf_add(b, p, len);
		p += len;
		n -= len;
		if (!n)
			break;
		len = bad_len(p, n, &invalid);
		add_escape(b, p, len);
		p += len;
		n -= len;
	}
}
