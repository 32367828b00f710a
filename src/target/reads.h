/* SPDX-License-Identifier: GPL-2.0-only */
/* What the code of a function does with its arguments: whom it gives them to, and where
 * behind one of them bytes lie that it reads. */
#ifndef EC_TARGET_READS_H
#define EC_TARGET_READS_H

#include "target/file.h"

/* Argument `from` of the caller is argument `to` of the one it calls; 1-based. */
struct ec_passed {
	uint8_t from, to;
};

/*
 * The function that `fn` calls, or ends with a jump to, with its own arguments so placed.
 * 0; -ENOENT none; -ENOTUNIQ several; -ENOMEM.
 */
int ec_code_passed(const struct ec_file *f, struct ec_sym fn, const struct ec_passed *p,
		   unsigned int n, uint64_t *callee);

/* From an argument to bytes: a load at each distance but the last, which is added. */
struct ec_chain {
	uint32_t off[2];
	uint8_t n; /* distances: 1 or 2 */
};

/*
 * The first bytes, in the order of the code, that `fn` reads one by one or hands on by
 * their address, in the memory that argument `arg` leads to; not before `min` of the last
 * distance. 0; -ENOENT none; -ENOMEM.
 */
int ec_code_bytes(const struct ec_file *f, struct ec_sym fn, unsigned int arg,
		  uint32_t min, struct ec_chain *out);

/*
 * Distance of the 32-bit number behind its first argument that `fn` returns; paths that
 * return something else say nothing. 0; -ENOENT none, or several; -ENOMEM.
 */
int ec_code_number(const struct ec_file *f, struct ec_sym fn, uint32_t *offset);

#endif
