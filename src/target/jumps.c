// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of jumps: cmp $last,%x; ja other; lea table(%rip),%b; movslq (%b,%x,4),%d;
 * add %b,%d; jmp *%d, with other instructions between. Code at fixed addresses has
 * jmp *table(,%x,8) instead. Read backwards from the jump.
 */
#include "target/jumps.h"
#include "target/regs.h"
#include <errno.h>
#include <string.h>

#define LOOK_BACK 24
#define CASES_MAX 1024

static unsigned int slot(uint64_t va)
{
	return (va * 0x9e3779b97f4a7c15ull) >> 32 & (EC_TRAIL - 1);
}

bool ec_trail_has(const struct ec_trail *t, uint64_t va)
{
	for (unsigned int i = slot(va); t->va[i]; i = (i + 1) & (EC_TRAIL - 1))
		if (t->va[i] == va)
			return true;
	return !va;
}

bool ec_trail_add(struct ec_trail *t, uint64_t va, uint32_t size)
{
	unsigned int i = slot(va);

	if (t->n == EC_INSN_MAX)
		return false;
	while (t->va[i])
		i = (i + 1) & (EC_TRAIL - 1);
	t->va[i] = va;
	t->size[i] = size;
	t->n++;
	return true;
}

/* The instruction that ends where this one begins, 0: none. */
static uint64_t before(const struct ec_trail *t, uint64_t va)
{
	for (unsigned int i = 0; i < EC_TRAIL; i++)
		if (t->va[i] && t->va[i] + t->size[i] == va)
			return t->va[i];
	return 0;
}

struct table {
	enum { FIND_ADD, FIND_LOAD, FIND_REST } want;
	unsigned int jump, other, base_reg, index;
	uint64_t base, count; /* 0: not known yet */
	uint64_t less; /* of the condition: `ja` lets one more through than `jae` */
	bool cond;
	bool wide; /* entries are addresses */
};

static unsigned int reg_of(const cs_x86_op *op)
{
	return op->type == X86_OP_REG ? ec_x86_reg(op->reg) : EC_REG_NONE;
}

static bool starts_at(struct table *t, const cs_x86 *x)
{
	const cs_x86_op *op = &x->operands[0];

	*t = (struct table){.base_reg = EC_REG_NONE};
	t->jump = reg_of(op);
	if (t->jump != EC_REG_NONE)
		return true;
	if (op->type != X86_OP_MEM || op->mem.base != X86_REG_INVALID ||
	    op->mem.segment != X86_REG_INVALID || op->mem.scale != 8)
		return false;
	t->want = FIND_REST;
	t->wide = true;
	t->base = op->mem.disp;
	t->index = ec_x86_reg(op->mem.index);
	return t->base && t->index != EC_REG_NONE;
}

static bool is_load(struct table *t, const cs_insn *cs, const cs_x86_op *op)
{
	unsigned int to = reg_of(&op[0]), base;

	if (cs->id != X86_INS_MOVSXD || op[1].type != X86_OP_MEM ||
	    op[1].mem.scale != 4 || op[1].mem.disp ||
	    op[1].mem.segment != X86_REG_INVALID)
		return false;
	base = ec_x86_reg(op[1].mem.base);
	t->index = ec_x86_reg(op[1].mem.index);
	if (!(to == t->jump && base == t->other) && !(to == t->other && base == t->jump))
		return false;
	t->base_reg = base;
	return t->index != EC_REG_NONE && base != EC_REG_NONE;
}

/* Bounds of the index, and where the table is. false: this is no such table. */
static bool rest(struct table *t, const struct ec_insn *in, uint32_t writes)
{
	const cs_x86_op *op = in->cs->detail->x86.operands;
	unsigned int id = in->cs->id;

	if (!t->base && writes & 1u << t->base_reg) {
		if (id != X86_INS_LEA || op[1].mem.base != X86_REG_RIP)
			return false;
		t->base = in->va + in->size + op[1].mem.disp;
		return true;
	}
	if (t->count)
		return true;
	if (writes & 1u << t->index) {
		/* the same number in another register */
		if (id != X86_INS_MOV || reg_of(&op[1]) == EC_REG_NONE ||
		    reg_of(&op[0]) != t->index || op[0].size < 4)
			return false;
		t->index = reg_of(&op[1]);
		return true;
	}
	if (id == X86_INS_JA || id == X86_INS_JAE) {
		t->cond = true;
		t->less = id == X86_INS_JAE;
	} else if (id == X86_INS_CMP && t->cond && reg_of(&op[0]) == t->index &&
		   op[1].type == X86_OP_IMM && op[1].imm > 0 && op[1].imm < CASES_MAX) {
		t->count = op[1].imm + 1 - t->less;
	} else if (id == X86_INS_CMP || id == X86_INS_TEST) {
		t->cond = false; /* it was about something else */
	}
	return true;
}

static bool back(const struct ec_file *f, struct table *t, const struct ec_insn *in)
{
	const cs_x86 *x = &in->cs->detail->x86;
	uint32_t writes = ec_insn_writes(f, in);

	if (in->flow == EC_FLOW_CALL || in->flow == EC_FLOW_CALL_OTHER)
		return false;
	switch (t->want) {
	case FIND_ADD:
		if (!(writes & 1u << t->jump))
			return true;
		t->other = x->op_count == 2 ? reg_of(&x->operands[1]) : EC_REG_NONE;
		t->want = FIND_LOAD;
		return in->cs->id == X86_INS_ADD && t->other != EC_REG_NONE;
	case FIND_LOAD:
		if (x->op_count == 2 && is_load(t, in->cs, x->operands)) {
			t->want = FIND_REST;
			return true;
		}
		return !(writes & (1u << t->jump | 1u << t->other));
	case FIND_REST:
		return rest(t, in, writes);
	}
	return false;
}

static int lead(const struct ec_file *f, const struct table *t,
		int (*to)(void *ctx, uint64_t target), void *ctx)
{
	size_t n = t->wide ? 8 : 4;
	const struct ec_elf_seg *s = ec_elf_seg_at(f, t->base, t->count * n);

	if (!s)
		return -EMLINK;
	for (uint64_t i = 0; i < t->count; i++) {
		const uint8_t *p = f->p + s->offset + (t->base - s->va) + i * n;
		uint64_t target;
		int32_t off;
		int err;

		memcpy(&off, p, sizeof(off));
		target = t->base + off;
		if (t->wide)
			memcpy(&target, p, sizeof(target));
		err = to(ctx, target);
		if (err)
			return err;
	}
	return 0;
}

int ec_jump_table(const struct ec_file *f, const struct ec_trail *trail, uint64_t va,
		  int (*to)(void *ctx, uint64_t target), void *ctx)
{
	struct ec_insn in;
	struct table t;

	if (f->arch != EC_ARCH_X86_64 || ec_insn_get(f, va, UINT64_MAX, &in) ||
	    !starts_at(&t, &in.cs->detail->x86))
		return -EMLINK;
	for (int i = 0; i < LOOK_BACK && !(t.base && t.count); i++) {
		va = before(trail, va);
		if (!va || ec_insn_get(f, va, UINT64_MAX, &in) || !back(f, &t, &in))
			return -EMLINK;
	}
	return t.base && t.count ? lead(f, &t, to, ctx) : -EMLINK;
}
