/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pointers in a file's data as the loader will have made them: a file that may be loaded
 * anywhere keeps most of them in its table of relocations, with nothing in their place.
 */
#ifndef EC_TARGET_POINTERS_H
#define EC_TARGET_POINTERS_H

#include "target/file.h"

struct ec_pointers;

/* Reads the table, 4 million entries at most. 0; -ENOMEM. */
int ec_pointers_open(const struct ec_file *f, struct ec_pointers **out);
void ec_pointers_free(struct ec_pointers *ps);
/* The pointer at an address, to something in the same file; 0 if none is there. */
uint64_t ec_pointers_at(const struct ec_pointers *ps, uint64_t va);

#endif
