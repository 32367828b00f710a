/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads kernel memory for ourselves: a BPF program on a function of our own. For a kernel
 * without BTF, where offsets have to be found (host/calibrate.h).
 */
#ifndef EC_CAPTURE_PEEK_H
#define EC_CAPTURE_PEEK_H

#include "host/calibrate.h"
#include "host/features.h"

struct ec_peek;

/* For the calling thread, which alone may use it. 0 or -errno */
int ec_peek_new(const struct ec_features *f, struct ec_peek **out);
/* An ec_peek_fn; ctx is the struct ec_peek. -ENXIO: the probe did not fire. */
int ec_peek(void *ctx, uint64_t *addr, void *dst, size_t n);
/* bpf_get_current_pid_tgid() as of the last read. */
uint64_t ec_peek_id(const struct ec_peek *p);
void ec_peek_free(struct ec_peek *p);

/* All of it: offsets by calibration. 0 or -errno as ec_koffs_calibrate(). */
int ec_peek_koffs(const struct ec_features *f, struct ec_koffs *k);

#endif
