// SPDX-License-Identifier: GPL-2.0-only
/* Files to probe: those of the command line, of processes, of the search path; now and
 * as they come. */
#include "app/targets_impl.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define OTHERS_NS EC_NSEC /* between looks for new CPUs and lost events */
/* what a user names may be a pipe or a terminal */
#define READ_ONLY (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

static bool excluded(const struct ec_targets *t, const struct ec_candidate *c)
{
	const struct ec_opt_strs *l = &t->o.options->not_exes;

	for (size_t i = 0; i < l->n; i++)
		if (ec_file_is(l->v[i], c->path, c->dev, c->ino))
			return true;
	return false;
}

static int on_candidate(void *ctx, struct ec_candidate *c)
{
	struct ec_targets *t = ctx;
	struct ec_tfile *f;

	if (c->module != t->o.options->module || ec_probed_has(t->probed, c->dev, c->ino))
		return 0;
	if (excluded(t, c)) {
		ec_debug("%s: not probed: excluded", c->path);
		return 0;
	}
	f = ec_targets_file_add(t, EC_TAKE_FD(c->fd), c->path, c->dev, c->ino);
	if (!f) {
		ec_warn("%s: not probed: out of memory", c->path);
		return 0; /* the others may do */
	}
	f->pid = c->pid;
	f->by_name = c->module->wants && c->module->wants(ec_base_name(c->path));
	ec_targets_begin(t, f);
	return 0;
}

static void on_watch(void *ctx, uint32_t events)
{
	struct ec_targets *t = ctx;

	ec_watch_read(t->watch);
}

static void on_places(void *ctx, uint32_t events)
{
	struct ec_targets *t = ctx;

	ec_places_read(t->places);
}

/* 0 or an exit code */
static int file_named(struct ec_targets *t, int fd, const char *path,
		      const struct stat *st, bool named)
{
	struct ec_tfile *f;

	ec_scan_add(t->scan, st->st_dev, st->st_ino);
	f = ec_targets_file_add(t, fd, path, st->st_dev, st->st_ino);
	if (!f)
		return ec_fail(EC_FAIL_INTERNAL, path, strerror(ENOMEM));
	f->named = named;
	ec_targets_begin(t, f);
	return 0;
}

/* --libssl PATH. 0 or an exit code */
static int add_named(struct ec_targets *t, const char *path)
{
	struct stat st;
	int fd = open(path, READ_ONLY);

	if (fd < 0)
		return ec_fail(EC_FAIL_TARGET_MISSING, path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		bool dir = S_ISDIR(st.st_mode);

		close(fd);
		return ec_fail(dir ? EC_FAIL_TARGET_DIR : EC_FAIL_TARGET_NOT_ELF, path,
			       NULL);
	}
	return file_named(t, fd, path, &st, true);
}

/* The command's own file may hold the library (static programs). */
static int add_command(struct ec_targets *t)
{
	const char *name = t->o.options->command[0];
	_ec_free_ char *dirs = NULL;
	char path[4096], *save = NULL;
	const char *env = getenv("PATH");
	struct stat st;
	int fd = -1;

	if (strchr(name, '/')) {
		fd = open(name, READ_ONLY);
		snprintf(path, sizeof(path), "%s", name);
	} else {
		dirs = strdup(env ? env : "/usr/local/bin:/usr/bin:/bin");
		for (char *d = dirs ? strtok_r(dirs, ":", &save) : NULL; d && fd < 0;
		     d = strtok_r(NULL, ":", &save)) {
			snprintf(path, sizeof(path), "%s/%s", d, name);
			fd = open(path, READ_ONLY);
		}
	}
	if (fd < 0)
		return 0; /* exec says why */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return 0;
	}
	return file_named(t, fd, path, &st, false);
}

static void places_start(struct ec_targets *t)
{
	int err = ec_places_new(t->scan, on_candidate, t, &t->places);

	if (!err)
		err = ec_loop_add_fd(t->o.loop, ec_places_fd(t->places), EPOLLIN,
				     on_places, t, NULL);
	if (err)
		ec_debug("folders of libraries are not watched: %s", strerror(-err));
}

static void watch_start(struct ec_targets *t)
{
	int err = ec_watch_new(t->scan, on_candidate, t, &t->watch);

	if (!err)
		err = ec_loop_add_fd(t->o.loop, ec_watch_fd(t->watch), EPOLLIN, on_watch,
				     t, NULL);
	if (err) {
		ec_warn("libraries that are loaded later are not noticed: %s",
			strerror(-err));
		return;
	}
	ec_watch_processes(t->watch, &ec_probed_watch_ops, t->probed);
	ec_scan_on_use(t->scan, ec_probed_use, t->probed);
	places_start(t);
}

void ec_targets_look(struct ec_targets *t, pid_t pid)
{
	if (t->o.options->file)
		return;
	t->finding = true;
	ec_scan_processes(t->scan, &pid, 1, on_candidate, t);
	t->finding = false;
}

/* CPUs that were switched on, events that were lost: what was missed is looked for. */
static void others_look(struct ec_targets *t)
{
	uint64_t lost = ec_watch_lost(t->watch);
	int n = ec_watch_cpus(t->watch);

	if (n <= 0 && lost == t->lost)
		return;
	ec_debug("%d CPUs more, %llu mapping events lost: looking at all processes", n,
		 (unsigned long long)(lost - t->lost));
	t->lost = lost;
	t->finding = true;
	ec_scan_processes(t->scan, NULL, 0, on_candidate, t);
	t->finding = false;
	if (!t->waiting)
		t->o.settled(t->o.ctx);
}

void ec_targets_tick(struct ec_targets *t, uint64_t now)
{
	ec_probed_tick(t->probed, now);
	ec_cache_tick(t->cache);
	if (!t->watch || now - t->others < OTHERS_NS)
		return;
	t->others = now;
	others_look(t);
}

void ec_targets_twice(struct ec_targets *t, uint32_t first, uint32_t second)
{
	ec_probed_twice(t->probed, first, second);
}

static int find(struct ec_targets *t)
{
	const struct ec_options *o = t->o.options;
	int err, rc;

	if (o->file)
		return add_named(t, o->file);
	/* watched first, then scanned: nothing falls between */
	watch_start(t);
	rc = o->command ? add_command(t) : 0;
	if (rc)
		return rc;
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

int ec_targets_find(struct ec_targets *t)
{
	const struct ec_options *o = t->o.options;
	int rc;

	for (size_t i = 0; i < o->pids.n; i++)
		t->pids[t->npids++] = o->pids.v[i];
	/* what the cache knows is probed at once, and is not all there is */
	t->finding = true;
	rc = find(t);
	t->finding = false;
	return rc;
}
