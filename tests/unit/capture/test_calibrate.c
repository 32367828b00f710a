// SPDX-License-Identifier: GPL-2.0-only
/* On the running kernel: against its BTF where it has one, and against what the system
 * calls say of sockets that the calibration has not seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/util.h"
#include "capture/peek.h"
#include "host/koffs.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

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

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void all_found(void **state)
{
	struct ec_koffs k;

	calibrated(&k);
	assert_true(ec_koffs_can_walk(&k));
	assert_true(ec_koffs_can_sock(&k));
	assert_int_not_equal(k.task_tgid, EC_KOFF_NONE);
	assert_int_not_equal(k.task_pid, EC_KOFF_NONE);
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
}

static void again_the_same(void **state)
{
	struct ec_koffs first, k;
	int before;

	calibrated(&first);
	before = descriptors();
	for (int i = 0; i < 10; i++) {
		calibrated(&k);
		assert_memory_equal(&k, &first, sizeof(k));
	}
	assert_int_equal(descriptors(), before);
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

static void strange_sockets(void **state)
{
	struct ec_peek *p;
	struct ec_koffs k;

	calibrated(&k);
	assert_int_equal(ec_peek_new(&features, &p), 0);
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
		cmocka_unit_test(all_found),	  cmocka_unit_test(as_btf),
		cmocka_unit_test(again_the_same), cmocka_unit_test(strange_sockets),
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
