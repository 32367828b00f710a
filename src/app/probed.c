// SPDX-License-Identifier: GPL-2.0-only
#include "app/probed.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "discover/users.h"
#include "host/ns.h"
#include "host/proc.h"
#include "host/rights.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define GRACE_NS (2 * EC_NSEC)	/* unused for so long: is it gone? */
#define AGAIN_NS (10 * EC_NSEC) /* it was not: then look again */
#define SWEEP_NS (60 * EC_NSEC) /* for what no event told */

struct one {
	struct one *next;
	struct ec_rec_target rec;
	uint64_t plan;	/* hash of where it is probed */
	uint64_t mntns; /* in which its name is to be found; 0: in ours, or nowhere */
	char *name;	/* its path in our own root; NULL if it has none there */
	unsigned int probes;
	unsigned int users;
	uint64_t look_at; /* 0: not to be looked at */
	bool keep;
	bool mapped;	/* by somebody, as the look just made says */
	uint32_t alias; /* of this target, whose probes serve both; 0: none */
};

struct key {
	uint64_t dev, ino;
};

struct ec_probed {
	struct ec_probed_opts o;
	struct ec_session *session;
	struct ec_users *users;
	struct one *first;
	struct ec_map *files; /* struct key → struct one */
	unsigned int count, probes;
	uint64_t swept, own_mntns;
	bool may_look; /* CAP_SYS_PTRACE */
	bool blind;    /* the look just made was refused somewhere: nothing can be gone */
};

/* --- finding ---------------------------------------------------------------- */

static struct one *by_id(const struct ec_probed *p, uint32_t id)
{
	for (struct one *t = p->first; t; t = t->next)
		if (t->rec.h.target == id)
			return t;
	return NULL;
}

static struct one *by_file(const struct ec_probed *p, uint64_t dev, uint64_t ino)
{
	struct key key = {dev, ino};

	return ec_map_peek(p->files, &key);
}

bool ec_probed_has(const struct ec_probed *p, uint64_t dev, uint64_t ino)
{
	return by_file(p, dev, ino);
}

unsigned int ec_probed_count(const struct ec_probed *p)
{
	return p->count;
}

unsigned int ec_probed_probes(const struct ec_probed *p)
{
	return p->probes;
}

/* --- users ------------------------------------------------------------------ */

static void on_users(void *ctx, uint32_t target, int delta)
{
	struct ec_probed *p = ctx;
	struct one *t = by_id(p, target);

	if (!t)
		return;
	t->users += delta;
	t->look_at = t->users || t->keep ? 0 : ec_clock_mono() + GRACE_NS;
}

void ec_probed_use(void *ctx, uint64_t dev, uint64_t ino, pid_t pid)
{
	struct ec_probed *p = ctx;
	const struct one *t = by_file(p, dev, ino);

	if (t)
		ec_users_add(p->users, pid, t->rec.h.target);
}

static void on_fork(void *ctx, pid_t parent, pid_t child)
{
	struct ec_probed *p = ctx;

	/* events of two CPUs may come out of order: its end may have been told before */
	if (ec_users_fork(p->users, parent, child) && !ec_proc_exists(child))
		ec_users_gone(p->users, child);
}

static void on_gone(void *ctx, pid_t pid)
{
	ec_users_gone(((struct ec_probed *)ctx)->users, pid);
}

const struct ec_watch_ops ec_probed_watch_ops = {
	.fork = on_fork,
	.exec = on_gone,
	.exit = on_gone,
};

/* --- coming ----------------------------------------------------------------- */

static uint64_t plan_hash(const struct ec_plan *plan)
{
	uint64_t h = plan->npoints;

	for (uint32_t i = 0; i < plan->npoints; i++)
		h = (h ^ plan->points[i].offset) * 0x100000001b3ull; /* FNV-1a */
	return h;
}

static bool is_file(const char *path, const struct ec_rec_target *r)
{
	struct stat st;

	return !stat(path, &st) && st.st_dev == r->dev && st.st_ino == r->ino;
}

/*
 * On a file system that nobody takes away from a host that runs? On others a target is
 * let go with its last user: what is probed there keeps them from being unmounted.
 */
static bool stays_mounted(uint64_t dev)
{
	static const char *const places[] = {"/",    "/usr", "/usr/local", "/opt",
					     "/var", "/srv", "/home",	   "/root"};
	struct stat st;

	for (size_t i = 0; i < EC_ARRAY_SIZE(places); i++)
		if (!stat(places[i], &st) && st.st_dev == dev)
			return true;
	return false;
}

/* As we would open it: the process may have another root, or live elsewhere. */
static void name_find(struct one *t, pid_t pid)
{
	char link[40], path[PATH_MAX];
	size_t len = strlen(t->rec.path);
	ssize_t n;

	if (!stays_mounted(t->rec.dev))
		return;
	snprintf(path, sizeof(path), "%s", t->rec.path);
	if (!is_file(path, &t->rec)) {
		snprintf(link, sizeof(link), "/proc/%d/root", pid);
		n = pid ? readlink(link, path, sizeof(path) - len - 1) : -1;
		if (n <= 0)
			return;
		memcpy(path + n, t->rec.path, len + 1);
		if (!is_file(path, &t->rec))
			return;
	}
	t->name = strdup(path); /* without memory it is looked for in the hard way */
}

/* 0: not known */
static uint64_t mntns_of(pid_t pid)
{
	uint64_t ino = 0;

	return ec_ns_id(pid, "mnt", &ino) ? 0 : ino;
}

int ec_probed_add(struct ec_probed *p, const struct ec_probed_file *f)
{
	struct key key = {f->rec->dev, f->rec->ino};
	struct one *t = calloc(1, sizeof(*t));
	int err = t ? ec_map_put(p->files, &key, t) : -ENOMEM;

	if (err) {
		free(t);
		return err;
	}
	t->rec = *f->rec;
	t->plan = plan_hash(f->plan);
	t->probes = f->probes;
	t->keep = f->keep;
	name_find(t, f->pid);
	if (!t->name && f->pid)
		t->mntns = mntns_of(f->pid);
	if (t->mntns == p->own_mntns)
		t->mntns = 0;
	t->next = p->first;
	p->first = t;
	p->count++;
	p->probes += t->probes;
	/* that it ended while its file was planned was told already */
	if (f->pid && ec_proc_exists(f->pid))
		ec_users_add(p->users, f->pid, t->rec.h.target);
	if (!t->users && !t->keep)
		t->look_at = ec_clock_mono() + GRACE_NS;
	return 0;
}

bool ec_probed_version(struct ec_probed *p, uint32_t target, const char *version)
{
	struct one *t = by_id(p, target);

	if (t && version[0])
		snprintf(t->rec.version, sizeof(t->rec.version), "%s", version);
	return t;
}

/* --- twice ------------------------------------------------------------------ */

/*
 * Seen by a program in one call: the same function was entered by two targets at one
 * stack pointer. Two overlays over one lower file look like that. What the kernel saw is
 * the proof; that both are planned alike guards against a stale frame.
 */
void ec_probed_twice(struct ec_probed *p, uint32_t first, uint32_t second)
{
	struct one *a = by_id(p, first), *b = by_id(p, second), *drop;

	if (!a || !b || a == b || a->alias || b->alias || a->plan != b->plan ||
	    strcmp(a->rec.version, b->rec.version))
		return;
	/* the newer one: of short-lived containers the first to come outlives the rest */
	drop = a->keep != b->keep ? (a->keep ? b : a) : first > second ? a : b;
	a = drop == b ? a : b;
	ec_debug("%s: the same file as %s; probed once", drop->rec.path, a->rec.path);
	drop->alias = a->rec.h.target;
	ec_session_leave(p->session, drop->rec.h.target);
	p->probes -= drop->probes;
	drop->probes = 0;
}

/* --- going ------------------------------------------------------------------ */

static struct one *alias_of(const struct ec_probed *p, uint32_t id)
{
	for (struct one *t = p->first; t; t = t->next)
		if (t->alias == id)
			return t;
	return NULL;
}

static int see_mapping(void *ctx, pid_t pid, const struct ec_mapping *m)
{
	struct ec_probed *p = ctx;
	struct statx x;
	struct one *t;
	/* not by the numbers in the maps: overlayfs and btrfs show others there */
	int err = ec_proc_statx_mapping(pid, m, STATX_INO, &x);

	if (err) {
		p->blind |= err == -EPERM || err == -EACCES;
		return 0;
	}
	t = by_file(p, makedev(x.stx_dev_major, x.stx_dev_minor), x.stx_ino);
	if (t && t->look_at) {
		t->mapped = true;
		ec_users_add(p->users, pid, t->rec.h.target);
	}
	return 0;
}

static int see_process(void *ctx, pid_t pid)
{
	struct ec_probed *p = ctx;
	char path[sizeof(((struct ec_rec_target *)0)->path) + 40];
	uint64_t ns = 0;

	for (struct one *t = p->first; t; t = t->next) {
		if (!t->look_at || !t->mntns || t->mapped)
			continue;
		if (!ns)
			ns = mntns_of(pid);
		if (!ns || ns != t->mntns)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/root%s", pid, t->rec.path);
		t->mapped = is_file(path, &t->rec);
	}
	/*
	 * With the right to look, one that a policy protects (another one on each host)
	 * must not keep all targets for good. It was never known as a user.
	 */
	p->blind |= ec_proc_maps(pid, see_mapping, p) == -EACCES && !p->may_look;
	return 0;
}

static void go(struct ec_probed *p, struct one **at)
{
	struct one *t = *at;
	struct key key = {t->rec.dev, t->rec.ino};

	*at = t->next;
	ec_map_del(p->files, &key);
	p->count--;
	p->probes -= t->probes;
	ec_session_detach(p->session, t->rec.h.target);
	ec_users_forget(p->users, t->rec.h.target);
	ec_scan_forget(p->o.scan, t->rec.dev, t->rec.ino);
	t->rec.state = EC_TARGET_GONE;
	t->rec.h.time = ec_clock_mono();
	ec_debug("%s: gone, no longer probed", t->rec.path);
	p->o.record(p->o.ctx, &t->rec);
	free(t->name);
	free(t);
}

/*
 * Of what is due: by its name, and if that does not find it by all processes, which costs
 * some milliseconds and happens only when something seems to be gone.
 */
static void look(struct ec_probed *p, uint64_t now)
{
	struct one **at = &p->first;
	bool any = false;

	for (struct one *t = p->first; t; t = t->next) {
		t->mapped = false;
		if (!t->look_at)
			continue;
		if (now < t->look_at) {
			t->mapped = true; /* its time has not come */
		} else if (t->name && is_file(t->name, &t->rec)) {
			t->look_at = 0;
		} else {
			any = true;
		}
	}
	if (!any)
		return;
	p->blind = false;
	ec_proc_each(see_process, p);
	while (*at) {
		struct one *t = *at;

		if (!t->look_at || now < t->look_at) {
			at = &t->next;
		} else if (t->mapped || p->blind || alias_of(p, t->rec.h.target)) {
			t->look_at = t->users ? 0 : now + AGAIN_NS;
			at = &t->next;
		} else {
			go(p, at);
		}
	}
}

static bool ended(pid_t pid)
{
	return !ec_proc_exists(pid);
}

void ec_probed_tick(struct ec_probed *p, uint64_t now)
{
	if (!p->session)
		return;
	ec_session_sweep(p->session);
	if (now - p->swept >= SWEEP_NS) {
		p->swept = now;
		ec_users_check(p->users, ended);
		for (struct one *t = p->first; t; t = t->next)
			if (!t->users && !t->keep && !t->look_at)
				t->look_at = now;
	}
	for (const struct one *t = p->first; t; t = t->next) {
		if (t->look_at && now >= t->look_at) {
			look(p, now);
			return;
		}
	}
}

int ec_probed_new(const struct ec_probed_opts *o, struct ec_probed **out)
{
	struct ec_probed *p = calloc(1, sizeof(*p));
	struct ec_rights rights;
	int err;

	if (!p)
		return -ENOMEM;
	p->o = *o;
	p->swept = ec_clock_mono();
	p->own_mntns = mntns_of(getpid());
	ec_rights_get(&rights);
	p->may_look = rights.ptrace;
	err = ec_map_new(&p->files, sizeof(struct key), EC_TARGETS_MAX, NULL, NULL);
	if (!err)
		err = ec_users_new(on_users, p, &p->users);
	if (err) {
		ec_map_free(p->files);
		free(p);
		return err;
	}
	*out = p;
	return 0;
}

void ec_probed_session(struct ec_probed *p, struct ec_session *s)
{
	p->session = s;
}

void ec_probed_free(struct ec_probed *p)
{
	if (!p)
		return;
	while (p->first) {
		struct one *t = p->first;

		p->first = t->next;
		free(t->name);
		free(t);
	}
	ec_map_free(p->files);
	ec_users_free(p->users);
	free(p);
}
