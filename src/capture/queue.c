// SPDX-License-Identifier: GPL-2.0-only
#include "capture/queue.h"
#include "base/util.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

/* An empty queue past this begins anew at its start: what is used stays in the caches,
 * and memory is touched only as far as a backlog needs it. */
#define RESTART (4u << 20)
#define WRAP	UINT32_MAX /* instead of a length: the next record is at the start */

struct ec_queue {
	uint8_t *mem;
	size_t size;
	int fd;
	uint64_t mark;				/* the reader's: not past it */
	_Alignas(64) atomic_uint_fast64_t head; /* written up to; the writer's */
	_Alignas(64) atomic_uint_fast64_t tail; /* read up to; the reader's */
	_Alignas(64) atomic_bool sleeps;
	atomic_uint_fast64_t stalls;
};

int ec_queue_new(size_t bytes, struct ec_queue **out)
{
	struct ec_queue *q;

	if (posix_memalign((void **)&q, 64, sizeof(*q)))
		return -ENOMEM;
	memset(q, 0, sizeof(*q));
	q->size = bytes & ~(size_t)7;
	q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* touched only as far as it is used */
	q->mem = mmap(NULL, q->size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (q->fd < 0 || q->mem == MAP_FAILED) {
		int err = -errno;

		if (q->fd >= 0)
			close(q->fd);
		free(q);
		return err;
	}
	*out = q;
	return 0;
}

void ec_queue_free(struct ec_queue *q)
{
	if (!q)
		return;
	munmap(q->mem, q->size);
	close(q->fd);
	free(q);
}

static void room_wait(struct ec_queue *q, uint64_t head, size_t need)
{
	struct timespec nap = {0, 200000};
	bool waited = false;

	while (head + need - atomic_load_explicit(&q->tail, memory_order_acquire) >
	       q->size) {
		if (!waited)
			atomic_fetch_add(&q->stalls, 1);
		waited = true;
		ec_queue_kick(q);
		nanosleep(&nap, NULL);
	}
}

void ec_queue_put(struct ec_queue *q, const void *rec, size_t n)
{
	uint64_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
	size_t need = 8 + ((n + 7) & ~(size_t)7);
	size_t at = head % q->size;
	uint32_t len = n;

	if (at + need > q->size ||
	    (at >= RESTART &&
	     head == atomic_load_explicit(&q->tail, memory_order_acquire))) {
		uint32_t wrap = WRAP;

		room_wait(q, head, q->size - at);
		memcpy(q->mem + at, &wrap, sizeof(wrap));
		head += q->size - at;
		atomic_store_explicit(&q->head, head, memory_order_release);
		at = 0;
	}
	room_wait(q, head, need);
	memcpy(q->mem + at, &len, sizeof(len));
	memcpy(q->mem + at + 8, rec, n);
	atomic_store_explicit(&q->head, head + need, memory_order_release);
}

void ec_queue_kick(struct ec_queue *q)
{
	uint64_t one = 1;

	if (atomic_exchange(&q->sleeps, false) && write(q->fd, &one, sizeof(one)) < 0)
		return; /* full counter: it is readable already */
}

void ec_queue_mark(struct ec_queue *q)
{
	q->mark = atomic_load_explicit(&q->head, memory_order_acquire);
}

bool ec_queue_empty(const struct ec_queue *q)
{
	return atomic_load(&((struct ec_queue *)q)->head) ==
	       atomic_load(&((struct ec_queue *)q)->tail);
}

const void *ec_queue_peek(struct ec_queue *q, size_t *n)
{
	uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
	uint32_t len;

	if (tail == q->mark)
		return NULL;
	memcpy(&len, q->mem + tail % q->size, sizeof(len));
	if (len == WRAP) {
		tail += q->size - tail % q->size;
		atomic_store_explicit(&q->tail, tail, memory_order_release);
		return ec_queue_peek(q, n);
	}
	*n = len;
	return q->mem + tail % q->size + 8;
}

void ec_queue_pop(struct ec_queue *q)
{
	uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
	uint32_t len;

	memcpy(&len, q->mem + tail % q->size, sizeof(len));
	tail += 8 + ((len + 7ull) & ~7ull);
	atomic_store_explicit(&q->tail, tail, memory_order_release);
}

int ec_queue_fd(const struct ec_queue *q)
{
	return q->fd;
}

bool ec_queue_sleep(struct ec_queue *q)
{
	uint64_t drop;

	if (read(q->fd, &drop, sizeof(drop)) < 0)
		drop = 0; /* nothing was there */
	atomic_store(&q->sleeps, true);
	if (atomic_load(&q->tail) == atomic_load(&q->head))
		return true;
	atomic_store(&q->sleeps, false);
	return false;
}

uint64_t ec_queue_stalls(const struct ec_queue *q)
{
	return atomic_load(&((struct ec_queue *)q)->stalls);
}
