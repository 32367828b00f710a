// SPDX-License-Identifier: GPL-2.0-only
#include "target/reads.h"
#include "base/util.h"
#include "target/regs.h"
#include "target/walk.h"
#include <errno.h>
#include <string.h>

#define FAR 65536 /* no structure is larger */

struct passed {
	const struct ec_file *f;
	const struct ec_passed *p;
	unsigned int n;
	uint64_t target;
};

static int see_passed(void *ctx, const struct ec_insn *in, const struct ec_regs *r)
{
	const struct ec_abi *abi;
	struct passed *s = ctx;

	if (in->flow != EC_FLOW_CALL || in->target == s->target)
		return 0;
	abi = ec_insn_abi(s->f);
	for (unsigned int i = 0; i < s->n; i++)
		if (!ec_val_is_arg(&r->reg[abi->arg[s->p[i].to - 1]], s->p[i].from))
			return 0;
	if (s->target)
		return -ENOTUNIQ;
	s->target = in->target;
	return 0;
}

int ec_code_passed(const struct ec_file *f, struct ec_sym fn, const struct ec_passed *p,
		   unsigned int n, uint64_t *callee)
{
	struct passed s = {.f = f, .p = p, .n = n};
	int err = ec_walk(f, fn, see_passed, &s);

	if (err == -ENOTUNIQ || err == -ENOMEM)
		return err;
	/* a call that was seen was seen, however far the rest was walked */
	if (!s.target || !ec_file_is_code(f, s.target) || ec_walk_is_plt(f, s.target))
		return -ENOENT;
	*callee = s.target;
	return 0;
}

struct bytes {
	const struct ec_file *f;
	unsigned int arg;
	uint32_t min;
	struct ec_chain *out;
};

/* Is it an address behind the argument? Then it is the answer. */
static bool leads_there(const struct bytes *b, const struct ec_val *v, int64_t disp)
{
	int64_t last = (v->kind == EC_VAL_LOAD ? v->add : v->off) + disp;

	if (v->arg != b->arg || (v->kind != EC_VAL_LOAD && v->kind != EC_VAL_ARG) ||
	    last < b->min || last >= FAR || v->off < 0 || v->off >= FAR)
		return false;
	*b->out = v->kind == EC_VAL_ARG
			  ? (struct ec_chain){.off = {last}, .n = 1}
			  : (struct ec_chain){.off = {v->off, last}, .n = 2};
	return true;
}

/* Bytes one by one, or sixteen and more at once. */
static bool reads_x86(const struct bytes *b, const cs_insn *cs, const struct ec_regs *r)
{
	const cs_x86 *x = &cs->detail->x86;
	const cs_x86_op *to = &x->operands[0], *from = &x->operands[1];
	unsigned int base;

	if (x->op_count != 2 || to->type != X86_OP_REG || from->type != X86_OP_MEM ||
	    (from->size != 1 && from->size < 16) || cs->id == X86_INS_LEA)
		return false;
	base = ec_x86_reg(from->mem.base);
	if (base == EC_REG_NONE || cs->id == X86_INS_CMP || cs->id == X86_INS_TEST)
		return false;
	return leads_there(b, &r->reg[base], from->mem.disp);
}

/* ldrb, ldrsb and ldr q (Arm ARM C4.1.88): immediate forms and by register. */
static bool reads_arm64(const struct bytes *b, const cs_insn *cs, const struct ec_regs *r)
{
	bool vector, single;
	int64_t disp = 0;
	uint32_t w;

	memcpy(&w, cs->bytes, sizeof(w));
	if ((w & 0x3a000000) == 0x28000000) /* ldp q */
		return w >> 26 & 1 && w >> 30 == 2 && w >> 22 & 1 &&
		       leads_there(b, &r->reg[w >> 5 & 31],
				   (int64_t)((uint64_t)(w >> 15 & 0x7f) << 57) >> 53);
	if ((w & 0x3a000000) != 0x38000000)
		return false;
	vector = w >> 26 & 1;
	single = !vector && !(w >> 30) && (w >> 22 & 3);
	if (!single && !(vector && !(w >> 30) && (w >> 22 & 3) == 3))
		return false;
	if (w >> 24 & 1)
		disp = (int64_t)(w >> 10 & 0xfff) * (vector ? 16 : 1);
	else if (!(w >> 21 & 1) && (w >> 10 & 3) != 1)
		disp = (int64_t)((uint64_t)(w >> 12 & 0x1ff) << 55) >> 55;
	return leads_there(b, &r->reg[w >> 5 & 31], disp);
}

static int see_bytes(void *ctx, const struct ec_insn *in, const struct ec_regs *r)
{
	const struct bytes *b = ctx;
	const struct ec_abi *abi = ec_insn_abi(b->f);
	bool x86 = ec_file_arch(b->f) == EC_ARCH_X86_64;

	if (in->flow == EC_FLOW_CALL || in->flow == EC_FLOW_CALL_OTHER) {
		for (int i = 0; i < EC_CODE_ARGS; i++)
			if (r->reg[abi->arg[i]].kind == EC_VAL_LOAD &&
			    r->reg[abi->arg[i]].add &&
			    leads_there(b, &r->reg[abi->arg[i]], 0))
				return 1;
		return 0;
	}
	return in->flow == EC_FLOW_NEXT &&
	       (x86 ? reads_x86(b, in->cs, r) : reads_arm64(b, in->cs, r));
}

int ec_code_bytes(const struct ec_file *f, struct ec_sym fn, unsigned int arg,
		  uint32_t min, struct ec_chain *out)
{
	struct ec_chain chain;
	struct bytes b = {.f = f, .arg = arg, .min = min, .out = &chain};
	int err = ec_walk(f, fn, see_bytes, &b);

	if (err != 1)
		return err == -ENOMEM ? err : -ENOENT;
	*out = chain;
	return 0;
}

struct number {
	const struct ec_file *f;
	uint64_t next;	 /* where the path goes on, else it is another one */
	int64_t off;	 /* of what the return register holds, -1: nothing of the kind */
	int64_t returns; /* the same of what was returned, -1: nothing yet */
};

/* A load of 32 bits behind the first argument into the return register. */
static int64_t loads_number(const struct ec_file *f, const cs_insn *cs,
			    const struct ec_regs *r)
{
	const cs_x86_op *op = cs->detail->x86.operands;
	const struct ec_val *base;
	unsigned int reg;
	int64_t disp;
	uint32_t w;

	if (ec_file_arch(f) != EC_ARCH_X86_64) {
		memcpy(&w, cs->bytes, sizeof(w));
		if ((w & 0xffc0001f) != 0xb9400000) /* ldr w0, [x, #imm] */
			return -1;
		reg = w >> 5 & 31;
		disp = (w >> 10 & 0xfff) * 4;
	} else {
		if (cs->id != X86_INS_MOV || op[0].type != X86_OP_REG ||
		    op[0].reg != X86_REG_EAX || op[1].type != X86_OP_MEM ||
		    op[1].mem.index != X86_REG_INVALID)
			return -1;
		reg = ec_x86_reg(op[1].mem.base);
		disp = op[1].mem.disp;
	}
	if (reg == EC_REG_NONE)
		return -1;
	base = &r->reg[reg];
	return base->kind == EC_VAL_ARG && base->arg == 1 ? base->off + disp : -1;
}

static int see_number(void *ctx, const struct ec_insn *in, const struct ec_regs *r)
{
	struct number *n = ctx;
	int64_t off;

	if (in->va != n->next || (in->flow != EC_FLOW_NEXT && in->flow != EC_FLOW_RET))
		n->off = -1;
	n->next = in->va + in->size;
	if (in->flow == EC_FLOW_RET && n->off >= 0) {
		if (n->returns >= 0 && n->returns != n->off)
			return -ENOTUNIQ;
		n->returns = n->off;
	}
	if (in->flow != EC_FLOW_NEXT)
		return 0;
	off = loads_number(n->f, in->cs, r);
	if (off >= 0)
		n->off = off;
	else if (ec_insn_writes(n->f, in) & 1u << ec_insn_abi(n->f)->ret)
		n->off = -1;
	return 0;
}

int ec_code_number(const struct ec_file *f, struct ec_sym fn, uint32_t *offset)
{
	struct number n = {.f = f, .off = -1, .returns = -1};
	int err = ec_walk(f, fn, see_number, &n);

	if (err || n.returns < 0 || n.returns >= FAR)
		return err == -ENOMEM ? err : -ENOENT;
	*offset = n.returns;
	return 0;
}
