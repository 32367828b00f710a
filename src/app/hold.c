// SPDX-License-Identifier: GPL-2.0-only
#include "app/hold.h"
#include "base/clock.h"
#include "base/log.h"
#include "host/rights.h"
#include "host/tracee.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define ENTRY_NS   (5 * EC_NSEC) /* of its loader */
#define SETTLE_NS  (5 * EC_NSEC) /* of plans and probes */
#define ANOTHER_NS EC_NSEC	 /* in which a starter execs what it starts */

enum state {
	STARTING, /* runs, on its way to exec */
	LOADING,  /* runs, on its way to its entry point */
	SETTLING, /* stopped there */
	BEGUN,	  /* runs; traced on in case it execs another program */
	LEAVING,  /* runs; left alone at its next stop */
	GONE,	  /* no longer ours */
};

/*
 * Until it has begun it dies with us, or would run unseen and, with the breakpoint in its
 * code, to its death. A child of the loader's constructors inherits the breakpoint.
 */
#define OPTIONS_HELD  (PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK)
#define OPTIONS_BEGUN PTRACE_O_TRACEEXEC

struct ec_hold {
	struct ec_hold_opts o;
	struct ec_source *timer;
	enum state state;
	pid_t pid;
	struct ec_brk brk;
};

static void gone(struct ec_hold *h)
{
	h->state = GONE;
	ec_loop_set_timer(h->timer, 0);
}

/* On from a stop. -ESRCH: it was killed meanwhile, which waitpid() will tell. */
static void go_on(const struct ec_hold *h, int request, int sig)
{
	if (ptrace(request, h->pid, NULL, (void *)(long)sig) && errno != ESRCH)
		ec_debug("command %d: cannot be let on: %s", h->pid, strerror(errno));
}

static void leave(struct ec_hold *h, int sig)
{
	int err = ec_tracee_brk_clear(h->pid, &h->brk);

	if (err && err != -ESRCH)
		ec_warn("command %d: the breakpoint stays: %s", h->pid, strerror(-err));
	go_on(h, PTRACE_DETACH, sig);
	gone(h);
}

/*
 * Programs that become another one at once. Others are not traced on: a debugger, or a
 * program that debugs itself (LeakSanitizer), could not do its work.
 */
static bool starts_another(pid_t pid)
{
	static const char *const names[] = {
		"ash",	   "bash",   "busybox", "chroot",  "chrt",    "coreutils",
		"dash",	   "doas",   "env",	"ionice",  "ksh",     "mksh",
		"nice",	   "nohup",  "nsenter", "numactl", "prlimit", "runuser",
		"setpriv", "setsid", "sh",	"stdbuf",  "su",      "sudo",
		"taskset", "toybox", "unshare", "yash",	   "zsh",
	};
	char link[48], exe[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, exe, sizeof(exe) - 1);
	if (n <= 0)
		return false;
	exe[n] = 0;
	for (size_t i = 0; i < EC_ARRAY_SIZE(names); i++) {
		if (!strcmp(ec_base_name(exe), names[i]))
			return true;
	}
	return false;
}

/* From a stop in which nothing of the program has run. */
static void release(struct ec_hold *h)
{
	if (!starts_another(h->pid) ||
	    ptrace(PTRACE_SETOPTIONS, h->pid, NULL, (void *)OPTIONS_BEGUN)) {
		leave(h, 0);
		return;
	}
	h->state = BEGUN;
	ec_loop_set_timer(h->timer, ANOTHER_NS);
	go_on(h, PTRACE_CONT, 0);
}

static void on_exec(struct ec_hold *h)
{
	uint64_t entry = 0;
	int err = ec_tracee_entry(h->pid, &entry);

	h->brk.set = false; /* it was in the program that is no more */
	if (!err && ptrace(PTRACE_SETOPTIONS, h->pid, NULL, (void *)OPTIONS_HELD))
		err = -errno;
	if (!err)
		err = ec_tracee_brk_set(h->pid, entry, &h->brk);
	if (err) {
		ec_debug("command %d: not held: %s", h->pid,
			 err == -ENOENT ? "it has no loader" : strerror(-err));
		release(h);
		return;
	}
	h->state = LOADING;
	ec_loop_set_timer(h->timer, ENTRY_NS);
	go_on(h, PTRACE_CONT, 0);
}

static void on_entry(struct ec_hold *h)
{
	int err = ec_tracee_brk_clear(h->pid, &h->brk);

	if (err && err != -ESRCH)
		ec_warn("command %d: the breakpoint stays: %s", h->pid, strerror(-err));
	h->state = SETTLING;
	ec_loop_set_timer(h->timer, SETTLE_NS);
	ec_debug("command %d: held at its entry point", h->pid);
	if (!h->o.look(h->o.ctx, h->pid))
		release(h);
}

/* A child of the loader: it stops before its first instruction, so this wait is none. */
static void child_free(const struct ec_hold *h)
{
	struct ec_brk copy = h->brk;
	unsigned long child = 0;
	int st;

	if (!ptrace(PTRACE_GETEVENTMSG, h->pid, NULL, &child) &&
	    waitpid((pid_t)child, &st, __WALL) == (pid_t)child && WIFSTOPPED(st)) {
		ec_tracee_brk_clear((pid_t)child, &copy);
		ptrace(PTRACE_DETACH, (pid_t)child, NULL, NULL);
	}
}

static bool stops(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

static void on_stop(struct ec_hold *h, int st)
{
	int event = (unsigned int)st >> 16;
	int sig = event ? 0 : WSTOPSIG(st);
	bool entry = sig == SIGTRAP && ec_tracee_brk_hit(h->pid, &h->brk);

	if (entry)
		sig = 0;
	if (event == PTRACE_EVENT_FORK)
		child_free(h);
	if (h->state == LEAVING)
		leave(h, sig);
	else if (entry)
		on_entry(h);
	else if (event == PTRACE_EVENT_EXEC)
		on_exec(h);
	else if (event == PTRACE_EVENT_STOP && stops(WSTOPSIG(st)))
		go_on(h, PTRACE_LISTEN, 0); /* stays stopped, until SIGCONT */
	else
		go_on(h, PTRACE_CONT, sig);
}

void ec_hold_poll(struct ec_hold *h)
{
	int st;

	while (h && h->state != GONE) {
		pid_t pid = waitpid(h->pid, &st, WNOHANG | __WALL);

		if (!pid || (pid < 0 && errno == EINTR))
			return;
		if (pid > 0 && WIFSTOPPED(st))
			on_stop(h, st);
		else
			gone(h); /* its parent learns of it now */
	}
}

void ec_hold_settled(struct ec_hold *h)
{
	if (h && h->state == SETTLING)
		release(h);
}

static void on_timer(void *ctx, uint32_t events)
{
	struct ec_hold *h = ctx;

	ec_loop_set_timer(h->timer, 0);
	if (h->state == SETTLING) {
		ec_warn("command %d: it begins before all that it maps is probed",
			h->pid);
		release(h);
		return;
	}
	if (h->state == LOADING)
		ec_debug("command %d: its entry point is not reached", h->pid);
	/* killed or a zombie: waitpid() tells */
	if (h->state != GONE && !ptrace(PTRACE_INTERRUPT, h->pid, NULL, NULL))
		h->state = LEAVING;
}

int ec_hold_new(const struct ec_hold_opts *o, pid_t pid, struct ec_hold **out)
{
	struct ec_rights rights;
	struct ec_hold *h;
	int err;

	/* a setuid program would run without its rights, capabilities(7) */
	ec_rights_get(&rights);
	if (!rights.ptrace)
		return -EPERM;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->o = *o;
	h->pid = pid;
	err = ec_loop_add_timer(o->loop, 0, on_timer, h, &h->timer);
	if (!err && ptrace(PTRACE_SEIZE, pid, NULL, (void *)OPTIONS_HELD))
		err = -errno;
	if (err) {
		ec_loop_del(h->timer);
		free(h);
		return err;
	}
	*out = h;
	return 0;
}

bool ec_hold_pending(const struct ec_hold *h)
{
	return h && h->state <= SETTLING;
}

void ec_hold_free(struct ec_hold *h)
{
	int st;

	if (!h)
		return;
	if (ec_hold_pending(h)) {
		kill(h->pid, SIGKILL);
		/* a stop may come first; its parent learns of the end from ours on */
		while (waitpid(h->pid, &st, __WALL) > 0 ? WIFSTOPPED(st) : errno == EINTR)
			;
	}
	ec_loop_del(h->timer);
	free(h);
}
