// SPDX-License-Identifier: GPL-2.0-only
#include "capture/attach.h"
#include "base/util.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* Each close waits for grace periods of tens of ms, which threads share. */
#define CLOSERS	     256
#define CLOSER_STACK (64u << 10)

/* union bpf_attr for BPF_LINK_CREATE as of 6.6; older headers lack the last part. */
struct link_create {
	uint32_t prog_fd, target_fd, attach_type, flags;
	union {
		struct {
			uint64_t path, offsets, ref_ctr_offsets, cookies;
			uint32_t cnt, flags, pid;
		} multi;
		struct {
			uint64_t bpf_cookie;
		} perf;
	};
};

#define MULTI_RETURN	  1u /* BPF_F_UPROBE_MULTI_RETURN */
#define ATTACH_PERF_EVENT 41 /* BPF_PERF_EVENT (5.15) */

static int links_add(struct ec_links *l, int fd)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;
		int *p = realloc(l->fds, cap * sizeof(*p));

		if (!p) {
			close(fd);
			return -ENOMEM;
		}
		l->fds = p;
		l->cap = cap;
	}
	l->fds[l->n++] = fd;
	return 0;
}

static void fd_path(int fd, char out[32])
{
	snprintf(out, 32, "/proc/self/fd/%d", fd);
}

int ec_attach_multi(struct ec_links *l, const struct ec_attach_point *a)
{
	struct link_create attr;
	char path[32];
	int fd;

	fd_path(a->fd, path);
	memset(&attr, 0, sizeof(attr));
	attr.prog_fd = a->program;
	attr.attach_type = EC_ATTACH_UPROBE_MULTI;
	attr.multi.path = (uintptr_t)path;
	attr.multi.offsets = (uintptr_t)&a->offset;
	attr.multi.cookies = (uintptr_t)&a->cookie;
	attr.multi.cnt = 1;
	attr.multi.flags = a->is_return ? MULTI_RETURN : 0;
	attr.multi.pid = a->pid;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : links_add(l, fd);
}

int ec_attach_perf(struct ec_links *l, const struct ec_attach_point *a,
		   const struct ec_features *f)
{
	struct perf_event_attr pe = {.size = sizeof(pe), .type = f->perf_type};
	_ec_close_ int fd = -1;
	struct link_create attr;
	char path[32];
	int link;

	if (f->perf_type < 0)
		return -EOPNOTSUPP;
	fd_path(a->fd, path);
	pe.config = a->is_return ? 1ull << f->perf_ret_bit : 0;
	pe.uprobe_path = (uintptr_t)path;
	pe.probe_offset = a->offset;
	fd = syscall(SYS_perf_event_open, &pe, a->pid ? a->pid : -1, a->pid ? -1 : 0, -1,
		     PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!f->cookie) {
		if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, a->program) ||
		    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
			return -errno;
		return links_add(l, EC_TAKE_FD(fd));
	}
	memset(&attr, 0, sizeof(attr));
	attr.prog_fd = a->program;
	attr.target_fd = fd;
	attr.attach_type = ATTACH_PERF_EVENT;
	attr.perf.bpf_cookie = a->cookie;
	/* the link holds the event; the event's own descriptor may go */
	link = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return link < 0 ? -errno : links_add(l, link);
}

int ec_links_take(struct ec_links *to, struct ec_links *from)
{
	for (size_t i = 0; i < from->n; i++) {
		if (links_add(to, from->fds[i])) {
			for (i++; i < from->n; i++)
				close(from->fds[i]);
			free(from->fds);
			*from = (struct ec_links){0};
			return -ENOMEM;
		}
	}
	free(from->fds);
	*from = (struct ec_links){0};
	return 0;
}

struct closing {
	const struct ec_links *links;
	atomic_size_t next;
};

static void *closer(void *arg)
{
	struct closing *c = arg;

	for (;;) {
		size_t i = atomic_fetch_add(&c->next, 1);

		if (i >= c->links->n)
			return NULL;
		close(c->links->fds[i]);
	}
}

void ec_links_close(struct ec_links *l)
{
	struct closing c = {.links = l};
	pthread_t threads[CLOSERS];
	size_t n = 0;

	while (n < CLOSERS && n + 1 < l->n &&
	       !pthread_create(&threads[n], NULL, closer, &c))
		n++;
	closer(&c);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	free(l->fds);
	*l = (struct ec_links){0};
}

static void *close_all(void *arg)
{
	struct ec_links *l = arg;

	ec_links_close(l);
	free(l);
	return NULL;
}

void ec_links_close_later(struct ec_links *l)
{
	struct ec_links *own = malloc(sizeof(*own));
	pthread_attr_t attr;
	pthread_t thread;
	bool started = false;

	if (own && !pthread_attr_init(&attr)) {
		*own = *l;
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		started = !pthread_create(&thread, &attr, close_all, own);
		pthread_attr_destroy(&attr);
	}
	if (!started) {
		free(own);
		ec_links_close(l);
	}
	*l = (struct ec_links){0};
}
