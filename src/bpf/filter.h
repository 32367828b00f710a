/* SPDX-License-Identifier: GPL-2.0-only */
/* Who is captured. Filters that the kernel cannot decide are the worker's. */
#ifndef EC_BPF_FILTER_H
#define EC_BPF_FILTER_H

#include "bpf/maps.h"

static __always_inline int comm_is(const char *want)
{
	__u64 have[2] = {};
	__u64 w[2];

	bpf_get_current_comm(have, sizeof(have));
	__builtin_memcpy(w, want, sizeof(w));
	return have[0] == w[0] && have[1] == w[1];
}

/* Is the task in one of the cgroups (v2), or below? */
static __always_inline int cgroup_pass(const struct ec_config *cfg)
{
#pragma unroll
	for (__u32 i = 0; i < EC_CGROUPS_MAX; i++) {
		if (i >= cfg->ncgroups)
			break;
		if (bpf_current_task_under_cgroup(&ec_cgroups, i) == 1)
			return 1;
	}
	return 0;
}

static __always_inline int filter_pass(const struct ec_config *cfg)
{
	if (!(cfg->filters &
	      (EC_FILTER_PID | EC_FILTER_UID | EC_FILTER_COMM | EC_FILTER_CGROUP)))
		return 1;
	if (cfg->filters & EC_FILTER_PID) {
		__u32 pid = bpf_get_current_pid_tgid() >> 32;

		if (!bpf_map_lookup_elem(&ec_pids, &pid))
			return 0;
	}
	if (cfg->filters & EC_FILTER_UID) {
		__u32 uid = bpf_get_current_uid_gid();

		if (!bpf_map_lookup_elem(&ec_uids, &uid))
			return 0;
	}
	if (cfg->filters & EC_FILTER_COMM && !comm_is(cfg->comm))
		return 0;
	if (cfg->filters & EC_FILTER_CGROUP && !cgroup_pass(cfg))
		return 0;
	return 1;
}

/* A connection whose ports are not known yet passes: the worker decides later. */
static __always_inline int filter_port(const struct ec_config *cfg,
				       const struct ec_addrs *a)
{
	if (!(cfg->filters & EC_FILTER_PORT) || !a->family)
		return 1;
#pragma unroll
	for (__u32 i = 0; i < EC_PORTS_MAX; i++) {
		if (i >= cfg->nports)
			break;
		if (a->lport == cfg->ports[i] || a->rport == cfg->ports[i])
			return 1;
	}
	return 0;
}

#endif
