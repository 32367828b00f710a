// SPDX-License-Identifier: GPL-2.0-only
#include "app/hint.h"
#include "base/clock.h"
#include "base/log.h"
#include "host/proc.h"

#include <errno.h>
#include <sys/stat.h>

#define DESCENDANTS_MAX 256	/* that are looked at */
#define FIRST_NS	EC_NSEC /* until we look again; each time twice as long */
#define LAST_NS		(60 * EC_NSEC)

struct ec_hint {
	const struct ec_options *o;
	bool said[EC_OPT_LIST_MAX];
	struct ec_source *timer;
	uint64_t wait;
	const struct ec_targets *targets;
};

static void on_timer(void *ctx, uint32_t events)
{
	struct ec_hint *h = ctx;

	ec_hint_settled(h);
	h->wait = EC_MIN(2 * h->wait, LAST_NS);
	ec_loop_set_timer(h->timer, h->wait);
}

int ec_hint_new(const struct ec_options *o, const struct ec_targets *t, struct ec_loop *l,
		struct ec_hint **out)
{
	struct ec_hint *h;
	int err;

	*out = NULL;
	if (!o->pids.n || o->follow || o->command)
		return 0;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->o = o;
	h->targets = t;
	h->wait = FIRST_NS;
	err = ec_loop_add_timer(l, h->wait, on_timer, h, &h->timer);
	if (err)
		free(h);
	else
		*out = h;
	return err;
}

/* 1: a probed one. The file itself is asked: maps show other numbers on some systems. */
static int see_mapping(void *ctx, pid_t pid, const struct ec_mapping *m)
{
	const struct ec_hint *h = ctx;
	_ec_close_ int fd = ec_proc_open_mapping(pid, m);
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) &&
	       ec_targets_has(h->targets, st.st_dev, st.st_ino);
}

/* Not to be read counts as if it did: nothing is said of what we do not know. */
static bool maps_probed(struct ec_hint *h, pid_t pid)
{
	return ec_proc_maps(pid, see_mapping, h) != 0;
}

static void look(struct ec_hint *h, size_t i)
{
	pid_t pids[DESCENDANTS_MAX], pid = (pid_t)h->o->pids.v[i];
	int n = ec_proc_descendants(pid, pids, DESCENDANTS_MAX);
	char comm[16] = "";

	if (n < 2 || maps_probed(h, pid))
		return;
	for (int k = 0; k < n && k < DESCENDANTS_MAX; k++) {
		if (pids[k] == pid || ec_proc_maps(pids[k], see_mapping, h) != 1)
			continue;
		ec_proc_comm(pids[k], comm);
		ec_warn("--pid %d: it has nothing to capture, but its descendant %d (%s) "
			"has: add --follow, or name that one",
			pid, pids[k], comm);
		h->said[i] = true;
		return;
	}
}

void ec_hint_settled(struct ec_hint *h)
{
	if (!h || !ec_targets_count(h->targets))
		return;
	for (size_t i = 0; i < h->o->pids.n; i++) {
		if (!h->said[i])
			look(h, i);
	}
}

void ec_hint_free(struct ec_hint *h)
{
	if (!h)
		return;
	ec_loop_del(h->timer);
	free(h);
}
