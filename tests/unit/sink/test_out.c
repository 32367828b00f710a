// SPDX-License-Identifier: GPL-2.0-only
#include "sinking.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#define LARGE (1u << 20)

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8));
}

static uint8_t *large(void)
{
	uint8_t *p = malloc(LARGE);

	assert_non_null(p);
	for (size_t i = 0; i < LARGE; i++)
		p[i] = pattern(i);
	return p;
}

/* Small and large, in order; small ones are not written one by one. */
static void test_order(void **state)
{
	int fd = memfd_create("out", MFD_CLOEXEC), copy = dup(fd);
	uint8_t *p = large(), *got;
	struct ec_out *o;

	assert_int_equal(ec_out_new(fd, "name", &o), 0);
	assert_string_equal(o->name, "name");
	assert_int_equal(ec_out_data(o, "small ", 6), 0);
	ec_buf_puts(&o->buf, "more ");
	assert_int_equal(ec_out_commit(o), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	assert_int_equal(ec_out_data(o, p, LARGE), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 11 + LARGE);
	assert_int_equal(ec_out_data(o, " end", 4), 0);
	assert_int_equal(ec_out_data(o, NULL, 0), 0);
	assert_int_equal(ec_out_flush(o), 0);
	assert_int_equal(ec_out_flush(o), 0);
	assert_int_equal(o->written, 15 + LARGE);
	assert_int_equal(ec_out_free(o), 0);
	got = malloc(LARGE + 15);
	assert_non_null(got);
	assert_int_equal(pread(copy, got, LARGE + 15, 0), LARGE + 15);
	assert_memory_equal(got, "small more ", 11);
	assert_memory_equal(got + 11, p, LARGE);
	assert_memory_equal(got + 11 + LARGE, " end", 4);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was owned */
	close(copy);
	free(got);
	free(p);
}

static void test_commit(void **state)
{
	int fd = memfd_create("out", MFD_CLOEXEC);
	struct ec_out *o;

	assert_int_equal(ec_out_new(fd, "x", &o), 0);
	for (int i = 0; i < 70; i++) {
		char block[1024] = {0};

		ec_buf_add(&o->buf, block, sizeof(block));
		assert_int_equal(ec_out_commit(o), 0);
	}
	assert_int_equal(lseek(fd, 0, SEEK_END), 64 << 10);
	assert_int_equal(ec_out_free(o), 0);
}

struct reader {
	int fd;
	size_t got;
	bool same;
};

static void *read_slowly(void *arg)
{
	struct reader *r = arg;
	uint8_t b[3001];
	ssize_t n;

	while ((n = read(r->fd, b, sizeof(b))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			r->same = r->same && b[i] == pattern(r->got + (size_t)i);
		r->got += (size_t)n;
	}
	return NULL;
}

/* A pipe that does not block takes it in pieces, and is waited for. */
static void test_short_writes(void **state)
{
	struct reader r = {.same = true};
	struct ec_out *o;
	uint8_t *p = large();
	pthread_t t;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	r.fd = fds[0];
	assert_int_equal(ec_out_new(fds[1], "pipe", &o), 0);
	assert_int_equal(pthread_create(&t, NULL, read_slowly, &r), 0);
	assert_int_equal(ec_out_data(o, p, 1000), 0);
	assert_int_equal(ec_out_data(o, p + 1000, LARGE - 1000), 0);
	assert_int_equal(ec_out_free(o), 0);
	pthread_join(t, NULL);
	assert_int_equal(r.got, LARGE);
	assert_true(r.same);
	close(fds[0]);
	free(p);
}

/* The first error stays, and nothing is written after it. */
static void test_errors(void **state)
{
	struct ec_out *o;
	uint8_t *p = large();
	int fds[2], full;

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	assert_int_equal(ec_out_new(fds[1], "pipe", &o), 0);
	assert_int_equal(ec_out_data(o, "small", 5), 0);
	assert_int_equal(ec_out_flush(o), -EPIPE);
	assert_int_equal(ec_out_data(o, p, LARGE), -EPIPE);
	assert_int_equal(ec_out_data(o, "x", 1), -EPIPE);
	assert_int_equal(ec_out_commit(o), -EPIPE);
	assert_int_equal(o->written, 0);
	assert_int_equal(ec_out_free(o), -EPIPE);

	full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(full >= 0);
	assert_int_equal(ec_out_new(full, "full", &o), 0);
	ec_buf_puts(&o->buf, "x");
	assert_int_equal(ec_out_data(o, p, LARGE), -ENOSPC);
	assert_int_equal(ec_out_free(o), -ENOSPC);
	free(p);
}

/* A buffer that could not take all: what follows would be a lie. */
static void test_buffer_full(void **state)
{
	int fd = memfd_create("out", MFD_CLOEXEC);
	struct ec_out *o;

	assert_int_equal(ec_out_new(fd, "x", &o), 0);
	o->buf.max = 4;
	ec_buf_puts(&o->buf, "abc");
	ec_buf_puts(&o->buf, "def");
	assert_int_equal(ec_out_data(o, "ghi", 3), -EFBIG);
	assert_int_equal(ec_out_data(o, "ghi", 3), -EFBIG);
	assert_int_equal(lseek(fd, 0, SEEK_END), 3);
	assert_int_equal(ec_out_free(o), -EFBIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	     cmocka_unit_test(test_commit),
		cmocka_unit_test(test_short_writes), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_buffer_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
