// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where calls of a function come back to: a function that ends with a jump through a
 * pointer has no return of its own to stand on, but one that is not exported is called
 * from its own file only.
 */
#include "target/code.h"
#include "target/distance.h"
#include "target/insn.h"
#include <errno.h>
#include <string.h>

#define FUNCTION_MAX 65536  /* bytes decoded from a function's start */
#define DECODED_MAX  262144 /* instructions in all */
#define SHORT_JUMP   130    /* bytes that the two-byte jumps reach, and a little */

struct sites {
	const struct ec_file *f;
	uint64_t fn;
	uint64_t *out;
	size_t n, max;
	unsigned int budget;
};

/* An instruction that has the function's address, in its way. */
static int use(struct sites *s, const struct ec_insn *in)
{
	const cs_x86 *x = &in->cs->detail->x86;

	if (in->flow == EC_FLOW_CALL && in->target == s->fn) {
		if (s->n == s->max)
			return -E2BIG;
		s->out[s->n++] = in->va + in->size;
		return 0;
	}
	/* jumped to: it returns to somebody else's caller */
	if ((in->flow == EC_FLOW_JUMP || in->flow == EC_FLOW_COND) && in->target == s->fn)
		return -EMLINK;
	for (int i = 0; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_MEM &&
		    x->operands[i].mem.base == X86_REG_RIP &&
		    in->va + in->size + x->operands[i].mem.disp == s->fn)
			return -EMLINK; /* called through a pointer */
	return 0;
}

/* Four bytes at `at` that, taken as a distance, lead to the function: of what are they?
 */
static int candidate(struct sites *s, uint64_t at)
{
	uint64_t end, va = ec_elf_function(s->f, at, &end);
	struct ec_insn in;

	if (!va || at - va > FUNCTION_MAX)
		return -EMLINK;
	/* from the function's start, so that we decode what runs */
	for (; va <= at; va += in.size) {
		if (!s->budget--)
			return -E2BIG;
		if (ec_insn_get(s->f, va, UINT64_MAX, &in))
			return -EMLINK;
	}
	/* behind the function: what fills the gap, or code that no table tells of */
	if (end && at >= end)
		return ec_insn_is_nop(s->f, &in) ? 0 : -EMLINK;
	return use(s, &in);
}

static int scan_code(struct sites *s, const struct ec_elf_seg *g)
{
	const uint8_t *p = s->f->p + g->offset;
	uint64_t i = 0;

	while ((i = ec_distance_next(p, g->size, i, s->fn - g->va, 0)) < g->size) {
		int err = candidate(s, g->va + i++);

		if (err)
			return err;
	}
	return 0;
}

/* Its address in data, symbols aside: called through a pointer. */
static bool in_data(const struct sites *s, const struct ec_elf_seg *g)
{
	const struct ec_elf_symtab *d = &s->f->dynsym;
	const uint8_t *p = s->f->p + g->offset;

	for (uint64_t i = -g->va & 7; i + 8 <= g->size; i += 8)
		if (!memcmp(p + i, &s->fn, sizeof(s->fn)) &&
		    !ec_range_ok(g->offset + i - d->syms, 8,
				 d->count * sizeof(Elf64_Sym)))
			return true;
	return false;
}

/* Jumps of two bytes from the functions beside it. */
static int scan_near(struct sites *s)
{
	uint64_t end, va = ec_elf_function(s->f, s->fn - SHORT_JUMP, &end);
	struct ec_insn in;

	if (!va)
		va = ec_elf_function(s->f, s->fn, &end);
	if (!va || s->fn - va > FUNCTION_MAX)
		return -EMLINK;
	for (; va < s->fn + SHORT_JUMP; va += in.size) {
		if (ec_insn_get(s->f, va, UINT64_MAX, &in))
			return va < s->fn ? -EMLINK : 0;
		if ((in.flow == EC_FLOW_JUMP || in.flow == EC_FLOW_COND) &&
		    in.target == s->fn)
			return -EMLINK;
	}
	return 0;
}

int ec_code_return_sites(const struct ec_file *f, uint64_t fn, uint64_t *out, size_t max)
{
	struct sites s = {
		.f = f, .fn = fn, .out = out, .max = max, .budget = DECODED_MAX};
	int err;

	if (f->arch != EC_ARCH_X86_64)
		return -EMLINK;
	if (!ec_file_is_code(f, fn))
		return -ENOENT;
	err = scan_near(&s);
	for (unsigned int i = 0; !err && i < f->nsegs; i++) {
		if (f->seg[i].flags & PF_X)
			err = scan_code(&s, &f->seg[i]);
		else if (in_data(&s, &f->seg[i]))
			err = -EMLINK;
	}
	if (err)
		return err;
	return s.n ? (int)s.n : -ENOENT;
}
