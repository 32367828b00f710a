// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "host/features.h"
#include "host/rights.h"
#include "unit/need_root.h"
#include "unit/open_files.h"
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#define V(a, b, c) ((uint32_t)(a) << 16 | (b) << 8 | (c))

static void versions(void **state)
{
	assert_int_equal(ec_features_version("6.18.44"), V(6, 18, 44));
	assert_int_equal(ec_features_version("6.1.0-37-amd64"), V(6, 1, 0));
	assert_int_equal(ec_features_version("4.18.0-553.el8_10.x86_64"), V(4, 18, 0));
	assert_int_equal(ec_features_version("5.15-rc3"), V(5, 15, 0));
	assert_int_equal(ec_features_version("4.19.325"), V(4, 19, 255));
	assert_int_equal(ec_features_version("6.1.x"), V(6, 1, 0));
	assert_int_equal(ec_features_version("6"), 0);
	assert_int_equal(ec_features_version("6."), 0);
	assert_int_equal(ec_features_version("-6.1.2"), 0);
	assert_int_equal(ec_features_version(" 6.1.2"), 0);
	assert_int_equal(ec_features_version("999.1.2"), 0);
	assert_int_equal(ec_features_version("6.300.2"), 0);
	assert_int_equal(ec_features_version("linux"), 0);
	assert_int_equal(ec_features_version(""), 0);
	assert_int_equal(ec_features_version(NULL), 0);
#if defined(__x86_64__)
	assert_int_equal(ec_features_oldest(), V(4, 18, 0));
#elif defined(__aarch64__)
	assert_int_equal(ec_features_oldest(), V(5, 5, 0));
#endif
}

/* What a kernel of this age has, trying must find. Some have it earlier, by backports. */
static void this_kernel(void **state)
{
	struct ec_features f;
	int before;

	need_root();
	before = open_files();
	assert_int_equal(ec_features_probe(&f), 0);
	assert_int_equal(open_files(), before);
	assert_true(f.version >= ec_features_oldest());
	if (f.version >= V(5, 8, 0))
		assert_true(f.ringbuf);
	if (f.version >= V(5, 15, 0))
		assert_true(f.cookie);
	if (f.version >= V(5, 17, 0))
		assert_true(f.loop);
	if (f.version >= V(6, 3, 0))
		assert_true(f.sock_events);
	if (f.version >= V(5, 15, 0) && !access("/sys/kernel/btf/vmlinux", R_OK))
		assert_true(f.task_regs);
	if (f.version >= V(6, 6, 0))
		assert_true(f.uprobe_multi);
	if (f.version >= V(6, 10, 0))
		assert_true(f.multi_pid);
	if (f.version < V(6, 0, 0))
		assert_false(f.multi_pid);
	assert_true(f.perf_type > 0);
	assert_true(f.perf_ret_bit >= 0);
}

static void without_rights(void **state)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		struct ec_features f;

		_exit(ec_rights_drop() ? 1 : ec_features_probe(&f) == -EPERM ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),
		cmocka_unit_test(this_kernel),
		cmocka_unit_test(without_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
