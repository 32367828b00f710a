/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the room: what one instruction does to the values that we follow. */
#ifndef EC_TARGET_REGS_H
#define EC_TARGET_REGS_H

#include "target/insn.h"

#define EC_X86_RSP  4
#define EC_X86_RBP  5
#define EC_ARM64_SP 31

/* capstone's register → ours, EC_REG_NONE for those that hold no address. */
unsigned int ec_x86_reg(unsigned int reg);
unsigned int ec_arm64_reg(unsigned int reg);
/* false: what it writes is to be forgotten (stores to the stack are seen to). */
bool ec_x86_run(const cs_insn *cs, struct ec_regs *r);
bool ec_arm64_run(const cs_insn *cs, struct ec_regs *r);

struct ec_val ec_regs_load(const struct ec_regs *r, struct ec_val base, int64_t disp);
void ec_regs_store(struct ec_regs *r, struct ec_val base, int64_t disp, int64_t size,
		   struct ec_val v);
struct ec_val ec_val_add(struct ec_val v, int64_t n);

#endif
