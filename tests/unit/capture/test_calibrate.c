// SPDX-License-Identifier: GPL-2.0-only
/* On the running kernel: against its BTF where it has one, and against what the system
 * calls say of sockets that the calibration has not seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/util.h"
#include "capture/peek.h"
#include "host/koffs.h"
#include "unit/open_files.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct ec_features features;

/* In a thread of its own, where the numbers of thread and process differ. */
static void *calibrate(void *k)
{
	return (void *)(intptr_t)ec_peek_koffs(&features, k);
}

static void calibrated(struct ec_koffs *k)
{
	pthread_t t;
	void *err;

	ec_koffs_clear(k);
	assert_int_equal(pthread_create(&t, NULL, calibrate, k), 0);
	pthread_join(t, &err);
	assert_int_equal((intptr_t)err, 0);
}

static void all_found(void **state)
{
	struct ec_koffs k;

	calibrated(&k);
	assert_true(ec_koffs_can_walk(&k));
	assert_true(ec_koffs_can_sock(&k));
	assert_int_not_equal(k.task_tgid, EC_KOFF_NONE);
	assert_int_not_equal(k.task_pid, EC_KOFF_NONE);
	assert_int_not_equal(k.sk_sport, EC_KOFF_NONE);
}

static void as_btf(void **state)
{
	struct ec_koffs k, b;
	int err = ec_koffs_from_btf(&b, NULL);

	if (err == -ENOENT) {
		print_message("no BTF here\n");
		skip();
	}
	assert_int_equal(err, 0);
	calibrated(&k);
#define SAME(f) assert_int_equal(k.f, b.f)
	SAME(task_files);
	SAME(task_pid);
	SAME(task_tgid);
	SAME(files_fdt);
	SAME(fdt_max);
	SAME(fdt_fd);
	SAME(file_private);
	SAME(file_inode);
	SAME(inode_mode);
	SAME(socket_sk);
	SAME(sk_family);
	SAME(sk_lport);
	SAME(sk_rport);
	SAME(sk_laddr);
	SAME(sk_raddr);
	SAME(sk_laddr6);
	SAME(sk_raddr6);
	SAME(sk_sport);
}

/* Without the probe's own making and closing. */
static void *measure(void *out)
{
	struct ec_calibration c = {.peek = ec_peek};
	uint64_t task = 0, first, begun;
	struct ec_koffs *k = out;
	struct ec_peek *p;
	int err = ec_peek_new(&features, &p);

	if (err)
		return (void *)(intptr_t)err;
	err = ec_peek(p, &task, &first, sizeof(first));
	c.ctx = p;
	c.id = ec_peek_id(p);
	begun = ec_clock_mono();
	if (!err)
		err = ec_koffs_calibrate(k, &c);
	print_message("%u reads, %.1f ms\n", c.reads, (ec_clock_mono() - begun) / 1e6);
	ec_peek_free(p);
	return (void *)(intptr_t)err;
}

static void again_the_same(void **state)
{
	struct ec_koffs first, k;
	pthread_t t;
	void *err;
	int before;

	calibrated(&first);
	before = open_files();
	for (int i = 0; i < 20; i++) {
		ec_koffs_clear(&k);
		assert_int_equal(pthread_create(&t, NULL, measure, &k), 0);
		pthread_join(t, &err);
		assert_int_equal((intptr_t)err, 0);
		assert_memory_equal(&k, &first, sizeof(k));
	}
	assert_int_equal(open_files(), before);
}

static int sysctl_set(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = fd >= 0 && write(fd, "1", 1) == 1 ? 0 : -1;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* In a network namespace of its own, `path` (a sysctl) set to 1. Exit status of a child
 */
static int in_namespace(const char *path)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct ec_koffs k;
	int s;

	if (unshare(CLONE_NEWNET))
		return 77;
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &lo))
		return 77;
	close(s);
	if (sysctl_set(path))
		return 77; /* a kernel without IPv6 */
	ec_koffs_clear(&k);
	if (ec_peek_koffs(&features, &k))
		return 1;
	return ec_koffs_can_walk(&k) && ec_koffs_can_sock(&k) ? 0 : 2;
}

static void namespace_gives_all(const char *path)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(in_namespace(path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("no network namespaces or no IPv6 here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* IPv6 sockets that carry IPv4 go on there, and have addresses. */
static void ipv6_turned_off(void **state)
{
	namespace_gives_all("/proc/sys/net/ipv6/conf/lo/disable_ipv6");
}

static void ipv6_only_by_default(void **state)
{
	namespace_gives_all("/proc/sys/net/ipv6/bindv6only");
}

static void few_descriptors(void **state)
{
	struct rlimit old, few;
	struct ec_koffs k;
	pthread_t t;
	void *err;

	ec_koffs_clear(&k);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 36;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(pthread_create(&t, NULL, measure, &k), 0);
	pthread_join(t, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal((intptr_t)err, 0);
	assert_true(ec_koffs_can_walk(&k));
	assert_true(ec_koffs_can_sock(&k));
}

/* From a descriptor to its struct sock, as bpf/sock.h goes. */
static uint64_t walk(struct ec_peek *p, const struct ec_koffs *k, int fd)
{
	const uint64_t offs[] = {k->task_files, k->files_fdt,	 k->fdt_fd,
				 8ull * fd,	k->file_private, k->socket_sk};
	uint64_t at = 0, v;

	assert_int_equal(ec_peek(p, &at, &v, sizeof(v)), 0);
	for (size_t i = 0; i < EC_ARRAY_SIZE(offs); i++) {
		at += offs[i];
		assert_int_equal(ec_peek(p, &at, &v, sizeof(v)), 0);
		at = v;
	}
	return at;
}

static void one_socket(struct ec_peek *p, const struct ec_koffs *k, const char *local,
		       const char *remote)
{
	struct sockaddr_in6 l = {.sin6_family = AF_INET6}, r = l, at;
	int s = socket(AF_INET6, SOCK_STREAM, 0), c = socket(AF_INET6, SOCK_STREAM, 0);
	socklen_t n = sizeof(at);
	uint64_t sk, field;
	uint8_t addr[16];
	uint16_t port;

	assert_int_equal(inet_pton(AF_INET6, remote, &r.sin6_addr), 1);
	assert_int_equal(inet_pton(AF_INET6, local, &l.sin6_addr), 1);
	assert_int_equal(bind(s, (struct sockaddr *)&r, sizeof(r)), 0);
	assert_int_equal(listen(s, 1), 0);
	assert_int_equal(getsockname(s, (struct sockaddr *)&r, &n), 0);
	assert_int_equal(bind(c, (struct sockaddr *)&l, sizeof(l)), 0);
	assert_int_equal(connect(c, (struct sockaddr *)&r, sizeof(r)), 0);
	n = sizeof(at);
	assert_int_equal(getsockname(c, (struct sockaddr *)&at, &n), 0);
	sk = walk(p, k, c);
	field = sk + k->sk_lport;
	assert_int_equal(ec_peek(p, &field, &port, 2), 0);
	assert_int_equal(port, ntohs(at.sin6_port));
	field = sk + k->sk_rport;
	assert_int_equal(ec_peek(p, &field, &port, 2), 0);
	assert_int_equal(port, r.sin6_port);
	field = sk + k->sk_laddr6;
	assert_int_equal(ec_peek(p, &field, addr, 16), 0);
	assert_memory_equal(addr, &at.sin6_addr, 16);
	field = sk + k->sk_raddr6;
	assert_int_equal(ec_peek(p, &field, addr, 16), 0);
	assert_memory_equal(addr, &r.sin6_addr, 16);
	close(c);
	close(s);
}

static void field_is(struct ec_peek *p, uint64_t sk, uint16_t off, const void *want,
		     size_t n)
{
	uint64_t at = sk + off;
	uint8_t got[16];

	assert_true(n <= sizeof(got));
	assert_int_equal(ec_peek(p, &at, got, n), 0);
	assert_memory_equal(got, want, n);
}

/* The end that accepts, whose local address and port are the listener's. */
static void ipv4_socket(struct ec_peek *p, const struct ec_koffs *k)
{
	struct sockaddr_in l = {.sin_family = AF_INET}, r = l;
	int s = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), a;
	const uint16_t family = AF_INET;
	socklen_t n = sizeof(l);
	uint16_t lport;
	uint64_t sk;

	l.sin_addr.s_addr = htonl(0x7f010203);
	r.sin_addr.s_addr = htonl(0x7f0a0b0c);
	assert_int_equal(bind(s, (struct sockaddr *)&l, sizeof(l)), 0);
	assert_int_equal(listen(s, 1), 0);
	assert_int_equal(getsockname(s, (struct sockaddr *)&l, &n), 0);
	assert_int_equal(bind(c, (struct sockaddr *)&r, sizeof(r)), 0);
	assert_int_equal(connect(c, (struct sockaddr *)&l, sizeof(l)), 0);
	a = accept(s, NULL, NULL);
	assert_true(a >= 0);
	n = sizeof(r);
	assert_int_equal(getpeername(a, (struct sockaddr *)&r, &n), 0);
	sk = walk(p, k, a);
	lport = ntohs(l.sin_port);
	field_is(p, sk, k->sk_family, &family, 2);
	field_is(p, sk, k->sk_lport, &lport, 2);
	field_is(p, sk, k->sk_rport, &r.sin_port, 2);
	field_is(p, sk, k->sk_laddr, &l.sin_addr, 4);
	field_is(p, sk, k->sk_raddr, &r.sin_addr, 4);
	close(a);
	close(c);
	close(s);
}

static void strange_sockets(void **state)
{
	struct ec_peek *p;
	struct ec_koffs k;

	calibrated(&k);
	assert_int_equal(ec_peek_new(&features, &p), 0);
	ipv4_socket(p, &k);
	one_socket(p, &k, "::1", "::1");
	one_socket(p, &k, "::ffff:127.3.4.5", "::ffff:127.6.7.8");
	ec_peek_free(p);
}

static void wild_reads(void **state)
{
	struct ec_peek *p;
	uint64_t at = 8, v;

	assert_int_equal(ec_peek_new(&features, &p), 0);
	assert_int_equal(ec_peek(p, &at, &v, sizeof(v)), -EFAULT);
	at = 0xfff0123456789abcull;
	assert_int_equal(ec_peek(p, &at, &v, sizeof(v)), -EFAULT);
	at = 0;
	assert_int_equal(ec_peek(p, &at, &v, EC_PEEK_MAX + 1), -EINVAL);
	assert_int_equal(ec_peek(p, &at, &v, sizeof(v)), 0);
	ec_peek_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_found),
		cmocka_unit_test(as_btf),
		cmocka_unit_test(again_the_same),
		cmocka_unit_test(ipv6_turned_off),
		cmocka_unit_test(ipv6_only_by_default),
		cmocka_unit_test(few_descriptors),
		cmocka_unit_test(strange_sockets),
		cmocka_unit_test(wild_reads),
	};
	struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_MEMLOCK, &r);
	if (geteuid() || ec_features_probe(&features)) {
		puts("needs root");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
