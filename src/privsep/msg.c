// SPDX-License-Identifier: GPL-2.0-only
#include "privsep/msg.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static int wait_for(int sock, short events)
{
	struct pollfd p = {.fd = sock, .events = events};

	return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

int ec_msg_send(int sock, const struct ec_msg *m, const void *body, int fd)
{
	struct iovec iov[2] = {{(void *)m, sizeof(*m)}, {(void *)body, m->len}};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = m->len ? 2 : 1};
	union control c = {0};

	if (m->len > EC_MSG_BODY_MAX)
		return -EMSGSIZE;
	if (fd >= 0) {
		struct cmsghdr *cm;

		h.msg_control = c.bytes;
		h.msg_controllen = sizeof(c.bytes);
		cm = CMSG_FIRSTHDR(&h);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(int));
	}
	for (;;) {
		int err;

		if (sendmsg(sock, &h, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return errno == ECONNRESET ? -EPIPE : -errno;
		err = wait_for(sock, POLLOUT);
		if (err)
			return err;
	}
}

/* The first descriptor of a message; any further ones are closed. */
static int take_fd(struct msghdr *h)
{
	int got = -1;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm; cm = CMSG_NXTHDR(h, cm)) {
		size_t n;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(int));
			if (got < 0)
				got = fd;
			else
				close(fd);
		}
	}
	return got;
}

int ec_msg_recv(int sock, struct ec_msg *m, void *body, int *fd)
{
	struct iovec iov[2] = {{m, sizeof(*m)}, {body, EC_MSG_BODY_MAX}};
	union control c;
	struct msghdr h = {.msg_iov = iov,
			   .msg_iovlen = 2,
			   .msg_control = c.bytes,
			   .msg_controllen = sizeof(c.bytes)};
	ssize_t n;

	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	*fd = take_fd(&h);
	if ((size_t)n < sizeof(*m) || m->len != (size_t)n - sizeof(*m) ||
	    m->type == EC_MSG_NONE || m->type >= EC_MSG__N || h.msg_flags & MSG_TRUNC) {
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		return -EBADMSG;
	}
	return 0;
}
