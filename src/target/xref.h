/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where code makes a given address, and where it branches to: by the encodings that
 * compilers use, in one pass over the executable segments and without decoding what lies
 * between. On x86-64 such bytes may be the middle of other instructions: a hit is a place
 * to look at, which ec_gist_each() then decodes from the function's start.
 */
#ifndef EC_TARGET_XREF_H
#define EC_TARGET_XREF_H

#include "target/file.h"

#define EC_XREF_READ	 (1ull << 30) /* bytes of code that are read */
#define EC_XREF_BRANCHES (1u << 20)   /* branches that are kept */

struct ec_xref {
	uint64_t va; /* in the instruction, or the last one of a pair */
	uint64_t target;
};

/*
 * Places that make one of `targets` (ascending): `lea` from the instruction pointer and
 * moves of the address itself; `adr`, `adrp` with `add`. In the order of the file. The
 * number of them; -E2BIG more than `max`.
 */
int ec_xref_find(const struct ec_file *f, const uint64_t *targets, size_t n,
		 struct ec_xref *out, size_t max);

struct ec_range {
	uint64_t va, end;
};

struct ec_branch {
	uint64_t from; /* the instruction */
	uint64_t to;
	bool call;
	bool cond; /* a jump that may not be taken */
};

/*
 * Direct calls and jumps (not the two-byte ones of x86-64) that lead into one of
 * `ranges`, which are ascending and apart. By address of their targets, then of their
 * own; *out is the caller's to free. 0; -E2BIG; -ENOMEM.
 */
int ec_xref_branches(const struct ec_file *f, const struct ec_range *ranges, size_t n,
		     struct ec_branch **out, size_t *count);

#endif
