// SPDX-License-Identifier: GPL-2.0-only
#include "app/who.h"
#include "app/prepare.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"
#include "host/cgroup.h"
#include "host/container.h"
#include "host/ns.h"
#include "host/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct ec_finder {
	const struct ec_options *o;
	uint64_t netns[EC_OPT_STRS_MAX];
	struct folder {
		char *path;
		dev_t dev;
		ino_t ino;	   /* of what the kernel was given */
	} cgroups[EC_CGROUPS_MAX]; /* of v2, while the kernel can decide */
	size_t ncgroups;
	bool numbers;	   /* a process's number here is the one that the kernel tells */
	bool cgroups_ours; /* one of v1, or too many: decided here */
};

/* --- what was asked for ------------------------------------------------------ */

static int netns_parse(struct ec_finder *f)
{
	const struct ec_opt_strs *l = &f->o->netnses;

	for (size_t i = 0; i < l->n; i++) {
		int err = ec_ns_parse(l->v[i], "net", &f->netns[i]);

		if (err)
			return ec_fail(EC_FAIL_NETNS_UNKNOWN, l->v[i],
				       err == -EACCES ? strerror(EACCES) : NULL);
	}
	return 0;
}

static int cgroups_find(struct ec_finder *f)
{
	const struct ec_opt_strs *l = &f->o->cgroups;

	f->cgroups_ours = l->n > EC_CGROUPS_MAX;
	for (size_t i = 0; i < l->n; i++) {
		char folder[PATH_MAX];
		int version = ec_cgroup_find(l->v[i], folder, sizeof(folder));

		if (version < 0)
			return ec_fail(EC_FAIL_CGROUP_UNKNOWN, l->v[i], NULL);
		f->cgroups_ours |= version != 2;
		if (f->cgroups_ours)
			continue;
		f->cgroups[f->ncgroups].path = strdup(folder);
		if (!f->cgroups[f->ncgroups].path)
			return ec_fail(EC_FAIL_INTERNAL, l->v[i], strerror(ENOMEM));
		f->ncgroups++;
	}
	return 0;
}

int ec_finder_new(const struct ec_options *o, struct ec_finder **out)
{
	struct ec_finder *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return EC_EXIT_RUNTIME;
	f->o = o;
	f->numbers = ec_host_numbers();
	rc = netns_parse(f);
	if (!rc)
		rc = cgroups_find(f);
	if (rc) {
		ec_finder_free(f);
		return rc;
	}
	*out = f;
	return 0;
}

void ec_finder_free(struct ec_finder *f)
{
	if (!f)
		return;
	while (f->ncgroups)
		free(f->cgroups[--f->ncgroups].path);
	free(f);
}

uint32_t ec_finder_filters(const struct ec_finder *f)
{
	const struct ec_options *o = f->o;
	uint32_t filters = 0;

	if (o->cgroups.n)
		filters |= f->cgroups_ours ? EC_FILTER_WHO : EC_FILTER_CGROUP;
	if (o->exes.n || o->not_exes.n || o->containers.n || o->netnses.n)
		filters |= EC_FILTER_WHO;
	return filters;
}

/* The map holds the cgroup, not the open folder. */
static int cgroup_give(struct ec_finder *f, struct ec_session *s, unsigned int i)
{
	struct folder *c = &f->cgroups[i];
	_ec_close_ int fd = open(c->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int err;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	err = ec_session_cgroup(s, i, fd);
	if (!err) {
		c->dev = st.st_dev;
		c->ino = st.st_ino;
	}
	return err;
}

int ec_finder_session(struct ec_finder *f, struct ec_session *s)
{
	int err = 0;

	for (unsigned int i = 0; !err && !f->cgroups_ours && i < f->ncgroups; i++)
		err = cgroup_give(f, s, i);
	return err;
}

void ec_finder_tick(struct ec_finder *f, struct ec_session *s)
{
	for (unsigned int i = 0; !f->cgroups_ours && i < f->ncgroups; i++) {
		const struct folder *c = &f->cgroups[i];
		struct stat st;

		if (stat(c->path, &st) || (st.st_dev == c->dev && st.st_ino == c->ino))
			continue;
		if (!cgroup_give(f, s, i))
			ec_debug("%s: made anew", c->path);
	}
}

struct running {
	const char *word;
	bool found;
};

static int see_container(void *ctx, pid_t pid)
{
	struct running *r = ctx;
	struct ec_container c;

	r->found = !ec_container_of(pid, &c) && ec_container_matches(&c, r->word);
	return r->found;
}

void ec_finder_say_waiting(const struct ec_finder *f)
{
	const struct ec_opt_strs *l = &f->o->exes;

	for (size_t i = 0; i < l->n; i++) {
		if (access(l->v[i], F_OK))
			ec_warn("--exe %s: no such file here; only programs that run under "
				"that path elsewhere (in containers) are shown",
				l->v[i]);
	}
	l = &f->o->containers;
	for (size_t i = 0; i < l->n; i++) {
		struct running r = {.word = l->v[i]};

		ec_proc_each(see_container, &r);
		if (!r.found)
			ec_warn("--container %s: none of that id runs now; waiting for it",
				l->v[i]);
	}
}

/* --- what a process is ------------------------------------------------------- */

static bool exe_in(const struct ec_opt_strs *l, pid_t pid, const char *seen)
{
	struct stat have = {0};
	char link[40];

	if (!l->n)
		return false;
	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	if (stat(link, &have))
		have.st_ino = 0; /* no file has it */
	for (size_t i = 0; i < l->n; i++)
		if (ec_file_is(l->v[i], seen, have.st_dev, have.st_ino))
			return true;
	return false;
}

static bool container_in(const struct ec_opt_strs *l, const struct ec_container *c)
{
	for (size_t i = 0; i < l->n; i++)
		if (c->id[0] && ec_container_matches(c, l->v[i]))
			return true;
	return false;
}

static bool netns_in(const struct ec_finder *f, uint64_t ino)
{
	for (size_t i = 0; i < f->o->netnses.n; i++)
		if (ino && f->netns[i] == ino)
			return true;
	return false;
}

static bool cgroup_in(const struct ec_opt_strs *l, pid_t pid)
{
	for (size_t i = 0; i < l->n; i++)
		if (ec_cgroup_holds(l->v[i], pid))
			return true;
	return false;
}

/*
 * Each kind of filter that was given must say yes. One that cannot say because the
 * process has ended makes the answer unknown, unless another one says no.
 */
struct verdict {
	bool no, unknown;
};

static void judge(struct verdict *v, bool given, bool known, bool yes)
{
	if (!given)
		return;
	if (!known)
		v->unknown = true;
	else if (!yes)
		v->no = true;
}

static void container_look(const struct ec_ask *q, struct ec_container *c, bool *known)
{
	char path[PATH_MAX];
	int err = ec_container_of((pid_t)q->pid, c);

	*known = !err || err == -ENOENT;
	/* its cgroup may be there still */
	if (!*known && q->cgroup && !ec_cgroup_of_id(q->cgroup, path, sizeof(path)))
		*known = ec_container_parse_path(path, c);
}

void ec_finder_look(const struct ec_finder *f, const struct ec_ask *q,
		    struct ec_rec_who *out)
{
	const struct ec_options *o = f->o;
	pid_t pid = (pid_t)q->pid, some = pid, inner = 0;
	struct ec_container c = {0};
	char exe[PATH_MAX] = "";
	struct verdict v = {0};
	uint64_t netns = 0;
	bool alive, in;
	size_t n;

	*out = (struct ec_rec_who){
		.h = {.size = sizeof(*out),
		      .kind = EC_REC_WHO,
		      .module = 0xffff,
		      .time = ec_clock_mono(),
		      .pid = q->pid,
		      .tid = q->pid,
		      .uid = q->uid,
		      .process = q->process,
		      .cgroup = q->cgroup},
	};
	memcpy(out->h.comm, q->comm, sizeof(out->h.comm) - 1);
	if (!f->numbers) {
		out->verdict = EC_VERDICT_PASS;
		return;
	}
	alive = ec_proc_exe(pid, exe, sizeof(exe)) >= 0;
	if (!alive && q->tid != q->pid) {
		/* a first thread that has ended shows neither, the others do */
		some = (pid_t)q->tid;
		alive = ec_proc_exe(some, exe, sizeof(exe)) >= 0;
	}
	judge(&v, o->exes.n, alive, exe_in(&o->exes, some, exe));
	judge(&v, o->not_exes.n, alive, !exe_in(&o->not_exes, some, exe));
	container_look(q, &c, &in);
	judge(&v, o->containers.n, in, container_in(&o->containers, &c));
	in = !ec_ns_id(some, "net", &netns);
	judge(&v, o->netnses.n, in, netns_in(f, netns));
	out->netns = netns;
	alive = ec_proc_exists(pid);
	judge(&v, o->cgroups.n && f->cgroups_ours, alive, cgroup_in(&o->cgroups, pid));
	out->verdict = v.no	   ? EC_VERDICT_DROP
		       : v.unknown ? EC_VERDICT_UNKNOWN
				   : EC_VERDICT_PASS;
	out->ppid = (uint32_t)ec_proc_parent(pid);
	if (!ec_proc_ns_pid(pid, &inner))
		out->ns_pid = (uint32_t)inner;
	memcpy(out->runtime, c.runtime, sizeof(out->runtime) - 1);
	memcpy(out->container, c.id, sizeof(out->container) - 1);
	n = strlen(exe);
	strcpy(out->exe, n < sizeof(out->exe) ? exe : exe + n - sizeof(out->exe) + 1);
}
