// SPDX-License-Identifier: GPL-2.0-only
#include "app/attacher.h"
#include "app/asks.h"
#include "app/follow.h"
#include "app/hint.h"
#include "app/launch.h"
#include "app/prepare.h"
#include "app/targets.h"
#include "app/worker.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"
#include "host/proc.h"
#include "privsep/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define LOOKUP_KEEP_NS (2 * EC_NSEC) /* the look-up stays on so long after an ask */
#define LATE_NS \
	(60 * EC_NSEC)	  /* connections older than us have so long to say something */
#define COMMAND_WAIT   50 /* times 10 ms */
#define WATCH_NS       (EC_NSEC / 4)
#define WORKER_WAIT_MS 30000
#define NICE	       (-10)

struct attacher {
	const struct ec_options *o;
	struct ec_loop *loop;
	struct ec_session *session;
	struct ec_targets *targets;
	struct ec_finder *finder;
	struct ec_asks asks;
	struct ec_outputs outputs;
	struct ec_child worker;
	struct ec_source *worker_source;
	struct ec_launch launch;
	struct ec_hint *hint;
	uint64_t started, asked;
	unsigned int pids_left, ticks;
	bool pids_poll; /* the end of some is not told by a descriptor */
	bool ready, waiting_said;
	bool stopping;	  /* we are to end */
	bool worker_done; /* it said so, or it is gone */
	int worker_rc;
	int rc; /* of our own failures */
	int command_rc;
	int signals; /* of SIGINT and SIGTERM */
	char *body;
};

static void stop(struct attacher *a)
{
	a->stopping = true;
	ec_loop_stop(a->loop);
}

static void worker_send(struct attacher *a, uint32_t type, uint32_t arg, const void *body,
			uint32_t len, int fd)
{
	struct ec_msg m = {.type = type, .arg = arg, .len = len};

	if (a->worker.sock >= 0 && !a->worker_done)
		ec_msg_send(a->worker.sock, &m, body, fd);
}

static void on_record(void *ctx, const void *rec, uint32_t n)
{
	worker_send(ctx, EC_MSG_RECORD, 0, rec, n, -1);
}

static void on_target(void *ctx, const struct ec_rec_target *t)
{
	struct attacher *a = ctx;

	on_record(a, t, sizeof(*t));
}

static void ready_say(struct attacher *a)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "ready: %u targets, %u probes, %u ms",
			 ec_targets_count(a->targets), ec_targets_probes(a->targets),
			 (unsigned int)((ec_clock_mono() - a->started) / 1000000));

	a->ready = true;
	ec_info("%s", line);
	if (a->o->ready_fd == EC_UNSET)
		return;
	line[n++] = '\n';
	if (write(a->o->ready_fd, line, n) != n)
		ec_warn("--ready-fd %d: %s", (int)a->o->ready_fd, strerror(errno));
	if (a->o->ready_fd > 2)
		close(a->o->ready_fd);
}

static bool command_look(void *ctx, pid_t pid)
{
	struct attacher *a = ctx;

	ec_targets_look(a->targets, pid);
	return ec_targets_busy(a->targets);
}

static void lookup_on(struct attacher *a)
{
	int err;

	a->asked = ec_clock_mono();
	if (ec_session_lookup_on(a->session))
		return;
	err = ec_session_lookup(a->session, true);
	ec_debug("address look-up: %s after %llu us", err ? strerror(-err) : "on",
		 (unsigned long long)(ec_clock_mono() - a->asked) / 1000);
}

/* Nothing is on its way any more: ready, waiting, or the end. */
static void on_settled(void *ctx)
{
	struct attacher *a = ctx;
	struct ec_hold_opts hold = {.loop = a->loop, .look = command_look, .ctx = a};
	int failed = ec_targets_failed(a->targets);

	if (failed) {
		a->rc = failed;
		stop(a);
		return;
	}
	if (ec_targets_count(a->targets)) {
		if (!a->ready) {
			/* the first connection may come at once; it was turned on for
			 * those that come before, and finding can take long */
			lookup_on(a);
			ready_say(a);
		}
	} else if (!a->waiting_said) {
		a->waiting_said = true;
		ec_warn("%s: %s; waiting for a program that loads it", a->o->module->name,
			ec_failures[EC_FAIL_TARGET_NONE].what);
	}
	ec_session_started(a->session, LATE_NS);
	ec_hint_settled(a->hint);
	if (a->o->command)
		ec_launch_settled(&a->launch, a->o->file ? NULL : &hold);
}

static void on_worker(void *ctx, uint32_t events)
{
	struct attacher *a = ctx;
	struct ec_msg m;
	int fd = -1;
	int err = ec_msg_recv(a->worker.sock, &m, a->body, &fd);

	if (err == -EAGAIN)
		return;
	if (fd >= 0)
		close(fd);
	if (err) {
		if (!a->worker_done)
			a->rc = ec_fail(EC_FAIL_INTERNAL, "worker", "it ended early");
		a->worker_done = true;
		stop(a);
		return;
	}
	switch (m.type) {
	case EC_MSG_ENOUGH:
		stop(a);
		break;
	case EC_MSG_BROKEN:
		if (m.err != -EPIPE)
			a->rc = EC_EXIT_RUNTIME;
		stop(a);
		break;
	case EC_MSG_DRAINED:
		if (!a->stopping)
			break;
		ec_asks_end(&a->asks);
		ec_session_counts_sync(a->session);
		worker_send(a, EC_MSG_END, 0, NULL, 0, -1);
		break;
	case EC_MSG_DONE:
		a->worker_done = true;
		a->worker_rc = m.arg;
		ec_loop_stop(a->loop);
		break;
	default:
		break;
	}
}

/* Log and event files again, after a rotation. */
static void reopen(struct attacher *a)
{
	if (a->o->logaddr) {
		int fd = ec_outputs_open_append(a->o->logaddr);

		if (fd < 0) {
			ec_warn("%s: %s", a->o->logaddr, strerror(-fd));
		} else {
			worker_send(a, EC_MSG_LOG, 0, NULL, 0, fd);
			dup3(fd, ec_log_fd(), O_CLOEXEC);
			close(fd);
		}
	}
	for (size_t i = 0; i < a->outputs.n; i++) {
		const struct ec_output *p = &a->outputs.o[i];
		_ec_close_ int fd = -1;

		if (p->append && !ec_outputs_reopen(p, &fd))
			worker_send(a, EC_MSG_REOPEN, i, NULL, 0, fd);
	}
}

/* A dropped login leaves nothing running; a service rotates its files. */
static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return errno == EIO; /* it had one, which has gone */
	close(fd);
	return true;
}

static void children_reap(struct attacher *a)
{
	if (ec_launch_reap(&a->launch, &a->command_rc))
		stop(a);
	/* planner and worker are noticed by their sockets */
}

static void on_signal(void *ctx, uint32_t sig)
{
	struct attacher *a = ctx;

	switch (sig) {
	case SIGHUP:
		if (!has_terminal()) {
			reopen(a);
			break;
		}
		/* fall through */
	case SIGINT:
	case SIGTERM:
		a->signals++;
		/* a second one does not wait for a slow output */
		if (a->stopping && a->signals > 1) {
			ec_warn("ended at once: what had not been written is gone");
			ec_child_end(&a->worker, 1);
			_exit(EC_EXIT_RUNTIME);
		}
		stop(a);
		break;
	case SIGUSR1:
		ec_session_counts_sync(a->session);
		worker_send(a, EC_MSG_COUNTERS, 0, NULL, 0, -1);
		break;
	case SIGUSR2:
		worker_send(a, EC_MSG_FLUSH, 0, NULL, 0, -1);
		break;
	case SIGCHLD:
		children_reap(a);
		break;
	}
}

static void on_ask(void *ctx, uint32_t events)
{
	struct attacher *a = ctx;

	if (ec_asks_take(&a->asks))
		lookup_on(a);
	ec_asks_rest(&a->asks);
}

static void on_pid_end(void *ctx, uint32_t events);

/* Things that nobody tells us. */
static void on_watch(void *ctx, uint32_t events)
{
	struct attacher *a = ctx;

	if (ec_session_lookup_on(a->session) &&
	    ec_clock_mono() - a->asked > LOOKUP_KEEP_NS) {
		ec_session_lookup(a->session, false);
		ec_debug("address look-up: off");
	}
	if (a->pids_poll)
		on_pid_end(a, 0);
	ec_session_counts_sync(a->session);
	ec_targets_tick(a->targets, ec_clock_mono());
	ec_finder_tick(a->finder, a->session);
	if (a->o->follow && a->o->pids.n && (a->ticks++ < 2 || !a->pids_left) &&
	    !ec_follow_left(a->session)) {
		ec_info("all named processes and their descendants have ended");
		stop(a);
	}
}

static void on_duration(void *ctx, uint32_t events)
{
	stop(ctx);
}

static void on_pid_end(void *ctx, uint32_t events)
{
	struct attacher *a = ctx;

	a->pids_left = 0;
	for (size_t i = 0; i < a->o->pids.n; i++)
		a->pids_left += ec_proc_exists(a->o->pids.v[i]);
	if (a->pids_left || a->o->follow)
		return;
	ec_info("all named processes have ended");
	stop(a);
}

struct pid_watch {
	struct attacher *a;
	struct ec_source *source;
	int fd;
};

static void on_pidfd(void *ctx, uint32_t events)
{
	struct pid_watch *w = ctx;
	struct attacher *a = w->a;

	/* a zombie stays readable: once is enough */
	ec_loop_del(w->source);
	close(w->fd);
	free(w);
	on_pid_end(a, 0);
}

static int pids_watch(struct attacher *a)
{
	a->pids_left = a->o->pids.n;
	for (size_t i = 0; i < a->o->pids.n; i++) {
		struct pid_watch *w = calloc(1, sizeof(*w));

		if (!w)
			return -ENOMEM;
		w->a = a;
		w->fd = syscall(SYS_pidfd_open, (pid_t)a->o->pids.v[i], 0);
		if (w->fd >= 0 &&
		    !ec_loop_add_fd(a->loop, w->fd, EPOLLIN, on_pidfd, w, &w->source))
			continue;
		/* ended meanwhile, or a kernel before 5.3: looked for now and then */
		a->pids_poll = true;
		if (w->fd >= 0)
			close(w->fd);
		free(w);
	}
	return 0;
}

static int loop_setup(struct attacher *a)
{
	static const int signals[] = {SIGINT,  SIGTERM, SIGHUP, SIGUSR1,
				      SIGUSR2, SIGCHLD, 0};
	int err = ec_loop_new(&a->loop);

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* ignored by who started us: no child's end is told */
	if (!err)
		err = ec_loop_add_signals(a->loop, signals, on_signal, a, NULL);
	return err;
}

static int watches_setup(struct attacher *a)
{
	int err = ec_loop_add_fd(a->loop, a->worker.sock, EPOLLIN, on_worker, a,
				 &a->worker_source);

	if (!err)
		err = ec_loop_add_fd(a->loop, ec_session_asks_fd(a->session), EPOLLIN,
				     on_ask, a, NULL);
	if (!err)
		err = ec_loop_add_timer(a->loop, WATCH_NS, on_watch, a, NULL);
	if (!err && a->o->duration)
		err = ec_loop_add_timer(a->loop, a->o->duration, on_duration, a, NULL);
	if (!err)
		err = pids_watch(a);
	return err;
}

static void step(const struct attacher *a, const char *what)
{
	ec_debug("%s: done after %u ms", what,
		 (unsigned int)((ec_clock_mono() - a->started) / 1000000));
}

/* Perf buffers take nothing before the worker has mapped them. 0 or -errno */
static int worker_wait(struct attacher *a)
{
	struct pollfd p = {.fd = a->worker.sock, .events = POLLIN};
	struct ec_msg m = {0};
	int fd = -1, err;

	do {
		if (poll(&p, 1, WORKER_WAIT_MS) == 0)
			return -ETIMEDOUT;
		err = ec_msg_recv(a->worker.sock, &m, a->body, &fd);
	} while (err == -EAGAIN || err == -EINTR);
	if (fd >= 0)
		close(fd);
	return err ? err : m.type == EC_MSG_UP ? 0 : -EPROTO;
}

/* Up to the point where everything is found; on_settled() goes on. 0 or an exit code */
static int start(struct attacher *a)
{
	struct ec_targets_opts to = {
		.options = a->o, .record = on_target, .settled = on_settled, .ctx = a};
	struct ec_features features;
	int rc = ec_outputs_open(&a->outputs, a->o);
	int err;

	if (rc)
		return rc;
	err = loop_setup(a);
	to.loop = a->loop;
	if (!err)
		err = ec_targets_new(&to, &a->targets);
	if (!err)
		err = ec_hint_new(a->o, a->targets, a->loop, &a->hint);
	if (err)
		return ec_fail(EC_FAIL_INTERNAL, "start", strerror(-err));
	rc = ec_prepare_host(a->o, &features);
	if (!rc)
		rc = ec_finder_new(a->o, &a->finder);
	if (rc)
		return rc;
	step(a, "host");
	/* before the session: it inherits nothing and comes up meanwhile */
	err = ec_targets_planner(a->targets);
	if (err)
		return ec_fail(EC_FAIL_INTERNAL, "planner", strerror(-err));
	rc = ec_prepare_session(a->o, &features, a->finder, &a->session);
	if (rc)
		return rc;
	step(a, "BPF objects");
	ec_targets_session(a->targets, a->session);
	a->asks = (struct ec_asks){.session = a->session,
				   .targets = a->targets,
				   .finder = a->finder,
				   .record = on_record,
				   .ctx = a};
	err = ec_worker_spawn(a->o, &a->outputs, a->session,
			      ec_finder_filters(a->finder) & EC_FILTER_WHO, &a->worker);
	if (!err)
		err = worker_wait(a);
	if (!err)
		err = watches_setup(a);
	if (err)
		return ec_fail(EC_FAIL_INTERNAL, "worker", strerror(-err));
	step(a, "worker");
	if (a->o->command) {
		err = ec_launch_new(a->o->command, &a->launch);
		if (!err)
			err = ec_session_pid_add(a->session, a->launch.command);
		if (err)
			return ec_fail(EC_FAIL_COMMAND_RUN, a->o->command[0],
				       strerror(-err));
	}
	/* not for the command: look-ups must be on before a handshake is over */
	setpriority(PRIO_PROCESS, 0, NICE);
	ec_follow_begin(a->o, a->session);
	ec_finder_say_waiting(a->finder);
	/* on from the start: what is found first is probed first */
	a->asked = ec_clock_mono();
	ec_session_lookup(a->session, true);
	step(a, "look-up");
	rc = ec_targets_find(a->targets);
	step(a, "search");
	if (!rc && !ec_targets_busy(a->targets))
		on_settled(a);
	return rc ? rc : a->rc; /* a plan from the cache is refused in here */
}

/*
 * No more records, then the drain, then where every connection stands, then the last
 * words. Probes are taken away after the last byte is out: that takes time.
 */
static void end_capture(struct attacher *a)
{
	a->stopping = true;
	if (a->session)
		ec_session_stop(a->session);
	if (a->worker.pid <= 0)
		return;
	worker_send(a, EC_MSG_STOP, !a->ready && !a->waiting_said, NULL, 0, -1);
	while (!a->worker_done)
		ec_loop_run(a->loop);
	if (a->worker_source)
		ec_loop_del(a->worker_source);
	ec_child_end(&a->worker, 0);
}

/*
 * Ctrl-C at a terminal goes to the command too: when that ends by it, its status is ours.
 * One that lives on is left alone.
 */
static void command_wait(struct attacher *a)
{
	struct timespec nap = {0, 10000000};

	for (int i = 0; a->signals && a->launch.reaper > 0 && i < COMMAND_WAIT; i++) {
		children_reap(a);
		if (a->launch.reaper > 0)
			nanosleep(&nap, NULL);
	}
}

int ec_attacher_run(const struct ec_options *o)
{
	struct attacher a = {.o = o, .started = ec_clock_mono()};
	int rc;

	a.worker.sock = -1;
	ec_launch_init(&a.launch);
	a.outputs.record_fd = a.outputs.log_fd = -1;
	a.body = malloc(EC_MSG_BODY_MAX);
	if (!a.body)
		return EC_EXIT_RUNTIME;
	a.rc = start(&a);
	if (!a.rc && !a.stopping)
		ec_loop_run(a.loop);
	ec_launch_cancel(&a.launch);
	end_capture(&a);
	command_wait(&a);
	ec_launch_free(&a.launch);
	ec_hint_free(a.hint);
	if (a.targets)
		ec_targets_free(a.targets);
	ec_session_free(a.session);
	ec_finder_free(a.finder);
	ec_loop_free(a.loop);
	free(a.body);
	rc = a.rc ? a.rc : a.worker_rc;
	return a.command_rc ? a.command_rc : rc;
}
