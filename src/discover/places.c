// SPDX-License-Identifier: GPL-2.0-only
/*
 * inotify(7) on the folders of the library search path. Told are files that were written
 * and files that were moved there (what package managers do): both are whole. Not
 * IN_CREATE: such a file is still being written, and would be looked at too early, once
 * and for all.
 */
#include "base/log.h"
#include "base/util.h"
#include "discover/libpath.h"
#include "discover/offer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>

#define EVENTS_BYTES 8192
#define EVENTS	     (IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR)

struct ec_places {
	struct ec_scan *scan;
	ec_candidate_fn *fn;
	void *ctx;
	int fd;
	struct ec_libpath path;
	int wd[EC_LIBPATH_MAX];
};

int ec_places_new_of(struct ec_scan *s, const char *conf, ec_candidate_fn *fn, void *ctx,
		     struct ec_places **out)
{
	struct ec_places *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->scan = s;
	p->fn = fn;
	p->ctx = ctx;
	p->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	err = p->fd < 0 ? -errno : ec_libpath_read(&p->path, conf);
	if (err) {
		ec_places_free(p);
		return err;
	}
	for (unsigned int i = 0; i < p->path.n; i++)
		p->wd[i] = inotify_add_watch(p->fd, p->path.dirs[i].path, EVENTS);
	*out = p;
	return 0;
}

int ec_places_new(struct ec_scan *s, ec_candidate_fn *fn, void *ctx,
		  struct ec_places **out)
{
	return ec_places_new_of(s, "/etc/ld.so.conf", fn, ctx, out);
}

void ec_places_free(struct ec_places *p)
{
	if (!p)
		return;
	ec_cleanup_close(&p->fd);
	ec_libpath_free(&p->path);
	free(p);
}

int ec_places_fd(const struct ec_places *p)
{
	return p->fd;
}

/*
 * What a package manager writes and moves to its name later, "libssl.so.3.dpkg-new" or
 * "libssl.so.3;5f3a": taken now, its name would be gone soon, and its target with it.
 */
static bool is_temporary(const char *name)
{
	const char *rest = strstr(name, ".so");
	size_t letters;

	if (!rest)
		return false;
	rest += strlen(".so");
	rest += strspn(rest, ".0123456789");
	letters = strspn(rest, "abcdefghijklmnopqrstuvwxyz"); /* "1.0.2k" */
	return letters > 2 || rest[letters];
}

static int see_name(struct ec_places *p, const struct inotify_event *e)
{
	uint64_t modules = ec_offer_searched(e->name);

	if (e->mask & IN_CLOSE_WRITE && is_temporary(e->name))
		return 0;
	for (unsigned int i = 0; modules && i < p->path.n; i++) {
		const char *path = p->path.dirs[i].path;
		_ec_close_ int dir = -1;

		if (p->wd[i] != e->wd)
			continue;
		dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return dir < 0 ? 0
			       : ec_offer_name(p->scan, dir, path, e->name, modules,
					       p->fn, p->ctx);
	}
	return 0;
}

int ec_places_read(struct ec_places *p)
{
	_Alignas(struct inotify_event) char buf[EVENTS_BYTES];
	ssize_t n = read(p->fd, buf, sizeof(buf));
	int ret = 0;

	/* to the end whatever fn says: the kernel does not tell it again */
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buf + at);
		int one = 0;

		at += (ssize_t)(sizeof(*e) + e->len);
		if (e->mask & IN_Q_OVERFLOW)
			one = ec_scan_search_path(p->scan, p->fn, p->ctx);
		else if (e->len)
			one = see_name(p, e);
		ret = ret ?: one;
	}
	return ret;
}
