// SPDX-License-Identifier: GPL-2.0-only
#include "base/loop.h"
#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#define ROUND 64 /* events of one epoll_wait */

enum kind { KIND_FD, KIND_TIMER, KIND_SIGNALS };

struct ec_source {
	struct ec_loop *loop;
	struct ec_source *next, **link;
	enum kind kind;
	int fd;
	bool dead; /* deleted, but an event of this round may still name it */
	ec_loop_fn *fn;
	void *ctx;
};

struct ec_loop {
	int epoll;
	int depth; /* of ec_loop_once(), which a callback may call */
	bool stop;
	struct ec_source *live;
	struct ec_source *dead;
};

static void list_add(struct ec_source **head, struct ec_source *s)
{
	s->next = *head;
	s->link = head;
	if (s->next)
		s->next->link = &s->next;
	*head = s;
}

static void list_del(struct ec_source *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
}

int ec_loop_new(struct ec_loop **out)
{
	struct ec_loop *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		err = -errno;
		free(l);
		return err;
	}
	*out = l;
	return 0;
}

static void bury(struct ec_loop *l)
{
	struct ec_source *s;

	while ((s = l->dead)) {
		list_del(s);
		free(s);
	}
}

void ec_loop_free(struct ec_loop *l)
{
	if (!l)
		return;
	while (l->live)
		ec_loop_del(l->live);
	bury(l);
	close(l->epoll);
	free(l);
}

static int add(struct ec_loop *l, enum kind kind, int fd, uint32_t events, ec_loop_fn *fn,
	       void *ctx, struct ec_source **out)
{
	struct epoll_event ev = {.events = events};
	struct ec_source *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->loop = l;
	s->kind = kind;
	s->fd = fd;
	s->fn = fn;
	s->ctx = ctx;
	ev.data.ptr = s;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev)) {
		err = -errno;
		free(s);
		return err;
	}
	list_add(&l->live, s);
	if (out)
		*out = s;
	return 0;
}

int ec_loop_add_fd(struct ec_loop *l, int fd, uint32_t events, ec_loop_fn *fn, void *ctx,
		   struct ec_source **out)
{
	return add(l, KIND_FD, fd, events, fn, ctx, out);
}

static int arm(int fd, uint64_t ns)
{
	struct itimerspec t = {
		.it_interval = {(time_t)(ns / EC_NSEC), (long)(ns % EC_NSEC)},
	};

	t.it_value = t.it_interval;
	return timerfd_settime(fd, 0, &t, NULL) ? -errno : 0;
}

int ec_loop_add_timer(struct ec_loop *l, uint64_t ns, ec_loop_fn *fn, void *ctx,
		      struct ec_source **out)
{
	_ec_close_ int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int err;

	if (fd < 0)
		return -errno;
	err = arm(fd, ns);
	if (!err)
		err = add(l, KIND_TIMER, fd, EPOLLIN, fn, ctx, out);
	if (!err)
		EC_TAKE_FD(fd);
	return err;
}

int ec_loop_set_timer(struct ec_source *s, uint64_t ns)
{
	if (s->dead || s->kind != KIND_TIMER)
		return -EINVAL;
	return arm(s->fd, ns);
}

int ec_loop_add_signals(struct ec_loop *l, const int *signals, ec_loop_fn *fn, void *ctx,
			struct ec_source **out)
{
	_ec_close_ int fd = -1;
	sigset_t set, before;
	int err;

	sigemptyset(&set);
	for (; *signals; signals++) {
		if (sigaddset(&set, *signals))
			return -errno;
	}
	err = pthread_sigmask(SIG_BLOCK, &set, &before);
	if (err)
		return -err;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	err = fd < 0 ? -errno : add(l, KIND_SIGNALS, fd, EPOLLIN, fn, ctx, out);
	if (err)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	else
		EC_TAKE_FD(fd);
	return err;
}

void ec_loop_del(struct ec_source *s)
{
	struct ec_loop *l;

	if (!s || s->dead)
		return;
	l = s->loop;
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->kind != KIND_FD)
		close(s->fd);
	s->dead = true;
	list_del(s);
	list_add(&l->dead, s);
	if (!l->depth)
		bury(l);
}

static void run_timer(struct ec_source *s)
{
	uint64_t times;

	/* Nothing to read: it was set anew earlier in this round. */
	if (read(s->fd, &times, sizeof(times)) == sizeof(times))
		s->fn(s->ctx, EPOLLIN);
}

static void run_signals(struct ec_source *s)
{
	struct signalfd_siginfo info;

	while (!s->dead && read(s->fd, &info, sizeof(info)) == sizeof(info))
		s->fn(s->ctx, info.ssi_signo);
}

int ec_loop_once(struct ec_loop *l, int ms)
{
	struct epoll_event ev[ROUND];
	int n, i;

	n = epoll_wait(l->epoll, ev, ROUND, ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->depth++;
	for (i = 0; i < n; i++) {
		struct ec_source *s = ev[i].data.ptr;

		if (s->dead)
			continue;
		if (s->kind == KIND_TIMER)
			run_timer(s);
		else if (s->kind == KIND_SIGNALS)
			run_signals(s);
		else
			s->fn(s->ctx, ev[i].events);
	}
	if (!--l->depth)
		bury(l);
	return 0;
}

int ec_loop_run(struct ec_loop *l)
{
	int err = 0;

	while (!l->stop && !err)
		err = ec_loop_once(l, -1);
	l->stop = false;
	return err;
}

void ec_loop_stop(struct ec_loop *l)
{
	l->stop = true;
}
