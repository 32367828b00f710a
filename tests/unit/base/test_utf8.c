// SPDX-License-Identifier: GPL-2.0-only
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define BIG 200 /* more than three blocks of the fast path */

/* The slow truth: decode a code point by arithmetic, then ask RFC 3629 section 3. */
static size_t decode(const uint8_t *p, size_t n)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80	     ? 1
		     : (p[0] & 0xe0) == 0xc0 ? 2
		     : (p[0] & 0xf0) == 0xe0 ? 3
		     : (p[0] & 0xf8) == 0xf0 ? 4
					     : 0;
	uint32_t v;
	size_t i;

	if (len < 2)
		return len;
	if (len > n)
		return 0;
	v = p[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	return len;
}

/* All sequences of up to four bytes, the last two of them sampled at the edges. */
static void test_valid_all(void **state)
{
	static const uint8_t edge[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
				       0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf4, 0xff};
	uint8_t p[4];
	size_t a, b, i, j, n;

	for (a = 0x80; a < 0x100; a++) {
		for (b = 0; b < 0x100; b++) {
			for (i = 0; i < sizeof(edge) * sizeof(edge); i++) {
				p[0] = (uint8_t)a;
				p[1] = (uint8_t)b;
				p[2] = edge[i % sizeof(edge)];
				p[3] = edge[i / sizeof(edge)];
				for (n = 0, j = 1; n < 4 && j; n += j)
					j = decode(p + n, 4 - n);
				if (ec_utf8_valid(p, 4) != n)
					fail_msg("%zx %zx %x %x", a, b, p[2], p[3]);
			}
		}
	}
}

/* A bad byte at every place around the blocks' borders, at every alignment. */
static void test_valid_places(void **state)
{
	char buf[BIG + 16], *p;
	size_t at, n, shift;

	for (shift = 0; shift < 16; shift += 5) {
		p = buf + shift;
		for (n = 0; n <= BIG; n++) {
			memset(buf, 'a', sizeof(buf));
			p[n < BIG ? n : 0] = n < BIG ? '\xff' : 'a'; /* just behind */
			assert_int_equal(ec_utf8_valid(p, n), n);
		}
		for (at = 0; at < BIG; at++) {
			memset(buf, 'a', sizeof(buf));
			p[at] = '\xff';
			assert_int_equal(ec_utf8_valid(p, BIG), at);
			if (at + 1 == BIG)
				continue;
			memcpy(p + at, "\xc3\xa4", 2);
			assert_int_equal(ec_utf8_valid(p, BIG), BIG);
			assert_int_equal(ec_utf8_valid(p, at + 1), at); /* cut */
		}
	}
	assert_int_equal(ec_utf8_valid("", 0), 0);
	assert_int_equal(ec_utf8_valid(NULL, 0), 0);
	assert_int_equal(ec_utf8_valid("a\0b", 3), 3);
}

static void test_tail(void **state)
{
	static const struct {
		const char *s;
		size_t tail;
	} rows[] = {
		{"", 0},
		{"abc", 0},
		{"\xc3\xa4", 0},
		{"a\xc3", 1},
		{"\xe2\x82\xac", 0},
		{"x\xe2\x82", 2},
		{"x\xe2", 1},
		{"\xf0\x9f\x98\x80", 0},
		{"\xf0\x9f\x98", 3},
		{"\xf0\x9f", 2},
		{"\xf0", 1},
		{"\xc3\xa4\xe2", 1},
		{"\x80\x80\x80\x80", 0}, /* only tails */
		{"\xc3\xa4\x80", 0},	 /* one tail too many */
		{"\xff", 0},
		{"\xc0", 0},
		{"\xf5\x80", 0},
		{"\xe0\x80", 0}, /* overlong already */
		{"\xed\xa0", 0}, /* a surrogate already */
		{"\xf0\x80\x80", 0},
		{"\xf4\x90", 0},
		{"\xe0\xa0", 2},
	};
	size_t i;

	for (i = 0; i < EC_ARRAY_SIZE(rows); i++) {
		if (ec_utf8_tail(rows[i].s, strlen(rows[i].s)) != rows[i].tail)
			fail_msg("row %zu", i);
	}
	assert_int_equal(ec_utf8_tail(NULL, 0), 0);
}

static size_t slow_plain(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		bool ok = (p[i] >= 32 && p[i] <= 126) || p[i] == 9 || p[i] == 10;

		if (!ok && !(p[i] == 13 && i + 1 < n && p[i + 1] == 10))
			break;
	}
	return i;
}

/* Every byte value at every place, before every kind of neighbour. */
static void test_plain(void **state)
{
	static const char next[] = "a\n\r\x80";
	uint8_t buf[BIG + 1];
	size_t at, c, i, n;

	for (c = 0; c < 256; c++) {
		for (at = 0; at < BIG; at++) {
			for (i = 0; i < sizeof(next); i++) {
				memset(buf, 'a', sizeof(buf));
				buf[at] = (uint8_t)c;
				buf[at + 1] = (uint8_t)next[i];
				n = at < 80 ? BIG - at / 2 : BIG;
				if (ec_utf8_plain(buf, n) != slow_plain(buf, n))
					fail_msg("byte %zu at %zu, next %zu", c, at, i);
				if (ec_utf8_plain(buf, at + 1) != slow_plain(buf, at + 1))
					fail_msg("byte %zu last of %zu", c, at + 1);
			}
		}
	}
	assert_int_equal(ec_utf8_plain(NULL, 0), 0);
	assert_int_equal(ec_utf8_plain("a\r", 2), 1);
	assert_int_equal(ec_utf8_plain("a\r\n", 3), 3);
	assert_int_equal(ec_utf8_plain("a\x1b[2J", 5), 1);
}

/* The blocks never read behind the end: malloc'ed exactly, for sanitizers to see. */
static void test_no_overread(void **state)
{
	size_t n;

	for (n = 1; n <= BIG; n++) {
		_ec_free_ char *p = malloc(n);

		assert_non_null(p);
		memset(p, 'a', n);
		assert_int_equal(ec_utf8_plain(p, n), n);
		assert_int_equal(ec_utf8_valid(p, n), n);
		p[n - 1] = '\r';
		assert_int_equal(ec_utf8_plain(p, n), n - 1);
		p[n - 1] = '\xc3';
		assert_int_equal(ec_utf8_valid(p, n), n - 1);
		assert_int_equal(ec_utf8_tail(p, n), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_all),   cmocka_unit_test(test_valid_places),
		cmocka_unit_test(test_tail),	    cmocka_unit_test(test_plain),
		cmocka_unit_test(test_no_overread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
