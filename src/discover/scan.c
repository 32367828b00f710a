// SPDX-License-Identifier: GPL-2.0-only
#include "discover/scan.h"
#include "base/clock.h"
#include "base/log.h"
#include "discover/offer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/*
 * Far above the files that can be probed at a time (EC_TARGETS_MAX). The one that was met
 * longest ago is forgotten first, and at worst handed on a second time.
 */
#define SEEN_MAX 16384
#define WANTED	 (STATX_TYPE | STATX_INO | STATX_BTIME)

int ec_scan_new(struct ec_scan **out)
{
	struct ec_scan *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	err = ec_map_new(&s->seen, sizeof(struct ec_seen), SEEN_MAX, NULL, NULL);
	if (err) {
		free(s);
		return err;
	}
	*out = s;
	return 0;
}

void ec_scan_free(struct ec_scan *s)
{
	if (!s)
		return;
	ec_map_free(s->seen);
	free(s);
}

unsigned int ec_scan_denied(const struct ec_scan *s)
{
	return s->denied;
}

/*
 * A file is known by device and inode, and by its time of birth where the file system
 * keeps one: inode numbers are used again, on a host of short-lived containers soon. The
 * map's value is that time, odd so that it is neither NULL nor ANY_BIRTH.
 */
#define ANY_BIRTH ((void *)(uintptr_t)2)

static void *birth(const struct statx *x)
{
	uint64_t ns = (uint64_t)x->stx_btime.tv_sec * EC_NSEC + x->stx_btime.tv_nsec;

	return x->stx_mask & STATX_BTIME ? (void *)(uintptr_t)(ns | 1) : ANY_BIRTH;
}

static int remember(struct ec_scan *s, const struct ec_seen *key, void *born)
{
	ec_map_del(s->seen, key);
	return ec_map_put(s->seen, key, born);
}

static struct ec_seen key_of(const struct statx *x)
{
	return (struct ec_seen){.dev = makedev(x->stx_dev_major, x->stx_dev_minor),
				.ino = x->stx_ino};
}

void ec_scan_on_use(struct ec_scan *s, ec_use_fn *fn, void *ctx)
{
	s->use = fn;
	s->use_ctx = ctx;
}

void ec_scan_forget(struct ec_scan *s, uint64_t dev, uint64_t ino)
{
	struct ec_seen key = {.dev = dev, .ino = ino};

	ec_map_del(s->seen, &key);
}

static bool was_seen(struct ec_scan *s, const struct statx *x)
{
	struct ec_seen key = key_of(x);
	void *was = ec_map_get(s->seen, &key), *is = birth(x);

	if (was == ANY_BIRTH && is != ANY_BIRTH)
		remember(s, &key, is); /* added by number, now we know which file it is */
	return was && (was == is || was == ANY_BIRTH || is == ANY_BIRTH);
}

int ec_scan_add(struct ec_scan *s, uint64_t dev, uint64_t ino)
{
	struct ec_seen key = {.dev = dev, .ino = ino};

	return remember(s, &key, ANY_BIRTH);
}

uint64_t ec_offer_wanted(const char *base)
{
	unsigned int n = EC_MIN(ec_modules_count, (unsigned int)EC_OFFER_MODULES);
	uint64_t set = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct ec_module *m = ec_modules[i].module;

		if (m->anywhere || (m->wants && m->wants(base)))
			set |= UINT64_C(1) << i;
	}
	return set;
}

void ec_scan_everything(struct ec_scan *s)
{
	s->everything = true;
}

unsigned int ec_scan_unopened(const struct ec_scan *s)
{
	return s->unopened;
}

/* Each module gets a descriptor of its own, so that it may keep it. */
static int hand_on(const struct ec_scan *s, const struct ec_candidate *c, int fd,
		   uint64_t modules, ec_candidate_fn *fn, void *ctx)
{
	if (s->everything) {
		struct ec_candidate one = *c;
		int ret;

		one.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		ret = one.fd < 0 ? -errno : fn(ctx, &one);
		ec_cleanup_close(&one.fd);
		return ret;
	}
	for (; modules; modules &= modules - 1) {
		struct ec_candidate one = *c;
		int ret;

		one.module_index = (unsigned int)__builtin_ctzll(modules);
		one.module = ec_modules[one.module_index].module;
		one.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (one.fd < 0)
			return -errno;
		ret = fn(ctx, &one);
		ec_cleanup_close(&one.fd);
		if (ret)
			return ret;
	}
	return 0;
}

static void tell_use(struct ec_scan *s, const struct statx *x, pid_t pid)
{
	struct ec_seen key = key_of(x);

	if (s->use && pid)
		s->use(s->use_ctx, key.dev, key.ino, pid);
}

int ec_offer_file(struct ec_scan *s, int fd_in, const char *path, pid_t pid,
		  const struct ec_mapping *m, uint64_t modules, ec_candidate_fn *fn,
		  void *ctx)
{
	_ec_close_ int fd = fd_in;
	struct ec_candidate c = {.path = path, .pid = pid, .mapping = m};
	struct ec_seen key;
	struct statx x;
	int err;

	if (statx(fd, "", AT_EMPTY_PATH, WANTED, &x))
		return -errno;
	if (!S_ISREG(x.stx_mode))
		return 0;
	if (was_seen(s, &x)) {
		tell_use(s, &x, pid);
		return 0;
	}
	key = key_of(&x);
	err = remember(s, &key, birth(&x));
	if (err)
		return err;
	c.dev = key.dev;
	c.ino = key.ino;
	err = hand_on(s, &c, fd, modules, fn, ctx);
	tell_use(s, &x, pid);
	return err;
}

/*
 * Most mappings of libraries are of known ones: one call tells. The device in the maps
 * would not do: on btrfs it is that of all subvolumes, and their inode numbers repeat.
 */
static bool mapping_was_seen(struct ec_scan *s, pid_t pid, const struct ec_mapping *m)
{
	struct statx x;

	/* Another inode: something else is mapped there by now, or an overlayfs. */
	if (ec_proc_statx_mapping(pid, m, WANTED, &x) || x.stx_ino != m->ino ||
	    !was_seen(s, &x))
		return false;
	tell_use(s, &x, pid);
	return true;
}

int ec_offer_mapping(struct ec_scan *s, pid_t pid, const struct ec_mapping *m,
		     ec_candidate_fn *fn, void *ctx)
{
	uint64_t modules = ec_offer_wanted(ec_base_name(m->path));
	int fd;

	if ((!modules && !s->everything) || mapping_was_seen(s, pid, m))
		return 0;
	fd = ec_proc_open_mapping(pid, m);
	if (fd < 0) {
		/* Gone with its process, or ours to look at only with more rights. */
		s->unopened++;
		ec_debug("%s, mapped by %d: %s", m->path, pid, strerror(-fd));
		return 0;
	}
	return ec_offer_file(s, fd, m->path, pid, m, modules, fn, ctx);
}

struct walk {
	struct ec_scan *s;
	ec_candidate_fn *fn;
	void *ctx;
	int ret; /* of fn: told apart from what /proc refuses */
};

static int see_mapping(void *ctx, pid_t pid, const struct ec_mapping *m)
{
	struct walk *w = ctx;

	w->ret = ec_offer_mapping(w->s, pid, m, w->fn, w->ctx);
	return w->ret;
}

/* What /proc says; what fn said is in w->ret. */
static int scan_one(struct walk *w, pid_t pid)
{
	int err = ec_proc_maps(pid, see_mapping, w);

	w->s->denied += !w->ret && err == -EACCES;
	return err;
}

int ec_scan_process(struct ec_scan *s, pid_t pid, ec_candidate_fn *fn, void *ctx)
{
	struct walk w = {.s = s, .fn = fn, .ctx = ctx};
	int err = scan_one(&w, pid);

	return w.ret ? w.ret : err;
}

/* A process that ends under our eyes, or that we may not read, ends nothing. */
static int see_process(void *ctx, pid_t pid)
{
	struct walk *w = ctx;
	int err = scan_one(w, pid);

	if (!w->ret && err && err != -ESRCH && err != -EACCES)
		ec_debug("maps of process %d: %s", pid, strerror(-err));
	return w->ret;
}

int ec_scan_processes(struct ec_scan *s, const pid_t *pids, size_t n, ec_candidate_fn *fn,
		      void *ctx)
{
	struct walk w = {.s = s, .fn = fn, .ctx = ctx};
	int ret = 0;

	if (!pids)
		return ec_proc_each(see_process, &w);
	for (size_t i = 0; i < n && !ret; i++)
		ret = see_process(&w, pids[i]);
	return ret;
}
