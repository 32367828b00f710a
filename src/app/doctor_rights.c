// SPDX-License-Identifier: GPL-2.0-only
/* Checks of `doctor`: what we may do here, and what the system's policy says. */
#include "app/doctor_checks.h"
#include "host/ns.h"
#include "host/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

/* Some are newer than some systems' headers; numbers are ABI. */
static const struct {
	unsigned int n;
	const char *name, *use;
} wanted[] = {
	{39, "CAP_BPF", "load programs"},
	{38, "CAP_PERFMON", "attach probes"},
	{21, "CAP_SYS_ADMIN", "probes by perf event; everything below Linux 5.8"},
	{19, "CAP_SYS_PTRACE", "look at other users' processes"},
	{2, "CAP_DAC_READ_SEARCH", "open other users' programs and libraries"},
	{24, "CAP_SYS_RESOURCE", "raise limits"},
	{12, "CAP_NET_ADMIN", "packets by traffic control"},
	{13, "CAP_NET_RAW", "packets by socket"},
};

/* -1: not known */
static int64_t status_number(const char *key, int base)
{
	char text[8192];

	return ec_proc_text(0, "status", text, sizeof(text)) < 0
		       ? -1
		       : ec_proc_status_number(text, key, base);
}

#define LIST 500
static void list_add(char list[LIST], const char *name, const char *use)
{
	size_t n = strlen(list);

	snprintf(list + n, LIST - n, "%s%s%s%s%s", n ? ", " : "", name, use ? " (" : "",
		 use ?: "", use ? ")" : "");
}

static void capabilities_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	int64_t effective = status_number("CapEff", 16);
	char have[LIST] = "", lack[LIST] = "", bound[LIST] = "";

	if (effective < 0) {
		ec_doctor_say(r, EC_DOCTOR_INFO, "not known: /proc is not mounted");
		return;
	}
	d->caps = effective;
	for (size_t i = 0; i < EC_ARRAY_SIZE(wanted); i++) {
		bool here = effective >> wanted[i].n & 1;

		list_add(here ? have : lack, wanted[i].name, here ? NULL : wanted[i].use);
		if (!here && prctl(PR_CAPBSET_READ, wanted[i].n, 0, 0, 0) == 0)
			list_add(bound, wanted[i].name, NULL);
	}
	ec_doctor_say(r, EC_DOCTOR_OK, "effective: %s", have[0] ? have : "none");
	if (!lack[0])
		return;
	ec_doctor_say(r, EC_DOCTOR_INFO, "missing: %s", lack);
	if (bound[0])
		ec_doctor_say(r, EC_DOCTOR_INFO,
			      "not even root can have, by the bounding set: %s", bound);
}

static void other_processes_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	if (d->rights.ptrace && d->rights.read_all) {
		ec_doctor_say(r, EC_DOCTOR_OK,
			      "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are there");
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_WARN, "missing: %s%s%s",
		      d->rights.ptrace ? "" : "CAP_SYS_PTRACE",
		      d->rights.ptrace || d->rights.read_all ? "" : ", ",
		      d->rights.read_all ? "" : "CAP_DAC_READ_SEARCH");
	ec_doctor_so(r, "libraries are found in the search path and in our own user's "
			"processes only: containers and other users' copies are not");
	ec_doctor_do(r, "run as root, grant these two, or name files with --libssl");
}

static void sandbox_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	int64_t mode = status_number("Seccomp", 10);
	int64_t nnp = status_number("NoNewPrivs", 10);

	if (mode < 0) {
		ec_doctor_say(r, EC_DOCTOR_INFO, "not known: no /proc, or no seccomp");
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_OK, "no_new_privs: %s", nnp == 1 ? "set" : "not set");
	if (!mode) {
		ec_doctor_say(r, EC_DOCTOR_OK, "no seccomp filter on us");
		return;
	}
	/* a filter that refuses nothing we need does no harm */
	ec_doctor_say(r, d->probed ? EC_DOCTOR_WARN : EC_DOCTOR_OK,
		      "we run under a seccomp filter");
	ec_doctor_so(r,
		     "it may refuse bpf(2) and perf_event_open(2), whatever the rights");
	ec_doctor_do(r, "run outside of the container, or with Docker's --privileged and "
			"--pid=host, or with a seccomp profile that allows both calls");
}

static void user_namespace_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	int host = ec_ns_is_host("user");

	if (host) {
		ec_doctor_say(r, host < 0 ? EC_DOCTOR_INFO : EC_DOCTOR_OK, "%s%s",
			      host < 0 ? "not known: " : "the host's",
			      host < 0 ? strerror(-host) : "");
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_WARN, "another one than the host's");
	ec_doctor_so(r,
		     "capabilities count for nothing in bpf(2) and perf_event_open(2), "
		     "root's too");
	ec_doctor_do(r, "run outside of it: as the host's root, not in a rootless "
			"container");
}

static void pid_namespace_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	int host = ec_ns_is_host("pid");

	if (host < 0) {
		ec_doctor_say(r, EC_DOCTOR_WARN, "not known: %s", strerror(-host));
		ec_doctor_so(r, "processes cannot be found without /proc");
		ec_doctor_do(r, "mount proc on /proc");
		return;
	}
	if (host) {
		ec_doctor_say(r, EC_DOCTOR_OK, "the host's");
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_WARN, "another one than the host's");
	ec_doctor_so(r,
		     "other processes are not seen, and filters by process are refused, "
		     "but --pid where probes are bound to processes");
	ec_doctor_do(r, "%s", ec_failures[EC_FAIL_PID_NAMESPACE].todo);
}

static void lockdown_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	char text[128];
	int err = ec_doctor_read("/sys/kernel/security/lockdown", text, sizeof(text));

	if (err) {
		ec_doctor_say(
			r, EC_DOCTOR_INFO,
			"not known (/sys/kernel/security/lockdown: %s); read-memory "
			"above says what matters",
			strerror(-err));
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_OK, "%s", text);
	if (!strstr(text, "[confidentiality]"))
		return;
	r->state = EC_DOCTOR_WARN;
	ec_doctor_as(r, EC_FAIL_LOCKDOWN);
}

static void value_say(struct ec_doctor_result *r, const char *path, const char *meaning)
{
	char text[64];
	int err = ec_doctor_read(path, text, sizeof(text));

	if (err)
		ec_doctor_say(r, EC_DOCTOR_INFO, "%s",
			      err == -ENOENT ? "no such setting here" : strerror(-err));
	else
		ec_doctor_say(r, EC_DOCTOR_INFO, "%s; %s", text, meaning);
}

static void perf_paranoid_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	value_say(r, "/proc/sys/kernel/perf_event_paranoid",
		  "it binds only who lacks CAP_PERFMON and CAP_SYS_ADMIN");
}

static void kptr_restrict_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	value_say(r, "/proc/sys/kernel/kptr_restrict",
		  "no kernel addresses are taken from /proc here");
}

static void ptrace_scope_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	value_say(r, "/proc/sys/kernel/yama/ptrace_scope",
		  "it rules debuggers, not probes");
}

static void unprivileged_bpf_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	value_say(r, "/proc/sys/kernel/unprivileged_bpf_disabled",
		  "probes need CAP_BPF at any value");
}

static const struct ec_doctor_check rows[] = {
	{"capabilities", "each capability that a part of ecapture can use", false,
	 capabilities_run},
	{"other-processes", "rights to look at other users' processes", false,
	 other_processes_run},
	{"sandbox", "whether a seccomp filter holds us", false, sandbox_run},
	{"user-namespace", "whether our rights are the host's", false,
	 user_namespace_run},
	{"pid-namespace", "whether our process numbers are the host's", false,
	 pid_namespace_run},
	{"lockdown", "the kernel's lockdown mode", false, lockdown_run},
	{"perf-paranoid", "kernel.perf_event_paranoid", false, perf_paranoid_run},
	{"kptr-restrict", "kernel.kptr_restrict", false, kptr_restrict_run},
	{"ptrace-scope", "kernel.yama.ptrace_scope", false, ptrace_scope_run},
	{"unprivileged-bpf", "kernel.unprivileged_bpf_disabled", false,
	 unprivileged_bpf_run},
};

const struct ec_doctor_table ec_doctor_rights = {rows, EC_ARRAY_SIZE(rows)};
