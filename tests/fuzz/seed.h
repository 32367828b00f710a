/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Seeds that no real file gives: with EC_FUZZ_SEED=DIR a fuzzer writes its own there and
 * ends (tests/fuzz/run asks for them).
 */
#ifndef EC_TESTS_SEED_H
#define EC_TESTS_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seed_write(const char *dir, const char *name, const void *p, size_t n)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(p, 1, n, f) != n || fclose(f))
		exit(1);
}

#endif
