// SPDX-License-Identifier: GPL-2.0-only
/* Moves, address sums, pushes and pops of x86-64: what compilers pass values with. */
#include "target/regs.h"
#include <string.h>

/* As encoded in ModRM and REX: rax rcx rdx rbx rsp rbp rsi rdi r8 … r15. */
unsigned int ec_x86_reg(unsigned int reg)
{
	switch (reg) {
	case X86_REG_RAX:
	case X86_REG_EAX:
	case X86_REG_AX:
	case X86_REG_AL:
	case X86_REG_AH:
		return 0;
	case X86_REG_RCX:
	case X86_REG_ECX:
	case X86_REG_CX:
	case X86_REG_CL:
	case X86_REG_CH:
		return 1;
	case X86_REG_RDX:
	case X86_REG_EDX:
	case X86_REG_DX:
	case X86_REG_DL:
	case X86_REG_DH:
		return 2;
	case X86_REG_RBX:
	case X86_REG_EBX:
	case X86_REG_BX:
	case X86_REG_BL:
	case X86_REG_BH:
		return 3;
	case X86_REG_RSP:
	case X86_REG_ESP:
	case X86_REG_SP:
	case X86_REG_SPL:
		return EC_X86_RSP;
	case X86_REG_RBP:
	case X86_REG_EBP:
	case X86_REG_BP:
	case X86_REG_BPL:
		return EC_X86_RBP;
	case X86_REG_RSI:
	case X86_REG_ESI:
	case X86_REG_SI:
	case X86_REG_SIL:
		return 6;
	case X86_REG_RDI:
	case X86_REG_EDI:
	case X86_REG_DI:
	case X86_REG_DIL:
		return 7;
	}
	/* Each width of r8-r15 is a run of its own. */
	if (reg >= X86_REG_R8 && reg <= X86_REG_R15)
		return 8 + reg - X86_REG_R8;
	if (reg >= X86_REG_R8D && reg <= X86_REG_R15D)
		return 8 + reg - X86_REG_R8D;
	if (reg >= X86_REG_R8W && reg <= X86_REG_R15W)
		return 8 + reg - X86_REG_R8W;
	if (reg >= X86_REG_R8B && reg <= X86_REG_R15B)
		return 8 + reg - X86_REG_R8B;
	return EC_REG_NONE;
}

static bool full(const cs_x86_op *op)
{
	return op->type == X86_OP_REG && op->size == 8 &&
	       ec_x86_reg(op->reg) != EC_REG_NONE;
}

/* Base and displacement only; false for what is indexed or in another segment. */
static bool address(const cs_x86_op *op, const struct ec_regs *r, struct ec_val *base)
{
	unsigned int b = ec_x86_reg(op->mem.base);

	if (op->type != X86_OP_MEM || op->mem.segment != X86_REG_INVALID ||
	    op->mem.index != X86_REG_INVALID || b == EC_REG_NONE)
		return false;
	*base = r->reg[b];
	return true;
}

static void push(const cs_x86_op *op, struct ec_regs *r)
{
	struct ec_val v = {0}, *sp = &r->reg[EC_X86_RSP];

	if (full(op))
		v = r->reg[ec_x86_reg(op->reg)];
	*sp = ec_val_add(*sp, -8);
	ec_regs_store(r, *sp, 0, 8, v);
}

static struct ec_val pop(struct ec_regs *r)
{
	struct ec_val *sp = &r->reg[EC_X86_RSP], v = ec_regs_load(r, *sp, 0);

	if (sp->kind != EC_VAL_STACK)
		memset(&v, 0, sizeof(v));
	*sp = ec_val_add(*sp, 8);
	return v;
}

static bool move(const cs_x86_op *op, struct ec_regs *r)
{
	struct ec_val base, v = {0};

	if (full(&op[0]) && full(&op[1])) {
		r->reg[ec_x86_reg(op[0].reg)] = r->reg[ec_x86_reg(op[1].reg)];
		return true;
	}
	if (full(&op[0]) && address(&op[1], r, &base)) {
		r->reg[ec_x86_reg(op[0].reg)] = ec_regs_load(r, base, op[1].mem.disp);
		return true;
	}
	if (address(&op[0], r, &base)) {
		if (full(&op[1]))
			v = r->reg[ec_x86_reg(op[1].reg)];
		ec_regs_store(r, base, op[0].mem.disp, op[0].size, v);
		return true;
	}
	return false;
}

/* Any other instruction that writes to the stack makes us forget what was there. */
static void forget_stores(const cs_x86 *x, struct ec_regs *r)
{
	struct ec_val base, none = {0};

	for (int i = 0; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_MEM &&
		    x->operands[i].access & CS_AC_WRITE &&
		    address(&x->operands[i], r, &base))
			ec_regs_store(r, base, x->operands[i].mem.disp,
				      EC_MAX(x->operands[i].size, 1), none);
}

bool ec_x86_run(const cs_insn *cs, struct ec_regs *r)
{
	const cs_x86 *x = &cs->detail->x86;
	const cs_x86_op *op = x->operands;
	struct ec_val base;

	switch (cs->id) {
	case X86_INS_MOV:
		if (x->op_count == 2 && move(op, r))
			return true;
		break;
	case X86_INS_LEA:
		if (x->op_count == 2 && full(&op[0]) && address(&op[1], r, &base)) {
			r->reg[ec_x86_reg(op[0].reg)] = ec_val_add(base, op[1].mem.disp);
			return true;
		}
		break;
	case X86_INS_ADD:
	case X86_INS_SUB:
		if (x->op_count == 2 && full(&op[0]) && op[1].type == X86_OP_IMM &&
		    op[1].imm != INT64_MIN) {
			struct ec_val *v = &r->reg[ec_x86_reg(op[0].reg)];

			*v = ec_val_add(*v,
					cs->id == X86_INS_ADD ? op[1].imm : -op[1].imm);
			return true;
		}
		break;
	case X86_INS_AND:
		/* Aligning the stack: distances below stay right. */
		if (x->op_count == 2 && full(&op[0]) &&
		    ec_x86_reg(op[0].reg) == EC_X86_RSP)
			return true;
		break;
	case X86_INS_PUSH:
		if (x->op_count == 1 && op[0].size == 8) {
			push(&op[0], r);
			return true;
		}
		break;
	case X86_INS_POP:
		if (x->op_count == 1 && full(&op[0])) {
			base = pop(r);
			r->reg[ec_x86_reg(op[0].reg)] = base;
			return true;
		}
		break;
	case X86_INS_LEAVE:
		r->reg[EC_X86_RSP] = r->reg[EC_X86_RBP];
		base = pop(r);
		r->reg[EC_X86_RBP] = base;
		return true;
	}
	forget_stores(x, r);
	return false;
}
