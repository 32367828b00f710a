// SPDX-License-Identifier: GPL-2.0-only
/*
 * perf_event_open(2): a software event that counts nothing still brings the mapping
 * records, and only those of executable mappings unless mmap_data is set. The kernel has
 * checked what it writes there, but the names in it are anybody's.
 */
#include "discover/scan.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "discover/offer.h"
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#define RING_BYTES  (128u << 10) /* a CPU; some 800 mappings */
#define SCRATCH	    8192	 /* head + PATH_MAX + rounding, for one that wraps */
#define SLEPT_NS    ((int64_t)EC_NSEC / 10)
#define CPUS_ONLINE "/sys/devices/system/cpu/online"
#define CPUS_TOP    8192 /* NR_CPUS of the largest configuration */
#define DELETED	    " (deleted)"

struct ring {
	int fd, cpu;
	bool online; /* its CPU, at the last look */
	struct perf_event_mmap_page *page;
};

struct ec_watch {
	struct ec_scan *scan;
	ec_candidate_fn *fn;
	void *ctx;
	size_t page, bytes; /* of a ring: its head page, its data */
	uint64_t lost;
	const struct ec_watch_ops *ops;
	void *ops_ctx;
	int epoll;
	size_t n;
	struct ring *rings;
	size_t without; /* CPUs that had no ring at the last look */
	int64_t asleep; /* ns that this host has slept */
	bool slept;	/* since the rings were opened */
	_Alignas(8) unsigned char scratch[SCRATCH];
};

/* PERF_RECORD_MMAP2 up to its name, include/uapi/linux/perf_event.h. */
struct mmap2 {
	struct perf_event_header h;
	uint32_t pid, tid;
	uint64_t addr, len, pgoff;
	uint32_t maj, min;
	uint64_t ino, generation;
	uint32_t prot, flags;
	char name[];
};

/* PERF_RECORD_FORK, PERF_RECORD_EXIT */
struct task {
	struct perf_event_header h;
	uint32_t pid, ppid;
	uint32_t tid, ptid;
	uint64_t time;
};

/* PERF_RECORD_COMM up to the name */
struct comm {
	struct perf_event_header h;
	uint32_t pid, tid;
};

struct lost {
	struct perf_event_header h;
	uint64_t id, lost;
};

static int open_ring(struct ec_watch *w, int cpu, struct ring *r)
{
	struct perf_event_attr a = {
		.size = PERF_ATTR_SIZE_VER5, /* all that we set; any kernel takes it */
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.mmap = 1,
		.mmap2 = 1,
		.comm = 1,
		.comm_exec = 1,
		.task = 1,
		.watermark = 1,
		.wakeup_watermark = 1,
	};
	_ec_close_ int fd =
		syscall(SYS_perf_event_open, &a, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	struct epoll_event in = {.events = EPOLLIN};
	void *p;

	if (fd < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &in))
		return -errno;
	p = mmap(NULL, w->page + w->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->fd = EC_TAKE_FD(fd);
	r->page = p;
	r->cpu = cpu;
	r->online = true;
	return 0;
}

static struct ring *ring_of(struct ec_watch *w, int cpu)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->rings[i].cpu == cpu)
			return &w->rings[i];
	return NULL;
}

static int mark_cpu(struct ec_watch *w, int cpu)
{
	struct ring *r = ring_of(w, cpu);

	if (r)
		r->online = true;
	else
		w->without++;
	return 0;
}

static int add_cpu(struct ec_watch *w, int cpu)
{
	struct ring *v;
	int err;

	if (ring_of(w, cpu))
		return 0;
	v = reallocarray(w->rings, w->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	w->rings = v;
	err = open_ring(w, cpu, &v[w->n]);
	if (!err)
		w->n++;
	/* Taken away meanwhile: its processes run elsewhere. */
	return err == -ENODEV ? 0 : err;
}

/* "0-3,8,10-11". CPUs may lack in between, so their number does not do. */
static int each_cpu(struct ec_watch *w, int (*fn)(struct ec_watch *w, int cpu))
{
	FILE *f = fopen(CPUS_ONLINE, "re");
	unsigned int from, to;
	int err = 0, c = ',';

	if (!f) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);

		for (int i = 0; i < n && !err; i++)
			err = fn(w, i);
		return err;
	}
	while (!err && c == ',' && fscanf(f, "%5u", &from) == 1) {
		to = from;
		c = fgetc(f);
		if (c == '-') {
			if (fscanf(f, "%5u", &to) != 1)
				break;
			c = fgetc(f);
		}
		for (; from <= to && from < CPUS_TOP && !err; from++)
			err = fn(w, (int)from);
	}
	fclose(f);
	return err;
}

static int64_t slept_ns(void)
{
	struct timespec all, awake;

	clock_gettime(CLOCK_MONOTONIC, &awake);
	clock_gettime(CLOCK_BOOTTIME, &all);
	return (all.tv_sec - awake.tv_sec) * (int64_t)EC_NSEC + all.tv_nsec -
	       awake.tv_nsec;
}

int ec_watch_new(struct ec_scan *s, ec_candidate_fn *fn, void *ctx, struct ec_watch **out)
{
	struct ec_watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->scan = s;
	w->fn = fn;
	w->ctx = ctx;
	w->page = (size_t)sysconf(_SC_PAGESIZE);
	w->bytes = EC_MAX(w->page, (size_t)RING_BYTES); /* both powers of two */
	w->asleep = slept_ns();
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	err = w->epoll < 0 ? -errno : each_cpu(w, add_cpu);
	if (!err && !w->n)
		err = -ENODEV;
	if (err) {
		ec_watch_free(w);
		return err;
	}
	*out = w;
	return 0;
}

static void close_ring(struct ec_watch *w, struct ring *r)
{
	munmap(r->page, w->page + w->bytes);
	close(r->fd);
}

void ec_watch_free(struct ec_watch *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n; i++)
		close_ring(w, &w->rings[i]);
	ec_cleanup_close(&w->epoll);
	free(w->rings);
	free(w);
}

int ec_watch_fd(const struct ec_watch *w)
{
	return w->epoll;
}

size_t ec_watch_count(const struct ec_watch *w)
{
	return w->n;
}

void ec_watch_processes(struct ec_watch *w, const struct ec_watch_ops *ops, void *ctx)
{
	w->ops = ops;
	w->ops_ctx = ctx;
}

uint64_t ec_watch_lost(const struct ec_watch *w)
{
	return w->lost;
}

/* `size` bytes are there. Names of what is no file: "//anon", "[vdso]". */
static int see_mmap2(struct ec_watch *w, const struct mmap2 *r, size_t size)
{
	const size_t cut = strlen(DELETED);
	struct ec_mapping m = {0};
	size_t room, len;
	char name[SCRATCH];

	if (size < sizeof(*r) + 2 || !(r->prot & PROT_EXEC))
		return 0;
	room = EC_MIN(size - sizeof(*r), sizeof(name));
	len = strnlen(r->name, room);
	if (len == room || r->name[0] != '/' || r->name[1] == '/')
		return 0;
	memcpy(name, r->name, len + 1);
	m.deleted = len > cut && !strcmp(name + len - cut, DELETED);
	if (m.deleted)
		name[len - cut] = 0;
	m.start = r->addr;
	m.end = r->addr + r->len;
	m.offset = r->pgoff;
	m.dev = (uint64_t)r->maj << 32 | r->min;
	m.ino = r->ino;
	m.path = name;
	return ec_offer_mapping(w->scan, (pid_t)r->pid, &m, w->fn, w->ctx);
}

/* Of processes; threads of one share what they map. */
static void see_task(struct ec_watch *w, const struct perf_event_header *h)
{
	const struct task *t = (const struct task *)h;

	if (!w->ops || h->size < sizeof(*t))
		return;
	if (h->type == PERF_RECORD_FORK && t->pid != t->ppid && w->ops->fork)
		w->ops->fork(w->ops_ctx, (pid_t)t->ppid, (pid_t)t->pid);
	if (h->type == PERF_RECORD_EXIT && t->pid == t->tid && w->ops->exit)
		w->ops->exit(w->ops_ctx, (pid_t)t->pid);
}

static void see_comm(struct ec_watch *w, const struct perf_event_header *h)
{
	const struct comm *c = (const struct comm *)h;

	if (w->ops && w->ops->exec && h->size >= sizeof(*c) &&
	    h->misc & PERF_RECORD_MISC_COMM_EXEC)
		w->ops->exec(w->ops_ctx, (pid_t)c->pid);
}

static int see_record(struct ec_watch *w, const struct perf_event_header *h)
{
	if (h->type == PERF_RECORD_MMAP2)
		return see_mmap2(w, (const struct mmap2 *)h, h->size);
	if (h->type == PERF_RECORD_FORK || h->type == PERF_RECORD_EXIT)
		see_task(w, h);
	if (h->type == PERF_RECORD_COMM)
		see_comm(w, h);
	if (h->type == PERF_RECORD_LOST && h->size >= sizeof(struct lost))
		w->lost += ((const struct lost *)h)->lost;
	return 0;
}

/* The record at `tail` in one piece; NULL if it is longer than any that we know. */
static const struct perf_event_header *
in_one_piece(struct ec_watch *w, const unsigned char *data, uint64_t tail, size_t size)
{
	size_t at = tail & (w->bytes - 1);
	size_t first = w->bytes - at;

	if (size <= first)
		return (const void *)(data + at);
	if (size > sizeof(w->scratch))
		return NULL;
	memcpy(w->scratch, data + at, first);
	memcpy(w->scratch + first, data, size - first);
	return (const void *)w->scratch;
}

/*
 * Up to the head as it is now, so that a storm of mappings on one CPU cannot keep us
 * here. Each record is given back before the next is looked at.
 */
static int drain(struct ec_watch *w, struct ring *r)
{
	const unsigned char *data = (const unsigned char *)r->page + w->page;
	uint64_t head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = r->page->data_tail;
	int ret = 0;

	while (tail < head && !ret) {
		const struct perf_event_header *h;
		size_t size;

		/* Records are multiples of 8 bytes: a header never wraps. */
		h = (const void *)(data + (tail & (w->bytes - 1)));
		size = h->size;
		if (size < sizeof(*h) || size > head - tail) {
			w->lost++;
			tail = head;
		} else {
			h = in_one_piece(w, data, tail, size);
			if (h)
				ret = see_record(w, h);
			else
				w->lost++;
			tail += size;
		}
		__atomic_store_n(&r->page->data_tail, tail, __ATOMIC_RELEASE);
	}
	return ret;
}

int ec_watch_read(struct ec_watch *w)
{
	int ret = 0;

	for (size_t i = 0; i < w->n && !ret; i++)
		ret = drain(w, &w->rings[i]);
	return ret;
}

/* --- CPUs that come and go --------------------------------------------------- */

static bool is_stale(struct ec_watch *w)
{
	int64_t asleep = slept_ns();
	bool off = false;

	/* all but one CPU are off meanwhile, and nobody is awake to see it */
	if (asleep - w->asleep > SLEPT_NS)
		w->slept = true;
	w->asleep = asleep;
	w->without = 0;
	for (size_t i = 0; i < w->n; i++)
		w->rings[i].online = false;
	each_cpu(w, mark_cpu);
	for (size_t i = 0; i < w->n; i++)
		off |= !w->rings[i].online;
	return off || w->without || w->slept;
}

int ec_watch_cpus(struct ec_watch *w)
{
	size_t kept = 0;
	int ret, err;

	if (!is_stale(w))
		return 0;
	ret = ec_watch_read(w);
	for (size_t i = 0; i < w->n; i++) {
		if (w->slept || !w->rings[i].online)
			close_ring(w, &w->rings[i]); /* that ends its wait, too */
		else
			w->rings[kept++] = w->rings[i];
	}
	w->n = kept;
	w->slept = false;
	err = each_cpu(w, add_cpu);
	return ret ?: err ?: (int)(w->n - kept);
}
