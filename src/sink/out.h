/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An output: a descriptor opened before rights were dropped, and a buffer that is written
 * out when it is large or when the pipeline has nothing else to do. Large data may bypass
 * the buffer (writev), in order.
 */
#ifndef EC_SINK_OUT_H
#define EC_SINK_OUT_H

#include "base/buf.h"

struct ec_out {
	int fd; /* owned unless 0..2 */
	char *name;
	struct ec_buf buf;
	uint64_t written;
	int err; /* first error; nothing is written after it */
};

/* The descriptor becomes the output's. 0 or -ENOMEM */
int ec_out_new(int fd, const char *name, struct ec_out **out);
/*
 * Appends bytes that are data, not copied when large: all that was buffered is written
 * first. 0 or -errno (EINTR and EAGAIN are waited out; a short write goes on).
 */
int ec_out_data(struct ec_out *o, const void *p, size_t n);
int ec_out_commit(struct ec_out *o); /* writes if the buffer holds ≥ 64 KiB */
int ec_out_flush(struct ec_out *o);  /* writes all */
int ec_out_free(struct ec_out *o);   /* flushes, closes; reports close(2) errors too */

#endif
