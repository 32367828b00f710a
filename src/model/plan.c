// SPDX-License-Identifier: GPL-2.0-only
#include "model/plan.h"
#include <errno.h>
#include <string.h>

#define ENDED(s) (memchr((s), 0, sizeof(s)) != NULL)

static bool point_ok(const struct ec_point *p, unsigned int nprogs)
{
	return p->prog < nprogs && p->is_return <= 1 && p->shape < EC_SHAPE__N &&
	       (p->dir < EC_DIR__N || p->dir == EC_DIR_NONE) && p->stepped <= 1 &&
	       p->ret < EC_POINT_RET__N && !(p->ret && p->is_return) && p->use &&
	       !(p->use & ~EC_USE__ALL) && ENDED(p->name);
}

int ec_plan_check(const struct ec_plan *p, unsigned int nprogs)
{
	if (p->npoints > EC_PLAN_POINTS ||
	    p->params.flags & ~(EC_TARGET_NESTS | EC_TARGET_ENDLESS) ||
	    p->build_id_len > EC_PLAN_BUILD_ID)
		return -EBADMSG;
	if (p->params.nrandom > 2 || p->params.nmaster > 2)
		return -EBADMSG;
	if (!ENDED(p->library) || !ENDED(p->version) || !ENDED(p->how) ||
	    !ENDED(p->keys) || !ENDED(p->why) || !ENDED(p->todo) || !ENDED(p->no_insn) ||
	    p->obstacle >= EC_OBSTACLE__N)
		return -EBADMSG;
	for (int i = 0; i < EC_PLAN_WARN__N; i++)
		if (!ENDED(p->warn[i]))
			return -EBADMSG;
	if (!ENDED(p->note) || !ENDED(p->beside) || strchr(p->beside, '/'))
		return -EBADMSG;
	for (uint32_t i = 0; i < p->npoints; i++)
		if (!point_ok(&p->points[i], nprogs))
			return -EBADMSG;
	return 0;
}

bool ec_plan_has(const struct ec_plan *p, enum ec_use use)
{
	for (uint32_t i = 0; i < p->npoints && i < EC_PLAN_POINTS; i++)
		if (p->points[i].use == use)
			return true;
	return false;
}

unsigned int ec_plan_used(const struct ec_plan *p, unsigned int uses, bool insn)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < p->npoints && i < EC_PLAN_POINTS; i++)
		n += ec_point_used(&p->points[i], uses, insn);
	return n;
}

size_t ec_plan_size(const struct ec_plan *p)
{
	return offsetof(struct ec_plan, points) + p->npoints * sizeof(p->points[0]);
}

int ec_plan_take(const void *body, size_t n, unsigned int nprogs, struct ec_plan *out)
{
	memset(out, 0, sizeof(*out));
	if (n < offsetof(struct ec_plan, points) || n > sizeof(*out))
		return -EBADMSG;
	memcpy(out, body, n);
	if (!ec_plan_check(out, nprogs) && ec_plan_size(out) == n)
		return 0;
	memset(out, 0, sizeof(*out));
	return -EBADMSG;
}
