/* SPDX-License-Identifier: GPL-2.0-only */
/* Include after <cmocka.h>. */
#ifndef EC_TESTS_UNIT_NEED_ROOT_H
#define EC_TESTS_UNIT_NEED_ROOT_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Leaves the test with a printed reason; under CI=true a missing right is a failure. */
#define need_root()                                                  \
	do {                                                         \
		const char *ci_ = getenv("CI");                      \
		if (geteuid() != 0) {                                \
			if (ci_ && !strcmp(ci_, "true"))             \
				fail_msg("root is needed under CI"); \
			print_message("skipped: root is needed\n");  \
			skip();                                      \
		}                                                    \
	} while (0)

#endif
