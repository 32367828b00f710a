// SPDX-License-Identifier: GPL-2.0-only
/* What a function hands on to what it calls. */
#include "target/code.h"
#include "target/regs.h"
#include "target/walk.h"
#include <errno.h>
#include <string.h>

struct handed {
	const struct ec_file *f;
	uint32_t number;
	bool *made;
	struct ec_code_handed *out;
	size_t n, max;
	int64_t pushed; /* by the instruction before, -1: nothing */
};

/* Small code loads small numbers by push and pop. */
static bool makes_x86(struct handed *h, const cs_insn *cs, unsigned int reg)
{
	const cs_x86 *x = &cs->detail->x86;
	const cs_x86_op *a = &x->operands[0], *b = &x->operands[1];
	int64_t pushed = h->pushed;

	h->pushed = -1;
	if (cs->id == X86_INS_PUSH && a->type == X86_OP_IMM) {
		h->pushed = a->imm;
		return false;
	}
	if (!x->op_count || a->type != X86_OP_REG || ec_x86_reg(a->reg) != reg)
		return false;
	if (cs->id == X86_INS_POP)
		return pushed == h->number;
	return cs->id == X86_INS_MOV && x->op_count == 2 && b->type == X86_OP_IMM &&
	       (uint32_t)b->imm == h->number;
}

static bool makes(struct handed *h, const struct ec_insn *in)
{
	unsigned int reg = ec_insn_abi(h->f)->arg[1];
	uint32_t w;

	if (h->f->arch == EC_ARCH_X86_64)
		return makes_x86(h, in->cs, reg);
	memcpy(&w, in->cs->bytes, sizeof(w));
	return (w & 0x7fffffff) == (0x52800000 | h->number << 5 | reg); /* movz */
}

static uint8_t held(const struct ec_regs *r)
{
	uint8_t bits = 0;

	for (unsigned int i = 0; i < EC_REGS; i++)
		if (r->reg[i].kind == EC_VAL_ARG && !r->reg[i].off)
			bits |= 1u << (r->reg[i].arg - 1);
	for (uint64_t i = 0; i < r->nslots; i++)
		if (r->slot[i].val.kind == EC_VAL_ARG && !r->slot[i].val.off)
			bits |= 1u << (r->slot[i].val.arg - 1);
	return bits;
}

static bool leaves(const struct handed *h, const struct ec_insn *in)
{
	uint32_t w;

	if (in->flow == EC_FLOW_CALL || in->flow == EC_FLOW_CALL_OTHER)
		return true;
	if (in->flow != EC_FLOW_STOP)
		return false;
	if (h->f->arch == EC_ARCH_X86_64)
		return in->cs->id == X86_INS_JMP;
	memcpy(&w, in->cs->bytes, sizeof(w));
	return (w & 0xfffffc1f) == 0xd61f0000; /* br */
}

static int see(void *ctx, const struct ec_insn *in, const struct ec_regs *r)
{
	struct handed *h = ctx;
	const struct ec_abi *abi = ec_insn_abi(h->f);
	struct ec_code_handed *to;

	*h->made |= makes(h, in);
	if (!leaves(h, in) || !ec_val_is_arg(&r->reg[abi->arg[0]], 1))
		return 0;
	if (h->n == h->max)
		return -E2BIG;
	to = &h->out[h->n++];
	memset(to, 0, sizeof(*to));
	to->target = in->flow == EC_FLOW_CALL ? in->target : 0;
	for (int i = 0; i < EC_CODE_ARGS; i++) {
		const struct ec_val *v = &r->reg[abi->arg[i]];

		to->from[i] = v->kind == EC_VAL_ARG && !v->off ? v->arg : 0;
	}
	to->left = held(r);
	return 0;
}

int ec_code_handed(const struct ec_file *f, struct ec_sym fn, uint32_t number, bool *made,
		   struct ec_code_handed *out, size_t max)
{
	struct handed h = {
		.f = f, .number = number, .made = made, .out = out, .max = max};
	int err;

	*made = false;
	h.pushed = -1;
	err = ec_walk(f, fn, see, &h);
	return err ? err : (int)h.n;
}
