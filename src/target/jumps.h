/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the room: which instructions a walk has seen, and where a `switch` leads. */
#ifndef EC_TARGET_JUMPS_H
#define EC_TARGET_JUMPS_H

#include "target/insn.h"

#define EC_TRAIL (2 * EC_INSN_MAX) /* a power of two */

/* The instructions of a walk, once each; zeroed it is empty. */
struct ec_trail {
	uint64_t va[EC_TRAIL]; /* by hash; the one at 0 is none */
	uint8_t size[EC_TRAIL];
	unsigned int n;
};

bool ec_trail_has(const struct ec_trail *t, uint64_t va);
/* false when EC_INSN_MAX are there */
bool ec_trail_add(struct ec_trail *t, uint64_t va, uint32_t size);

/*
 * The indirect jump at `va`, which the trail holds with what stands before it: each place
 * that it may lead to, when it is a table of known length as gcc and clang make it
 * (x86-64). 0; -EMLINK when it is none; what `to` returned when that was not 0.
 */
int ec_jump_table(const struct ec_file *f, const struct ec_trail *t, uint64_t va,
		  int (*to)(void *ctx, uint64_t target), void *ctx);

#endif
