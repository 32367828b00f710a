// SPDX-License-Identifier: GPL-2.0-only
#include "modules/openssl/points.h"
#include "target/code.h"
#include <errno.h>
#include <stdio.h>

#define RETURNS_MAX 16 /* of one function; real ones have 1 to 4 */

struct ec_point *ec_openssl_point(const struct ec_file *f, struct ec_plan *plan,
				  uint64_t va, int prog, enum ec_shape shape,
				  const char *name)
{
	enum ec_step step = ec_code_step(f, va);
	struct ec_point *p;
	uint64_t offset;

	if (plan->npoints == EC_PLAN_POINTS || step == EC_STEP_REFUSED ||
	    ec_file_va_to_offset(f, va, &offset))
		return NULL;
	p = &plan->points[plan->npoints++];
	p->offset = offset;
	p->prog = prog;
	p->shape = shape;
	p->dir = prog == EC_SSL_WRITE_IN || prog == EC_SSL_WRITE_OUT ? EC_DIR_SENT
		 : prog == EC_SSL_READ_IN || prog == EC_SSL_READ_OUT ? EC_DIR_RECV
								     : EC_DIR_NONE;
	/* what ends a connection ends it for all; the others have one purpose */
	p->use = prog == EC_SSL_SECRET ? EC_USE_SECRET
		 : prog == EC_SSL_LATE ? EC_USE_LATE
		 : prog == EC_SSL_FREE || prog == EC_SSL_CLEAR
			 ? EC_USE_DATA | EC_USE_SECRET
			 : EC_USE_DATA;
	p->stepped = step == EC_STEP_STEPPED;
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

/* Functions that end with one another have returns in common. */
static bool has_return(const struct ec_file *f, const struct ec_plan *plan, uint64_t va,
		       int prog)
{
	uint64_t offset;

	if (ec_file_va_to_offset(f, va, &offset))
		return false;
	for (uint32_t i = 0; i < plan->npoints; i++)
		if (plan->points[i].ret == EC_POINT_RET_INSN &&
		    plan->points[i].offset == offset && plan->points[i].prog == prog)
			return true;
	return false;
}

/*
 * The same returns by instructions; what cannot be seen so is said in the plan. Functions
 * that only this file calls often end with a jump through the method table: then the
 * places where their calls come back to.
 */
static void add_returns(const struct ec_file *f, struct ec_plan *plan, struct ec_sym fn,
			int prog, enum ec_shape shape, const char *name, bool internal)
{
	enum ec_point_ret ret = EC_POINT_RET_INSN;
	uint64_t va[RETURNS_MAX];
	int n = ec_code_returns(f, fn, va, RETURNS_MAX);

	if (n == -EMLINK && internal) {
		ret = EC_POINT_RET_SITE;
		n = ec_code_return_sites(f, fn.va, va, RETURNS_MAX);
	}
	for (int i = 0; i < n; i++) {
		struct ec_point *p;

		if (ret == EC_POINT_RET_INSN && has_return(f, plan, va[i], prog))
			continue;
		p = ec_openssl_point(f, plan, va[i], prog, shape, name);
		if (!p) {
			n = -E2BIG;
			break;
		}
		p->ret = ret;
	}
	if (n < 0 && !plan->no_insn[0])
		snprintf(plan->no_insn, sizeof(plan->no_insn),
			 "%s: not all of its returns can be found", name);
}

bool ec_openssl_pair(const struct ec_file *f, struct ec_plan *plan, struct ec_sym fn,
		     int prog, enum ec_shape shape, const char *name, bool internal)
{
	uint64_t va = ec_code_entry(f, fn, true, 0);
	struct ec_point *out;

	if (plan->npoints + 2 > EC_PLAN_POINTS ||
	    !ec_openssl_point(f, plan, va, prog, shape, name))
		return false;
	out = ec_openssl_point(f, plan, va, prog + 1, shape, name);
	if (!out)
		return false;
	out->is_return = 1;
	add_returns(f, plan, fn, prog + 1, shape, name, internal);
	return true;
}

void ec_openssl_handshake(const struct ec_file *f, struct ec_plan *plan, struct ec_sym fn,
			  const char *name)
{
	uint64_t va = ec_code_entry(f, fn, true, 0);
	struct ec_point *p;

	if (plan->npoints + 2 > EC_PLAN_POINTS ||
	    !ec_openssl_point(f, plan, va, EC_SSL_SHAKE_IN, EC_SHAPE_RET, name))
		return;
	p = ec_openssl_point(f, plan, va, EC_SSL_SHAKE_OUT, EC_SHAPE_RET, name);
	if (p)
		p->is_return = 1;
}
