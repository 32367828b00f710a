// SPDX-License-Identifier: GPL-2.0-only
/* Sockets of a child, by both ways, against what the child's own calls say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/util.h"
#include "net/socket.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static const struct {
	int family;
	const char *local, *remote;
} kinds[] = {
	{AF_INET, "127.9.8.7", "127.6.5.4"},
	{AF_INET6, "::1", "::1"},
	{AF_INET6, "::ffff:127.1.2.3", "::ffff:127.4.5.6"},
};

static socklen_t place(struct sockaddr_storage *ss, int family, const char *text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = family;
	assert_int_equal(inet_pton(family, text,
				   family == AF_INET ? (void *)&v4->sin_addr
						     : (void *)&v6->sin6_addr),
			 1);
	return family == AF_INET ? sizeof(*v4) : sizeof(*v6);
}

static void compare(int fd, const struct ec_addrs *a, int family, const char *local,
		    const char *remote)
{
	uint8_t l[16] = {0}, r[16] = {0};
	struct sockaddr_in6 v6;
	socklen_t n = sizeof(v6);

	assert_int_equal(inet_pton(family, local, l), 1);
	assert_int_equal(inet_pton(family, remote, r), 1);
	assert_int_equal(a->family, family);
	assert_int_equal(a->how, EC_HOW_USER);
	assert_memory_equal(a->laddr, l, 16);
	assert_memory_equal(a->raddr, r, 16);
	/* the port lies at the same place in both families */
	assert_int_equal(getsockname(fd, (struct sockaddr *)&v6, &n), 0);
	assert_int_equal(a->lport, ntohs(v6.sin6_port));
	assert_int_equal(getpeername(fd, (struct sockaddr *)&v6, &n), 0);
	assert_int_equal(a->rport, ntohs(v6.sin6_port));
}

static void connected(void **state)
{
	for (size_t i = 0; i < EC_ARRAY_SIZE(kinds); i++) {
		int s = socket(kinds[i].family, SOCK_STREAM, 0);
		int c = socket(kinds[i].family, SOCK_STREAM, 0);
		struct sockaddr_storage ss;
		socklen_t n = place(&ss, kinds[i].family, kinds[i].remote);
		struct ec_addrs a;

		assert_int_equal(bind(s, (struct sockaddr *)&ss, n), 0);
		assert_int_equal(listen(s, 1), 0);
		place(&ss, kinds[i].family, kinds[i].local);
		assert_int_equal(bind(c, (struct sockaddr *)&ss, n), 0);
		assert_int_equal(getsockname(s, (struct sockaddr *)&ss, &n), 0);
		assert_int_equal(connect(c, (struct sockaddr *)&ss, n), 0);
		assert_int_equal(ec_net_addrs(getpid(), c, &a), 0);
		compare(c, &a, kinds[i].family, kinds[i].local, kinds[i].remote);
		memset(&a, 0xff, sizeof(a));
		assert_int_equal(ec_net_addrs_proc(getpid(), c, &a), 0);
		compare(c, &a, kinds[i].family, kinds[i].local, kinds[i].remote);
		assert_int_equal(ec_net_addrs(getpid(), s, &a), -ENOTCONN);
		assert_int_equal(ec_net_addrs_proc(getpid(), s, &a), -ENOTCONN);
		close(c);
		close(s);
	}
}

static void no_connection(void **state)
{
	struct ec_addrs a;
	int p[2], sv[2];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	assert_int_equal(ec_net_addrs(getpid(), p[0], &a), -ENOTSOCK);
	assert_int_equal(ec_net_addrs_proc(getpid(), p[0], &a), -ENOTSOCK);
	assert_int_equal(ec_net_addrs(getpid(), sv[0], &a), -EAFNOSUPPORT);
	assert_int_equal(ec_net_addrs_proc(getpid(), sv[0], &a), -EAFNOSUPPORT);
	assert_int_equal(ec_net_addrs(getpid(), 1000, &a), -ENOENT);
	assert_int_equal(ec_net_addrs(0x7ffffff, 1, &a), -ENOENT);
	close(p[0]);
	close(p[1]);
	close(sv[0]);
	close(sv[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connected),
		cmocka_unit_test(no_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
