/* SPDX-License-Identifier: GPL-2.0-only */
/* Items into a sink whose output is a file in memory, and what it wrote. */
#ifndef EC_TEST_SINK_SINKING_H
#define EC_TEST_SINK_SINKING_H

#include "base/util.h"
#include "sink/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <cmocka.h>

#define WALL 1767323045123456789ull /* 2026-01-02T03:04:05.123456789Z */

static EC_UNUSED struct ec_sink sink;
static EC_UNUSED char *wrote;
static EC_UNUSED size_t wrote_len;

static EC_UNUSED void sink_open(const struct ec_sink_ops *ops, struct ec_sink_opts opts)
{
	int fd = memfd_create("out", MFD_CLOEXEC);

	assert_true(fd > 2);
	memset(&sink, 0, sizeof(sink));
	sink.ops = ops;
	sink.opts = opts;
	assert_int_equal(ec_out_new(fd, "out", &sink.out), 0);
	assert_int_equal(ops->open(&sink), 0);
}

static EC_UNUSED void sink_close(void)
{
	assert_int_equal(sink.ops->close(&sink), 0);
	assert_int_equal(ec_out_free(sink.out), 0);
	free(wrote);
	wrote = NULL;
}

/* All that was written since the last look, with a NUL behind it. */
static EC_UNUSED const char *written(void)
{
	off_t end;

	assert_int_equal(ec_out_flush(sink.out), 0);
	end = lseek(sink.out->fd, 0, SEEK_END);
	free(wrote);
	wrote_len = (size_t)end;
	wrote = calloc(1, wrote_len + 1);
	assert_non_null(wrote);
	assert_int_equal(pread(sink.out->fd, wrote, wrote_len, 0), wrote_len);
	assert_int_equal(ftruncate(sink.out->fd, 0), 0);
	assert_int_equal(lseek(sink.out->fd, 0, SEEK_SET), 0);
	return wrote;
}

static EC_UNUSED void give(const struct ec_item *it)
{
	assert_true(sink.kinds & 1u << it->kind);
	assert_int_equal(sink.ops->item(&sink, it), 0);
}

static EC_UNUSED const struct ec_addrs ip4 = {
	.family = AF_INET,
	.lport = 51000,
	.rport = 443,
	.laddr = {192, 0, 2, 10},
	.raddr = {198, 51, 100, 20},
};

static EC_UNUSED struct ec_item item(enum ec_item_kind kind, enum ec_dir dir)
{
	return (struct ec_item){
		.kind = kind,
		.wall = WALL,
		.module = "tls",
		.pid = 10,
		.tid = 11,
		.uid = 12,
		.comm = "curl",
		.conn_id = 0xfedcba9876543210ull,
		.addrs = &ip4,
		.dir = dir,
	};
}

/* A whole message of these runs. */
static EC_UNUSED struct ec_item message(const struct ec_seg *segs, size_t n)
{
	struct ec_item it = item(EC_ITEM_DATA, EC_DIR_SENT);

	it.data.segs = segs;
	it.data.nsegs = n;
	for (size_t i = 0; i < n; i++) {
		if (segs[i].data)
			it.data.len += segs[i].len;
		else
			it.data.lost += segs[i].len;
	}
	it.data.total = it.data.len + it.data.lost;
	return it;
}

static EC_UNUSED struct ec_seg run_of(const void *p, size_t n)
{
	return (struct ec_seg){.data = p, .len = n};
}

static EC_UNUSED struct ec_seg gap_of(uint64_t n, enum ec_loss cause)
{
	return (struct ec_seg){.len = n, .cause = cause};
}

#endif
