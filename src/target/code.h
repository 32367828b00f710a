/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Facts from machine code (libcapstone), x86-64 and arm64. All walks are bounded by the
 * size given and by 4,096 instructions.
 */
#ifndef EC_TARGET_CODE_H
#define EC_TARGET_CODE_H

#include "target/file.h"

/*
 * What a probe costs on the instruction at `va` (reference: kernel arch/x86/kernel/
 * uprobes.c, branch_setup_xol_ops and push emulation): emulated ones take about 0.4 µs,
 * single-stepped ones up to 14.5 µs.
 */
enum ec_step { EC_STEP_EMULATED, EC_STEP_STEPPED, EC_STEP_REFUSED };
enum ec_step ec_code_step(const struct ec_file *f, uint64_t va);

/*
 * The cheapest point equivalent to the function's entry. With `returns` (a return probe
 * stands there too) only `endbr64`/`bti` may lie between, because the return address must
 * be at the stack pointer. Without, straight-line code that leaves the first `nargs`
 * argument registers alone may lie between as long as every call passes it, except calls
 * whose first argument is NULL. Falls back to `va` itself.
 */
uint64_t ec_code_entry(const struct ec_file *f, struct ec_sym fn, bool returns,
		       int nargs);

/*
 * Target of the direct calls in `fn` that are made while the first argument register
 * still holds the function's own first argument. -ENOENT if there is none; -ENOTUNIQ if
 * there are several different targets. Calls through the PLT of the same file to the same
 * file's functions are not resolved and are skipped, as are calls into the PLT.
 */
int ec_code_callee(const struct ec_file *f, struct ec_sym fn, uint64_t *callee);

/*
 * Which argument register points to the caller's count at the call of `callee` in `fn`:
 * 4 or 5 (1-based), decided by which of them holds an address of the stack or, in
 * functions that pass on their own arguments, which of them is passed through.
 * -ENOENT when it cannot be told.
 */
int ec_code_count_arg(const struct ec_file *f, struct ec_sym fn, uint64_t callee,
		      int *arg);

/*
 * Offset that an accessor loads from its first argument into the return register
 * (`mov 0x10(%rdi),%rax; ret`), through at most one pointer adjustment by a constant.
 * -ENOENT when it is none.
 */
int ec_code_accessor(const struct ec_file *f, struct ec_sym fn, uint32_t *offset);

/*
 * Addresses of all instructions on which a call of `fn` may return, ascending, by its
 * flow of control; its size is a hint. Jumps are followed wherever they lead in this
 * file: a cold part, or another function that it ends with (a tail call), whose returns
 * are then among them; they are a return of `fn` when the stack pointer is as at its
 * entry. The number of them; -ENOENT none; -EMLINK it may leave in a way that cannot be
 * followed: by a pointer, to another file, or a table of jumps of unknown length; -E2BIG;
 * -ENOMEM.
 */
int ec_code_returns(const struct ec_file *f, struct ec_sym fn, uint64_t *out, size_t max);

/*
 * For a function that only its own file calls (x86-64): the instructions behind the calls
 * of it, which run when it returns, with the stack as after a return. The number of them;
 * -ENOENT it is not called; -EMLINK it may be entered in other ways as well, or the file
 * does not tell where functions begin; -E2BIG; -ENOMEM.
 */
int ec_code_return_sites(const struct ec_file *f, uint64_t fn, uint64_t *out, size_t max);

/* A call, or a jump out, with the function's own first argument as the first one. */
struct ec_code_handed {
	uint64_t target; /* 0: through a pointer */
	uint8_t from[6]; /* own argument (1-based) that each register holds; 0: none */
	uint8_t left;	 /* bit i: argument i + 1 is held somewhere, in a register or not
			  */
};

/*
 * Those of `fn` on all its paths, as often as they are there; its size is only a limit,
 * jumps beyond it count as jumps out. *made: `number` is put into the register of the
 * second argument somewhere. The number of them, `max` at most; -ENOENT; -E2BIG; -ENOMEM.
 */
int ec_code_handed(const struct ec_file *f, struct ec_sym fn, uint32_t number, bool *made,
		   struct ec_code_handed *out, size_t max);

#endif
