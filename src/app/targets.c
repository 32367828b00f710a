// SPDX-License-Identifier: GPL-2.0-only
#include "app/targets_impl.h"
#include "app/planner.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"
#include "privsep/msg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define IN_FLIGHT 8
#define FILES_MAX 256 /* waiting at a time: each is an open descriptor */

static void planner_lost(struct ec_targets *t, const char *why);
static void pump(struct ec_targets *t);

static struct ec_tfile *file_take(struct ec_targets *t, uint32_t id)
{
	for (struct ec_tfile **p = &t->first; *p; p = &(*p)->next) {
		struct ec_tfile *f = *p;

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

static void on_planned(struct ec_targets *t, const struct ec_msg *m)
{
	struct ec_tfile *f = file_take(t, m->id);
	static struct ec_plan plan;
	int err = m->err;

	if (!f) {
		planner_lost(t, "it answered what was not asked");
		return;
	}
	if (ec_plan_take(t->body, m->len, ec_module_nprogs(ec_modules[f->module].module),
			 &plan))
		err = -EBADMSG;
	else if (!t->o.options->ask.version[0])
		ec_cache_put(t->cache, f->cachable ? &f->file_id : NULL, f->module, err,
			     &plan);
	ec_targets_answered(t, f, err, &plan);
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
	if (!t->waiting && !t->finding)
		t->o.settled(t->o.ctx);
}

/* Until there is room for one more, as long as the planner takes at most. */
static void room_wait(struct ec_targets *t)
{
	bool was = t->finding;

	t->finding = true; /* the one to come is not settled */
	while (t->waiting >= FILES_MAX && t->planner.sock >= 0) {
		struct pollfd p = {.fd = t->planner.sock, .events = POLLIN};

		if (poll(&p, 1, EC_PLANNER_WAIT * 1000) > 0)
			on_planner(t, 0);
		else
			planner_lost(t, "it took too long");
	}
	t->finding = was;
}

static void on_watchdog(void *ctx, uint32_t events)
{
	struct ec_targets *t = ctx;
	uint64_t now = ec_clock_mono();

	for (struct ec_tfile *f = t->first; f; f = f->next) {
		if (f->asked && now - f->asked > EC_PLANNER_WAIT * EC_NSEC) {
			planner_lost(t, "it took too long");
			return;
		}
	}
}

int ec_targets_planner(struct ec_targets *t)
{
	int err = ec_planner_spawn_with(t->cache, &t->planner);

	if (!err)
		err = ec_loop_add_fd(t->o.loop, t->planner.sock, EPOLLIN, on_planner, t,
				     &t->planner_source);
	return err;
}

/* Costs the file it was at: the oldest one asked for. The others are asked again. */
static void planner_lost(struct ec_targets *t, const char *why)
{
	struct ec_tfile *victim = NULL;

	t->deaths++;
	ec_loop_del(t->planner_source);
	t->planner_source = NULL;
	ec_child_end(&t->planner, 1);
	for (struct ec_tfile *f = t->first; f; f = f->next) {
		if (!f->asked)
			continue;
		if (!victim)
			victim = f;
	}
	if (victim) {
		ec_warn("planner lost: %s; %s is not probed; started again (%u)", why,
			victim->path, t->deaths);
		victim = file_take(t, victim->id);
		ec_targets_answered(t, victim, -EBADMSG, NULL);
	} else {
		ec_warn("planner lost: %s; started again (%u)", why, t->deaths);
	}
	for (struct ec_tfile *f = t->first; f; f = f->next)
		f->asked = 0;
	t->flying = 0;
	if (ec_targets_planner(t)) {
		ec_fail(EC_FAIL_INTERNAL, "planner", "it cannot be started again");
		return;
	}
	pump(t);
	if (!t->waiting && !t->finding)
		t->o.settled(t->o.ctx);
}

static void pump(struct ec_targets *t)
{
	for (struct ec_tfile *f = t->first; f && t->flying < IN_FLIGHT; f = f->next) {
		struct ec_msg m = {.type = EC_MSG_PLAN, .id = f->id, .arg = f->module};
		struct ec_plan_ask ask = t->o.options->ask;

		if (f->asked)
			continue;
		ask.named = f->named;
		m.len = ask.version[0] ? sizeof(ask) : 0;
		if (t->planner.sock < 0 || ec_msg_send(t->planner.sock, &m, &ask, f->fd))
			return; /* its end is noticed by on_planner() */
		f->asked = ec_clock_mono();
		t->flying++;
	}
}

struct ec_tfile *ec_targets_file_add(struct ec_targets *t, int fd, const char *path,
				     uint64_t dev, uint64_t ino)
{
	struct ec_tfile *f = calloc(1, sizeof(*f));
	size_t n = strlen(path);

	if (!f) {
		close(fd);
		return NULL;
	}
	f->id = ++t->next_id;
	f->fd = fd;
	f->module = t->o.options->module_index;
	f->dev = dev;
	f->ino = ino;
	f->cachable = !ec_file_id_get(fd, &f->file_id);
	snprintf(f->path, sizeof(f->path), "%s",
		 n < sizeof(f->path) ? path : path + n - sizeof(f->path) + 1);
	return f;
}

/* Answered without the planner: true, and done. */
static bool known_before(struct ec_targets *t, struct ec_tfile *f)
{
	static struct ec_plan plan;
	int err = 0;

	if (t->o.options->ask.version[0])
		return false;
	memset(&plan, 0, sizeof(plan));
	if (ec_cache_by_file(t->cache, f->cachable ? &f->file_id : NULL, f->module, &plan,
			     &err) == EC_CACHE_MISS)
		return false;
	if (!err)
		ec_debug("%s: plan from the cache", f->path);
	ec_targets_answered(t, f, err, &plan);
	if (!t->waiting && !t->finding)
		t->o.settled(t->o.ctx);
	return true;
}

void ec_targets_begin(struct ec_targets *t, struct ec_tfile *f)
{
	if (known_before(t, f))
		return;
	room_wait(t);
	*t->last = f;
	t->last = &f->next;
	t->waiting++;
	pump(t);
}

int ec_targets_new(const struct ec_targets_opts *o, struct ec_targets **out)
{
	struct ec_probed_opts po = {.record = o->record, .ctx = o->ctx};
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
		err = ec_cache_open(ec_options_plan_cache(o->options), &t->cache);
	po.scan = t->scan;
	if (!err)
		err = ec_probed_new(&po, &t->probed);
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
	ec_probed_session(t->probed, s);
}

bool ec_targets_has(const struct ec_targets *t, uint64_t dev, uint64_t ino)
{
	return ec_probed_has(t->probed, dev, ino);
}

bool ec_targets_busy(const struct ec_targets *t)
{
	return t->waiting;
}

unsigned int ec_targets_count(const struct ec_targets *t)
{
	return ec_probed_count(t->probed);
}

unsigned int ec_targets_probes(const struct ec_targets *t)
{
	return ec_probed_probes(t->probed);
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
		struct ec_tfile *f = t->first;

		t->first = f->next;
		ec_targets_file_free(f);
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
	ec_places_free(t->places);
	ec_probed_free(t->probed);
	ec_scan_free(t->scan);
	if (t->cache)
		ec_cache_save(t->cache);
	ec_cache_free(t->cache);
	free(t->body);
	free(t);
}
