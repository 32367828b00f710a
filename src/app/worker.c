// SPDX-License-Identifier: GPL-2.0-only
#include "app/worker.h"
#include "app/pipeline.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/loop.h"
#include "capture/drain.h"
#include "host/rights.h"
#include "privsep/msg.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#define QUEUE_BYTES (64u << 20) /* touched as far as it is needed */
#define NICE	    (-10)	/* a drain that waits for a CPU loses data */
#define BATCH	    256		/* records between looks at the socket */
#define TICK_NS	    (50 * 1000000ull)

struct worker {
	const struct ec_options *o;
	struct ec_outputs *outputs;
	const struct ec_counts *counts;
	struct ec_ring *ring;
	struct ec_queue *queue;
	struct ec_drain *drain;
	struct ec_pipeline *pipeline;
	struct ec_recorder *recorder;
	struct ec_loop *loop;
	struct ec_source *tick;
	int sock;
	uint64_t stalls;
	bool who_filters;
	bool ticking;
	bool stopping; /* nothing more comes but what is in ring and queue */
	bool drained;  /* told so */
	bool ended;    /* the attacher has no more to say */
	bool orphan;   /* the attacher is gone */
	bool quiet;    /* the capture never began: no counters on the log */
	bool told_broken, told_enough;
	char *body;
};

static void send_up(struct worker *w, uint32_t type, int err, uint32_t arg,
		    const void *body, uint32_t len)
{
	struct ec_msg m = {.type = type, .err = err, .arg = arg, .len = len};

	if (!w->orphan && ec_msg_send(w->sock, &m, body, -1))
		w->orphan = true;
}

/* The programs' counters as a record, so that a recording holds them too. */
static void note_push(struct worker *w)
{
	struct ec_rec_note n = {
		.h = {.size = sizeof(n), .kind = EC_REC_NOTE, .module = 0xffff},
	};

	n.h.time = ec_clock_mono();
	for (int cpu = 0; cpu < EC_CPUS_MAX; cpu++) {
		const struct ec_counts *c = &w->counts[cpu];

		n.records += c->records;
		n.bytes += c->bytes;
		n.cut += c->cut;
		for (int i = 0; i < EC_LOSS__N; i++) {
			n.lost[i].records += c->lost[i].records;
			n.lost[i].bytes += c->lost[i].bytes;
		}
	}
	/* kernels below 5.1 tell the reader alone, later ones the program too */
	n.lost[EC_LOSS_RING].records =
		EC_MAX(n.lost[EC_LOSS_RING].records, ec_ring_lost(w->ring));
	ec_pipeline_push(w->pipeline, &n, sizeof(n));
}

static void clock_push(struct worker *w)
{
	struct ec_rec_clock c = {
		.h = {.size = sizeof(c), .kind = EC_REC_CLOCK, .module = 0xffff},
	};

	c.h.time = ec_clock_mono();
	c.wall = ec_clock_wall();
	ec_pipeline_push(w->pipeline, &c, sizeof(c));
}

/* What the attacher must know: an output broke, or it is enough. */
static void report(struct worker *w)
{
	int err = ec_pipeline_broken(w->pipeline);
	uint64_t stalls = ec_queue_stalls(w->queue);

	if (err && !w->told_broken) {
		w->told_broken = true;
		send_up(w, EC_MSG_BROKEN, err, 0, NULL, 0);
	}
	if (ec_pipeline_enough(w->pipeline) && !w->told_enough) {
		w->told_enough = true;
		send_up(w, EC_MSG_ENOUGH, 0, 0, NULL, 0);
	}
	if (stalls && !w->stalls)
		ec_warn("incoming chan is full: outputs are slower than the traffic; what "
			"does not fit the kernel's buffer is lost and counted (larger "
			"--mapsize, --pid, --format none and -o FILE help)");
	w->stalls = stalls;
}

static void ticking_set(struct worker *w, bool on)
{
	if (on == w->ticking)
		return;
	w->ticking = on;
	ec_loop_set_timer(w->tick, on ? TICK_NS : 0);
}

/* Records until the queue is empty or a batch is done; true when it is empty. */
static bool work(struct worker *w)
{
	for (int i = 0; i < BATCH; i++) {
		size_t n;
		const void *rec = ec_queue_peek(w->queue, &n);

		if (!rec)
			return true;
		ec_pipeline_push(w->pipeline, rec, n);
		ec_queue_pop(w->queue);
	}
	return false;
}

static void on_queue(void *ctx, uint32_t events)
{
}

static void on_tick(void *ctx, uint32_t events)
{
	struct worker *w = ctx;

	ec_pipeline_tick(w->pipeline, ec_clock_mono());
}

static void on_reopen(struct worker *w, const struct ec_msg *m, int *fd)
{
	struct ec_sink *s;
	struct ec_out *out;

	if (*fd < 0 || m->arg >= w->outputs->n)
		return;
	s = &w->outputs->o[m->arg].sink;
	out = s->out;
	ec_pipeline_idle(w->pipeline);
	close(out->fd);
	out->fd = EC_TAKE_FD(*fd);
	if (s->ops->reopened)
		s->ops->reopened(s);
}

/* One, which must be there; false when no more can come. */
static bool message(struct worker *w)
{
	_ec_close_ int fd = -1;
	struct ec_msg m;
	int err = ec_msg_recv(w->sock, &m, w->body, &fd);

	if (err == -EAGAIN)
		return false;
	if (err) {
		/* killed: probes are gone with it; what is in the ring is still ours */
		w->orphan = w->stopping = w->ended = true;
		ec_drain_finish(w->drain);
		return false;
	}
	switch (m.type) {
	case EC_MSG_RECORD:
		ec_pipeline_push(w->pipeline, w->body, m.len);
		break;
	case EC_MSG_COUNTERS:
		note_push(w);
		ec_pipeline_log(w->pipeline);
		break;
	case EC_MSG_FLUSH:
		ec_pipeline_idle(w->pipeline);
		if (w->recorder)
			ec_recorder_flush(w->recorder);
		break;
	case EC_MSG_REOPEN:
		on_reopen(w, &m, &fd);
		break;
	case EC_MSG_LOG:
		if (fd >= 0)
			ec_log_set_fd(EC_TAKE_FD(fd));
		break;
	case EC_MSG_STOP:
		w->quiet = m.arg;
		w->stopping = true;
		ec_drain_finish(w->drain);
		break;
	case EC_MSG_END:
		w->ended = true;
		break;
	default:
		break;
	}
	return true;
}

static void on_message(void *ctx, uint32_t events)
{
	struct worker *w = ctx;
	struct pollfd p = {.fd = w->sock, .events = POLLIN};

	while (message(w) && poll(&p, 1, 0) > 0)
		;
}

/* Everything is in the pipeline: the end. Returns the exit code. */
static int finish(struct worker *w)
{
	struct ec_account a;
	const char *which = NULL;
	int rc = EC_EXIT_OK, broken, err;

	note_push(w);
	ec_pipeline_finish(w->pipeline);
	if (!w->quiet)
		ec_pipeline_log(w->pipeline);
	ec_pipeline_account(w->pipeline, &a);
	broken = ec_pipeline_broken(w->pipeline);
	err = ec_outputs_close(w->outputs, &which);
	if (err && err != -EPIPE && !broken)
		rc = ec_fail(EC_FAIL_OUTPUT_WRITE, which, strerror(-err));
	err = ec_recorder_free(w->recorder);
	if (err && !broken)
		rc = ec_fail(EC_FAIL_OUTPUT_WRITE, w->o->record, strerror(-err));
	if (broken && broken != -EPIPE)
		rc = EC_EXIT_RUNTIME;
	if (!rc && w->o->strict && (ec_account_lost(&a) || ec_account_lost_records(&a)))
		rc = ec_fail(EC_FAIL_LOST, "--strict", NULL);
	send_up(w, EC_MSG_DONE, 0, rc, &a, sizeof(a));
	return rc;
}

static int run(struct worker *w)
{
	for (;;) {
		bool done = ec_drain_done(w->drain); /* before the look into the queue */
		bool empty;

		/* what the attacher says of a process goes before what that sends later
		 */
		ec_queue_mark(w->queue);
		ec_loop_once(w->loop, 0);
		empty = work(w) && ec_queue_empty(w->queue);
		report(w);
		ticking_set(w, ec_pipeline_waiting(w->pipeline));
		if (!empty)
			continue;
		if (w->stopping && done && !w->drained) {
			w->drained = true;
			send_up(w, EC_MSG_DRAINED, 0, 0, NULL, 0);
		}
		if (w->drained && (w->ended || w->orphan))
			return finish(w);
		ec_pipeline_idle(w->pipeline);
		report(w);
		if (ec_queue_sleep(w->queue))
			ec_loop_once(w->loop, w->stopping ? 1 : 1000);
	}
}

static int setup(struct worker *w)
{
	struct ec_pipeline_opts po = {
		.outputs = w->outputs, .options = w->o, .who_filters = w->who_filters};
	int err = 0;

	w->body = malloc(EC_MSG_BODY_MAX);
	if (!w->body)
		return -ENOMEM;
	if (w->outputs->record_fd >= 0)
		err = ec_recorder_new(w->outputs->record_fd, &w->recorder);
	po.recorder = w->recorder;
	if (!err)
		err = ec_pipeline_new(&po, &w->pipeline);
	if (!err)
		err = ec_queue_new(QUEUE_BYTES, &w->queue);
	if (!err)
		err = ec_loop_new(&w->loop);
	if (!err)
		err = ec_loop_add_fd(w->loop, w->sock, EPOLLIN, on_message, w, NULL);
	if (!err)
		err = ec_loop_add_fd(w->loop, ec_queue_fd(w->queue), EPOLLIN, on_queue, w,
				     NULL);
	if (!err)
		err = ec_loop_add_timer(w->loop, 0, on_tick, w, &w->tick);
	return err;
}

static int worker_main(void *ctx, int sock)
{
	struct worker *w = ctx;
	int err;

	w->sock = sock;
	setpriority(PRIO_PROCESS, 0, NICE); /* without CAP_SYS_NICE it stays as it is */
	tzset();			    /* reads a file: not possible later */
	err = setup(w);
	if (!err)
		err = ec_ring_map(w->ring);
	/* in this order: capabilities are a thread's own, the sandbox is put on all */
	if (!err)
		err = ec_rights_drop();
	if (!err)
		err = ec_drain_start(w->ring, w->queue, &w->drain);
	if (!err)
		err = ec_sandbox_worker();
	if (err && err != -ENOSYS) {
		ec_error("worker: cannot start: %s", strerror(-err));
		return EC_EXIT_RUNTIME;
	}
	clock_push(w);
	send_up(w, EC_MSG_UP, 0, 0, NULL, 0);
	return run(w);
}

int ec_worker_spawn(const struct ec_options *o, struct ec_outputs *outputs,
		    struct ec_session *s, bool who_filters, struct ec_child *out)
{
	struct worker w = {.o = o,
			   .outputs = outputs,
			   .counts = ec_session_counts(s),
			   .who_filters = who_filters};
	int keep[EC_OUTPUTS_MAX + 4 + EC_CPUS_MAX];
	size_t n = ec_outputs_fds(outputs, keep, EC_OUTPUTS_MAX + 3);
	int err = ec_session_ring(s, &w.ring);

	if (err)
		return err;
	n += ec_ring_fds(w.ring, keep + n, EC_ARRAY_SIZE(keep) - n);
	err = ec_child_spawn("ec-worker", worker_main, &w, keep, n, out);
	ec_ring_free(w.ring); /* ours; the child has its own */
	return err;
}
