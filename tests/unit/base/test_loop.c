// SPDX-License-Identifier: GPL-2.0-only
#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <cmocka.h>

#define PIPES 5

struct pipes {
	struct ec_loop *l;
	struct ec_source *src[PIPES];
	int fd[PIPES][2];
	int calls[PIPES];
	uint32_t events;
};

struct one {
	struct pipes *t;
	int i;
};

static struct pipes t;
static struct one ones[PIPES];

static void on_read(void *ctx, uint32_t events)
{
	struct one *o = ctx;
	char c;

	o->t->events = events;
	o->t->calls[o->i]++;
	assert_int_equal(read(o->t->fd[o->i][0], &c, 1), 1);
}

/* Whoever comes first removes all, itself too. */
static void on_read_del_all(void *ctx, uint32_t events)
{
	struct one *o = ctx;
	int i;

	o->t->calls[o->i]++;
	for (i = 0; i < PIPES; i++)
		ec_loop_del(o->t->src[i]);
}

static void start(ec_loop_fn *fn)
{
	int i;

	memset(&t, 0, sizeof(t));
	assert_int_equal(ec_loop_new(&t.l), 0);
	for (i = 0; i < PIPES; i++) {
		ones[i] = (struct one){&t, i};
		assert_int_equal(pipe2(t.fd[i], O_CLOEXEC), 0);
		assert_int_equal(
			ec_loop_add_fd(t.l, t.fd[i][0], EPOLLIN, fn, &ones[i], &t.src[i]),
			0);
	}
}

static void end(void)
{
	int i;

	ec_loop_free(t.l);
	for (i = 0; i < PIPES; i++) {
		assert_int_equal(close(t.fd[i][0]), 0); /* still ours */
		assert_int_equal(close(t.fd[i][1]), 0);
	}
}

static int sum(void)
{
	int n = 0, i;

	for (i = 0; i < PIPES; i++)
		n += t.calls[i];
	return n;
}

static void poke(int i)
{
	assert_int_equal(write(t.fd[i][1], "x", 1), 1);
}

static void test_fd(void **state)
{
	start(on_read);
	assert_int_equal(ec_loop_once(t.l, 0), 0);
	assert_int_equal(sum(), 0);
	poke(1);
	poke(3);
	assert_int_equal(ec_loop_once(t.l, -1), 0);
	assert_int_equal(sum(), 2);
	assert_int_equal(t.calls[1], 1);
	assert_int_equal(t.calls[3], 1);
	assert_int_equal(t.events, EPOLLIN);
	poke(1);
	ec_loop_del(t.src[1]);
	ec_loop_del(NULL);
	assert_int_equal(ec_loop_once(t.l, 0), 0);
	assert_int_equal(sum(), 2);
	end();
}

static void test_del_in_callback(void **state)
{
	int i;

	start(on_read_del_all);
	for (i = 0; i < PIPES; i++)
		poke(i);
	assert_int_equal(ec_loop_once(t.l, -1), 0);
	assert_int_equal(sum(), 1); /* the others' events of this round are void */
	assert_int_equal(ec_loop_once(t.l, 0), 0);
	assert_int_equal(sum(), 1);
	end();
}

/* A callback that runs a round of its own and removes all in it. */
static void on_read_nest(void *ctx, uint32_t events)
{
	struct one *o = ctx;
	char c;

	o->t->calls[o->i]++;
	assert_int_equal(read(o->t->fd[o->i][0], &c, 1), 1);
	if (sum() < PIPES)
		ec_loop_once(o->t->l, 0);
	else
		on_read_del_all(ctx, events);
}

static void test_nested(void **state)
{
	int i;

	start(on_read_nest);
	for (i = 0; i < PIPES; i++)
		poke(i);
	assert_int_equal(ec_loop_once(t.l, -1), 0);
	for (i = 0; i < PIPES; i++)
		assert_in_range(t.calls[i], 1, 2);
	end();
}

static void test_bad_fd(void **state)
{
	struct ec_source *s = (void *)1;
	struct ec_loop *l;

	assert_int_equal(ec_loop_new(&l), 0);
	assert_int_equal(ec_loop_add_fd(l, -1, EPOLLIN, on_read, NULL, &s), -EBADF);
	assert_ptr_equal(s, (void *)1);
	ec_loop_free(l);
	ec_loop_free(NULL);
}

struct timer {
	struct ec_loop *l;
	struct ec_source *s;
	int calls;
};

static void on_timer(void *ctx, uint32_t events)
{
	struct timer *tm = ctx;

	if (++tm->calls == 3)
		ec_loop_stop(tm->l);
}

static void test_timer(void **state)
{
	struct timer tm = {0};

	assert_int_equal(ec_loop_new(&tm.l), 0);
	assert_int_equal(ec_loop_add_timer(tm.l, 1000000, on_timer, &tm, &tm.s), 0);
	assert_int_equal(ec_loop_run(tm.l), 0); /* comes again by itself */
	assert_int_equal(tm.calls, 3);
	assert_int_equal(ec_loop_set_timer(tm.s, 0), 0);
	assert_int_equal(ec_loop_once(tm.l, 20), 0); /* stopped: waits in vain */
	assert_int_equal(tm.calls, 3);
	assert_int_equal(ec_loop_set_timer(tm.s, 1), 0);
	assert_int_equal(ec_loop_once(tm.l, -1), 0);
	assert_int_equal(tm.calls, 4);
	ec_loop_free(tm.l);
}

struct sigs {
	struct ec_loop *l;
	struct ec_source *s;
	int got[4], n;
	bool del;
};

static void on_signal(void *ctx, uint32_t number)
{
	struct sigs *g = ctx;

	assert_true(g->n < 4);
	g->got[g->n++] = (int)number;
	if (g->del)
		ec_loop_del(g->s);
	ec_loop_stop(g->l);
}

static void test_signals(void **state)
{
	static const int list[] = {SIGUSR1, SIGUSR2, 0};
	struct sigs g = {0};
	sigset_t set;

	assert_int_equal(ec_loop_new(&g.l), 0);
	assert_int_equal(ec_loop_add_signals(g.l, list, on_signal, &g, &g.s), 0);
	assert_int_equal(ec_loop_set_timer(g.s, 1), -EINVAL);
	raise(SIGUSR1);
	assert_int_equal(ec_loop_run(g.l), 0);
	raise(SIGUSR2);
	raise(SIGUSR1);
	assert_int_equal(ec_loop_run(g.l), 0);
	assert_int_equal(g.n, 3);
	assert_int_equal(g.got[0], SIGUSR1);
	assert_int_equal(g.got[1] + g.got[2], SIGUSR1 + SIGUSR2);
	/* Two are there; the first one's callback removes the source. */
	g.n = 0;
	g.del = true;
	raise(SIGUSR1);
	raise(SIGUSR2);
	assert_int_equal(ec_loop_once(g.l, -1), 0);
	assert_int_equal(g.n, 1);
	ec_loop_free(g.l);
	/* Still blocked: the one left over has not killed us. */
	assert_int_equal(sigpending(&set), 0);
	assert_true(sigismember(&set, SIGUSR1) || sigismember(&set, SIGUSR2));
	/* Discards it. */
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
}

static void test_stop_before_run(void **state)
{
	struct ec_loop *l;

	assert_int_equal(ec_loop_new(&l), 0);
	ec_loop_stop(l);
	assert_int_equal(ec_loop_run(l), 0); /* returns at once */
	ec_loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fd),
		cmocka_unit_test(test_del_in_callback),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_bad_fd),
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_stop_before_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
