// SPDX-License-Identifier: GPL-2.0-only
#include "app/targets.h"
#include "app/planner.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"
#include "privsep/msg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define IN_FLIGHT 8
#define FILES_MAX 8192 /* waiting at a time */

struct file {
	struct file *next;
	uint32_t id;
	int fd;
	unsigned int module;
	uint64_t dev, ino;
	uint64_t asked; /* ns; 0: not yet */
	bool named;
	char path[256];
};

struct ec_targets {
	struct ec_targets_opts o;
	struct ec_child planner;
	struct ec_source *planner_source, *watchdog;
	struct ec_scan *scan;
	struct ec_watch *watch;
	struct file *first, **last;
	unsigned int waiting, flying;
	uint32_t next_id;
	unsigned int count, probes, deaths;
	int failed;
	pid_t pids[EC_OPT_LIST_MAX];
	size_t npids;
	char *body;
};

static void planner_lost(struct ec_targets *t, const char *why);
static void pump(struct ec_targets *t);

static void file_free(struct file *f)
{
	close(f->fd);
	free(f);
}

static struct file *file_take(struct ec_targets *t, uint32_t id)
{
	for (struct file **p = &t->first; *p; p = &(*p)->next) {
		struct file *f = *p;

		if (f->id != id || !f->asked)
			continue;
		*p = f->next;
		if (!f->next)
			t->last = p;
		t->waiting--;
		t->flying--;
		return f;
	}
	return NULL;
}

static void tell(struct ec_targets *t, const struct file *f, uint32_t id,
		 enum ec_target_state state, const struct ec_plan *plan, const char *why)
{
	struct ec_rec_target r = {
		.h = {.size = sizeof(r), .kind = EC_REC_TARGET, .module = f->module},
		.dev = f->dev,
		.ino = f->ino,
		.state = state,
	};

	r.h.time = ec_clock_mono();
	r.h.target = id;
	if (plan) {
		r.points = plan->npoints;
		memcpy(r.library, plan->library, sizeof(r.library) - 1);
		memcpy(r.version, plan->version, sizeof(r.version) - 1);
		memcpy(r.how, plan->how, sizeof(r.how) - 1);
	}
	snprintf(r.why, sizeof(r.why), "%s", why ? why : "");
	snprintf(r.path, sizeof(r.path), "%s", f->path);
	t->o.record(t->o.ctx, &r);
}

static enum ec_fail_id fail_of(int err)
{
	switch (err) {
	case -ENOEXEC:
		return EC_FAIL_TARGET_NOT_ELF;
	case -EBADMSG:
		return EC_FAIL_TARGET_DAMAGED;
	case -ENOTSUP:
		return EC_FAIL_TARGET_ARCH;
	case -EISDIR:
		return EC_FAIL_TARGET_DIR;
	case -ENOENT:
		return EC_FAIL_TARGET_UNKNOWN;
	default:
		return EC_FAIL_TARGET_UNKNOWN;
	}
}

static void refuse(struct ec_targets *t, const struct file *f, int err,
		   const struct ec_plan *plan)
{
	const char *why = plan && plan->why[0] ? plan->why : NULL;

	if (!why && err != -ENOEXEC && err != -EBADMSG && err != -ENOTSUP &&
	    err != -ENOENT)
		why = strerror(-err);
	if (f->named) {
		t->failed = ec_fail(fail_of(err), f->path, why);
	} else {
		ec_debug("%s: not probed: %s", f->path,
			 why ? why : ec_failures[fail_of(err)].what);
	}
	tell(t, f, 0, EC_TARGET_REFUSED, plan,
	     why ? why : ec_failures[fail_of(err)].what);
}

static void attach(struct ec_targets *t, const struct file *f, const struct ec_plan *plan)
{
	bool bind = t->npids && !t->o.options->follow && !t->o.options->command;
	unsigned int probes = 0;
	uint32_t id = 0;
	int err = ec_session_attach(t->o.session, f->fd, f->module, plan, t->pids,
				    bind ? t->npids : 0, &id, &probes);

	if (err) {
		/* a bound process that ended between is no fault of the file */
		int rc = err == -ESRCH ? 0
				       : ec_fail(EC_FAIL_ATTACH, f->path, strerror(-err));

		if (f->named)
			t->failed = rc;
		tell(t, f, 0, EC_TARGET_REFUSED, plan, strerror(-err));
		return;
	}
	t->count++;
	t->probes += probes;
	ec_debug("%s: %s %s, %u probes (%s)", f->path, plan->library, plan->version,
		 probes, plan->how);
	tell(t, f, id, EC_TARGET_PROBED, plan, NULL);
}

static void on_planned(struct ec_targets *t, const struct ec_msg *m)
{
	struct file *f = file_take(t, m->id);
	static struct ec_plan plan;
	unsigned int nprogs = 0;
	int err = m->err;

	if (!f) {
		planner_lost(t, "it answered what was not asked");
		return;
	}
	while (ec_modules[f->module].module->progs[nprogs])
		nprogs++;
	memset(&plan, 0, sizeof(plan));
	if (m->len == sizeof(plan))
		memcpy(&plan, t->body, sizeof(plan));
	if (m->len != sizeof(plan) || ec_plan_check(&plan, nprogs))
		err = -EBADMSG;
	if (!err && !plan.npoints)
		err = -ENOENT;
	if (err)
		refuse(t, f, err, &plan);
	else
		attach(t, f, &plan);
	file_free(f);
}

static void on_planner(void *ctx, uint32_t events)
{
	struct ec_targets *t = ctx;
	struct ec_msg m;
	int fd = -1;
	int err = ec_msg_recv(t->planner.sock, &m, t->body, &fd);

	if (err == -EAGAIN)
		return;
	if (fd >= 0)
		close(fd); /* it has none to give */
	if (err) {
		planner_lost(t, "it ended");
		return;
	}
	if (m.type == EC_MSG_PLANNED)
		on_planned(t, &m);
	pump(t);
	if (!t->waiting)
		t->o.settled(t->o.ctx);
}

static void on_watchdog(void *ctx, uint32_t events)
{
	struct ec_targets *t = ctx;
	uint64_t now = ec_clock_mono();

	for (struct file *f = t->first; f; f = f->next) {
		if (f->asked && now - f->asked > IN_FLIGHT * EC_PLANNER_TIME * EC_NSEC) {
			planner_lost(t, "it took too long");
			return;
		}
	}
}

int ec_targets_planner(struct ec_targets *t)
{
	int err = ec_planner_spawn(&t->planner);

	if (!err)
		err = ec_loop_add_fd(t->o.loop, t->planner.sock, EPOLLIN, on_planner, t,
				     &t->planner_source);
	return err;
}

/* Costs the file it was at: the oldest one asked for. The others are asked again. */
static void planner_lost(struct ec_targets *t, const char *why)
{
	struct file *victim = NULL;

	t->deaths++;
	ec_loop_del(t->planner_source);
	t->planner_source = NULL;
	ec_child_end(&t->planner, 1);
	for (struct file *f = t->first; f; f = f->next) {
		if (!f->asked)
			continue;
		if (!victim)
			victim = f;
	}
	if (victim) {
		ec_warn("planner lost: %s; %s is not probed; started again (%u)", why,
			victim->path, t->deaths);
		victim = file_take(t, victim->id);
		refuse(t, victim, -EBADMSG, NULL);
		file_free(victim);
	} else {
		ec_warn("planner lost: %s; started again (%u)", why, t->deaths);
	}
	for (struct file *f = t->first; f; f = f->next)
		f->asked = 0;
	t->flying = 0;
	if (ec_targets_planner(t)) {
		ec_fail(EC_FAIL_INTERNAL, "planner", "it cannot be started again");
		return;
	}
	pump(t);
	if (!t->waiting)
		t->o.settled(t->o.ctx);
}

static void pump(struct ec_targets *t)
{
	for (struct file *f = t->first; f && t->flying < IN_FLIGHT; f = f->next) {
		struct ec_msg m = {.type = EC_MSG_PLAN, .id = f->id, .arg = f->module};

		if (f->asked)
			continue;
		if (t->planner.sock < 0 || ec_msg_send(t->planner.sock, &m, NULL, f->fd))
			return; /* its end is noticed by on_planner() */
		f->asked = ec_clock_mono();
		t->flying++;
	}
}

static int file_add(struct ec_targets *t, int fd, unsigned int module, const char *path,
		    uint64_t dev, uint64_t ino, bool named)
{
	struct file *f;
	size_t n = strlen(path);

	if (t->waiting >= FILES_MAX) {
		ec_warn("%s: not probed: too many files are waiting for the planner",
			path);
		close(fd);
		return 0;
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	f->id = ++t->next_id;
	f->fd = fd;
	f->module = module;
	f->dev = dev;
	f->ino = ino;
	f->named = named;
	snprintf(f->path, sizeof(f->path), "%s",
		 n < sizeof(f->path) ? path : path + n - sizeof(f->path) + 1);
	*t->last = f;
	t->last = &f->next;
	t->waiting++;
	pump(t);
	return 0;
}

static int on_candidate(void *ctx, struct ec_candidate *c)
{
	struct ec_targets *t = ctx;

	if (c->module != t->o.options->module)
		return 0;
	return file_add(t, EC_TAKE_FD(c->fd), c->module_index, c->path, c->dev, c->ino,
			false);
}

static void on_watch(void *ctx, uint32_t events)
{
	struct ec_targets *t = ctx;

	ec_watch_read(t->watch);
}

/* --libssl PATH. 0 or an exit code */
static int add_named(struct ec_targets *t, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return ec_fail(EC_FAIL_TARGET_MISSING, path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		bool dir = S_ISDIR(st.st_mode);

		close(fd);
		return ec_fail(dir ? EC_FAIL_TARGET_DIR : EC_FAIL_TARGET_NOT_ELF, path,
			       NULL);
	}
	ec_scan_add(t->scan, st.st_dev, st.st_ino);
	if (file_add(t, fd, t->o.options->module_index, path, st.st_dev, st.st_ino, true))
		return EC_EXIT_RUNTIME;
	return 0;
}

/* The command's own file may hold the library (static programs). */
static void add_command(struct ec_targets *t)
{
	const char *name = t->o.options->command[0];
	_ec_free_ char *dirs = NULL;
	char path[4096], *save = NULL;
	const char *env = getenv("PATH");
	struct stat st;
	int fd = -1;

	if (strchr(name, '/')) {
		fd = open(name, O_RDONLY | O_CLOEXEC);
		snprintf(path, sizeof(path), "%s", name);
	} else {
		dirs = strdup(env ? env : "/usr/local/bin:/usr/bin:/bin");
		for (char *d = dirs ? strtok_r(dirs, ":", &save) : NULL; d && fd < 0;
		     d = strtok_r(NULL, ":", &save)) {
			snprintf(path, sizeof(path), "%s/%s", d, name);
			fd = open(path, O_RDONLY | O_CLOEXEC);
		}
	}
	if (fd < 0)
		return;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return;
	}
	ec_scan_add(t->scan, st.st_dev, st.st_ino);
	file_add(t, fd, t->o.options->module_index, path, st.st_dev, st.st_ino, false);
}

static void watch_start(struct ec_targets *t)
{
	int fds[1024];
	int n, err = ec_watch_new(t->scan, on_candidate, t, &t->watch);

	if (err) {
		ec_warn("libraries that are loaded later are not noticed: %s",
			strerror(-err));
		return;
	}
	n = ec_watch_fds(t->watch, fds, EC_ARRAY_SIZE(fds));
	for (int i = 0; i < n; i++)
		ec_loop_add_fd(t->o.loop, fds[i], EPOLLIN, on_watch, t, NULL);
}

int ec_targets_find(struct ec_targets *t)
{
	const struct ec_options *o = t->o.options;
	int err;

	for (size_t i = 0; i < o->pids.n; i++)
		t->pids[t->npids++] = o->pids.v[i];
	if (o->file)
		return add_named(t, o->file);
	/* watched first, then scanned: nothing falls between */
	watch_start(t);
	if (o->command)
		add_command(t);
	err = ec_scan_processes(t->scan, NULL, 0, on_candidate, t);
	if (!err)
		err = ec_scan_search_path(t->scan, on_candidate, t);
	if (err < 0)
		return ec_fail(EC_FAIL_TARGET_NONE, o->module->name, strerror(-err));
	if (ec_scan_denied(t->scan))
		ec_info("%u processes may not be looked at (CAP_SYS_PTRACE, or the "
			"system's policy)",
			ec_scan_denied(t->scan));
	return 0;
}

int ec_targets_new(const struct ec_targets_opts *o, struct ec_targets **out)
{
	struct ec_targets *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->o = *o;
	t->last = &t->first;
	t->planner.sock = -1;
	t->body = malloc(EC_MSG_BODY_MAX);
	err = t->body ? ec_scan_new(&t->scan) : -ENOMEM;
	if (!err)
		err = ec_loop_add_timer(o->loop, EC_NSEC, on_watchdog, t, &t->watchdog);
	if (err) {
		ec_targets_free(t);
		return err;
	}
	*out = t;
	return 0;
}

void ec_targets_session(struct ec_targets *t, struct ec_session *s)
{
	t->o.session = s;
}

bool ec_targets_busy(const struct ec_targets *t)
{
	return t->waiting;
}

unsigned int ec_targets_count(const struct ec_targets *t)
{
	return t->count;
}

unsigned int ec_targets_probes(const struct ec_targets *t)
{
	return t->probes;
}

int ec_targets_failed(const struct ec_targets *t)
{
	return t->failed;
}

unsigned int ec_targets_planner_deaths(const struct ec_targets *t)
{
	return t->deaths;
}

pid_t ec_targets_planner_pid(const struct ec_targets *t)
{
	return t->planner.pid;
}

void ec_targets_stop(struct ec_targets *t)
{
	if (t->planner_source)
		ec_loop_del(t->planner_source);
	t->planner_source = NULL;
	ec_child_end(&t->planner, 1);
	while (t->first) {
		struct file *f = t->first;

		t->first = f->next;
		file_free(f);
	}
	t->last = &t->first;
	t->waiting = t->flying = 0;
}

void ec_targets_free(struct ec_targets *t)
{
	if (!t)
		return;
	ec_targets_stop(t);
	if (t->watchdog)
		ec_loop_del(t->watchdog);
	ec_watch_free(t->watch);
	ec_scan_free(t->scan);
	free(t->body);
	free(t);
}
