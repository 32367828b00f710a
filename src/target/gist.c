// SPDX-License-Identifier: GPL-2.0-only
/*
 * Values are followed in the order of the addresses, not of the flow: what a register
 * holds behind a jump may be wrong, what is made in one never is.
 */
#include "target/gist.h"
#include "target/insn.h"
#include "target/regs.h"
#include <errno.h>
#include <string.h>

struct walk {
	const struct ec_file *f;
	struct ec_sym fn;
	int (*visit)(void *ctx, const struct ec_gist *g);
	void *ctx;
	uint64_t value[EC_REGS];
	uint32_t known; /* bit i: register i holds value[i] */
	bool pushed;	/* the instruction before pushed `push` */
	uint64_t push;
};

static int tell(struct walk *w, enum ec_gist_kind kind, uint64_t va, uint64_t value)
{
	struct ec_gist g = {.kind = kind, .va = va, .value = value};

	return w->visit(w->ctx, &g);
}

static int make(struct walk *w, const struct ec_insn *in, unsigned int reg,
		uint64_t value)
{
	const struct ec_abi *abi = ec_insn_abi(w->f);
	struct ec_gist g = {.kind = EC_GIST_CONST, .va = in->va, .value = value};

	w->known |= 1u << reg;
	w->value[reg] = value;
	for (int i = 0; i < EC_CODE_ARGS; i++)
		if (abi->arg[i] == reg)
			g.arg = i + 1;
	g.ret = abi->ret == reg;
	return w->visit(w->ctx, &g);
}

static bool knows(const struct walk *w, unsigned int reg)
{
	return reg < EC_REGS && w->known & 1u << reg;
}

/* What is pushed and popped at once: how small code loads a small number. */
static bool stack_x86(struct walk *w, const cs_x86 *x, unsigned int id, uint64_t *v)
{
	bool pushed = w->pushed;

	w->pushed = false;
	if (id == X86_INS_PUSH && x->operands[0].type == X86_OP_IMM) {
		w->pushed = true;
		w->push = x->operands[0].imm;
		return false;
	}
	*v = w->push;
	return id == X86_INS_POP && pushed && x->operands[0].type == X86_OP_REG;
}

static bool value_x86(struct walk *w, const struct ec_insn *in, uint64_t *v)
{
	const cs_x86 *x = &in->cs->detail->x86;
	const cs_x86_op *a = &x->operands[0], *b = &x->operands[1];

	if (x->op_count == 1)
		return stack_x86(w, x, in->cs->id, v);
	w->pushed = false;
	if (x->op_count != 2 || a->type != X86_OP_REG || a->size < 4)
		return false;
	switch (in->cs->id) {
	case X86_INS_MOV:
	case X86_INS_MOVABS:
		if (b->type == X86_OP_IMM) {
			*v = b->imm;
			return true;
		}
		if (b->type != X86_OP_REG || !knows(w, ec_x86_reg(b->reg)))
			return false;
		*v = w->value[ec_x86_reg(b->reg)];
		return true;
	case X86_INS_LEA:
		*v = b->mem.disp;
		if (b->mem.index != X86_REG_INVALID)
			return false;
		if (b->mem.base == X86_REG_RIP)
			*v += in->va + in->size;
		else if (knows(w, ec_x86_reg(b->mem.base)))
			*v += w->value[ec_x86_reg(b->mem.base)];
		else
			return false;
		return true;
	case X86_INS_XOR:
		*v = 0;
		return b->type == X86_OP_REG && a->reg == b->reg;
	case X86_INS_OR:
		*v = UINT64_MAX;
		return b->type == X86_OP_IMM && (uint32_t)b->imm == UINT32_MAX;
	}
	return false;
}

/* The disassembler calls some operands written that are only read. */
static bool only_reads(unsigned int id)
{
	return id == X86_INS_CMP || id == X86_INS_TEST || id == X86_INS_BT ||
	       id == X86_INS_NOP || id == X86_INS_PUSH;
}

static int run_x86(struct walk *w, const struct ec_insn *in)
{
	const cs_x86 *x = &in->cs->detail->x86;
	uint64_t v = 0;
	int err = 0;

	if (value_x86(w, in, &v)) {
		unsigned int reg = ec_x86_reg(x->operands[0].reg);

		if (x->operands[0].size == 4)
			v = (uint32_t)v;
		return reg == EC_REG_NONE ? 0 : make(w, in, reg, v);
	}
	w->known &= ~ec_insn_writes(w->f, in);
	for (int i = 0; i < x->op_count && !err && !only_reads(in->cs->id); i++) {
		const cs_x86_op *op = &x->operands[i];
		unsigned int base = ec_x86_reg(op->mem.base);

		if (op->type == X86_OP_MEM && op->access & CS_AC_WRITE &&
		    base != EC_REG_NONE && base != EC_X86_RSP && base != EC_X86_RBP)
			err = tell(w, EC_GIST_STORE, in->va, op->mem.disp);
	}
	return err;
}

/* Arm ARM C4.1: data processing (immediate), and moves between registers. */
static bool value_arm64(const struct walk *w, uint32_t i, uint64_t va, uint64_t *v)
{
	unsigned int rd = i & 31, rn = i >> 5 & 31, rm = i >> 16 & 31;
	uint64_t imm = i >> 10 & 0xfff;
	int shift = (i >> 21 & 3) * 16;

	if ((i & 0x1f000000) == 0x10000000) { /* adr, adrp */
		int64_t d = (int64_t)((uint64_t)(i >> 3 & 0x1ffffc) << 43) >> 43;

		d |= i >> 29 & 3;
		*v = i >> 31 ? (va & ~0xfffull) + ((uint64_t)d << 12) : va + (uint64_t)d;
		return true;
	}
	if ((i & 0x3f000000) == 0x11000000 && knows(w, rn)) { /* add, sub */
		imm <<= i >> 22 & 1 ? 12 : 0;
		*v = w->value[rn] + (i >> 30 & 1 ? -imm : imm);
		return true;
	}
	switch (i & 0x7f800000) {
	case 0x52800000: /* movz */
		*v = (uint64_t)(i >> 5 & 0xffff) << shift;
		return true;
	case 0x12800000: /* movn */
		*v = ~((uint64_t)(i >> 5 & 0xffff) << shift);
		return true;
	case 0x72800000: /* movk */
		*v = (w->value[rd] & ~(0xffffull << shift)) | (uint64_t)(i >> 5 & 0xffff)
								      << shift;
		return knows(w, rd);
	}
	if ((i & 0x7fe0ffe0) == 0x2a0003e0) { /* mov wd, wm */
		*v = rm == 31 ? 0 : w->value[rm];
		return rm == 31 || knows(w, rm);
	}
	return false;
}

static bool stores_arm64(uint32_t i, uint64_t *disp)
{
	unsigned int rn = i >> 5 & 31;

	if ((i & 0x3b000000) == 0x29000000)
		*disp = i >> 15 & 0x7f;
	else
		*disp = i & 1 << 24 ? i >> 10 & 0xfff : i >> 12 & 0x1ff;

	if (rn == 31 || rn == 29)
		return false;
	if ((i & 0x3a000000) == 0x28000000)
		return !(i >> 22 & 1);
	return (i & 0x3a000000) == 0x38000000 && !(i >> 22 & 3);
}

static int run_arm64(struct walk *w, const struct ec_insn *in)
{
	uint64_t v = 0;
	uint32_t i;

	memcpy(&i, in->cs->bytes, sizeof(i));
	if (value_arm64(w, i, in->va, &v)) {
		/* adr and adrp keep their width in another bit */
		if (!(i >> 31) && (i & 0x1f000000) != 0x10000000)
			v = (uint32_t)v;
		return (i & 31) == 31 ? 0 : make(w, in, i & 31, v);
	}
	w->known &= ~ec_insn_writes(w->f, in);
	return stores_arm64(i, &v) ? tell(w, EC_GIST_STORE, in->va, v) : 0;
}

static int step(struct walk *w, const struct ec_insn *in)
{
	bool x86 = w->f->arch == EC_ARCH_X86_64;
	uint64_t end = w->fn.va + w->fn.size;

	switch (in->flow) {
	case EC_FLOW_CALL:
		w->known &= ~ec_insn_abi(w->f)->clobbered;
		return tell(w, EC_GIST_CALL, in->va, in->target);
	case EC_FLOW_CALL_OTHER:
		w->known &= ~ec_insn_abi(w->f)->clobbered;
		return 0;
	case EC_FLOW_COND:
	case EC_FLOW_JUMP:
		if (in->target < w->fn.va || in->target >= end)
			return tell(w, EC_GIST_JUMP, in->va, in->target);
		return 0;
	case EC_FLOW_RET:
	case EC_FLOW_STOP:
		return 0;
	case EC_FLOW_NEXT:
		break;
	}
	return x86 ? run_x86(w, in) : run_arm64(w, in);
}

int ec_gist_each(const struct ec_file *f, struct ec_sym fn,
		 int (*visit)(void *ctx, const struct ec_gist *g), void *ctx)
{
	struct walk w = {.f = f, .fn = fn, .visit = visit, .ctx = ctx};
	uint64_t va = fn.va, end = fn.va + EC_MIN(fn.size, (uint64_t)EC_GIST_BYTES);
	struct ec_insn in;

	if (end < fn.va || !ec_file_is_code(f, fn.va))
		return -ENOENT;
	while (va < end) {
		int err = ec_insn_get(f, va, end, &in);

		if (err == -ENOMEM)
			return err;
		if (err) { /* data between code */
			va += f->arch == EC_ARCH_X86_64 ? 1 : 4;
			w.known = 0;
			continue;
		}
		err = step(&w, &in);
		if (err)
			return err;
		va += in.size;
	}
	return 0;
}
