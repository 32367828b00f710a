/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offsets of kernel fields where there is no BTF: found in the kernel's own memory, by
 * descriptors and sockets of this process whose addresses, ports and modes are known.
 * Nothing is taken that does not hold for all of them.
 */
#ifndef EC_HOST_CALIBRATE_H
#define EC_HOST_CALIBRATE_H

#include "abi/maps.h"
#include <stddef.h>
#include <stdint.h>

/*
 * Reads n ≤ EC_PEEK_MAX bytes of kernel memory at *addr, 0: the calling thread's
 * task_struct, whose address is stored there. 0; -EFAULT: not readable; other -errno: the
 * instrument failed.
 */
#define EC_PEEK_MAX 4096
typedef int ec_peek_fn(void *ctx, uint64_t *addr, void *dst, size_t n);

struct ec_calibration {
	ec_peek_fn *peek;
	void *ctx;
	uint64_t id;	    /* bpf_get_current_pid_tgid() of the calling thread */
	unsigned int reads; /* out */
};

/*
 * Fields that cannot be found stay EC_KOFF_NONE (those of IPv6 where there is none). 0;
 * -ENOENT when the way from a descriptor to its socket was not found; -errno, *k
 * untouched. Opens some descriptors and closes them; needs a loopback interface that is
 * up.
 */
int ec_koffs_calibrate(struct ec_koffs *k, struct ec_calibration *c);

#endif
