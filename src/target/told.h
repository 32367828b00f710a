/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that are told a text: code makes its address in the register of an argument
 * and then calls. Labels of a key log lead to the function that writes it, whatever the
 * library and without symbols.
 */
#ifndef EC_TARGET_TOLD_H
#define EC_TARGET_TOLD_H

#include "target/file.h"

enum { EC_TOLD_NONE = -1, EC_TOLD_DIFFER = -2 };

#define EC_TOLD_ARGS  6
#define EC_TOLD_TEXTS 16 /* texts at most, 7 bytes or longer each */

struct ec_told {
	uint64_t va;	/* of the function */
	uint8_t arg;	/* 1-6 */
	uint32_t texts; /* bit per text */
	/* Numbers that its other arguments are given, by argument: EC_TOLD_NONE where no
	 * call makes one, EC_TOLD_DIFFER where they differ. A register may still hold
	 * what the call before made it for. */
	int32_t number[EC_TOLD_ARGS + 1];
};

/*
 * By the first direct call or jump away behind each place. `at[i]` gets the address of
 * the i-th text, 0 where the file has none. In no order; the number of them; -E2BIG;
 * -ENOMEM.
 */
int ec_told_find(const struct ec_file *f, const char *const *texts, unsigned int n,
		 uint64_t *at, struct ec_told *out, unsigned int max);

#endif
