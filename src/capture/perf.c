// SPDX-License-Identifier: GPL-2.0-only
/*
 * A perf buffer per CPU, by the ABI of linux/perf_event.h: a page of control, then a ring
 * whose head the kernel moves and whose tail we move.
 *
 * Order: a round takes the time first, then the heads of all CPUs, and hands on what is
 * not younger than that time, oldest first. A thread that moves to another CPU between
 * two records cannot get them mixed up: were the first one not there yet when its CPU's
 * head was read, the second would be younger than the round.
 */
#include "capture/ring.h"
#include "abi/record.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define SLEEP_MS 20 /* nothing below the watermark waits longer */
#define EVENTS	 16
#define ROUNDS	 1000
#define NO_TIME	 UINT64_MAX
#define RECORD	 65536 /* a perf record's size has 16 bits */

struct cpu {
	int fd;
	struct perf_event_mmap_page *page;
	const uint8_t *data;
	uint64_t tail, head; /* head: as of this round */
	uint64_t time;	     /* of the record at the tail; NO_TIME: none in this round */
};

struct perf {
	struct ec_ring base;
	struct cpu *cpus;
	size_t n;
	size_t bytes;
	int epoll;
	uint64_t lost;
	uint8_t wrapped[RECORD]; /* a record that goes round the end of its ring */
};

/* n bytes at position `at` of a ring: in place, or gathered in `to` when they wrap. */
static const uint8_t *bytes_at(const struct perf *p, const struct cpu *c, uint64_t at,
			       size_t n, uint8_t *to)
{
	size_t off = at & (p->bytes - 1);
	size_t first = EC_MIN(n, p->bytes - off);

	if (first == n)
		return c->data + off;
	memcpy(to, c->data + off, first);
	memcpy(to + first, c->data, n - first);
	return to;
}

/* What PERF_SAMPLE_RAW alone makes of a record: this head, then the bytes. */
struct sample {
	struct perf_event_header h;
	uint32_t size;
};

static struct perf_event_header header_at(const struct perf *p, const struct cpu *c)
{
	struct perf_event_header h; /* 8-byte aligned in the ring: never wraps */

	memcpy(&h, c->data + (c->tail & (p->bytes - 1)), sizeof(h));
	return h;
}

static void tail_move(struct cpu *c, uint64_t n)
{
	c->tail += n;
	__atomic_store_n(&c->page->data_tail, c->tail, __ATOMIC_RELEASE);
}

/* Records that are no samples are dealt with on the way to the next one. */
static void time_look(struct perf *p, struct cpu *c)
{
	c->time = NO_TIME;
	while (c->tail < c->head) {
		struct perf_event_header h = header_at(p, c);
		uint8_t buf[sizeof(uint64_t)];
		uint64_t v;

		if (h.type == PERF_RECORD_SAMPLE &&
		    h.size >= sizeof(struct sample) + sizeof(struct ec_rec)) {
			memcpy(&v,
			       bytes_at(p, c,
					c->tail + sizeof(struct sample) +
						offsetof(struct ec_rec, time),
					sizeof(v), buf),
			       sizeof(v));
			c->time = v;
			return;
		}
		/* kernel: PERF_RECORD_LOST { header; u64 id; u64 lost; } */
		if (h.type == PERF_RECORD_LOST && h.size >= sizeof(h) + 16) {
			memcpy(&v,
			       bytes_at(p, c, c->tail + sizeof(h) + 8, sizeof(v), buf),
			       sizeof(v));
			p->lost += v;
		}
		if (h.size < sizeof(h)) {
			/* not a ring that a kernel writes: nothing in it can be read */
			tail_move(c, c->head - c->tail);
			return;
		}
		tail_move(c, h.size);
	}
}

static void sample_give(struct perf *p, struct cpu *c)
{
	struct perf_event_header h = header_at(p, c);
	const uint8_t *rec = bytes_at(p, c, c->tail, h.size, p->wrapped);
	struct sample s;

	memcpy(&s, rec, sizeof(s));
	p->base.fn(p->base.ctx, rec + sizeof(s),
		   EC_MIN((size_t)s.size, h.size - sizeof(s)));
	tail_move(c, h.size);
	time_look(p, c);
}

/* Returns how many; *later: some were younger than `now`. */
static int round_take(struct perf *p, uint64_t now, bool *later)
{
	int n = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct cpu *c = &p->cpus[i];

		c->head = __atomic_load_n(&c->page->data_head, __ATOMIC_ACQUIRE);
		time_look(p, c);
	}
	for (;; n++) {
		struct cpu *oldest = NULL;

		for (size_t i = 0; i < p->n; i++)
			if (p->cpus[i].time != NO_TIME &&
			    (!oldest || p->cpus[i].time < oldest->time))
				oldest = &p->cpus[i];
		*later = oldest;
		if (!oldest || oldest->time > now)
			return n;
		sample_give(p, oldest);
	}
}

static int perf_consume(struct ec_ring *r)
{
	struct perf *p = (struct perf *)r;
	bool later = false;
	int n;

	/* A record's time is past when it can be seen, unless our clock is not the
	 * kernel's (time namespaces): then order is worth less than the records. */
	for (int i = 0; i < ROUNDS; i++) {
		n = round_take(p, ec_clock_mono(), &later);
		if (n || !later)
			return n;
	}
	return round_take(p, NO_TIME - 1, &later);
}

/* The flag that polling clears is per event, so all of them are asked. */
static void perf_wait(struct ec_ring *r, int ms, bool idle)
{
	struct perf *p = (struct perf *)r;
	struct epoll_event ev[EVENTS];

	epoll_wait(p->epoll, ev, EVENTS, EC_MIN(ms, SLEEP_MS));
}

static uint64_t perf_lost(const struct ec_ring *r)
{
	return __atomic_load_n(&((const struct perf *)r)->lost, __ATOMIC_RELAXED);
}

static size_t perf_fds(const struct ec_ring *r, int *out, size_t max)
{
	const struct perf *p = (const struct perf *)r;
	size_t n = 0;

	if (max)
		out[n++] = p->epoll;
	for (size_t i = 0; i < p->n && n < max; i++)
		out[n++] = p->cpus[i].fd;
	return n;
}

/* The kernel does not let these mappings be inherited (VM_DONTCOPY). */
static int perf_map(struct ec_ring *r)
{
	struct perf *p = (struct perf *)r;
	size_t page = sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < p->n; i++) {
		struct cpu *c = &p->cpus[i];

		c->page = mmap(NULL, page + p->bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			       c->fd, 0);
		if (c->page == MAP_FAILED) {
			c->page = NULL;
			return -errno;
		}
		c->data = (const uint8_t *)c->page + page;
	}
	return 0;
}

static void perf_free(struct ec_ring *r)
{
	struct perf *p = (struct perf *)r;

	for (size_t i = 0; i < p->n; i++) {
		if (p->cpus[i].page)
			munmap(p->cpus[i].page, sysconf(_SC_PAGESIZE) + p->bytes);
		close(p->cpus[i].fd);
	}
	if (p->epoll >= 0)
		close(p->epoll);
	free(p->cpus);
	free(p);
}

/* 0, also when the CPU is not there. */
static int cpu_open(struct perf *p, int map_fd, int cpu)
{
	struct perf_event_attr pe = {
		.size = sizeof(pe),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.watermark = 1,
		.wakeup_watermark = EC_RING_WAKE(p->bytes),
	};
	struct epoll_event ev = {.events = EPOLLIN};
	struct cpu *c = &p->cpus[p->n];
	uint32_t key = cpu;

	c->fd = syscall(SYS_perf_event_open, &pe, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (c->fd < 0)
		return errno == ENODEV ? 0 : -errno;
	p->n++;
	if (bpf_map_update_elem(map_fd, &key, &c->fd, BPF_ANY) ||
	    ioctl(c->fd, PERF_EVENT_IOC_ENABLE, 0) ||
	    epoll_ctl(p->epoll, EPOLL_CTL_ADD, c->fd, &ev))
		return -errno;
	return 0;
}

static const struct ec_ring_ops perf_ops = {
	.map = perf_map,
	.fds = perf_fds,
	.consume = perf_consume,
	.wait = perf_wait,
	.lost = perf_lost,
	.free = perf_free,
};

int ec_ring_new_perf(int map_fd, size_t bytes, struct ec_ring **out)
{
	int ncpus = libbpf_num_possible_cpus();
	struct perf *p;
	int err = 0;

	if (ncpus < 0)
		return ncpus;
	if (ncpus > EC_CPUS_MAX) {
		ec_warn("%d CPUs: what happens on those above %d is lost and counted",
			ncpus, EC_CPUS_MAX);
		ncpus = EC_CPUS_MAX;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->base.ops = &perf_ops;
	p->bytes = bytes;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->cpus = calloc(ncpus, sizeof(*p->cpus));
	if (p->epoll < 0 || !p->cpus)
		err = p->cpus ? -errno : -ENOMEM;
	for (int i = 0; !err && i < ncpus; i++)
		err = cpu_open(p, map_fd, i);
	if (!err && !p->n)
		err = -ENODEV;
	if (err) {
		perf_free(&p->base);
		return err;
	}
	*out = &p->base;
	return 0;
}
