// SPDX-License-Identifier: GPL-2.0-only
#include "target/code.h"
#include "target/walk.h"
#include <errno.h>
#include <string.h>

struct callee {
	const struct ec_file *f;
	uint64_t target; /* 0: none yet */
};

static int see_callee(void *ctx, const struct ec_insn *in, const struct ec_regs *r)
{
	struct callee *c = ctx;

	if (in->flow != EC_FLOW_CALL ||
	    !ec_val_is_arg(&r->reg[ec_insn_abi(c->f)->arg[0]], 1) ||
	    in->target == c->target || !ec_file_is_code(c->f, in->target))
		return 0;
	/* Asked last: it decodes over `in`. */
	uint64_t target = in->target;

	if (ec_walk_is_plt(c->f, target))
		return 0;
	if (c->target)
		return -ENOTUNIQ;
	c->target = target;
	return 0;
}

int ec_code_callee(const struct ec_file *f, struct ec_sym fn, uint64_t *callee)
{
	struct callee c = {.f = f};
	int err = ec_walk(f, fn, see_callee, &c);

	if (err == -ENOTUNIQ)
		return err;
	if (err || !c.target)
		return -ENOENT;
	*callee = c.target;
	return 0;
}

struct count {
	const struct ec_abi *abi;
	uint64_t callee;
	int arg; /* 0: no call seen, -1: cannot be told */
};

/* An address in the frame, not above it: those are arguments of our caller. */
static bool in_frame(const struct ec_val *v)
{
	return v->kind == EC_VAL_STACK && v->off < 0;
}

static int count_at(const struct ec_regs *r, const struct ec_abi *abi)
{
	const struct ec_val *a4 = &r->reg[abi->arg[3]], *a5 = &r->reg[abi->arg[4]];

	/* A write or read passes its object and buffer on as they came. */
	if (!ec_val_is_arg(&r->reg[abi->arg[0]], 1) ||
	    !ec_val_is_arg(&r->reg[abi->arg[1]], 2))
		return -1;
	if (in_frame(a4) || in_frame(a5))
		return in_frame(a4) && in_frame(a5) ? -1 : in_frame(a4) ? 4 : 5;
	if (ec_val_is_arg(a5, 4))
		return 5;
	/* An untouched fifth register says nothing: there may be no fifth argument. */
	return ec_val_is_arg(a4, 4) ? 4 : -1;
}

static int see_count(void *ctx, const struct ec_insn *in, const struct ec_regs *r)
{
	struct count *c = ctx;
	int arg;

	if (in->flow != EC_FLOW_CALL || in->target != c->callee)
		return 0;
	arg = count_at(r, c->abi);
	c->arg = !c->arg || c->arg == arg ? arg : -1;
	return 0;
}

int ec_code_count_arg(const struct ec_file *f, struct ec_sym fn, uint64_t callee,
		      int *arg)
{
	struct count c = {.abi = ec_insn_abi(f), .callee = callee};

	if (ec_walk(f, fn, see_count, &c) || c.arg <= 0)
		return -ENOENT;
	*arg = c.arg;
	return 0;
}

struct accessor {
	uint8_t ret;
	bool found;
	int64_t off;
};

/* Paths that return something else (NULL, another call's result) say nothing. */
static int see_return(void *ctx, const struct ec_insn *in, const struct ec_regs *r)
{
	struct accessor *a = ctx;
	const struct ec_val *v = &r->reg[a->ret];

	if (in->flow != EC_FLOW_RET || v->kind != EC_VAL_LOAD || v->arg != 1 || v->add)
		return 0;
	if (a->found && a->off != v->off)
		return -ENOTUNIQ;
	a->found = true;
	a->off = v->off;
	return 0;
}

int ec_code_accessor(const struct ec_file *f, struct ec_sym fn, uint32_t *offset)
{
	struct accessor a = {.ret = ec_insn_abi(f)->ret};

	if (ec_walk(f, fn, see_return, &a) || !a.found || a.off < 0 || a.off > INT32_MAX)
		return -ENOENT;
	*offset = a.off;
	return 0;
}
