/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_HOST_RIGHTS_H
#define EC_HOST_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ec_rights {
	bool bpf;	/* CAP_BPF or CAP_SYS_ADMIN, effective */
	bool perfmon;	/* CAP_PERFMON or CAP_SYS_ADMIN */
	bool ptrace;	/* CAP_SYS_PTRACE: other users' maps */
	bool read_all;	/* CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE */
	bool sys_admin; /* CAP_SYS_ADMIN */
};

void ec_rights_get(struct ec_rights *r);
/*
 * What capturing on a kernel of this version lacks, as words for the message
 * ("CAP_PERFMON is missing"); false when nothing is. Below 5.8 CAP_SYS_ADMIN is needed;
 * with perf-event probes (`multi` false) too.
 */
bool ec_rights_missing(const struct ec_rights *r, uint32_t version, bool multi, char *out,
		       size_t n);

/*
 * Gives up every right for good: no new privileges, no capabilities (bounding set too),
 * supplementary groups gone, uid and gid `nobody` (65534) if we were root. 0 or -errno.
 */
int ec_rights_drop(void);

#endif
