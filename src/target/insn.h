/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of the room: one instruction at a time, and what it does to values that we
 * follow: a function's own arguments, addresses of its stack, and what it loads through
 * an argument. Everything else is "other": forgetting is always right.
 */
#ifndef EC_TARGET_INSN_H
#define EC_TARGET_INSN_H

#include "target/elf.h"
#include <capstone/capstone.h>

#define EC_INSN_MAX  4096 /* instructions of one walk */
#define EC_REGS	     32	  /* x86-64: 0-15 as encoded; arm64: x0-x30, 31 is sp */
#define EC_REG_NONE  0xff
#define EC_SLOTS     24 /* stack slots that are followed */
#define EC_CODE_ARGS 6	/* arguments in registers that are followed */

enum ec_flow {
	EC_FLOW_NEXT,
	EC_FLOW_CALL, /* direct: target */
	EC_FLOW_CALL_OTHER,
	EC_FLOW_COND, /* direct: target, or the next one */
	EC_FLOW_JUMP, /* direct: target */
	EC_FLOW_RET,
	EC_FLOW_STOP, /* anything after which the walk knows nothing */
};

struct ec_insn {
	uint64_t va;
	uint32_t size;
	enum ec_flow flow;
	uint64_t target;
	const cs_insn *cs; /* until the next ec_insn_get() */
};

enum ec_val_kind {
	EC_VAL_OTHER = 0,
	EC_VAL_ARG,   /* the function's own argument `arg` (1-based) plus `off` */
	EC_VAL_STACK, /* stack pointer at entry plus `off` */
	EC_VAL_LOAD,  /* eight bytes at argument `arg` plus `off`, and `add` more */
};

struct ec_val {
	int64_t off;
	uint8_t kind;
	uint8_t arg;
	uint8_t pad[2];
	int32_t add; /* EC_VAL_LOAD only */
};

/* What is known before an instruction. No padding: compared and hashed as bytes. */
struct ec_regs {
	struct ec_val reg[EC_REGS];
	struct {
		int64_t at; /* from the stack pointer at entry */
		struct ec_val val;
	} slot[EC_SLOTS];
	uint64_t nslots;
};

struct ec_abi {
	uint8_t arg[EC_CODE_ARGS];
	uint8_t ret, sp;
	uint32_t clobbered; /* by a call */
};

const struct ec_abi *ec_insn_abi(const struct ec_file *f);
/* Decodes at `va`, not past `end`. 0, -ENOENT no instruction, -ENOMEM. */
int ec_insn_get(const struct ec_file *f, uint64_t va, uint64_t end, struct ec_insn *in);
void ec_insn_start(const struct ec_file *f, struct ec_regs *r);
void ec_insn_run(const struct ec_file *f, const struct ec_insn *in, struct ec_regs *r);
/* Bit i: register i is written (calls aside). */
uint32_t ec_insn_writes(const struct ec_file *f, const struct ec_insn *in);
/* endbr64 or bti: does nothing where it is not jumped to. */
bool ec_insn_is_landing(const struct ec_insn *in);
/* What stands between functions: nothing is done. */
bool ec_insn_is_nop(const struct ec_file *f, const struct ec_insn *in);

static inline bool ec_val_is_arg(const struct ec_val *v, int arg)
{
	return v->kind == EC_VAL_ARG && v->arg == arg && !v->off;
}

#endif
