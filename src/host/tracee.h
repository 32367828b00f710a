/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that the calling thread traces (ptrace(2)), stopped: its entry point and a
 * breakpoint there. The only room that knows what a breakpoint is on this machine.
 */
#ifndef EC_HOST_TRACEE_H
#define EC_HOST_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ec_brk {
	uint64_t addr;
	uint64_t was; /* the bytes that it stands in place of */
	bool set;
};

/*
 * Where the program begins once its loader has mapped what it needs, from the auxiliary
 * vector. 0; -ENOENT: it has no loader; -ENOEXEC: not of this machine's word size; -errno
 */
int ec_tracee_entry(pid_t pid, uint64_t *addr);
int ec_tracee_brk_set(pid_t pid, uint64_t addr, struct ec_brk *b); /* 0 or -errno */
/* Puts the bytes back, and no others near them. 0 (also when none is set) or -errno */
int ec_tracee_brk_clear(pid_t pid, struct ec_brk *b);
/* Did it stop there (a SIGTRAP)? Then it goes on at that address, once cleared. */
bool ec_tracee_brk_hit(pid_t pid, const struct ec_brk *b);

#endif
