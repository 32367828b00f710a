/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which function holds an address of the code. Where the unwinder's table covers it the
 * answer is exact; elsewhere functions begin where calls lead and where the one before
 * has ended by its flow and its padding.
 */
#ifndef EC_TARGET_FUNCTION_H
#define EC_TARGET_FUNCTION_H

#include "target/file.h"
#include "target/xref.h"

struct ec_functions;

enum ec_function_by {
	EC_FUNCTION_UNWIND, /* its entry in .eh_frame, both ends */
	EC_FUNCTION_CALLED, /* it is called, both ends by flow */
	EC_FUNCTION_FLOW,   /* only the one before it is known: less sure */
	EC_FUNCTION_PIECE,  /* it does not begin as functions do: nothing may stand there
			     */
};

struct ec_function {
	struct ec_sym sym;
	enum ec_function_by by;
};

/*
 * To be asked about addresses at or near `near` (ascending). Reads all code when the
 * table does not cover them. Symbols are not read. 0; -E2BIG; -ENOMEM.
 */
int ec_functions_open(const struct ec_file *f, const uint64_t *near, size_t n,
		      struct ec_functions **out);
void ec_functions_free(struct ec_functions *fs);
/*
 * 0, or -ENOENT. A part that the compiler moved away from its function (a cold part) is a
 * function of its own here.
 */
int ec_functions_at(struct ec_functions *fs, uint64_t va, struct ec_function *out);

#endif
