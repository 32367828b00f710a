// SPDX-License-Identifier: GPL-2.0-only
/* Targets of a session: their probes come and go. */
#include "capture/session_impl.h"
#include "base/clock.h"
#include "base/util.h"
#include "capture/clone.h"

#include <errno.h>
#include <string.h>

#define LEFT_NS (10 * EC_NSEC) /* perf events take up to 0.2 s a probe */

static const struct bpf_program *program_of(struct ec_session *s, unsigned int module,
					    const struct ec_point *pt)
{
	if (s->floor)
		return bpf_object__find_program_by_name(s->host, pt->is_return || pt->ret
									 ? "ec_floor_out"
									 : "ec_floor_in");
	return bpf_object__find_program_by_name(
		s->module[module], ec_modules[module].module->progs[pt->prog]);
}

/* One point in all processes (npids 0) or in each of some. */
static int attach_point(struct ec_session *s, struct ec_links *links,
			const struct bpf_program *p, struct ec_attach_point *a,
			const pid_t *pids, size_t npids)
{
	_ec_close_ int clone = -1; /* attached, it lives without our descriptor */
	int err = 0;

	if (!p)
		return -ENOENT;
	a->program = bpf_program__fd(p);
	if (s->shape != EC_BPF_LOOP && a->cookie) {
		clone = ec_clone_load(p, a->cookie);
		if (clone >= 0)
			a->program = clone;
		else if (clone != -ENOENT)
			return clone;
	}
	for (size_t i = 0; !err && i < EC_MAX(npids, 1u); i++) {
		a->pid = npids ? pids[i] : 0;
		err = s->multi ? ec_attach_multi(links, a)
			       : ec_attach_perf(links, a, &s->features);
	}
	return err;
}

/* A handshake's return is seen by a return probe only: elsewhere it is not waited for. */
static uint64_t entry_cookie(const struct ec_session *s, uint32_t id,
			     const struct ec_point *pt)
{
	bool shake = pt->dir == EC_DIR_NONE && pt->shape == EC_SHAPE_RET;

	return EC_COOKIE(id, s->insn && shake ? EC_SHAPE_NONE : pt->shape, pt->dir);
}

/*
 * Returns first: a call that begins between the two is then not seen at all, rather than
 * leave a frame that no return takes away.
 */
static int attach_points(struct ec_session *s, struct ec_links *links, int fd,
			 unsigned int module, const struct ec_plan *plan, uint32_t id,
			 unsigned int uses, const pid_t *pids, size_t npids)
{
	for (int returns = 1; returns >= 0; returns--) {
		for (uint32_t i = 0; i < plan->npoints; i++) {
			const struct ec_point *pt = &plan->points[i];
			struct ec_attach_point a = {
				.fd = fd,
				.offset = pt->offset,
				.is_return = pt->is_return,
			};
			bool leaves = pt->is_return || pt->ret;
			int err = 0;

			if (!leaves)
				a.cookie = entry_cookie(s, id, pt);
			else if (pt->ret == EC_POINT_RET_INSN)
				a.cookie = EC_COOKIE_RET_INSN;
			if (leaves == returns && ec_point_used(pt, uses, s->insn))
				err = attach_point(s, links, program_of(s, module, pt),
						   &a, pids, npids);
			if (err)
				return err;
		}
	}
	return 0;
}

bool ec_session_insn(const struct ec_session *s)
{
	return s->insn;
}

unsigned int ec_session_points(const struct ec_session *s, const struct ec_plan *plan)
{
	return ec_plan_used(plan, s->uses, s->insn);
}

static void links_end(struct ec_session *s, struct ec_links *l, int wait_ms)
{
	if (!l->n)
		return;
	if (s->multi)
		ec_links_close(l);
	else
		ec_links_retire(l, wait_ms);
}

static void links_leave(struct ec_session *s, struct ec_links *l)
{
	if (!l->n)
		return;
	if (s->multi)
		ec_links_close_later(l);
	else
		ec_links_retire(l, 0);
}

static int targets_room(struct ec_session *s)
{
	size_t cap = s->targets_cap ? 2 * s->targets_cap : 64;
	struct ec_probed *p;

	if (s->ntargets < s->targets_cap)
		return 0;
	p = reallocarray(s->targets, cap, sizeof(*p));
	if (!p)
		return -ENOMEM;
	s->targets = p;
	s->targets_cap = cap;
	return 0;
}

static void left_forget(struct ec_session *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bpf_map_delete_elem(ec_session_map(s, "ec_targets"), &s->left[i].id);
	s->nleft -= n;
	memmove(s->left, s->left + n, s->nleft * sizeof(*s->left));
}

static void target_leave(struct ec_session *s, uint32_t id)
{
	if (s->nleft == EC_SESSION_LEFT)
		left_forget(s, 1);
	s->left[s->nleft++] = (struct ec_left){.id = id, .since = ec_clock_mono()};
}

void ec_session_started(struct ec_session *s, uint64_t ns)
{
	if (s->started)
		return;
	s->started = true;
	s->late_until = ec_clock_mono() + ns;
}

static void late_end(struct ec_session *s)
{
	s->late_until = 0;
	for (size_t i = 0; i < s->ntargets; i++)
		links_leave(s, &s->targets[i].late);
}

void ec_session_sweep(struct ec_session *s)
{
	uint64_t now = ec_clock_mono();
	size_t n = 0;

	if (s->late_until && now > s->late_until)
		late_end(s);
	while (n < s->nleft && now - s->left[n].since > LEFT_NS)
		n++;
	if (n)
		left_forget(s, n);
}

int ec_session_attach(struct ec_session *s, int fd, unsigned int module,
		      const struct ec_plan *plan, const pid_t *pids, size_t npids,
		      uint32_t *target, unsigned int *probes)
{
	bool bind = npids && (!s->multi || s->features.multi_pid);
	struct ec_target params = plan->params;
	struct ec_links links = {0}, late = {0};
	uint32_t id = s->next_target; /* never again: old probes may fire for seconds */
	int err = targets_room(s);

	if (err)
		return err;
	s->next_target++;
	params.module = module;
	/* E2BIG: as many as the table takes */
	if (bpf_map_update_elem(ec_session_map(s, "ec_targets"), &id, &params, BPF_ANY))
		return errno == E2BIG ? -ENOSPC : -errno;
	npids = bind ? npids : 0;
	err = attach_points(s, &links, fd, module, plan, id, s->uses & ~EC_USE_LATE, pids,
			    npids);
	if (!err && !s->started)
		err = attach_points(s, &late, fd, module, plan, id, s->uses & EC_USE_LATE,
				    pids, npids);
	if (err) {
		links_end(s, &late, 0);
		links_end(s, &links, 0);
		target_leave(s, id);
		return err;
	}
	*probes = links.n + late.n;
	*target = id;
	s->targets[s->ntargets++] =
		(struct ec_probed){.id = id, .links = links, .late = late};
	return 0;
}

static struct ec_probed *probed(struct ec_session *s, uint32_t target)
{
	for (size_t i = 0; i < s->ntargets; i++)
		if (s->targets[i].id == target)
			return &s->targets[i];
	return NULL;
}

void ec_session_leave(struct ec_session *s, uint32_t target)
{
	struct ec_probed *p = probed(s, target);
	int map = ec_session_map(s, "ec_targets");
	struct ec_target params;

	if (!p)
		return;
	if (!bpf_map_lookup_elem(map, &target, &params)) {
		params.flags |= EC_TARGET_LEFT;
		bpf_map_update_elem(map, &target, &params, BPF_EXIST);
	}
	links_leave(s, &p->links);
	links_leave(s, &p->late);
}

void ec_session_detach(struct ec_session *s, uint32_t target)
{
	struct ec_probed *p = probed(s, target);

	if (!p)
		return;
	links_leave(s, &p->links);
	links_leave(s, &p->late);
	*p = s->targets[--s->ntargets];
	target_leave(s, target);
}

void ec_session_probes_free(struct ec_session *s, int wait_ms)
{
	struct ec_links all = {0};

	for (size_t i = 0; i < s->ntargets; i++) {
		ec_links_take(&all, &s->targets[i].links);
		ec_links_take(&all, &s->targets[i].late);
	}
	free(s->targets);
	s->targets = NULL;
	s->ntargets = s->targets_cap = 0;
	links_end(s, &all, wait_ms);
}
