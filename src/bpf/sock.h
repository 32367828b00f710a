/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Addresses of a socket, and the walk from a descriptor of the current task to it. All
 * offsets come from ec_config.koffs; no kernel type is compiled in.
 */
#ifndef EC_BPF_SOCK_H
#define EC_BPF_SOCK_H

#include "bpf/maps.h"

#define S_IFMT	 0170000
#define S_IFSOCK 0140000

#define KREAD(dst, base, off) \
	READ_KERNEL(&(dst), sizeof(dst), (const void *)((base) + (off)))

enum sock_verdict { SOCK_NO, SOCK_YES, SOCK_NEVER };

/* SOCK_NEVER: this socket has no addresses that we show (AF_UNIX and others). */
static __always_inline enum sock_verdict sock_addrs(const struct ec_koffs *k, __u64 sk,
						    enum ec_how how, struct ec_addrs *a)
{
	__u16 family = 0, lport = 0, rport = 0;
	__u32 v4 = 0;

	if (k->sk_family == EC_KOFF_NONE || k->sk_lport == EC_KOFF_NONE ||
	    KREAD(family, sk, k->sk_family))
		return SOCK_NO;
	if (family != AF_INET && family != AF_INET6)
		return SOCK_NEVER;
	if (KREAD(lport, sk, k->sk_lport) || KREAD(rport, sk, k->sk_rport))
		return SOCK_NO;
	/* one that was reset has given its own port back, and still has data to read */
	if (!lport && rport && k->sk_sport != EC_KOFF_NONE) {
		if (KREAD(lport, sk, k->sk_sport))
			return SOCK_NO;
		lport = (__u16)(lport >> 8 | lport << 8);
	}
	if (!lport || !rport)
		return SOCK_NO;
	__builtin_memset(a->laddr, 0, sizeof(a->laddr));
	__builtin_memset(a->raddr, 0, sizeof(a->raddr));
	if (family == AF_INET) {
		if (KREAD(v4, sk, k->sk_laddr))
			return SOCK_NO;
		__builtin_memcpy(a->laddr, &v4, 4);
		if (KREAD(v4, sk, k->sk_raddr))
			return SOCK_NO;
		__builtin_memcpy(a->raddr, &v4, 4);
	} else {
		if (k->sk_laddr6 == EC_KOFF_NONE || KREAD(a->laddr, sk, k->sk_laddr6) ||
		    KREAD(a->raddr, sk, k->sk_raddr6))
			return SOCK_NO;
	}
	a->lport = lport;
	a->rport = (__u16)(rport >> 8 | rport << 8);
	a->how = how;
	a->family = family; /* last: it says that the rest is there */
	return SOCK_YES;
}

/* struct sock of a descriptor of the current task, 0 if it is none. */
static __always_inline __u64 sock_of_fd(const struct ec_koffs *k, __s32 fd)
{
	__u64 files = 0, fdt = 0, array = 0, file = 0, inode = 0, sock = 0, sk = 0;
	__u64 task = bpf_get_current_task();
	__u32 max = 0;
	__u16 mode = 0;

	if (fd < 0 || k->task_files == EC_KOFF_NONE || k->socket_sk == EC_KOFF_NONE)
		return 0;
	if (KREAD(files, task, k->task_files) || !files ||
	    KREAD(fdt, files, k->files_fdt) || KREAD(max, fdt, k->fdt_max))
		return 0;
	if ((__u32)fd >= max || KREAD(array, fdt, k->fdt_fd) ||
	    KREAD(file, array, 8ull * (__u32)fd) || !file)
		return 0;
	if (KREAD(inode, file, k->file_inode) || KREAD(mode, inode, k->inode_mode) ||
	    (mode & S_IFMT) != S_IFSOCK)
		return 0;
	if (KREAD(sock, file, k->file_private) || !sock || KREAD(sk, sock, k->socket_sk))
		return 0;
	return sk;
}

#endif
