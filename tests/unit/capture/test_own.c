// SPDX-License-Identifier: GPL-2.0-only
/* Probes on our own functions on the running kernel, and the trial of return probes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "capture/own.h"
#include "capture/uretprobe_trial.h"
#include "unit/open_files.h"
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define V(a, b) ((uint32_t)(a) << 16 | (uint32_t)(b) << 8)
#define CALLS	5

static struct ec_features features;

/* Below 6.0 a program is passed over while another one runs on its CPU. */
static void seen(int n)
{
	if (features.version >= V(6, 0))
		assert_int_equal(n, CALLS);
	else
		assert_in_range(n, 1, CALLS);
}

static void every_call_is_seen(void **state)
{
	for (int multi = 0; multi <= features.uprobe_multi; multi++) {
		if (!multi && features.perf_type < 0)
			continue;
		seen(ec_own_try(&features, multi, false, CALLS));
		seen(ec_own_try(&features, multi, true, CALLS));
	}
	/* none is left behind, and without calls there is nothing to see */
	assert_int_equal(ec_own_try(&features, features.uprobe_multi, false, 0), 0);
	assert_int_equal(ec_own_here(), EC_OWN_VALUE);
}

static void *in_thread(void *out)
{
	*(int *)out = ec_own_try(&features, features.uprobe_multi, true, CALLS);
	return NULL;
}

static void also_from_a_thread(void **state)
{
	pthread_t t;
	int n = -1;

	assert_int_equal(pthread_create(&t, NULL, in_thread, &n), 0);
	pthread_join(t, NULL);
	seen(n);
}

/* 6.11 to 6.13 may go either way: distributions have the mending or have it not. */
static void trial_of_return_probes(void **state)
{
	int before = open_files();
	int rc = ec_uretprobe_trial(&features);

	if (features.version < V(6, 11) || features.version >= V(6, 14))
		assert_int_equal(rc, 1);
	else
		assert_true(rc == 0 || rc == 1);
	assert_int_equal(ec_uretprobe_trial(&features), rc);
	assert_int_equal(open_files(), before);
	errno = 0;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void without_any_probe(void **state)
{
	struct ec_features none = {.perf_type = -1};
	int before = open_files();

	assert_int_equal(ec_own_try(&none, false, true, 1), -EOPNOTSUPP);
	assert_int_equal(ec_uretprobe_trial(&none), -EOPNOTSUPP);
	assert_int_equal(open_files(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_is_seen),
		cmocka_unit_test(also_from_a_thread),
		cmocka_unit_test(trial_of_return_probes),
		cmocka_unit_test(without_any_probe),
	};

	struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_MEMLOCK, &r);
	if (ec_features_probe(&features)) {
		print_message("needs the right to load BPF programs\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
