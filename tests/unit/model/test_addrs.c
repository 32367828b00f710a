// SPDX-License-Identifier: GPL-2.0-only
#include "model/addrs.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

static void is(const char *in, uint16_t port, const char *ip, const char *endpoint)
{
	int family = strchr(in, ':') ? AF_INET6 : AF_INET;
	char out[EC_ENDPOINT_LEN];
	uint8_t a[16] = {0};

	assert_int_equal(inet_pton(family, in, a), 1);
	assert_int_equal(ec_ip_format(family, a, out), strlen(ip));
	assert_string_equal(out, ip);
	assert_int_equal(ec_endpoint_format(family, a, port, out), strlen(endpoint));
	assert_string_equal(out, endpoint);
}

static void test_ip4(void **state)
{
	is("0.0.0.0", 0, "0.0.0.0", "0.0.0.0:0");
	is("192.0.2.10", 443, "192.0.2.10", "192.0.2.10:443");
	is("255.255.255.255", 65535, "255.255.255.255", "255.255.255.255:65535");
}

/* The cases of RFC 5952 section 4. */
static void test_ip6(void **state)
{
	is("::", 1, "::", "[::]:1");
	is("::1", 443, "::1", "[::1]:443");
	is("2001:db8::", 443, "2001:db8::", "[2001:db8::]:443");
	is("2001:0DB8:0:0:1:0:0:1", 80, "2001:db8::1:0:0:1", "[2001:db8::1:0:0:1]:80");
	is("2001:db8:0:1:1:1:1:1", 80, "2001:db8:0:1:1:1:1:1",
	   "[2001:db8:0:1:1:1:1:1]:80");
	is("2001:0:0:1:0:0:0:1", 80, "2001:0:0:1::1", "[2001:0:0:1::1]:80");
	is("0:0:1::", 80, "0:0:1::", "[0:0:1::]:80");
	is("fe80::a0b:c0d:e0f:10", 9, "fe80::a0b:c0d:e0f:10", "[fe80::a0b:c0d:e0f:10]:9");
	is("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535,
	   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	   "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

static void test_mapped(void **state)
{
	is("::ffff:192.0.2.1", 8443, "192.0.2.1", "192.0.2.1:8443");
	/* compatible, long deprecated: no mapped one */
	is("::192.0.2.1", 1, "::c000:201", "[::c000:201]:1");
}

/* glibc writes the same but for what it shows dotted. */
static void test_same_as_libc(void **state)
{
	char want[INET6_ADDRSTRLEN], got[EC_IP_LEN];
	uint8_t a[16];

	srand(1);
	for (int i = 0; i < 20000; i++) {
		for (int k = 0; k < 8; k++) {
			int v = rand() % 3 ? 0 : rand() & 0xffff;

			a[2 * k] = (uint8_t)(v >> 8);
			a[2 * k + 1] = (uint8_t)v;
		}
		a[0] |= 0x20;
		inet_ntop(AF_INET6, a, want, sizeof(want));
		ec_ip_format(AF_INET6, a, got);
		assert_string_equal(got, want);
	}
}

static void test_unknown(void **state)
{
	uint8_t a[16] = {1, 2, 3, 4};
	char out[EC_ENDPOINT_LEN] = "x";
	struct ec_addrs none = {0}, some = {.family = AF_INET};

	assert_int_equal(ec_endpoint_format(0, a, 1, out), 0);
	assert_string_equal(out, "");
	assert_int_equal(ec_ip_format(AF_UNIX, a, out), 0);
	assert_string_equal(out, "");
	assert_false(ec_addrs_known(NULL));
	assert_false(ec_addrs_known(&none));
	assert_true(ec_addrs_known(&some));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip4),	cmocka_unit_test(test_ip6),
		cmocka_unit_test(test_mapped),	cmocka_unit_test(test_same_as_libc),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
