// SPDX-License-Identifier: GPL-2.0-only
#include "host/sockaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* 0, -EAFNOSUPPORT */
static int side_set(const struct sockaddr_storage *ss, uint8_t addr[16], uint16_t *port)
{
	const struct sockaddr_in *v4 = (const void *)ss;
	const struct sockaddr_in6 *v6 = (const void *)ss;

	switch (ss->ss_family) {
	case AF_INET:
		memcpy(addr, &v4->sin_addr, 4);
		*port = ntohs(v4->sin_port);
		return 0;
	case AF_INET6:
		memcpy(addr, &v6->sin6_addr, 16);
		*port = ntohs(v6->sin6_port);
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

int ec_sockaddr_get(int fd, struct ec_addrs *out)
{
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);
	struct ec_addrs a = {0};
	int err;

	if (getsockname(fd, (struct sockaddr *)&ss, &n))
		return -errno;
	err = side_set(&ss, a.laddr, &a.lport);
	if (err)
		return err;
	a.family = ss.ss_family;
	n = sizeof(ss);
	if (getpeername(fd, (struct sockaddr *)&ss, &n))
		return -errno;
	err = side_set(&ss, a.raddr, &a.rport);
	if (!err)
		*out = a;
	return err;
}
