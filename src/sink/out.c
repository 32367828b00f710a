// SPDX-License-Identifier: GPL-2.0-only
#include "sink/out.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>

#define COMMIT_AT   (64u << 10)
#define BUFFER_MAX  (64u << 20)
#define BUFFER_KEEP (256u << 10) /* a larger one is given back once it is written */
/* From here on a system call of its own costs less than the copy. */
#define DIRECT_FROM 8192

int ec_out_new(int fd, const char *name, struct ec_out **out)
{
	struct ec_out *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->name = strdup(name);
	if (!o->name) {
		free(o);
		return -ENOMEM;
	}
	o->fd = fd;
	ec_buf_init(&o->buf, BUFFER_MAX);
	*out = o;
	return 0;
}

static int wait_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	/* An error or hang-up is what the next write tells. */
	return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

/* Writes all of the pieces. */
static int write_all(struct ec_out *o, struct iovec *v, int n)
{
	ssize_t done;
	int rc = 0;

	while (n && !rc) {
		if (!v->iov_len) {
			v++;
			n--;
			continue;
		}
		done = writev(o->fd, v, n);
		if (done < 0) {
			if (errno == EAGAIN)
				rc = wait_writable(o->fd);
			else if (errno != EINTR)
				rc = -errno;
			continue;
		}
		if (!done) {
			rc = -EIO; /* would go on for ever */
			continue;
		}
		o->written += (uint64_t)done;
		for (; n && (size_t)done >= v->iov_len; v++, n--)
			done -= (ssize_t)v->iov_len;
		if (n) {
			v->iov_base = (char *)v->iov_base + done;
			v->iov_len -= (size_t)done;
		}
	}
	return rc;
}

/* The buffer, then p. What was buffered is gone afterwards, written or not. */
static int write_out(struct ec_out *o, const void *p, size_t n)
{
	struct iovec v[2] = {
		{.iov_base = o->buf.data, .iov_len = o->buf.len},
		{.iov_base = (void *)(uintptr_t)p, .iov_len = n},
	};

	if (!o->err)
		o->err = write_all(o, v, 2);
	if (!o->err)
		o->err = o->buf.err;
	if (o->buf.cap > BUFFER_KEEP)
		ec_buf_free(&o->buf);
	else
		ec_buf_reset(&o->buf);
	return o->err;
}

int ec_out_data(struct ec_out *o, const void *p, size_t n)
{
	if (o->err)
		return o->err;
	/* Part of the buffer may be missing: nothing comes after that. */
	if (o->buf.err)
		return write_out(o, NULL, 0);
	if (n >= DIRECT_FROM)
		return write_out(o, p, n);
	ec_buf_add(&o->buf, p, n);
	return ec_out_commit(o);
}

int ec_out_commit(struct ec_out *o)
{
	if (o->buf.len >= COMMIT_AT || o->buf.err)
		return write_out(o, NULL, 0);
	return o->err;
}

int ec_out_flush(struct ec_out *o)
{
	if (o->buf.len || o->buf.err)
		return write_out(o, NULL, 0);
	return o->err;
}

int ec_out_free(struct ec_out *o)
{
	int rc;

	if (!o)
		return 0;
	rc = ec_out_flush(o);
	/* Errors of a late write (quota, network file systems) come with close(2); after
	 * EINTR the descriptor is gone on Linux. */
	if (o->fd > 2 && close(o->fd) && !rc && errno != EINTR)
		rc = -errno;
	ec_buf_free(&o->buf);
	free(o->name);
	free(o);
	return rc;
}
