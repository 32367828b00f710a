/* SPDX-License-Identifier: GPL-2.0-only */
/* Some code as a file, for the tests that read code. Behind cmocka.h. */
#ifndef EC_TESTS_UNIT_TARGET_MINI_FIXTURE_H
#define EC_TESTS_UNIT_TARGET_MINI_FIXTURE_H

#include "mini_elf.h"

struct fixture {
	uint8_t elf[MINI_SIZE];
	struct ec_file *f;
};

static struct ec_file *fix(struct fixture *x, bool arm, const void *code, size_t n)
{
	mini_elf(x->elf, arm ? EM_AARCH64 : EM_X86_64, "x", NULL, code, n);
	x->f = NULL;
	assert_int_equal(ec_file_from_memory(x->elf, sizeof(x->elf), true, &x->f), 0);
	return x->f;
}

#endif
