// SPDX-License-Identifier: GPL-2.0-only
#include "modules/openssl/offsets.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct ec_openssl_version openssl(const char *text)
{
	struct ec_openssl_version v = {.lib = EC_LIB_OPENSSL};

	assert_true(ec_openssl_version_parse(text, &v) > 0);
	return v;
}

static void test_order(void **state)
{
	static const char *const ascending[] = {
		"0.9.8zh", "1.0.1u", "1.0.2",  "1.0.2a", "1.0.2u", "1.0.2z", "1.0.2za",
		"1.0.2zh", "1.1.0",  "1.1.0l", "1.1.1",	 "1.1.1w", "3.0.0",  "3.0.9",
		"3.0.10",  "3.0.21", "3.1.0",  "3.5.8",	 "3.10.0", "4.0.0",  "10.0.0"};
	size_t n = sizeof(ascending) / sizeof(ascending[0]);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			struct ec_openssl_version a = openssl(ascending[i]),
						  b = openssl(ascending[k]);
			int c = ec_openssl_version_cmp(&a, &b);

			assert_int_equal((c > 0) - (c < 0), (i > k) - (i < k));
		}
}

static void test_parse(void **state)
{
	static const char *const bad[] = {"",	    "3",       "3.0",  "3.0.",
					  "a.b.c",  "3.0.1.2", "3..1", "1.1.1111111",
					  ".1.1.1", "-1.0.2"};
	struct ec_openssl_version v = {.lib = EC_LIB_LIBRESSL};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ec_openssl_version_parse(bad[i], &v), 0);
	assert_int_equal(ec_openssl_version_parse("1.0.2zh-fips  1 May", &v), 7);
	assert_int_equal(v.letter, 26 + 8);
	assert_int_equal(v.lib, EC_LIB_LIBRESSL);
}

/* The nearest that is not later, of the same line. */
static void test_rows(void **state)
{
	static const struct {
		const char *version;
		int rbio, num; /* 0: not told */
	} c[] = {{"1.0.2", 16, 40},  {"1.0.2zh", 16, 40}, {"1.1.0l", 16, 40},
		 {"1.1.1", 16, 48},  {"1.1.1zz", 16, 48}, {"3.0.0", 16, 56},
		 {"3.0.22", 16, 56}, {"3.1.8", 16, 56},	  {"3.2.3", 72, 56},
		 {"3.2.4", 80, 56},  {"3.2.10", 80, 56},  {"3.3.2", 72, 56},
		 {"3.3.10", 80, 56}, {"3.4.0", 72, 56},	  {"3.4.1", 80, 56},
		 {"3.5.0", 80, 56},  {"3.6.5", 80, 56},	  {"4.0.0", 80, 56},
		 {"4.0.3", 80, 56},  {"3.7.0", 0, 56},	  {"4.1.0", 0, 56},
		 {"5.0.0", 0, 0},    {"1.0.1u", 0, 40},	  {"0.9.8zh", 0, 40},
		 {"1.2.0", 0, 0}};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct ec_openssl_version v = openssl(c[i].version);
		const struct ec_openssl_layout *l = ec_openssl_layout_of(&v),
					       *b = ec_openssl_bio_of(&v);

		assert_int_equal(l ? l->rbio : 0, c[i].rbio);
		assert_int_equal(b ? b->bio_num : 0, c[i].num);
		if (l) {
			assert_int_equal(l->wbio, l->rbio + 8);
			assert_int_equal(ec_openssl_layout_with(&v, l->rbio)->wbio,
					 l->wbio);
		}
	}
}

/* A patch release that is not known tells only what all of its line have. */
static void test_unknown_patch(void **state)
{
	struct ec_openssl_version v = {EC_LIB_OPENSSL, 3, 0, -1, 0};

	assert_int_equal(ec_openssl_layout_of(&v)->rbio, 16);
	v.minor = 4;
	assert_null(ec_openssl_layout_of(&v));
	assert_int_equal(ec_openssl_bio_of(&v)->bio_num, 56);
	v = (struct ec_openssl_version){.patch = -1};
	assert_null(ec_openssl_layout_of(&v));
	assert_null(ec_openssl_bio_of(&v));
	v.lib = EC_LIB_OPENSSL;
	assert_null(ec_openssl_bio_of(&v));
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		struct ec_openssl_version v;
	} good[] = {{"openssl 3.0.0", {EC_LIB_OPENSSL, 3, 0, 0, 0}},
		    {"OpenSSL 1.1.1w", {EC_LIB_OPENSSL, 1, 1, 1, 23}},
		    {"openssl_1.0.2zh", {EC_LIB_OPENSSL, 1, 0, 2, 34}},
		    {"openssl 1.1.1v+quic", {EC_LIB_OPENSSL, 1, 1, 1, 22}},
		    {"boringssl_a_14", {EC_LIB_BORINGSSL, 14, 0, 0, 0}},
		    {"boringssl 1.1.1", {EC_LIB_BORINGSSL, 0, 0, -1, 0}},
		    {"boringssl_na", {EC_LIB_BORINGSSL, 0, 0, -1, 0}},
		    {"boringssl", {EC_LIB_BORINGSSL, 0, 0, -1, 0}},
		    {"libressl 3.9.2", {EC_LIB_LIBRESSL, 3, 9, 2, 0}},
		    {"aws-lc 1.55.0", {EC_LIB_AWS_LC, 1, 55, 0, 0}},
		    {"linux_default_3_0", {EC_LIB_OPENSSL, 3, 0, 0, 0}},
		    {"linux_default_1_1_1", {EC_LIB_OPENSSL, 1, 1, 1, 0}}};
	static const char *const bad[] = {"",
					  "openssl",
					  "openssl 3",
					  "3.0.0",
					  "opensslx 3.0.0",
					  "openssl 3.0.0 beta",
					  "boringssl_a_",
					  "boringssl_a_x",
					  "gnutls 3.7.0",
					  "openssl 3.0.0 and a long text behind it"};
	struct ec_openssl_version v;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ec_openssl_version_by_name(good[i].name, &v), 0);
		assert_memory_equal(&v, &good[i].v, sizeof(v));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ec_openssl_version_by_name(bad[i], &v), -EINVAL);
	for (int r = EC_ANDROID_FIRST; r <= EC_ANDROID_LAST; r++) {
		v = (struct ec_openssl_version){EC_LIB_BORINGSSL, r, 0, 0, 0};
		assert_int_equal(ec_openssl_layout_of(&v)->rbio, 24);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order), cmocka_unit_test(test_parse),
		cmocka_unit_test(test_rows),  cmocka_unit_test(test_unknown_patch),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
