// SPDX-License-Identifier: GPL-2.0-only
#include "net/socket.h"
#include "base/util.h"
#include "host/sockaddr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* The same number everywhere (include/uapi/asm-generic/unistd.h). */
#define NR_PIDFD_OPEN  434 /* 5.3 */
#define NR_PIDFD_GETFD 438 /* 5.6 */

/* As %08X of words in the machine's order (kernel: net/ipv4/tcp_ipv4.c, tcp_ipv6.c). */
static bool side_parse(const char *text, int words, uint8_t addr[16], uint16_t *port)
{
	unsigned int v;

	for (int i = 0; i < words; i++) {
		uint32_t w;

		if (sscanf(text + 8 * i, "%8x", &v) != 1)
			return false;
		w = v;
		memcpy(addr + 4 * i, &w, 4);
	}
	if (sscanf(text + 8 * words, ":%4x", &v) != 1)
		return false;
	*port = v;
	return true;
}

/* 0 when the inode is in this table; -ENOENT; -ENOTCONN */
static int table_find(pid_t pid, const char *name, int words, unsigned long long inode,
		      struct ec_addrs *out)
{
	struct ec_addrs a = {.how = EC_HOW_USER,
			     .family = words == 1 ? AF_INET : AF_INET6};
	char path[64], line[512], local[64], remote[64];
	int err = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (err == -ENOENT && fgets(line, sizeof(line), f)) {
		unsigned long long ino;

		if (sscanf(line, " %*u: %63s %63s %*x %*s %*s %*s %*u %*d %llu", local,
			   remote, &ino) != 3 ||
		    ino != inode)
			continue;
		if (side_parse(local, words, a.laddr, &a.lport) &&
		    side_parse(remote, words, a.raddr, &a.rport) && a.rport) {
			*out = a;
			err = 0;
		} else {
			err = -ENOTCONN;
		}
	}
	fclose(f);
	return err;
}

int ec_net_addrs_proc(pid_t pid, int fd, struct ec_addrs *out)
{
	static const struct {
		const char *name;
		int words;
	} tables[] = {{"tcp", 1}, {"tcp6", 4}, {"udp", 1}, {"udp6", 4}};
	char path[64], link[64];
	unsigned long long inode;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return -errno;
	link[n] = 0;
	if (sscanf(link, "socket:[%llu]", &inode) != 1)
		return -ENOTSOCK;
	for (size_t i = 0; i < EC_ARRAY_SIZE(tables); i++) {
		int err = table_find(pid, tables[i].name, tables[i].words, inode, out);

		if (err != -ENOENT) /* also: no such table in a kernel without IPv6 */
			return err;
	}
	return -EAFNOSUPPORT;
}

int ec_net_addrs(pid_t pid, int fd, struct ec_addrs *out)
{
	_ec_close_ int p = syscall(NR_PIDFD_OPEN, pid, 0);
	_ec_close_ int copy = -1;
	int err;

	if (p >= 0)
		copy = syscall(NR_PIDFD_GETFD, p, fd, 0);
	if (copy < 0)
		return ec_net_addrs_proc(pid, fd, out);
	err = ec_sockaddr_get(copy, out);
	if (!err)
		out->how = EC_HOW_USER;
	return err;
}
