// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same for arm64, from the encodings (Arm ARM C4.1): loads and stores by immediate,
 * pairs, moves and sums. Simpler and surer than a disassembler's operands, whose aliases
 * and write-back flags differ from version to version.
 */
#include "target/regs.h"
#include <string.h>

unsigned int ec_arm64_reg(unsigned int reg)
{
	if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28)
		return reg - ARM64_REG_X0;
	if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
		return reg - ARM64_REG_W0;
	if (reg == ARM64_REG_X29)
		return 29;
	if (reg == ARM64_REG_X30)
		return 30;
	if (reg == ARM64_REG_SP || reg == ARM64_REG_WSP)
		return EC_ARM64_SP;
	return EC_REG_NONE;
}

static int64_t sign(uint32_t v, int bits)
{
	return (int64_t)((uint64_t)v << (64 - bits)) >> (64 - bits);
}

/* Register 31 of a value is zero, not the stack pointer. */
static struct ec_val value(const struct ec_regs *r, unsigned int reg)
{
	struct ec_val none = {0};

	return reg == 31 ? none : r->reg[reg];
}

static void set(struct ec_regs *r, unsigned int reg, struct ec_val v)
{
	if (reg != 31)
		r->reg[reg] = v;
}

struct access {
	unsigned int rt, rt2, rn; /* rt2 31: a single one */
	int64_t disp, size;	  /* size of each */
	int64_t pre, post;	  /* write-back */
	bool load, vector, pair;
};

static void run_access(struct ec_regs *r, const struct access *a)
{
	struct ec_val base = r->reg[a->rn], v[2] = {{0}};
	int n = a->pair ? 2 : 1;

	base = a->pre ? ec_val_add(base, a->pre) : base;
	for (int i = 0; i < n; i++) {
		int64_t at = a->disp + i * a->size;
		unsigned int rt = i ? a->rt2 : a->rt;

		if (a->load) {
			if (!a->vector && a->size == 8)
				v[i] = ec_regs_load(r, base, at);
		} else {
			if (!a->vector)
				v[i] = value(r, rt);
			ec_regs_store(r, base, at, a->size, v[i]);
		}
	}
	if (a->pre || a->post)
		r->reg[a->rn] = ec_val_add(base, a->post);
	if (a->load && !a->vector) {
		set(r, a->rt, v[0]);
		if (a->pair)
			set(r, a->rt2, v[1]);
	}
}

/* LDP, STP and kin: opc 101 V 0 mode L imm7 Rt2 Rn Rt. */
static bool run_pair(uint32_t w, struct ec_regs *r)
{
	struct access a = {.rt = w & 31, .rn = w >> 5 & 31, .rt2 = w >> 10 & 31};
	unsigned int opc = w >> 30, mode = w >> 23 & 3;
	int64_t imm;

	a.vector = w >> 26 & 1;
	a.load = w >> 22 & 1;
	a.pair = true;
	a.size = a.vector ? 4 << opc : opc == 2 ? 8 : 4;
	imm = sign(w >> 15 & 0x7f, 7) * a.size;
	if (mode == 1)
		a.post = imm;
	else if (mode == 3)
		a.pre = imm;
	else
		a.disp = imm;
	run_access(r, &a);
	return true;
}

/* size 111 V 01 opc imm12 Rn Rt; size 111 V 00 opc 0 imm9 mode Rn Rt. */
static bool run_single(uint32_t w, struct ec_regs *r)
{
	struct access a = {.rt = w & 31, .rn = w >> 5 & 31};
	unsigned int size = w >> 30, opc = w >> 22 & 3;
	int64_t imm = sign(w >> 12 & 0x1ff, 9);

	a.vector = w >> 26 & 1;
	a.size = a.vector && opc & 2 ? 16 : 1 << size;
	a.load = a.vector ? opc & 1 : opc != 0;
	if (!a.vector && opc == 2) {
		if (size == 3)
			return true;	    /* prfm */
		a.size = EC_MIN(a.size, 4); /* sign-extending */
	}
	if (w >> 24 & 1) {
		a.disp = (int64_t)(w >> 10 & 0xfff) * a.size;
	} else if (w >> 21 & 1) {
		return false; /* by register */
	} else {
		switch (w >> 10 & 3) {
		case 1:
			a.post = imm;
			break;
		case 3:
			a.pre = imm;
			break;
		default:
			a.disp = imm;
		}
	}
	run_access(r, &a);
	return true;
}

/* Logical by immediate and sums by extended register, unless they only set flags. */
static bool writes_sp(uint32_t w)
{
	if ((w & 0x1f800000) == 0x12000000)
		return (w >> 29 & 3) != 3;
	return ((w & 0x1fe00000) == 0x0b200000 || (w & 0x1f000000) == 0x11000000) &&
	       !(w >> 29 & 1);
}

bool ec_arm64_run(const cs_insn *cs, struct ec_regs *r)
{
	struct ec_val none = {0};
	unsigned int rd, rn;
	uint32_t w;

	memcpy(&w, cs->bytes, sizeof(w));
	rd = w & 31;
	rn = w >> 5 & 31;
	if ((w & 0x3a000000) == 0x28000000)
		return run_pair(w, r);
	if ((w & 0x3a000000) == 0x38000000)
		return run_single(w, r);
	if ((w & 0xbf800000) == 0x91000000) {
		/* add, sub (immediate), 64 bit: 31 is the stack pointer on both sides */
		int64_t imm = (int64_t)(w >> 10 & 0xfff) << (w >> 22 & 1 ? 12 : 0);

		r->reg[rd] = ec_val_add(r->reg[rn], w >> 30 & 1 ? -imm : imm);
		return true;
	}
	if ((w & 0xffe0ffe0) == 0xaa0003e0) { /* mov xd, xm: orr xd, xzr, xm */
		set(r, rd, value(r, w >> 16 & 31));
		return true;
	}
	/* Every other sum or move writes its register. */
	if ((w & 0x1c000000) == 0x10000000 || (w & 0x0e000000) == 0x0a000000) {
		set(r, rd, none);
		if (rd == 31 && writes_sp(w))
			r->reg[EC_ARM64_SP] = none;
		return true;
	}
	return false;
}
