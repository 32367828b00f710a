// SPDX-License-Identifier: GPL-2.0-only
#include "app/survey.h"
#include "app/planner.h"
#include "base/log.h"
#include "privsep/msg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define IN_FLIGHT  8
#define DEATHS_MAX 3 /* of planners that never answered: none can run here */
#define FILES_MAX  65536

struct key {
	uint64_t dev, ino;
};

/* One more element in an array of `n`, zeroed. NULL: out of memory. */
static void *grow(void **v, unsigned int n, unsigned int *room, size_t size)
{
	if (n == *room) {
		unsigned int more = *room ? 2 * *room : 64;
		void *p = reallocarray(*v, more, size);

		if (!p)
			return NULL;
		*v = p;
		*room = more;
	}
	return memset((char *)*v + n * size, 0, size);
}

static void pop(struct ec_survey *s)
{
	close(s->waiting[s->head].fd);
	s->head = (s->head + 1) % EC_SURVEY_WAITING;
	s->nwaiting--;
	if (s->flying)
		s->flying--;
}

/* Costs the file that it was at; the others are asked for again. */
static int planner_lost(struct ec_survey *s, const char *why)
{
	struct ec_survey_file *f = &s->files[s->waiting[s->head].file];

	s->deaths++;
	ec_child_end(&s->planner, 1);
	if (s->nwaiting) {
		ec_warn("planner lost: %s at %s; started again (%u)", why, f->path,
			s->deaths);
		f->err = -EBADMSG;
		f->broke = true;
		pop(s);
	}
	s->flying = 0;
	if (!s->answers && s->deaths >= DEATHS_MAX)
		return -ECHILD;
	return ec_planner_spawn(&s->planner);
}

static bool plan_take(const struct ec_survey *s, const struct ec_msg *m,
		      struct ec_plan *out)
{
	unsigned int nprogs = 0;

	if (m->arg != EC_PLAN_ANY && m->arg >= ec_modules_count)
		return false;
	if (m->arg != EC_PLAN_ANY)
		nprogs = ec_module_nprogs(ec_modules[m->arg].module);
	if (ec_plan_take(s->body, m->len, nprogs, out))
		return false;
	return m->err || (out->npoints && m->arg != EC_PLAN_ANY);
}

/* What stands in for return probes where those harm, or stands there for a minute only:
 * not what is used elsewhere. */
static void drop_stand_ins(struct ec_plan *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->npoints; i++) {
		if (p->points[i].ret == EC_POINT_RET_NO &&
		    p->points[i].use != EC_USE_LATE)
			p->points[n++] = p->points[i];
	}
	p->npoints = n;
}

static int on_planned(struct ec_survey *s, const struct ec_msg *m)
{
	struct ec_survey_file *f = &s->files[s->waiting[s->head].file];
	struct ec_plan p;

	if (!s->flying || m->type != EC_MSG_PLANNED || m->id != s->waiting[s->head].file)
		return planner_lost(s, "it answered what was not asked");
	if (!plan_take(s, m, &p))
		return planner_lost(s, "its answer was not sound");
	s->answers++;
	f->err = m->err;
	f->module = m->arg;
	drop_stand_ins(&p);
	if (m->err && !p.library[0])
		memcpy(f->version, p.version, sizeof(f->version));
	if (!m->err || p.library[0]) {
		f->plan = malloc(ec_plan_size(&p));
		if (!f->plan)
			return -ENOMEM;
		memcpy(f->plan, &p, ec_plan_size(&p));
	}
	pop(s);
	return 0;
}

static int ask(struct ec_survey *s)
{
	while (s->flying < IN_FLIGHT && s->flying < s->nwaiting) {
		unsigned int at = (s->head + s->flying) % EC_SURVEY_WAITING;
		struct ec_msg m = {.type = EC_MSG_PLAN,
				   .id = s->waiting[at].file,
				   .arg = EC_PLAN_ANY};

		if (ec_msg_send(s->planner.sock, &m, NULL, s->waiting[at].fd)) {
			int err = planner_lost(s, "it ended");

			if (err)
				return err;
			continue;
		}
		s->flying++;
	}
	return 0;
}

/* Until at most `left` files wait. */
static int drain(struct ec_survey *s, unsigned int left)
{
	int err = ask(s);

	while (!err && s->nwaiting > left) {
		struct pollfd p = {.fd = s->planner.sock, .events = POLLIN};
		struct ec_msg m;
		int fd = -1, n = poll(&p, 1, EC_PLANNER_WAIT * 1000);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = planner_lost(s, "it took too long");
		} else {
			err = ec_msg_recv(s->planner.sock, &m, s->body, &fd);
			if (fd >= 0)
				close(fd); /* it has none to give */
			err = err ? planner_lost(s, "it ended") : on_planned(s, &m);
		}
		if (!err)
			err = ask(s);
	}
	return err;
}

static bool wanted_name(const char *path)
{
	for (unsigned int i = 0; i < ec_modules_count; i++) {
		const struct ec_module *m = ec_modules[i].module;

		if (m->wants && m->wants(ec_base_name(path)))
			return true;
	}
	return false;
}

/* Number + 1, 0: not met. */
static unsigned int number_of(struct ec_survey *s, uint64_t dev, uint64_t ino)
{
	struct key k = {dev, ino};

	return (uintptr_t)ec_map_get(s->known, &k);
}

static int on_file(void *ctx, struct ec_candidate *c)
{
	struct ec_survey *s = ctx;
	struct key k = {c->dev, c->ino};
	struct ec_survey_file *f;
	unsigned int at;

	if (s->nfiles == FILES_MAX)
		return 0;
	f = grow((void **)&s->files, s->nfiles, &s->file_room, sizeof(*f));
	if (!f)
		return s->failed = -ENOMEM;
	ec_map_del(s->known, &k); /* a number that is used again */
	f->path = strdup(c->path);
	if (!f->path || ec_map_put(s->known, &k, (void *)(uintptr_t)(s->nfiles + 1))) {
		free(f->path);
		return s->failed = -ENOMEM;
	}
	f->dev = c->dev;
	f->deleted = c->mapping && c->mapping->deleted;
	f->by_name = wanted_name(c->path);
	f->err = -ENOENT;
	f->module = EC_PLAN_ANY;
	s->nfiles++;
	if (s->nwaiting == EC_SURVEY_WAITING)
		s->failed = drain(s, EC_SURVEY_WAITING - 1);
	if (s->failed)
		return s->failed;
	at = (s->head + s->nwaiting++) % EC_SURVEY_WAITING;
	s->waiting[at].file = s->nfiles - 1;
	s->waiting[at].fd = EC_TAKE_FD(c->fd);
	return s->failed = ask(s);
}

static int link_file(struct ec_survey *s, struct ec_survey_process *p, unsigned int file)
{
	struct ec_survey_file *f = &s->files[file - 1];
	unsigned int *to;

	if (f->last == s->nprocesses)
		return 0; /* several mappings of one file */
	to = grow((void **)&p->files, p->nfiles, &s->link_room, sizeof(*to));
	if (!to)
		return -ENOMEM;
	f->last = s->nprocesses;
	f->users++;
	p->files[p->nfiles++] = file - 1;
	return 0;
}

static void on_use(void *ctx, uint64_t dev, uint64_t ino, pid_t pid)
{
	struct ec_survey *s = ctx;
	unsigned int file = number_of(s, dev, ino);

	if (file && !s->failed)
		s->failed = link_file(s, &s->processes[s->nprocesses - 1], file);
}

static int on_process(void *ctx, pid_t pid)
{
	unsigned int unopened;
	struct ec_survey *s = ctx;
	struct ec_survey_process *p;
	struct stat st;
	char path[40];

	if (pid == getpid() || pid == s->planner.pid)
		return 0;
	p = grow((void **)&s->processes, s->nprocesses, &s->process_room, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->pid = pid;
	s->link_room = 0;
	ec_proc_comm(pid, p->comm);
	ec_container_of(pid, &p->container);
	s->nprocesses++;
	unopened = ec_scan_unopened(s->scan);
	p->err = ec_scan_process(s->scan, pid, on_file, s);
	if (s->failed)
		return s->failed;
	p->unopened = ec_scan_unopened(s->scan) - unopened;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (!stat(path, &st))
		p->exe = number_of(s, st.st_dev, st.st_ino);
	return 0;
}

static bool is_beside(const struct ec_survey_file *a, const struct ec_survey_file *b)
{
	const char *slash = strrchr(a->path, '/');
	size_t n = slash ? slash + 1 - a->path : 0;

	return b->version[0] && a->dev == b->dev && !strncmp(a->path, b->path, n) &&
	       !strcmp(b->path + n, a->plan->beside);
}

/* Versions that stand in another file of the same folder. */
static void take_versions(struct ec_survey *s)
{
	for (unsigned int i = 0; i < s->nfiles; i++) {
		struct ec_survey_file *f = &s->files[i];

		for (unsigned int k = 0;
		     k < s->nfiles && !f->err && f->plan && f->plan->beside[0]; k++)
			if (is_beside(f, &s->files[k]))
				memcpy(f->plan->version, s->files[k].version,
				       sizeof(f->plan->version));
	}
}

int ec_survey_run(struct ec_survey *s, const pid_t *pids, size_t npids, bool search_path)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->planner.sock = -1;
	s->body = malloc(EC_MSG_BODY_MAX);
	err = s->body ? ec_map_new(&s->known, sizeof(struct key), FILES_MAX, NULL, NULL)
		      : -ENOMEM;
	if (!err)
		err = ec_scan_new(&s->scan);
	if (!err)
		err = ec_planner_spawn(&s->planner);
	if (err)
		return err;
	ec_scan_everything(s->scan);
	ec_scan_on_use(s->scan, on_use, s);
	if (!pids)
		err = ec_proc_each(on_process, s);
	for (size_t i = 0; pids && i < npids && !err; i++)
		err = on_process(s, pids[i]);
	if (!err && search_path)
		err = ec_scan_search_path(s->scan, on_file, s);
	s->denied = ec_scan_denied(s->scan);
	if (!err)
		err = drain(s, 0);
	take_versions(s);
	return err;
}

void ec_survey_free(struct ec_survey *s)
{
	ec_child_end(&s->planner, 1);
	while (s->nwaiting)
		pop(s);
	for (unsigned int i = 0; i < s->nprocesses; i++)
		free(s->processes[i].files);
	for (unsigned int i = 0; i < s->nfiles; i++) {
		free(s->files[i].path);
		free(s->files[i].plan);
	}
	free(s->processes);
	free(s->files);
	ec_map_free(s->known);
	ec_scan_free(s->scan);
	free(s->body);
}
