/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes without attach cookies (kernels below 5.15): a copy of the program for each,
 * with the cookie written over the constant EC_COOKIE_PATCHED in its instructions.
 */
#ifndef EC_CAPTURE_CLONE_H
#define EC_CAPTURE_CLONE_H

#include <bpf/libbpf.h>
#include <stdint.h>

/*
 * p is loaded. A descriptor of the copy, the caller's; -ENOENT when the program asks for
 * no cookie, and p itself serves; -errno.
 */
int ec_clone_load(const struct bpf_program *p, uint64_t cookie);

#endif
