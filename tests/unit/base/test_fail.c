// SPDX-License-Identifier: GPL-2.0-only
#include "base/fail.h"
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static int fds[2];

static int setup(void **state)
{
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC))
		return -1;
	ec_log_set_fd(fds[1]);
	return 0;
}

static int teardown(void **state)
{
	ec_log_set_fd(2);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void take(char *out, size_t size)
{
	ssize_t n = read(fds[0], out, size - 1);

	out[n < 0 ? 0 : n] = 0;
}

/* Exit codes and words are promises of the manual: scripts and searches rely on them. */
static const struct {
	enum ec_fail_id id;
	enum ec_exit exit;
	const char *words;
} promised[] = {
	{EC_FAIL_OPTION_UNKNOWN, EC_EXIT_USAGE, "unknown option"},
	{EC_FAIL_OPTION_VALUE, EC_EXIT_USAGE, "bad value"},
	{EC_FAIL_COMMAND_UNKNOWN, EC_EXIT_USAGE, "unknown command"},
	{EC_FAIL_OUTPUT_TWICE, EC_EXIT_USAGE, "two outputs to one file"},
	{EC_FAIL_USER_UNKNOWN, EC_EXIT_USAGE, "no such user"},
	{EC_FAIL_CGROUP_UNKNOWN, EC_EXIT_TARGET, "no such cgroup"},
	{EC_FAIL_NETNS_UNKNOWN, EC_EXIT_TARGET, "no such network namespace"},
	{EC_FAIL_ANDROID_UNKNOWN, EC_EXIT_USAGE,
	 "Can not find Default BoringSSL version"},
	{EC_FAIL_KERNEL_OLD, EC_EXIT_HOST, "kernel version is too low"},
	{EC_FAIL_KERNEL_LACKS, EC_EXIT_HOST, "this kernel lacks what capturing needs"},
	{EC_FAIL_LOCKDOWN, EC_EXIT_HOST, "the kernel is locked down"},
	{EC_FAIL_PID_NAMESPACE, EC_EXIT_HOST, "not in the host's pid namespace"},
	{EC_FAIL_RIGHTS, EC_EXIT_HOST, "Operation not permitted"},
	{EC_FAIL_BPF_LOAD, EC_EXIT_HOST, "failed to load BPF program"},
	{EC_FAIL_ATTACH, EC_EXIT_HOST, "cannot attach"},
	{EC_FAIL_TARGET_MISSING, EC_EXIT_TARGET, "no such file"},
	{EC_FAIL_TARGET_DIR, EC_EXIT_TARGET, "is a directory"},
	{EC_FAIL_TARGET_NOT_ELF, EC_EXIT_TARGET, "is no ELF file"},
	{EC_FAIL_TARGET_DAMAGED, EC_EXIT_TARGET, "is truncated or damaged"},
	{EC_FAIL_TARGET_ARCH, EC_EXIT_TARGET, "is for another architecture"},
	{EC_FAIL_TARGET_UNKNOWN, EC_EXIT_TARGET, "holds nothing that we can probe"},
	{EC_FAIL_TARGET_NONE, EC_EXIT_TARGET, "couldn't find bpf bytecode file"},
	{EC_FAIL_PROCESS_MISSING, EC_EXIT_TARGET, "no such process"},
	{EC_FAIL_COMMAND_RUN, EC_EXIT_RUNTIME, "cannot run the command"},
	{EC_FAIL_OUTPUT_OPEN, EC_EXIT_RUNTIME, "cannot open the output"},
	{EC_FAIL_OUTPUT_OWNER, EC_EXIT_RUNTIME, "belongs to somebody else"},
	{EC_FAIL_OUTPUT_WRITE, EC_EXIT_RUNTIME, "cannot write the output"},
	{EC_FAIL_RECORDING, EC_EXIT_TARGET, "is no recording"},
	{EC_FAIL_LOST, EC_EXIT_LOST, "data was lost"},
	{EC_FAIL_INTERNAL, EC_EXIT_RUNTIME, "a part of ecapture ended"},
};

static void test_table(void **state)
{
	size_t i, j;

	assert_int_equal(EC_ARRAY_SIZE(promised), EC_FAIL__N);
	for (i = 0; i < EC_FAIL__N; i++) {
		const struct ec_failure *f = &ec_failures[promised[i].id];

		assert_int_equal(promised[i].id, i);
		assert_non_null(f->name);
		assert_non_null(f->what);
		assert_non_null(f->todo);
		assert_true(*f->todo);
		assert_int_equal(f->exit, promised[i].exit);
		assert_non_null(strstr(f->what, promised[i].words));
		/* An anchor of the manual: small letters and '-'. */
		assert_int_equal(f->name[strspn(f->name, "abcdefghijklmnopqrstuvwxyz-")],
				 0);
		for (j = 0; j < i; j++)
			assert_string_not_equal(f->name, ec_failures[j].name);
	}
}

/* The numbers themselves, which the shell sees. */
static void test_exit_numbers(void **state)
{
	assert_int_equal(EC_EXIT_OK, 0);
	assert_int_equal(EC_EXIT_RUNTIME, 1);
	assert_int_equal(EC_EXIT_USAGE, 2);
	assert_int_equal(EC_EXIT_HOST, 3);
	assert_int_equal(EC_EXIT_TARGET, 4);
	assert_int_equal(EC_EXIT_LOST, 5);
}

static void test_line(void **state)
{
	char got[1024], want[1024];
	int i;

	assert_int_equal(ec_fail(EC_FAIL_RIGHTS, "bpf", "CAP_PERFMON is missing"), 3);
	take(got, sizeof(got));
	snprintf(want, sizeof(want),
		 "ecapture: bpf: Operation not permitted: CAP_PERFMON is missing; %s\n",
		 ec_failures[EC_FAIL_RIGHTS].todo);
	assert_string_equal(got, want);

	/* The detail replaces the table's why; without both, none is shown. */
	assert_int_equal(ec_fail(EC_FAIL_TARGET_DIR, "/usr", NULL), 4);
	take(got, sizeof(got));
	snprintf(want, sizeof(want), "ecapture: /usr: is a directory: %s; %s\n",
		 ec_failures[EC_FAIL_TARGET_DIR].why,
		 ec_failures[EC_FAIL_TARGET_DIR].todo);
	assert_string_equal(got, want);
	ec_fail(EC_FAIL_OPTION_UNKNOWN, NULL, NULL);
	take(got, sizeof(got));
	snprintf(want, sizeof(want), "ecapture: unknown option; %s\n",
		 ec_failures[EC_FAIL_OPTION_UNKNOWN].todo);
	assert_string_equal(got, want);

	for (i = 0; i < EC_FAIL__N; i++) {
		assert_int_equal(ec_fail(i, "x\ny", NULL), ec_failures[i].exit);
		take(got, sizeof(got));
		assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
		assert_memory_equal(got, "ecapture: x\\ny: ", 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_exit_numbers),
		cmocka_unit_test_setup_teardown(test_line, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
