// SPDX-License-Identifier: GPL-2.0-only
/* Disassembling, and the flow of control; what is alike on both architectures. */
#include "target/insn.h"
#include "target/regs.h"
#include <errno.h>
#include <string.h>

struct ec_code {
	csh cs;
	cs_insn *insn;
};

/* System V x86-64 psABI 3.2.3: rdi rsi rdx rcx r8 r9. */
static const struct ec_abi abi_x86 = {
	.arg = {7, 6, 2, 1, 8, 9},
	.ret = 0,
	.sp = EC_X86_RSP,
	.clobbered = 0x0fc7, /* rax rcx rdx rsi rdi r8-r11 */
};
/* AAPCS64 6.1.1: x0-x18 and the link register may change. */
static const struct ec_abi abi_arm64 = {
	.arg = {0, 1, 2, 3, 4, 5},
	.ret = 0,
	.sp = EC_ARM64_SP,
	.clobbered = 0x4007ffff,
};

const struct ec_abi *ec_insn_abi(const struct ec_file *f)
{
	return f->arch == EC_ARCH_X86_64 ? &abi_x86 : &abi_arm64;
}

/* The handle is a cache: the file stays what it was. Not for several threads. */
static struct ec_code *code_of(const struct ec_file *f)
{
	struct ec_file *w = (struct ec_file *)f;
	struct ec_code *c;
	cs_err err;

	if (f->code)
		return f->code;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	if (f->arch == EC_ARCH_X86_64)
		err = cs_open(CS_ARCH_X86, CS_MODE_64, &c->cs);
	else
		err = cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &c->cs);
	if (err != CS_ERR_OK) {
		free(c);
		return NULL;
	}
	if (cs_option(c->cs, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK)
		c->insn = cs_malloc(c->cs);
	if (!c->insn) {
		ec_code_close(c);
		return NULL;
	}
	w->code = c;
	return c;
}

void ec_code_close(struct ec_code *c)
{
	if (!c)
		return;
	if (c->insn)
		cs_free(c->insn, 1);
	cs_close(&c->cs);
	free(c);
}

static bool immediate(const struct ec_file *f, const cs_insn *cs, uint64_t *target)
{
	if (f->arch == EC_ARCH_X86_64) {
		const cs_x86 *x = &cs->detail->x86;

		if (x->op_count != 1 || x->operands[0].type != X86_OP_IMM)
			return false;
		*target = x->operands[0].imm;
		return true;
	}
	/* cbz and tbz have the target last */
	for (int i = cs->detail->arm64.op_count - 1; i >= 0; i--) {
		const cs_arm64_op *op = &cs->detail->arm64.operands[i];

		if (op->type == ARM64_OP_IMM) {
			*target = op->imm;
			return true;
		}
	}
	return false;
}

static enum ec_flow flow_x86(const cs_insn *cs, bool imm, csh h)
{
	switch (cs->id) {
	case X86_INS_JMP:
		return imm ? EC_FLOW_JUMP : EC_FLOW_STOP;
	case X86_INS_CALL:
		return imm ? EC_FLOW_CALL : EC_FLOW_CALL_OTHER;
	case X86_INS_RET:
		return EC_FLOW_RET;
	case X86_INS_HLT:
	case X86_INS_UD2:
	case X86_INS_INT3:
		return EC_FLOW_STOP;
	}
	if (cs_insn_group(h, cs, CS_GRP_JUMP))
		return imm ? EC_FLOW_COND : EC_FLOW_STOP;
	if (cs_insn_group(h, cs, CS_GRP_CALL) || cs_insn_group(h, cs, CS_GRP_RET) ||
	    cs_insn_group(h, cs, CS_GRP_IRET) || cs_insn_group(h, cs, CS_GRP_INT))
		return EC_FLOW_STOP;
	return EC_FLOW_NEXT;
}

/* By encoding (Arm ARM C4.1, branches, exceptions and system): names vary. */
static enum ec_flow flow_arm64(uint32_t w)
{
	if ((w & 0xfc000000) == 0x14000000)
		return EC_FLOW_JUMP; /* b */
	if ((w & 0xfc000000) == 0x94000000)
		return EC_FLOW_CALL;	      /* bl */
	if ((w & 0xff000010) == 0x54000000 || /* b.cond */
	    (w & 0x7e000000) == 0x34000000 || /* cbz, cbnz */
	    (w & 0x7e000000) == 0x36000000)   /* tbz, tbnz */
		return EC_FLOW_COND;
	if ((w & 0xfe000000) == 0xd6000000) {
		switch (w >> 21 & 0xf) { /* opc; bit 3 is set with a key in a register */
		case 1:
		case 9:
			return EC_FLOW_CALL_OTHER; /* blr */
		case 2:
			return EC_FLOW_RET;
		default:
			return EC_FLOW_STOP; /* br, eret */
		}
	}
	if ((w & 0xff000000) == 0xd4000000)
		return EC_FLOW_STOP; /* svc, brk, hlt */
	return EC_FLOW_NEXT;
}

int ec_insn_get(const struct ec_file *f, uint64_t va, uint64_t end, struct ec_insn *in)
{
	const struct ec_elf_seg *s = ec_elf_seg_at(f, va, 1);
	struct ec_code *c = code_of(f);
	uint64_t left, at = va;
	const uint8_t *p;
	uint32_t w;
	size_t n;
	bool imm;

	if (!c)
		return -ENOMEM;
	if (!s || !(s->flags & PF_X) || va >= end)
		return -ENOENT;
	left = EC_MIN(s->size - (va - s->va), end - va);
	p = f->p + s->offset + (va - s->va);
	n = EC_MIN(left, 16ull);
	if (!cs_disasm_iter(c->cs, &p, &n, &at, c->insn))
		return -ENOENT;
	in->va = va;
	in->size = c->insn->size;
	in->cs = c->insn;
	in->target = 0;
	imm = immediate(f, c->insn, &in->target);
	if (f->arch == EC_ARCH_X86_64) {
		in->flow = flow_x86(c->insn, imm, c->cs);
		return 0;
	}
	memcpy(&w, c->insn->bytes, sizeof(w));
	in->flow = flow_arm64(w);
	if (!imm && (in->flow == EC_FLOW_JUMP || in->flow == EC_FLOW_CALL ||
		     in->flow == EC_FLOW_COND))
		return -ENOENT;
	return 0;
}

bool ec_insn_is_landing(const struct ec_insn *in)
{
	uint32_t w;

	if (in->size != 4)
		return false;
	memcpy(&w, in->cs->bytes, sizeof(w));
	return w == 0xfa1e0ff3 ||	       /* endbr64: f3 0f 1e fa */
	       (w & 0xffffff3f) == 0xd503241f; /* bti, bti c, bti j, bti jc */
}

bool ec_insn_is_nop(const struct ec_file *f, const struct ec_insn *in)
{
	uint32_t w;

	if (f->arch == EC_ARCH_X86_64)
		return in->cs->id == X86_INS_NOP || in->cs->id == X86_INS_XCHG;
	memcpy(&w, in->cs->bytes, sizeof(w));
	return w == 0xd503201f;
}

uint32_t ec_insn_writes(const struct ec_file *f, const struct ec_insn *in)
{
	bool x86 = f->arch == EC_ARCH_X86_64;
	cs_regs read, write;
	uint8_t nread = 0, nwrite = 0;
	uint32_t set = 0;

	if (cs_regs_access(f->code->cs, in->cs, read, &nread, write, &nwrite))
		return UINT32_MAX;
	for (unsigned int i = 0; i < nwrite; i++) {
		unsigned int r = x86 ? ec_x86_reg(write[i]) : ec_arm64_reg(write[i]);

		if (r != EC_REG_NONE)
			set |= 1u << r;
	}
	return set;
}

void ec_insn_start(const struct ec_file *f, struct ec_regs *r)
{
	const struct ec_abi *abi = ec_insn_abi(f);

	memset(r, 0, sizeof(*r));
	for (int i = 0; i < EC_CODE_ARGS; i++) {
		r->reg[abi->arg[i]].kind = EC_VAL_ARG;
		r->reg[abi->arg[i]].arg = i + 1;
	}
	r->reg[abi->sp].kind = EC_VAL_STACK;
}

/* Eight bytes at an address that we follow. */
struct ec_val ec_regs_load(const struct ec_regs *r, struct ec_val base, int64_t disp)
{
	struct ec_val v = {0};

	if (__builtin_add_overflow(base.off, disp, &base.off))
		return v;
	if (base.kind == EC_VAL_ARG) {
		base.kind = EC_VAL_LOAD;
		return base;
	}
	if (base.kind == EC_VAL_STACK)
		for (uint64_t i = 0; i < r->nslots; i++)
			if (r->slot[i].at == base.off)
				return r->slot[i].val;
	return v;
}

/* Something of `size` bytes was written there; `v` says what if it were eight. */
void ec_regs_store(struct ec_regs *r, struct ec_val base, int64_t disp, int64_t size,
		   struct ec_val v)
{
	uint64_t n = 0;
	int64_t at;

	if (base.kind != EC_VAL_STACK || __builtin_add_overflow(base.off, disp, &at) ||
	    at > INT32_MAX || at < INT32_MIN)
		return;
	for (uint64_t i = 0; i < r->nslots; i++) {
		if (r->slot[i].at + 8 > at && r->slot[i].at < at + size)
			continue;
		r->slot[n++] = r->slot[i];
	}
	memset(&r->slot[n], 0, (r->nslots - n) * sizeof(r->slot[0]));
	r->nslots = n;
	if (size != 8 || v.kind == EC_VAL_OTHER || n == EC_SLOTS)
		return;
	r->slot[n].at = at;
	r->slot[n].val = v;
	r->nslots = n + 1;
}

struct ec_val ec_val_add(struct ec_val v, int64_t n)
{
	bool lost = v.kind == EC_VAL_LOAD ? __builtin_add_overflow(v.add, n, &v.add)
					  : __builtin_add_overflow(v.off, n, &v.off);

	if (v.kind == EC_VAL_OTHER || lost)
		memset(&v, 0, sizeof(v));
	return v;
}

void ec_insn_run(const struct ec_file *f, const struct ec_insn *in, struct ec_regs *r)
{
	const struct ec_abi *abi = ec_insn_abi(f);
	uint32_t set;

	if (in->flow == EC_FLOW_CALL || in->flow == EC_FLOW_CALL_OTHER) {
		set = abi->clobbered;
	} else {
		bool done = f->arch == EC_ARCH_X86_64 ? ec_x86_run(in->cs, r)
						      : ec_arm64_run(in->cs, r);

		if (done)
			return;
		set = ec_insn_writes(f, in);
		/* The stack pointer is lost only where it is said to be. */
		if (set == UINT32_MAX)
			set &= ~(1u << abi->sp);
	}
	for (unsigned int i = 0; i < EC_REGS; i++)
		if (set & 1u << i)
			memset(&r->reg[i], 0, sizeof(r->reg[i]));
}
