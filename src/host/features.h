/* SPDX-License-Identifier: GPL-2.0-only */
/* What this kernel can do, found by trying (raw bpf(2) and perf_event_open(2)). */
#ifndef EC_HOST_FEATURES_H
#define EC_HOST_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ec_features {
	uint32_t version;  /* KERNEL_VERSION(a, b, c) of uname(2) */
	bool read_memory;  /* bpf_probe_read: not under lockdown=confidentiality */
	bool ringbuf;	   /* 5.8: a ring buffer map can be made */
	bool loop;	   /* 5.17: bpf_loop */
	bool cookie;	   /* 5.15: attach cookies of perf events */
	bool uprobe_multi; /* 6.6 */
	bool multi_pid;	   /* its pid filter takes whole processes: 6.6.35, 6.9.5 */
	bool sock_events;  /* 6.3: sock:sock_send_length, sock:sock_recv_length */
	bool task_regs;	   /* 5.15 with BTF: a task's registers at its system call */
	int perf_type;	   /* of the uprobe PMU, -1: none */
	int perf_ret_bit;  /* its retprobe bit */
};

/*
 * 0; -EPERM when bpf(2) is refused altogether, -ENOSYS when it is not there or knows no
 * programs for probes. Needs rights; makes nothing lasting.
 */
int ec_features_probe(struct ec_features *f);
/* "6.18.44" → KERNEL_VERSION; 0 if it is none */
uint32_t ec_features_version(const char *release);
/* Oldest kernel for this architecture, as KERNEL_VERSION: 4.18 x86_64, 5.5 aarch64. */
uint32_t ec_features_oldest(void);
/*
 * LINUX_VERSION_CODE of the running kernel, which below 5.0 a program for probes must
 * name (kernel 6c4fc209fcf9). Distributions' releases do not always tell it.
 */
uint32_t ec_features_code(void);

#endif
