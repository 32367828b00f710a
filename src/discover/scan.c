// SPDX-License-Identifier: GPL-2.0-only
#include "discover/scan.h"
#include "base/log.h"
#include "discover/offer.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/*
 * Far above the files that can be probed at a time (EC_TARGETS_MAX). The one that was met
 * longest ago is forgotten first, and at worst handed on a second time.
 */
#define SEEN_MAX 16384

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

int ec_scan_add(struct ec_scan *s, uint64_t dev, uint64_t ino)
{
	struct ec_seen key = {.dev = dev, .ino = ino};
	int err = ec_map_put(s->seen, &key, s); /* any value: only presence counts */

	return err == -EEXIST ? 0 : err;
}

const char *ec_offer_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

uint64_t ec_offer_wanted(const char *base)
{
	unsigned int n = EC_MIN(ec_modules_count, (unsigned int)EC_OFFER_MODULES);
	uint64_t set = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct ec_module *m = ec_modules[i].module;

		if (m->wants && m->wants(base))
			set |= UINT64_C(1) << i;
	}
	return set;
}

/* Each module gets a descriptor of its own, so that it may keep it. */
static int hand_on(const struct ec_candidate *c, int fd, uint64_t modules,
		   ec_candidate_fn *fn, void *ctx)
{
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

int ec_offer_file(struct ec_scan *s, int fd_in, const char *path, pid_t pid,
		  uint64_t modules, ec_candidate_fn *fn, void *ctx)
{
	_ec_close_ int fd = fd_in;
	struct ec_candidate c = {.path = path, .pid = pid};
	struct ec_seen key;
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return -errno;
	key = (struct ec_seen){.dev = st.st_dev, .ino = st.st_ino};
	if (!S_ISREG(st.st_mode) || ec_map_get(s->seen, &key))
		return 0;
	err = ec_scan_add(s, key.dev, key.ino);
	if (err)
		return err;
	c.dev = key.dev;
	c.ino = key.ino;
	return hand_on(&c, fd, modules, fn, ctx);
}

/*
 * Was the mapped file seen, without opening it? Only where maps and stat(2) show one and
 * the same device: made-up ones (major 0: btrfs, overlayfs, tmpfs) must be asked by
 * fstat(2), or two subvolumes' files of one inode number would be taken for one.
 */
static bool seen_by_device(struct ec_scan *s, const struct ec_mapping *m)
{
	unsigned int maj = m->dev >> 32, min = (uint32_t)m->dev;
	struct ec_seen key = {.dev = makedev(maj, min), .ino = m->ino};

	return maj && ec_map_get(s->seen, &key);
}

int ec_offer_mapping(struct ec_scan *s, pid_t pid, const struct ec_mapping *m,
		     ec_candidate_fn *fn, void *ctx)
{
	uint64_t modules = ec_offer_wanted(ec_offer_base(m->path));
	int fd;

	if (!modules || seen_by_device(s, m))
		return 0;
	fd = ec_proc_open_mapping(pid, m);
	if (fd < 0) {
		/* Gone with its process, or ours to look at only with more rights. */
		ec_debug("%s, mapped by %d: %s", m->path, pid, strerror(-fd));
		return 0;
	}
	return ec_offer_file(s, fd, m->path, pid, modules, fn, ctx);
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

/* A process that ends under our eyes, or that we may not read, ends nothing. */
static int see_process(void *ctx, pid_t pid)
{
	struct walk *w = ctx;
	int err = ec_proc_maps(pid, see_mapping, w);

	if (w->ret)
		return w->ret;
	if (err == -EACCES)
		w->s->denied++;
	else if (err && err != -ESRCH)
		ec_debug("maps of process %d: %s", pid, strerror(-err));
	return 0;
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
