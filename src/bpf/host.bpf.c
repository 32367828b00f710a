// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that serve all modules: lives of processes (always on; they cost something
 * only per fork, exec and exit), addresses by sockets and system calls (on only while a
 * connection lacks its addresses), and the empty programs that `make bench` compares
 * with.
 */
#include "bpf/conn.h"
#include "bpf/filter.h"
#include "bpf/wire.h"

char LICENSE[] SEC("license") = "GPL";

/* kernel: include/trace/events/sched.h, sched_process_fork(parent, child) */
SEC("raw_tp/sched_process_fork")
int ec_fork(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 parent = bpf_get_current_pid_tgid() >> 32;
	struct ec_config *cfg = config_get();
	__u32 child = 0, one = 1;

	if (!cfg || !(cfg->filters & EC_FILTER_FOLLOW) ||
	    cfg->koffs.task_tgid == EC_KOFF_NONE)
		return 0;
	if (!bpf_map_lookup_elem(&ec_pids, &parent))
		return 0;
	if (KREAD(child, ctx->args[1], cfg->koffs.task_tgid) || child == parent)
		return 0;
	if (bpf_map_update_elem(&ec_pids, &child, &one, BPF_ANY))
		count_lost(EC_LOSS_TABLE, 0);
	return 0;
}

static __always_inline void process_end(void *ctx, struct ec_config *cfg, __u64 id)
{
	__u32 pid = id >> 32;
	struct ec_proc *p = bpf_map_lookup_elem(&ec_procs, &pid);

	if (!p)
		return;
	if (cfg && !cfg->stop)
		emit_process(ctx, cfg, p->id, EC_PROCESS_EXIT);
	bpf_map_delete_elem(&ec_procs, &pid);
}

/* kernel: include/trace/events/sched.h, sched_process_exec(task, old pid, …) */
SEC("raw_tp/sched_process_exec")
int ec_exec(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u64 was = id >> 32 << 32 |
		    (__u32)ctx->args[1]; /* not the leader's, if it was none */

	bpf_map_delete_elem(&ec_threads, &id);
	bpf_map_delete_elem(&ec_threads, &was);
	process_end(ctx, config_get(), id);
	return 0;
}

/*
 * Does the process end with this thread of it? A leader may end long before the others,
 * and one of these may exec: then it takes the leader's place, and the process lives on.
 * The kernel has counted the thread out (do_exit()). Where the offsets are not known the
 * leader's end is taken for it.
 */
static __always_inline int is_last(const struct ec_config *cfg, __u64 task, __u64 id)
{
	__u64 signal = 0;
	__s32 live = 0;

	if (!cfg || cfg->koffs.signal_live == EC_KOFF_NONE ||
	    cfg->koffs.task_signal == EC_KOFF_NONE ||
	    KREAD(signal, task, cfg->koffs.task_signal) ||
	    KREAD(live, signal, cfg->koffs.signal_live))
		return id >> 32 == (__u32)id;
	return live <= 0;
}

/* kernel: include/trace/events/sched.h, sched_process_exit(task, …) */
SEC("raw_tp/sched_process_exit")
int ec_exit(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ec_config *cfg = config_get();
	__u32 pid = id >> 32;

	bpf_map_delete_elem(&ec_threads, &id);
	if (!is_last(cfg, ctx->args[0], id))
		return 0;
	if (cfg && cfg->filters & EC_FILTER_FOLLOW)
		bpf_map_delete_elem(&ec_pids, &pid);
	process_end(ctx, cfg, id);
	return 0;
}

#define ENCLOSES_NEAR 16384 /* a frame that called the other lies so near above it */

/* The connection of an open call, if it still lacks its addresses. */
static __always_inline struct ec_conn *frame_lacking(struct ec_thread *t,
						     const struct ec_frame *f)
{
	struct ec_conn_key key = {t->process, f->handle};
	struct ec_conn *c;

	if (*known_slot(t, f->handle) == f->handle)
		return 0;
	c = bpf_map_lookup_elem(&ec_conns, &key);
	return c && conn_pending(c) && c->memory != EC_MEMORY_YES ? c : 0;
}

/* Where the thread's innermost open call began; 0: it is in none. */
static __always_inline __u64 innermost_sp(const struct ec_thread *t)
{
	__u64 newest = 0, sp = 0;

#pragma unroll
	for (int i = 0; i < EC_FRAMES; i++) {
		if (t->frame[i].sp && t->frame[i].serial > newest) {
			newest = t->frame[i].serial;
			sp = t->frame[i].sp;
		}
	}
	return sp;
}

/*
 * What the current thread sends or receives belongs to its innermost open call, and to
 * the calls that enclose that on the same stack (TLS in TLS). Calls of other stacks, of
 * fibers that wait, are not concerned.
 */
static __always_inline int frame_concerned(const struct ec_frame *f, __u64 sp)
{
	return f->sp >= sp && f->sp - sp < ENCLOSES_NEAR;
}

/* Gives the open calls that are concerned and lack addresses those of a socket (`fd` < 0)
 * or of a descriptor. */
static __always_inline int calls_learn(void *ctx, struct ec_config *cfg, __u64 sk,
				       __s32 fd)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ec_thread *t = bpf_map_lookup_elem(&ec_threads, &id);
	__u64 sp = t ? innermost_sp(t) : 0;

	if (!sp)
		return 0;
#pragma unroll
	for (int i = 0; i < EC_FRAMES; i++) {
		struct ec_frame *f = &t->frame[i];
		struct ec_conn *c;

		if (!frame_concerned(f, sp))
			continue;
		c = frame_lacking(t, f);
		if (!c)
			continue;
		if (fd < 0)
			conn_learn(cfg, c, sk, EC_HOW_SOCK);
		else
			conn_learn_fd(ctx, cfg, c, t->process, fd, EC_HOW_SYSCALL);
	}
	return 0;
}

/* kernel: include/trace/events/sock.h, sock_send_length(sk, ret, flags), since 6.3 */
static __always_inline int sock_seen(struct bpf_raw_tracepoint_args *ctx)
{
	struct ec_config *cfg = config_get();

	return cfg ? calls_learn(ctx, cfg, ctx->args[0], -1) : 0;
}

SEC("raw_tp/sock_send_length")
int ec_sock_send(struct bpf_raw_tracepoint_args *ctx)
{
	return sock_seen(ctx);
}

SEC("raw_tp/sock_recv_length")
int ec_sock_recv(struct bpf_raw_tracepoint_args *ctx)
{
	return sock_seen(ctx);
}

#ifdef EC_SHAPE_loop
/* The same, and what connections over memory lack: instead of those where it can be had.
 */
static __always_inline int wire_at(struct bpf_raw_tracepoint_args *ctx, __u32 dir)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct ec_proc *p = bpf_map_lookup_elem(&ec_procs, &pid);
	__s32 ret = (__s32)ctx->args[1];
	struct ec_config *cfg;
	struct moving m = {};

	/* for most of the host this is all */
	if (!p)
		return 0;
	cfg = config_get();
	if (!cfg || cfg->stop)
		return 0;
	if (ret && wire_wanted(p) &&
	    !moving_get(bpf_task_pt_regs(bpf_get_current_task_btf()), ret, 0, &m)) {
		m.dir = dir;
		wire_seen(ctx, cfg, &m, ctx->args[0]);
	}
	return calls_learn(ctx, cfg, ctx->args[0], -1);
}

SEC("raw_tp/sock_send_length")
int ec_wire_send(struct bpf_raw_tracepoint_args *ctx)
{
	return wire_at(ctx, EC_DIR_SENT);
}

SEC("raw_tp/sock_recv_length")
int ec_wire_recv(struct bpf_raw_tracepoint_args *ctx)
{
	return wire_at(ctx, EC_DIR_RECV);
}
#endif

/*
 * Where there is no such tracepoint: the descriptor of a system call that has moved
 * bytes. At its end, when what was received is there; a call that began before we came
 * ends here as well. kernel: include/trace/events/syscalls.h, sys_exit(regs, ret)
 */
SEC("raw_tp/sys_exit")
int ec_sys_exit(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__s64 ret = ctx->args[1];
	struct moving m = {};
	struct ec_config *cfg;
	struct ec_proc *p;

	/* for most of the host this is all */
	if (!ret)
		return 0;
	p = bpf_map_lookup_elem(&ec_procs, &pid);
	if (!p)
		return 0;
	cfg = config_get();
	if (!cfg || cfg->stop || moving_get(ctx->args[0], ret, 1, &m) || m.fd < 0)
		return 0;
	if (wire_wanted(p))
		wire_seen(ctx, cfg, &m, 0);
	return calls_learn(ctx, cfg, 0, m.fd);
}

SEC("uprobe")
int ec_floor_in(struct pt_regs *ctx)
{
	return 0;
}

SEC("uprobe")
int ec_floor_out(struct pt_regs *ctx)
{
	return 0;
}
