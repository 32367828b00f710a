/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one table of failures that a user can mend: what went wrong, why, what to do, and
 * the exit code. Messages, `doctor` and the manual are fed from it. ec_fail() logs one
 * line `ecapture: <subject>: <what>: <why>; <todo>` and returns the exit code.
 */
#ifndef EC_BASE_FAIL_H
#define EC_BASE_FAIL_H

#include "base/util.h"

enum ec_exit {
	EC_EXIT_OK = 0,
	EC_EXIT_RUNTIME = 1,
	EC_EXIT_USAGE = 2,
	EC_EXIT_HOST = 3,
	EC_EXIT_TARGET = 4,
	EC_EXIT_LOST = 5,
};

enum ec_fail_id {
	EC_FAIL_OPTION_UNKNOWN,	 /* "unknown option" */
	EC_FAIL_OPTION_VALUE,	 /* "bad value" */
	EC_FAIL_COMMAND_UNKNOWN, /* "unknown command" */
	EC_FAIL_OUTPUT_TWICE,	 /* "two outputs to one file" */
	EC_FAIL_USER_UNKNOWN,	 /* "no such user" */
	EC_FAIL_CGROUP_UNKNOWN,	 /* "no such cgroup" */
	EC_FAIL_NETNS_UNKNOWN,	 /* "no such network namespace" */
	EC_FAIL_ANDROID_UNKNOWN, /* "Can not find Default BoringSSL version" */
	EC_FAIL_KERNEL_OLD,	 /* "kernel version is too low" */
	EC_FAIL_KERNEL_LACKS,	 /* "this kernel lacks what capturing needs" */
	EC_FAIL_LOCKDOWN,	 /* "the kernel is locked down" */
	EC_FAIL_PID_NAMESPACE,	 /* "not in the host's pid namespace" */
	EC_FAIL_RIGHTS,		 /* "Operation not permitted" + missing capability */
	EC_FAIL_BPF_LOAD,	 /* "failed to load BPF program" */
	EC_FAIL_ATTACH,		 /* "cannot attach" */
	EC_FAIL_TARGET_MISSING,	 /* "no such file" */
	EC_FAIL_TARGET_DIR,	 /* "is a directory" */
	EC_FAIL_TARGET_NOT_ELF,	 /* "is no ELF file" */
	EC_FAIL_TARGET_DAMAGED,	 /* "is truncated or damaged" */
	EC_FAIL_TARGET_ARCH,	 /* "is for another architecture" */
	EC_FAIL_TARGET_UNKNOWN,	 /* "holds nothing that we can probe" */
	EC_FAIL_TARGET_NONE,	 /* "couldn't find bpf bytecode file": no library found */
	EC_FAIL_PROCESS_MISSING, /* "no such process" */
	EC_FAIL_COMMAND_RUN,	 /* "cannot run the command" */
	EC_FAIL_OUTPUT_OPEN,	 /* "cannot open the output" */
	EC_FAIL_OUTPUT_OWNER,	 /* "belongs to somebody else" */
	EC_FAIL_OUTPUT_WRITE,	 /* "cannot write the output" */
	EC_FAIL_RECORDING,	 /* "is no recording" or is damaged */
	EC_FAIL_LOST,		 /* "data was lost" (--strict) */
	EC_FAIL_INTERNAL,	 /* "a part of ecapture ended" */
	EC_FAIL__N,
};

struct ec_failure {
	const char *name; /* for the manual's anchors: "kernel-old" */
	enum ec_exit exit;
	const char *what;
	const char *why; /* may be NULL: the caller's detail says it */
	const char *todo;
};

extern const struct ec_failure ec_failures[EC_FAIL__N];

/*
 * `subject` names the thing (a path, an option, a pid); `detail` (may be NULL) replaces
 * the table's why, e.g. strerror(errno) or "CAP_PERFMON is missing".
 */
int ec_fail(enum ec_fail_id id, const char *subject, const char *detail);

#endif
