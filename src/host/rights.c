// SPDX-License-Identifier: GPL-2.0-only
#include "host/rights.h"
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NOBODY	    65534
#define VERSION_5_8 0x050800u

/* Newer than some systems' <linux/capability.h> (5.8); numbers are ABI. */
#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

static bool has(cap_t caps, cap_value_t cap)
{
	cap_flag_value_t v = CAP_CLEAR;

	return caps && !cap_get_flag(caps, cap, CAP_EFFECTIVE, &v) && v == CAP_SET;
}

void ec_rights_get(struct ec_rights *r)
{
	cap_t caps = cap_get_proc();

	r->sys_admin = has(caps, CAP_SYS_ADMIN);
	r->bpf = r->sys_admin || has(caps, CAP_BPF);
	r->perfmon = r->sys_admin || has(caps, CAP_PERFMON);
	r->ptrace = has(caps, CAP_SYS_PTRACE);
	r->read_all = has(caps, CAP_DAC_READ_SEARCH) || has(caps, CAP_DAC_OVERRIDE);
	if (caps)
		cap_free(caps);
}

bool ec_rights_missing(const struct ec_rights *r, uint32_t version, bool multi, char *out,
		       size_t n)
{
	const char *words = NULL;

	if (version < VERSION_5_8) {
		/* CAP_BPF and CAP_PERFMON are not there yet: kernel commit a17b53c4a4b5.
		 */
		if (!r->sys_admin)
			words = "CAP_SYS_ADMIN is missing (needed before Linux 5.8)";
	} else if (!r->bpf && !r->perfmon) {
		words = "CAP_BPF and CAP_PERFMON are missing";
	} else if (!r->bpf) {
		words = "CAP_BPF is missing";
	} else if (!r->perfmon) {
		words = "CAP_PERFMON is missing";
	} else if (!multi && !r->sys_admin) {
		words = "CAP_SYS_ADMIN is missing (needed for probes by perf event)";
	}
	if (words && n)
		snprintf(out, n, "%s", words);
	return words != NULL;
}

/* Nothing that is executed later can get what is not in the bounding set. */
static int drop_bounding(void)
{
	for (int cap = 0; cap < 64; cap++) {
		if (!prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			continue;
		if (errno == EINVAL) /* above the last one of this kernel */
			return 0;
		/* Without CAP_SETPCAP it stays; no_new_privs makes it worth nothing. */
		return errno == EPERM ? 0 : -errno;
	}
	return 0;
}

/*
 * EINVAL: `nobody` is not mapped in this user namespace; EPERM of setgroups: it is denied
 * there (user_namespaces(7)), or we were started with a few capabilities only and
 * CAP_SETUID is none of them; what opens files is then the sandbox's to refuse. Root of
 * such a namespace without capabilities and with no_new_privs is an ordinary user, so
 * that is no failure.
 */
static int become_nobody(void)
{
	if (setgroups(0, NULL) && errno != EPERM)
		return -errno;
	if (setresgid(NOBODY, NOBODY, NOBODY) && errno != EINVAL && errno != EPERM)
		return -errno;
	if (setresuid(NOBODY, NOBODY, NOBODY) && errno != EINVAL && errno != EPERM)
		return -errno;
	return 0;
}

static bool is_root(void)
{
	uid_t r, e, s;

	return !getresuid(&r, &e, &s) && (!r || !e || !s);
}

/* In all three sets; the ambient set follows them: capabilities(7). */
static int drop_capabilities(void)
{
	cap_t none = cap_init();
	cap_t now;
	int err = 0;

	if (!none)
		return -ENOMEM;
	if (cap_set_proc(none))
		err = -errno;
	now = cap_get_proc();
	if (!err && (!now || cap_compare(now, none)))
		err = -EPERM; /* believed only when seen */
	if (now)
		cap_free(now);
	cap_free(none);
	return err;
}

int ec_rights_drop(void)
{
	int err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	err = drop_bounding();
	if (!err && is_root())
		err = become_nobody();
	if (!err)
		err = drop_capabilities();
	if (err)
		return err;
	/*
	 * Last, because a change of uid sets it anew: another process of the same user
	 * must not read what we hold (ptrace(2)).
	 */
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? -errno : 0;
}
