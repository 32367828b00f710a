/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the code of a function carries, from one end to the other, whatever way it would
 * run: constants and addresses that it makes in registers, where it goes, what it writes.
 */
#ifndef EC_TARGET_GIST_H
#define EC_TARGET_GIST_H

#include "target/file.h"

#define EC_GIST_BYTES (64u << 10) /* of one function; what is behind is not looked at */

enum ec_gist_kind {
	EC_GIST_CONST, /* value: a number or an address, as wide as its register */
	EC_GIST_CALL,  /* value: direct target */
	EC_GIST_JUMP,  /* value: direct target, outside of the function */
	EC_GIST_STORE, /* to memory that is not the stack; value: distance from its base
			*/
};

struct ec_gist {
	enum ec_gist_kind kind;
	uint8_t arg; /* EC_GIST_CONST: made in the register of this argument, 1-6; or 0 */
	bool ret;    /* EC_GIST_CONST: made in the register of the return value */
	uint64_t va; /* instruction */
	uint64_t value;
};

/* 0; what `visit` returned when that was not 0; -ENOENT no code there; -ENOMEM. */
int ec_gist_each(const struct ec_file *f, struct ec_sym fn,
		 int (*visit)(void *ctx, const struct ec_gist *g), void *ctx);

#endif
