// SPDX-License-Identifier: GPL-2.0-only
#include "base/utf8.h"
#include "base/block.h"

/* Bytes of ASCII at the start of p, or fewer: never stops inside a clean 16 bytes. */
static size_t ascii_run(const uint8_t *p, size_t n)
{
	size_t i = 0;
	ec_block v;

	for (; n - i >= 4 * EC_BLOCK; i += 4 * EC_BLOCK) {
		v = ec_block_load(p + i) | ec_block_load(p + i + EC_BLOCK) |
		    ec_block_load(p + i + 2 * EC_BLOCK) |
		    ec_block_load(p + i + 3 * EC_BLOCK);
		if (ec_block_any(v & 0x80))
			break;
	}
	for (; n - i >= EC_BLOCK; i += EC_BLOCK) {
		v = ec_block_load(p + i) & 0x80;
		if (ec_block_any(v))
			return i + ec_block_first(v);
	}
	while (i < n && p[i] < 0x80)
		i++;
	return i;
}

static inline bool is_tail(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

/* Length that the first byte promises, 0 if it begins no character. */
static inline size_t promised(uint8_t c)
{
	if (c < 0x80)
		return 1;
	if (c < 0xc2) /* a tail, or overlong */
		return 0;
	if (c < 0xe0)
		return 2;
	if (c < 0xf0)
		return 3;
	return c < 0xf5 ? 4 : 0;
}

/* The second byte decides about overlong forms, surrogates and the end of Unicode
 * (RFC 3629 section 4). */
static inline bool second_ok(uint8_t first, uint8_t second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return is_tail(second);
	}
}

size_t ec_utf8_valid(const void *p, size_t n)
{
	const uint8_t *s = p;
	size_t i = 0, len;

	while (i < n) {
		if (s[i] < 0x80) {
			i += ascii_run(s + i, n - i);
			continue;
		}
		len = promised(s[i]);
		if (!len || len > n - i || !second_ok(s[i], s[i + 1]))
			break;
		if (len > 2 && !is_tail(s[i + 2]))
			break;
		if (len > 3 && !is_tail(s[i + 3]))
			break;
		i += len;
	}
	return i;
}

size_t ec_utf8_tail(const void *p, size_t n)
{
	const uint8_t *s = p;
	size_t k;

	for (k = 1; k <= 3 && k <= n; k++) {
		const uint8_t *c = s + n - k;

		if (is_tail(*c))
			continue;
		/* What can no longer become a character is no beginning of one. */
		return promised(*c) > k && (k == 1 || second_ok(c[0], c[1])) ? k : 0;
	}
	return 0;
}

static inline bool plain_byte(const uint8_t *s, size_t i, size_t n)
{
	uint8_t c = s[i];

	return (c >= 0x20 && c <= 0x7e) || c == '\t' || c == '\n' ||
	       (c == '\r' && i + 1 < n && s[i + 1] == '\n');
}

/* Set where p is not plain; reads one byte more than a block. */
static inline ec_block not_plain(const uint8_t *p)
{
	ec_block v = ec_block_load(p), next = ec_block_load(p + 1);
	ec_block ok = (ec_block)((v - 0x20) <= 0x7e - 0x20);

	ok |= (ec_block)(v == '\t') | (ec_block)(v == '\n');
	ok |= (ec_block)(v == '\r') & (ec_block)(next == '\n');
	return ~ok;
}

size_t ec_utf8_plain(const void *p, size_t n)
{
	const uint8_t *s = p;
	size_t i = 0;
	ec_block bad;

	for (; n - i > 4 * EC_BLOCK; i += 4 * EC_BLOCK) {
		bad = not_plain(s + i) | not_plain(s + i + EC_BLOCK) |
		      not_plain(s + i + 2 * EC_BLOCK) | not_plain(s + i + 3 * EC_BLOCK);
		if (ec_block_any(bad))
			break;
	}
	for (; n - i > EC_BLOCK; i += EC_BLOCK) {
		bad = not_plain(s + i);
		if (ec_block_any(bad))
			return i + ec_block_first(bad);
	}
	while (i < n && plain_byte(s, i, n))
		i++;
	return i;
}
