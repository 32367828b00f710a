/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses of another process's socket, asked of the kernel by system calls and /proc.
 */
#ifndef EC_NET_SOCKET_H
#define EC_NET_SOCKET_H

#include "abi/record.h"
#include <sys/types.h>

/*
 * The connection of descriptor `fd` of process `pid`, in whatever network namespace: by a
 * copy of the descriptor (pidfd_getfd, ≥ 5.6, needs the right to trace it), held for
 * microseconds, else by the socket's inode in /proc/PID/net. 0 with out->how EC_HOW_USER;
 * -ENOTSOCK; -EAFNOSUPPORT: no IP socket; -ENOTCONN; -errno when it could not be asked.
 */
int ec_net_addrs(pid_t pid, int fd, struct ec_addrs *out);
/* The second way alone. */
int ec_net_addrs_proc(pid_t pid, int fd, struct ec_addrs *out);

#endif
