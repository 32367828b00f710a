// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that serve all modules: lives of processes (always on; they cost something
 * only per fork, exec and exit), addresses by sockets and system calls (on only while a
 * connection lacks its addresses), and the empty programs that `make bench` compares
 * with.
 */
#include "bpf/conn.h"
#include "bpf/filter.h"

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

static __always_inline void process_end(struct ec_config *cfg, __u64 id)
{
	__u32 pid = id >> 32;
	__u64 *process = bpf_map_lookup_elem(&ec_procs, &pid);

	if (!process)
		return;
	if (cfg && !cfg->stop)
		emit_process(cfg, *process, EC_PROCESS_EXIT);
	bpf_map_delete_elem(&ec_procs, &pid);
}

SEC("raw_tp/sched_process_exec")
int ec_exec(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&ec_threads, &id);
	process_end(config_get(), id);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int ec_exit(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ec_config *cfg = config_get();
	__u32 pid = id >> 32;

	bpf_map_delete_elem(&ec_threads, &id);
	if (pid != (__u32)id)
		return 0;
	if (cfg && cfg->filters & EC_FILTER_FOLLOW)
		bpf_map_delete_elem(&ec_pids, &pid);
	process_end(cfg, id);
	return 0;
}

/* The connection whose call this thread is in, if it still lacks its addresses. */
static __always_inline struct ec_conn *conn_lacking(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct ec_thread *t = bpf_map_lookup_elem(&ec_threads, &id);
	struct ec_conn_key key = {};
	struct ec_conn *c;
	__u64 newest = 0;

	if (!t)
		return 0;
#pragma unroll
	for (int i = 0; i < EC_FRAMES; i++) {
		struct ec_frame *f = &t->frame[i];

		if (f->sp && f->serial > newest) {
			newest = f->serial;
			key.handle = f->handle;
		}
	}
	if (!newest || *known_slot(t, key.handle) == key.handle)
		return 0;
	key.process = t->process;
	c = bpf_map_lookup_elem(&ec_conns, &key);
	return c && conn_pending(c) ? c : 0;
}

/* kernel: include/trace/events/sock.h, sock_send_length(sk, ret, flags), since 6.3 */
static __always_inline int sock_seen(struct bpf_raw_tracepoint_args *ctx)
{
	struct ec_conn *c = conn_lacking();
	struct ec_config *cfg;

	if (!c)
		return 0;
	cfg = config_get();
	if (cfg)
		conn_learn(cfg, c, ctx->args[0], EC_HOW_SOCK);
	return 0;
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

/* read write readv writev sendto recvfrom sendmsg recvmsg */
static __always_inline int syscall_moves_data(__u64 nr)
{
#if defined(__TARGET_ARCH_x86)
	return nr <= 1 || nr == 19 || nr == 20 || (nr >= 44 && nr <= 47);
#else
	return (nr >= 63 && nr <= 66) || nr == 206 || nr == 207 || nr == 211 || nr == 212;
#endif
}

SEC("raw_tp/sys_enter")
int ec_sys_enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx->args[0];
	struct ec_config *cfg;
	struct ec_conn *c;
	__u64 fd = 0;

	if (!syscall_moves_data(ctx->args[1]))
		return 0;
	c = conn_lacking();
	if (!c)
		return 0;
	cfg = config_get();
#if defined(__TARGET_ARCH_x86)
	if (!cfg || bpf_probe_read_kernel(&fd, sizeof(fd), &regs->rdi))
		return 0;
#else
	if (!cfg || bpf_probe_read_kernel(&fd, sizeof(fd),
					  &((struct user_pt_regs *)regs)->regs[0]))
		return 0;
#endif
	conn_learn_fd(cfg, c, (__s32)fd, EC_HOW_SYSCALL);
	return 0;
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
