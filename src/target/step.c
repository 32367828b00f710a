// SPDX-License-Identifier: GPL-2.0-only
/* What a probe costs on an instruction, and where it costs least. */
#include "target/code.h"
#include "target/insn.h"
#include <string.h>

#define ENTRY_MAX 32 /* instructions looked at behind the entry */

/*
 * Opcodes that arch/x86/kernel/uprobes.c does not step in 64-bit mode (good_insns_64 and
 * good_2byte_insns): invalid ones, string and port input/output, traps, privileged ones.
 */
static bool refused_x86_one(uint8_t op)
{
	static const uint8_t list[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f,
				       0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x62,
				       0x82, 0x9a, 0xcc, 0xcd, 0xce, 0xcf, 0xd4,
				       0xd5, 0xd6, 0xea, 0xf1, 0xf4, 0xfa, 0xfb};

	return memchr(list, op, sizeof(list)) || (op >= 0x6c && op <= 0x6f) ||
	       (op >= 0xe4 && op <= 0xe7) || (op >= 0xec && op <= 0xef);
}

static bool refused_x86_two(uint8_t op)
{
	static const uint8_t list[] = {0x00, 0x01, 0x04, 0x06, 0x07, 0x08,
				       0x09, 0x0a, 0x0b, 0x0c, 0x30, 0x33,
				       0x35, 0x36, 0x37, 0xa6, 0xa7, 0xff};

	return memchr(list, op, sizeof(list)) || (op >= 0x20 && op <= 0x27);
}

/* Emulated: branch_setup_xol_ops() and push_setup_xol_ops() there. */
static enum ec_step step_x86(const uint8_t *p, size_t n)
{
	bool rex = false, rex_b_only = true, narrow = false;
	size_t i = 0;

	for (; i < n; i++) {
		uint8_t c = p[i];

		/* is_prefix_bad(): segments but fs and gs, and lock */
		if (c == 0x26 || c == 0x2e || c == 0x36 || c == 0x3e || c == 0xf0)
			return EC_STEP_REFUSED;
		if (c == 0x66)
			narrow = true;
		else if (c != 0x64 && c != 0x65 && c != 0x67 && c != 0xf2 && c != 0xf3)
			break;
	}
	if (i < n && (p[i] & 0xf0) == 0x40) {
		rex = true;
		rex_b_only = p[i] == 0x41 && i == 0;
		i++;
	}
	if (i == n)
		return EC_STEP_REFUSED;
	if (p[i] == 0x0f) {
		if (i + 1 == n || refused_x86_two(p[i + 1]))
			return EC_STEP_REFUSED;
		if ((p[i + 1] & 0xf0) != 0x80)
			return EC_STEP_STEPPED;
		return narrow ? EC_STEP_REFUSED : EC_STEP_EMULATED; /* jcc, near */
	}
	if (refused_x86_one(p[i]))
		return EC_STEP_REFUSED;
	if (p[i] == 0xe8 || p[i] == 0xe9 || p[i] == 0xeb || p[i] == 0x90 ||
	    (p[i] & 0xf0) == 0x70)
		return narrow ? EC_STEP_REFUSED : EC_STEP_EMULATED;
	if ((p[i] & 0xf8) == 0x50 && n == (rex ? 2 : 1) && rex_b_only)
		return EC_STEP_EMULATED;
	return EC_STEP_STEPPED;
}

/* arch/arm64/kernel/probes/decode-insn.c: what is simulated, and what is rejected. */
static enum ec_step step_arm64(const struct ec_insn *in)
{
	uint32_t w;

	memcpy(&w, in->cs->bytes, sizeof(w));
	switch (in->flow) {
	case EC_FLOW_CALL:
	case EC_FLOW_JUMP:
	case EC_FLOW_COND:
		return EC_STEP_EMULATED;
	case EC_FLOW_CALL_OTHER:
	case EC_FLOW_RET:
		/* those that authenticate a pointer are not simulated everywhere */
		return w & 0x01000800 ? EC_STEP_REFUSED : EC_STEP_EMULATED;
	case EC_FLOW_STOP:
		return (w & 0xfffffc1f) == 0xd61f0000 ? EC_STEP_EMULATED
						      : EC_STEP_REFUSED;
	case EC_FLOW_NEXT:
		break;
	}
	if ((w & 0x1f000000) == 0x10000000 || /* adr, adrp */
	    w == 0xd503201f)		      /* nop */
		return EC_STEP_EMULATED;
	if ((w & 0x3b000000) == 0x18000000) { /* ldr, literal */
		if (w >> 26 & 1 || w >> 30 == 3)
			return EC_STEP_REFUSED;
		return EC_STEP_EMULATED;
	}
	if ((w & 0x3f000000) == 0x08000000) /* exclusive */
		return EC_STEP_REFUSED;
	if ((w & 0xffc00000) == 0xd5000000 && (w & 0xfffff01f) != 0xd503201f &&
	    (w & 0xffdfffe0) != 0xd51b4200) /* system, but hints and NZCV */
		return EC_STEP_REFUSED;
	return EC_STEP_STEPPED;
}

static enum ec_step step(const struct ec_file *f, const struct ec_insn *in)
{
	return f->arch == EC_ARCH_X86_64 ? step_x86(in->cs->bytes, in->size)
					 : step_arm64(in);
}

enum ec_step ec_code_step(const struct ec_file *f, uint64_t va)
{
	struct ec_insn in;

	if (ec_insn_get(f, va, UINT64_MAX, &in))
		return EC_STEP_REFUSED;
	return step(f, &in);
}

static bool arg_is(const struct ec_file *f, const cs_insn *cs, uint32_t mask)
{
	const cs_x86 *x = &cs->detail->x86;
	uint32_t w;

	if (f->arch == EC_ARCH_X86_64)
		return cs->id == X86_INS_TEST && x->op_count == 2 &&
		       x->operands[0].type == X86_OP_REG &&
		       x->operands[1].type == X86_OP_REG &&
		       x->operands[0].reg == X86_REG_RDI &&
		       x->operands[1].reg == X86_REG_RDI;
	memcpy(&w, cs->bytes, sizeof(w));
	return (w & mask) == 0xb4000000; /* cbz x0 */
}

/* Does a branch of the function lead into (fn.va, va]? Such a point runs again. */
static bool comes_back(const struct ec_file *f, struct ec_sym fn, uint64_t point)
{
	uint64_t end = fn.va + fn.size, va = fn.va;
	struct ec_insn in;

	for (int i = 0; i < EC_INSN_MAX && va < end; i++) {
		if (ec_insn_get(f, va, end, &in)) {
			va += f->arch == EC_ARCH_X86_64 ? 1 : 4; /* data between code */
			continue;
		}
		if ((in.flow == EC_FLOW_COND || in.flow == EC_FLOW_JUMP) &&
		    in.target > fn.va && in.target <= point)
			return true;
		va += in.size;
	}
	return va < end; /* too long to be sure */
}

/* Is the conditional jump `in` taken only with a NULL first argument? */
static bool leaves_for_null(const struct ec_file *f, const struct ec_insn *in,
			    bool tested)
{
	if (f->arch == EC_ARCH_X86_64)
		return tested && in->cs->id == X86_INS_JE;
	return arg_is(f, in->cs, 0xff00001f);
}

static uint64_t entry_within(const struct ec_file *f, struct ec_sym fn, int nargs)
{
	const struct ec_abi *abi = ec_insn_abi(f);
	uint64_t va = fn.va, end = fn.va + fn.size;
	bool tested = false;
	uint32_t args = 0;

	for (int i = 0; i < nargs && i < EC_CODE_ARGS; i++)
		args |= 1u << abi->arg[i];
	for (int i = 0; i < ENTRY_MAX; i++) {
		struct ec_insn in;

		if (ec_insn_get(f, va, end, &in))
			return fn.va;
		if (step(f, &in) == EC_STEP_EMULATED)
			return comes_back(f, fn, va) ? fn.va : va;
		if (in.flow == EC_FLOW_COND) {
			if (!leaves_for_null(f, &in, tested))
				return fn.va;
		} else if (in.flow != EC_FLOW_NEXT) {
			return fn.va;
		}
		if (ec_insn_writes(f, &in) & args)
			return fn.va;
		tested = f->arch == EC_ARCH_X86_64 && arg_is(f, in.cs, 0);
		va += in.size;
	}
	return fn.va;
}

uint64_t ec_code_entry(const struct ec_file *f, struct ec_sym fn, bool returns, int nargs)
{
	struct ec_insn in;

	if (ec_code_step(f, fn.va) == EC_STEP_EMULATED)
		return fn.va;
	if (!returns && fn.size && fn.va + fn.size > fn.va)
		return entry_within(f, fn, nargs);
	if (ec_insn_get(f, fn.va, UINT64_MAX, &in) || !ec_insn_is_landing(&in))
		return fn.va;
	return ec_code_step(f, fn.va + in.size) == EC_STEP_EMULATED ? fn.va + in.size
								    : fn.va;
}
