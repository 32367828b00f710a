// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every instruction on which a call may return, by following the flow of control. Where
 * a jump leads does not matter: into a cold part of the function or into another function
 * that it ends with, a return there with the stack as at our entry is ours.
 */
#include "target/code.h"
#include "target/jumps.h"
#include "target/walk.h"
#include <errno.h>
#include <string.h>

#define PENDING 512

struct returns {
	const struct ec_file *f;
	struct ec_sym fn;
	struct ec_trail trail;
	uint64_t pending[PENDING];
	unsigned int npending;
	uint64_t *out;
	size_t n, max;
};

static int later(struct returns *w, uint64_t va)
{
	if (!ec_file_is_code(w->f, va))
		return -EMLINK;
	if (ec_trail_has(&w->trail, va))
		return 0;
	if (w->npending == PENDING)
		return -E2BIG;
	w->pending[w->npending++] = va;
	return 0;
}

/* What is beyond a table of procedure linkage is in another file. */
static int jump(struct returns *w, uint64_t target)
{
	if (ec_walk_is_plt(w->f, target))
		return -EMLINK;
	return later(w, target);
}

static int jump_many(void *ctx, uint64_t target)
{
	return later(ctx, target);
}

static int found(struct returns *w, uint64_t va)
{
	size_t i = w->n;

	if (w->n == w->max)
		return -E2BIG;
	for (; i && w->out[i - 1] > va; i--)
		w->out[i] = w->out[i - 1];
	w->out[i] = va;
	w->n++;
	return 0;
}

/* Does a call that we come from never return, since its function ends before this? */
static bool is_end(const struct returns *w, uint64_t va)
{
	uint64_t end, start;

	if (w->fn.size && va == w->fn.va + w->fn.size)
		return true;
	start = ec_elf_function(w->f, va, &end);
	return start == va || (end && va >= end);
}

/* An instruction after which the flow is not told by itself. */
static int stops(struct returns *w, const struct ec_insn *in)
{
	uint32_t word;

	if (w->f->arch == EC_ARCH_X86_64) {
		switch (in->cs->id) {
		case X86_INS_HLT:
		case X86_INS_UD2:
		case X86_INS_INT3:
			return 0;
		case X86_INS_SYSCALL:
			return later(w, in->va + in->size);
		case X86_INS_JMP:
			return ec_jump_table(w->f, &w->trail, in->va, jump_many, w);
		}
		return -EMLINK;
	}
	memcpy(&word, in->cs->bytes, sizeof(word));
	if ((word & 0xffe0001f) == 0xd4000001) /* svc */
		return later(w, in->va + in->size);
	return (word & 0xffe0001f) == 0xd4200000 ? 0 : -EMLINK; /* brk ends it */
}

/* retaa, retab, which capstone 4 does not know. */
static bool is_signed_return(const struct ec_file *f, uint64_t va)
{
	const uint8_t *p = ec_file_at(f, va, 4);
	uint32_t word;

	if (f->arch == EC_ARCH_X86_64 || !p)
		return false;
	memcpy(&word, p, sizeof(word));
	return (word & 0xfffffbff) == 0xd65f0bff;
}

static int walk_path(struct returns *w, uint64_t va)
{
	bool after_call = false;

	for (;;) {
		struct ec_insn in;
		uint64_t target;
		int err;

		if (after_call && is_end(w, va))
			return 0;
		if (ec_trail_has(&w->trail, va))
			return 0;
		err = ec_insn_get(w->f, va, UINT64_MAX, &in);
		if (err == -ENOENT && is_signed_return(w->f, va))
			return ec_trail_add(&w->trail, va, 4) ? found(w, va) : -E2BIG;
		if (err)
			return err == -ENOENT ? -EMLINK : err;
		if (!ec_trail_add(&w->trail, va, in.size))
			return -E2BIG;
		target = in.target;
		switch (in.flow) {
		case EC_FLOW_RET:
			return found(w, va);
		case EC_FLOW_STOP:
			return stops(w, &in);
		case EC_FLOW_JUMP:
			return jump(w, target);
		case EC_FLOW_COND:
			after_call = false;
			va += in.size;
			err = jump(w, target); /* decodes over `in` */
			if (err)
				return err;
			continue;
		case EC_FLOW_CALL:
		case EC_FLOW_CALL_OTHER:
			after_call = true;
			break;
		case EC_FLOW_NEXT:
			after_call = after_call && ec_insn_is_nop(w->f, &in);
			break;
		}
		va += in.size;
	}
}

int ec_code_returns(const struct ec_file *f, struct ec_sym fn, uint64_t *out, size_t max)
{
	_ec_free_ struct returns *w = NULL;
	int err;

	if (fn.va + fn.size < fn.va || !ec_file_is_code(f, fn.va))
		return -ENOENT;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->f = f;
	w->fn = fn;
	w->out = out;
	w->max = max;
	err = later(w, fn.va);
	while (!err && w->npending)
		err = walk_path(w, w->pending[--w->npending]);
	if (err)
		return err;
	return w->n ? (int)w->n : -ENOENT;
}
