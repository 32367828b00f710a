/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of the room: every path through one function, from its entry, with the values
 * known on it. A state seen before at the same place is not walked again, so loops end.
 */
#ifndef EC_TARGET_WALK_H
#define EC_TARGET_WALK_H

#include "target/insn.h"

/*
 * Called before each instruction has run. A jump out of the function is given as
 * EC_FLOW_CALL: it is a call whose return is ours. Non-zero ends the walk with it.
 */
typedef int ec_walk_fn(void *ctx, const struct ec_insn *in, const struct ec_regs *r);

/* 0 when all paths were walked; -E2BIG when they are too many; -ENOENT, -ENOMEM. */
int ec_walk(const struct ec_file *f, struct ec_sym fn, ec_walk_fn *visit, void *ctx);
/* Does a piece of a procedure linkage table stand there? */
bool ec_walk_is_plt(const struct ec_file *f, uint64_t va);

#endif
