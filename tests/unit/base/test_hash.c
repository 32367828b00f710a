// SPDX-License-Identifier: GPL-2.0-only
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct ec_hash_key key = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};

static void test_keys(void **state)
{
	struct ec_hash_key a, b, none = {{0, 0}};

	ec_hash_key_random(&a);
	ec_hash_key_random(&b);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &none, sizeof(a));
	assert_true(ec_hash(&a, "x", 1) != ec_hash(&b, "x", 1));
	assert_true(ec_hash_long(&a, "x", 1) != ec_hash_long(&b, "x", 1));
}

/* Equal to another implementation of SipHash-1-3, that of Rust's standard library. */
static void test_sip(void **state)
{
	static const struct ec_hash_key zero;
	static const uint8_t in[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

	assert_true(ec_hash(&zero, in, 0) == 0xd1fba762150c532c);
	assert_true(ec_hash(&zero, in, 1) == 0x68a914128e01e473);
	assert_true(ec_hash(&zero, in, 7) == 0x2f098ab0c751325a);
	assert_true(ec_hash(&zero, in, 8) == 0xead411e67ebe2eea);
	assert_true(ec_hash(&zero, in, 9) == 0x75927f9d95124362);
	assert_true(ec_hash(&key, in, 1) == 0xc9f49bf37d57ca93);
}

/* One bit, anywhere, and the length: each changes it; reads nothing behind the end. */
static void test_long(void **state)
{
	static const size_t sizes[] = {1, 7, 8, 1023, 1024, 1025, 4096, 5000};

	for (size_t s = 0; s < EC_ARRAY_SIZE(sizes); s++) {
		size_t n = sizes[s];
		uint8_t *p = calloc(1, n); /* exactly so long, for checkers */
		uint64_t h;

		assert_non_null(p);
		for (size_t i = 0; i < n; i++)
			p[i] = i * 37;
		h = ec_hash_long(&key, p, n);
		assert_true(h == ec_hash_long(&key, p, n));
		assert_true(h != ec_hash_long(&key, p, n - 1));
		for (size_t bit = 0; bit<n * 8; bit += n> 1024 ? 7 : 1) {
			p[bit / 8] ^= 1u << bit % 8;
			if (ec_hash_long(&key, p, n) == h)
				fail_msg("bit %zu of %zu bytes", bit, n);
			p[bit / 8] ^= 1u << bit % 8;
		}
		free(p);
	}
	/* zeros are not all alike, nor are blocks that change places */
	uint8_t two[4096] = {0}, swapped[4096] = {0};

	assert_true(ec_hash_long(&key, two, 1024) != ec_hash_long(&key, two, 2048));
	assert_true(ec_hash_long(&key, two, 0) != ec_hash_long(&key, two, 1));
	two[5] = swapped[1024 + 5] = 9;
	assert_true(ec_hash_long(&key, two, 4096) != ec_hash_long(&key, swapped, 4096));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_sip),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
