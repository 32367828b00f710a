/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_HOST_SOCKADDR_H
#define EC_HOST_SOCKADDR_H

#include "abi/record.h"

/*
 * Both ends of a socket of ours, by getsockname(2) and getpeername(2); `how` is left 0.
 * -EAFNOSUPPORT: neither IPv4 nor IPv6; -ENOTCONN; -errno.
 */
int ec_sockaddr_get(int fd, struct ec_addrs *out);

#endif
