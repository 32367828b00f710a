// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "host/rights.h"
#include "unit/need_root.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define V(a, b, c) ((uint32_t)(a) << 16 | (b) << 8 | (c))

static const struct ec_rights all = {true, true, true, true, true};
static const struct ec_rights two = {.bpf = true, .perfmon = true};
static const struct ec_rights none;

static void what_is_missing(void **state)
{
	struct ec_rights r = two;
	char s[80] = "as it was";

	assert_false(ec_rights_missing(&all, V(4, 18, 0), false, s, sizeof(s)));
	assert_false(ec_rights_missing(&two, V(6, 6, 0), true, s, sizeof(s)));
	assert_string_equal(s, "as it was");
	assert_true(ec_rights_missing(&two, V(6, 1, 0), false, s, sizeof(s)));
	assert_non_null(strstr(s, "CAP_SYS_ADMIN is missing"));
	assert_true(ec_rights_missing(&two, V(5, 7, 255), true, s, sizeof(s)));
	assert_non_null(strstr(s, "CAP_SYS_ADMIN is missing"));
	assert_true(ec_rights_missing(&none, V(6, 6, 0), true, s, sizeof(s)));
	assert_string_equal(s, "CAP_BPF and CAP_PERFMON are missing");
	r.bpf = false;
	assert_true(ec_rights_missing(&r, V(6, 6, 0), true, s, sizeof(s)));
	assert_string_equal(s, "CAP_BPF is missing");
	r = two;
	r.perfmon = false;
	assert_true(ec_rights_missing(&r, V(6, 6, 0), true, s, sizeof(s)));
	assert_string_equal(s, "CAP_PERFMON is missing");
	assert_true(ec_rights_missing(&r, V(6, 6, 0), true, s, 8));
	assert_string_equal(s, "CAP_PER");
}

/* Sets in /proc/self/status, an independent witness. */
static bool all_sets_empty(bool bounding)
{
	static const char *const sets[] = {
		"CapInh:", "CapPrm:", "CapEff:", "CapAmb:", "CapBnd:"};
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long long v;
	unsigned int seen = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		for (int i = 0; i < (bounding ? 5 : 4); i++) {
			if (strncmp(line, sets[i], strlen(sets[i])))
				continue;
			if (sscanf(line + strlen(sets[i]), "%llx", &v) != 1 || v)
				return false;
			seen++;
		}
	}
	if (f)
		fclose(f);
	return seen == (bounding ? 5 : 4);
}

/* Runs in a child, so the answer is an exit code: the number of the broken promise. */
static int check_dropped(bool was_root)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;
	struct ec_rights r;

	if (ec_rights_drop())
		return 1;
	getresuid(&ru, &eu, &su);
	getresgid(&rg, &eg, &sg);
	if (was_root && (ru != 65534 || eu != 65534 || su != 65534 || rg != 65534 ||
			 eg != 65534 || sg != 65534))
		return 2;
	if (was_root && getgroups(0, NULL) != 0)
		return 3;
	if (!all_sets_empty(was_root))
		return 4;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 5;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 6;
	ec_rights_get(&r);
	if (r.bpf || r.perfmon || r.ptrace || r.read_all || r.sys_admin)
		return 7;
	if (setresuid(0, 0, 0) == 0 && was_root)
		return 8;
	if (open("/proc/1/mem", O_RDONLY) >= 0)
		return 9;
	return ec_rights_drop() ? 10 : 0; /* again does no harm */
}

static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int as_root(void)
{
	gid_t groups[] = {4, 27};

	if (setgroups(2, groups))
		return 20;
	return check_dropped(true);
}

static int as_user(void)
{
	if (!geteuid() && (setgroups(0, NULL) || setresgid(1234, 1234, 1234) ||
			   setresuid(1234, 1234, 1234)))
		return 20;
	return check_dropped(false);
}

/* As with file capabilities on the binary: a user who holds two of them, inherited too.
 */
static int as_user_with_caps(void)
{
	cap_t c;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setresgid(1234, 1234, 1234) ||
	    setresuid(1234, 1234, 1234))
		return 20;
	c = cap_from_text("cap_dac_override,cap_sys_ptrace=eip");
	if (!c || cap_set_proc(c) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_PTRACE, 0, 0))
		return 21;
	cap_free(c);
	return check_dropped(false);
}

static void drop_as_root(void **state)
{
	need_root();
	assert_int_equal(in_child(as_root), 0);
}

static void drop_as_user(void **state)
{
	assert_int_equal(in_child(as_user), 0);
}

static void drop_of_single_capabilities(void **state)
{
	need_root();
	assert_int_equal(in_child(as_user_with_caps), 0);
}

static int two_only(void)
{
	struct ec_rights r;
	cap_t c =
		cap_from_text("cap_sys_ptrace,cap_dac_read_search=p cap_dac_override=ep");

	if (!c || cap_set_proc(c))
		return 20;
	cap_free(c);
	ec_rights_get(&r);
	/* cap_sys_ptrace is only permitted: it does not count. */
	return r.bpf || r.perfmon || r.ptrace || !r.read_all || r.sys_admin;
}

static void effective_set_counts(void **state)
{
	struct ec_rights r;

	need_root();
	ec_rights_get(&r);
	assert_true(r.bpf && r.perfmon && r.ptrace && r.read_all && r.sys_admin);
	assert_int_equal(in_child(two_only), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing),
		cmocka_unit_test(drop_as_root),
		cmocka_unit_test(drop_as_user),
		cmocka_unit_test(drop_of_single_capabilities),
		cmocka_unit_test(effective_set_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
