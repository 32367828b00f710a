/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps that all objects share: every object declares them, the session makes them once
 * and hands the others the same ones by name.
 */
#ifndef EC_BPF_MAPS_H
#define EC_BPF_MAPS_H

#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi/maps.h"

/* A function whose variables need not last, where they would fill the stack together with
 * its caller's: 512 bytes with all that call each other. */
#define APART __noinline __attribute__((unused))

#define AF_INET	 2
#define AF_INET6 10

/*
 * One source, three shapes (docs/INTERNALS.md): `loop` and `ring` write to a ring buffer,
 * `perf` to a perf buffer per CPU with nothing that kernel 4.18 lacks.
 */
#ifdef EC_SHAPE_perf
#define MAPPED 0 /* BPF_F_MMAPABLE came with 5.5: user space asks instead */
#if defined(__TARGET_ARCH_x86)
/* It takes kernel addresses as well, and these come from the traced program. */
#define KERNELS(s) ((__u64)(s) >> 47)
#else
#define KERNELS(s) ((__u64)(s) >> 55 & 1)
#endif
#define READ_USER(d, n, s)     (KERNELS(s) ? -14 : bpf_probe_read(d, n, s))
#define READ_USER_STR(d, n, s) (KERNELS(s) ? -14 : bpf_probe_read_str(d, n, s))
#define READ_KERNEL(d, n, s)   bpf_probe_read(d, n, s)

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} ec_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} ec_asks SEC(".maps");
#else
#define MAPPED		       BPF_F_MMAPABLE
#define READ_USER(d, n, s)     bpf_probe_read_user(d, n, s)
#define READ_USER_STR(d, n, s) bpf_probe_read_user_str(d, n, s)
#define READ_KERNEL(d, n, s)   bpf_probe_read_kernel(d, n, s)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20); /* set by the session: --mapsize */
} ec_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536); /* a multiple of every page size */
} ec_asks SEC(".maps");
#endif

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ec_config);
} ec_config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, MAPPED);
	__type(key, __u32);
	__type(value, struct ec_shared);
} ec_shared SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EC_CPUS_MAX);
	__uint(map_flags, MAPPED);
	__type(key, __u32);
	__type(value, struct ec_counts);
} ec_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EC_TARGETS_MAX);
	__type(key, __u32);
	__type(value, struct ec_target);
} ec_targets SEC(".maps");

/* LRU: a thread killed inside a call, a process gone without SSL_free leave entries. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, EC_THREADS_MAX);
	__type(key, __u64);
	__type(value, struct ec_thread);
} ec_threads SEC(".maps");

/* Zeros to begin a thread with: too large for the stack. Never written. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ec_thread);
} ec_blank SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, EC_CONNS_MAX);
	__type(key, struct ec_conn_key);
	__type(value, struct ec_conn);
} ec_conns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, EC_THREADS_MAX);
	__type(key, __u32); /* thread group */
	__type(value, struct ec_proc);
} ec_procs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EC_PIDS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} ec_pids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EC_UIDS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} ec_uids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, EC_CGROUPS_MAX);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} ec_cgroups SEC(".maps");

/* Answers of user space to EC_ASK_WHO, by ec_rec.process. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, EC_THREADS_MAX);
	__type(key, __u64);
	__type(value, __u32); /* enum ec_verdict */
} ec_verdicts SEC(".maps");

/* Answers of user space to EC_ASK_FD, by ec_conn.id. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, EC_FOUND_MAX);
	__type(key, __u64);
	__type(value, struct ec_addrs);
} ec_found SEC(".maps");

static __always_inline struct ec_config *config_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ec_config, &zero);
}

static __always_inline struct ec_shared *shared_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ec_shared, &zero);
}

static __always_inline struct ec_counts *counts_get(void)
{
	__u32 cpu = bpf_get_smp_processor_id() & (EC_CPUS_MAX - 1);

	return bpf_map_lookup_elem(&ec_counts, &cpu);
}

/*
 * Added atomically: a probe may be preempted, its CPU's slot shared with another. The
 * number is hidden from the compiler, which would make an `or` of adding nothing, and
 * that needs kernel 5.12.
 */
#define COUNT_ADD(field, n)                           \
	do {                                          \
		__u64 _add = (n);                     \
                                                      \
		asm volatile("" : "+r"(_add));        \
		__sync_fetch_and_add(&(field), _add); \
	} while (0)

static __always_inline void count_lost(enum ec_loss cause, __u64 bytes)
{
	struct ec_counts *n = counts_get();

	if (!n)
		return;
	COUNT_ADD(n->lost[cause].records, 1);
	COUNT_ADD(n->lost[cause].bytes, bytes);
}

/*
 * A number that no other CPU, and no later moment on this one, gives again: time with its
 * lowest 9 bits (512 ns, less than a switch to another task takes) replaced by the CPU.
 */
static __always_inline __u64 unique_id(void)
{
	return (bpf_ktime_get_ns() & ~511ull) | (bpf_get_smp_processor_id() & 511);
}

#ifdef EC_SHAPE_loop
/* Always empty. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} ec_tails SEC(".maps");
#endif

/*
 * First in every program of a probe. Since 6.13 a program's stack is memory of its CPU
 * instead of the thread's stack, for all that the kernel does not let nest on one CPU
 * (kernel: bpf_enable_priv_stack()). Programs of uprobes are among them, yet they nest:
 * they are preempted, and another thread comes to the same probe. Its values then stand
 * in the first one's variables, pointers among them: the kernel goes down (seen on 7.3).
 * A program that holds a tail call keeps to the thread's stack. This one is never taken.
 */
static __always_inline void no_private_stack(void *ctx)
{
#ifdef EC_SHAPE_loop
	struct ec_config *cfg = config_get();

	if (cfg && cfg->stop == EC_STOP_TAIL)
		bpf_tail_call(ctx, &ec_tails, 0);
#endif
}

/*
 * What the attach cookie is on a kernel that has none (< 5.15): a constant that user
 * space writes over in a clone of the program for each probe (capture/clone.c).
 */
static __always_inline __u64 cookie_get(void *ctx)
{
#ifdef EC_SHAPE_loop
	return bpf_get_attach_cookie(ctx);
#else
	__u64 cookie;

	asm volatile("%0 = %1 ll" : "=r"(cookie) : "i"(EC_COOKIE_PATCHED));
	return cookie;
#endif
}

/* Bounds that the compiler may not reason away before the verifier sees them. */
#define CLAMP(v, max) asm volatile("if %0 <= %1 goto +1; %0 = %1" : "+r"(v) : "i"(max))

#endif
