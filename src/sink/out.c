// SPDX-License-Identifier: GPL-2.0-only
#include "sink/out.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>

#define COMMIT	64 /* KiB: written from here on */
#define DIRECT	4096
#define BUF_MAX (512u << 20)
#define KEEP	(1u << 20) /* a larger buffer is given back */

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
	ec_buf_init(&o->buf, BUF_MAX);
	*out = o;
	return 0;
}

static int wait_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

static int write_all(struct ec_out *o, struct iovec *v, int n)
{
	while (n) {
		ssize_t k;

		if (!v->iov_len) {
			v++;
			n--;
			continue;
		}
		k = writev(o->fd, v, n);
		if (k < 0) {
			if (errno == EINTR || (errno == EAGAIN && !wait_writable(o->fd)))
				continue;
			return -errno;
		}
		o->written += k;
		for (; n && (size_t)k >= v->iov_len; v++, n--)
			k -= v->iov_len;
		if (n) {
			v->iov_base = (char *)v->iov_base + k;
			v->iov_len -= k;
		}
	}
	return 0;
}

static int write_out(struct ec_out *o, const void *p, size_t n)
{
	struct iovec v[2] = {{o->buf.data, o->buf.len}, {(void *)p, n}};

	if (!o->err)
		o->err = o->buf.err;
	if (!o->err)
		o->err = write_all(o, v, 2);
	if (o->buf.cap > KEEP)
		ec_buf_free(&o->buf);
	ec_buf_reset(&o->buf);
	return o->err;
}

int ec_out_data(struct ec_out *o, const void *p, size_t n)
{
	if (n >= DIRECT)
		return write_out(o, p, n);
	ec_buf_add(&o->buf, p, n);
	return o->err;
}

int ec_out_commit(struct ec_out *o)
{
	return o->buf.len >= COMMIT << 10 || o->buf.err ? write_out(o, NULL, 0) : o->err;
}

int ec_out_flush(struct ec_out *o)
{
	return o->buf.len || o->buf.err ? write_out(o, NULL, 0) : o->err;
}

int ec_out_free(struct ec_out *o)
{
	int err;

	if (!o)
		return 0;
	err = ec_out_flush(o);
	if (o->fd > 2 && close(o->fd) && !err)
		err = -errno;
	ec_buf_free(&o->buf);
	free(o->name);
	free(o);
	return err;
}
