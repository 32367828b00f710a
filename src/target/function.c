// SPDX-License-Identifier: GPL-2.0-only
#include "target/function.h"
#include "target/elf.h"
#include "target/insn.h"
#include <errno.h>
#include <string.h>

#define NEAR	  (64u << 10) /* around an address, where starts are looked for */
#define FUNCTION  (64u << 10) /* bytes of a function that is told by its flow */
#define SWEPT_MAX 64	      /* functions decoded from a start on for one address */
#define BUDGET	  (1u << 20)  /* instructions in all */
#define PADDING	  64
#define ALIGNED	  16 /* where compilers put functions that are not small */

struct ec_functions {
	const struct ec_file *f;
	uint64_t *starts; /* of functions that are called, ascending */
	size_t nstarts;
	unsigned int budget;
};

/* By the unwinder only: ec_elf_function() also answers by symbols, without a table. */
static bool by_unwinder(const struct ec_file *f, uint64_t va, struct ec_function *out)
{
	uint64_t end, start;

	if (!ec_elf_has_unwind(f))
		return false;
	start = ec_elf_function(f, va, &end);
	if (!start || va >= end)
		return false;
	*out = (struct ec_function){{start, end - start},
				    ec_elf_is_part(f, va) ? EC_FUNCTION_PIECE
							  : EC_FUNCTION_UNWIND};
	return true;
}

static uint32_t word(const uint8_t *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* Is a long `nop` the last thing before `p`? */
static bool ends_with_nop(const uint8_t *p)
{
	static const uint8_t nops[][8] = {{0x0f, 0x1f, 0x00},
					  {0x0f, 0x1f, 0x40, 0x00},
					  {0x0f, 0x1f, 0x44, 0x00, 0x00},
					  {0x0f, 0x1f, 0x80},
					  {0x0f, 0x1f, 0x84}};
	static const uint8_t size[] = {3, 4, 5, 7, 8};

	for (size_t i = 0; i < sizeof(size); i++)
		if (!memcmp(p - size[i], nops[i], size[i]))
			return true;
	return p[-1] == 0x90;
}

/* Does what is before `va` end a function, or fill the space between two? */
static bool follows_end(const struct ec_file *f, uint64_t va)
{
	const uint8_t *p = ec_file_at(f, va - 8, 8);

	if (!p)
		return true; /* the first one */
	p += 8;
	if (f->arch == EC_ARCH_AARCH64) {
		uint32_t w = word(p - 4);

		/* ret, nop, nothing, br, b, brk */
		return w == 0xd65f03c0 || w == 0xd503201f || !w ||
		       (w & 0xfffffc1f) == 0xd61f0000 || (w & 0xfc000000) == 0x14000000 ||
		       (w & 0xffe0001f) == 0xd4200000;
	}
	/* int3, ret, ud2, and jumps and calls that nothing comes back from */
	return p[-1] == 0xcc || p[-1] == 0xc3 || (p[-2] == 0x0f && p[-1] == 0x0b) ||
	       ends_with_nop(p) || (!(va % ALIGNED) && (p[-5] & 0xfe) == 0xe8);
}

/* What functions begin with, and what never stands at the head of a loop. */
static bool is_prologue(const struct ec_file *f, const struct ec_insn *in)
{
	uint32_t w;

	if (ec_insn_is_landing(in))
		return true;
	if (f->arch == EC_ARCH_X86_64) {
		static const uint8_t sub_rsp[] = {0x48, 0x83, 0xec};

		return in->cs->id == X86_INS_PUSH ||
		       !memcmp(in->cs->bytes, sub_rsp, sizeof(sub_rsp));
	}
	w = word(in->cs->bytes);
	return w == 0xd503233f ||		 /* paciasp */
	       (w & 0xffc003ff) == 0xa98003fd || /* stp x29, …, [sp, -n]! */
	       (w & 0xff8003ff) == 0xd10003ff;	 /* sub sp, sp, n */
}

/*
 * Bytes that look like a call may be parts of other instructions, or of data in the code:
 * their target counts where a function may well begin, or when others lead there too.
 */
static bool begins(const struct ec_file *f, uint64_t va, unsigned int calls)
{
	struct ec_insn in;

	return calls > 2 || follows_end(f, va) ||
	       (f->arch == EC_ARCH_AARCH64 && !ec_insn_get(f, va, UINT64_MAX, &in) &&
		is_prologue(f, &in));
}

static int collect(struct ec_functions *fs, const struct ec_range *ranges, size_t n)
{
	_ec_free_ struct ec_branch *b = NULL;
	size_t nb, i = 0;
	int err = ec_xref_branches(fs->f, ranges, n, &b, &nb);

	if (err || !nb)
		return err;
	fs->starts = calloc(nb, sizeof(*fs->starts));
	if (!fs->starts)
		return -ENOMEM;
	while (i < nb) {
		uint64_t to = b[i].to;
		unsigned int calls = 0;

		for (; i < nb && b[i].to == to; i++)
			calls += b[i].call;
		if (calls && begins(fs->f, to, calls))
			fs->starts[fs->nstarts++] = to;
	}
	return 0;
}

int ec_functions_open(const struct ec_file *f, const uint64_t *near, size_t n,
		      struct ec_functions **out)
{
	struct ec_functions *fs = calloc(1, sizeof(*fs));
	_ec_free_ struct ec_range *r = calloc(n + 1, sizeof(*r));
	struct ec_function fn;
	size_t nr = 0;
	int err;

	if (!fs || !r) {
		free(fs);
		return -ENOMEM;
	}
	fs->f = f;
	fs->budget = BUDGET;
	for (size_t i = 0; i < n; i++) {
		uint64_t low = near[i] > NEAR ? near[i] - NEAR : 0, high = near[i] + NEAR;

		if (by_unwinder(f, near[i], &fn) || high < near[i])
			continue;
		if (nr && low <= r[nr - 1].end)
			r[nr - 1].end = high;
		else
			r[nr++] = (struct ec_range){low, high};
	}
	err = collect(fs, r, nr);
	if (err) {
		ec_functions_free(fs);
		return err;
	}
	*out = fs;
	return 0;
}

void ec_functions_free(struct ec_functions *fs)
{
	if (!fs)
		return;
	free(fs->starts);
	free(fs);
}

/* The last known start at or before `va`; *next: the first one behind it. */
static bool start_before(const struct ec_functions *fs, uint64_t va, uint64_t *start,
			 uint64_t *next)
{
	size_t low = 0, high = fs->nstarts;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (fs->starts[mid] <= va)
			low = mid + 1;
		else
			high = mid;
	}
	*next = low < fs->nstarts ? fs->starts[low] : UINT64_MAX;
	if (!low)
		return false;
	*start = fs->starts[low - 1];
	return true;
}

/* What stands between functions, from `va` on. */
static uint64_t skip_padding(const struct ec_file *f, uint64_t va, uint64_t limit)
{
	uint64_t end = va + PADDING;
	struct ec_insn in;

	while (va < limit && va < end) {
		const uint8_t *p = ec_file_at(f, va, 4);

		if (!p)
			break;
		if (f->arch == EC_ARCH_AARCH64) {
			if (word(p) && word(p) != 0xd503201f)
				break;
			va += 4;
		} else if (*p == 0xcc || (!p[0] && va % 16)) {
			va++;
		} else if (!ec_insn_get(f, va, limit, &in) && ec_insn_is_nop(f, &in)) {
			va += in.size;
		} else {
			break;
		}
	}
	return va;
}

/*
 * A start that only the end of the one before tells must look like one, and lie like one:
 * a return probe in the middle of a function would take something else for the address
 * that it returns to.
 */
static bool looks_like_start(const struct ec_file *f, uint64_t va, uint64_t limit)
{
	struct ec_insn in;

	return !ec_insn_get(f, va, limit, &in) && is_prologue(f, &in) &&
	       (f->arch == EC_ARCH_AARCH64 || !(va % ALIGNED) || ec_insn_is_landing(&in));
}

/* Does a function seem to begin behind `va`, with what functions begin with? */
static bool another_begins(const struct ec_file *f, uint64_t va, uint64_t limit)
{
	uint64_t next = skip_padding(f, va, limit);

	return looks_like_start(f, next, limit);
}

/* Behind a call that nobody seems to come back from. */
static bool ends_with_call(const struct ec_file *f, uint64_t va, uint64_t limit)
{
	const uint8_t *p = ec_file_at(f, va, 1);

	return (p && *p == 0xcc && f->arch == EC_ARCH_X86_64) ||
	       another_begins(f, va, limit);
}

/* A table of jumps, whose cases follow, or the end: a tail call. */
static bool is_indirect_jump(const struct ec_file *f, const struct ec_insn *in)
{
	if (f->arch == EC_ARCH_X86_64)
		return in->cs->id == X86_INS_JMP;
	return (word(in->cs->bytes) & 0xfffffc1f) == 0xd61f0000; /* br */
}

static bool ends(struct ec_functions *fs, const struct ec_insn *in, uint64_t limit)
{
	uint64_t va = in->va + in->size;

	switch (in->flow) {
	case EC_FLOW_JUMP:
	case EC_FLOW_RET:
		return true;
	case EC_FLOW_STOP:
		return !is_indirect_jump(fs->f, in) || another_begins(fs->f, va, limit);
	case EC_FLOW_CALL:
	case EC_FLOW_CALL_OTHER:
		return ends_with_call(fs->f, va, limit);
	default:
		return false;
	}
}

/* Where the function that begins at `start` ends, at `limit` at the latest. */
static uint64_t flow_end(struct ec_functions *fs, uint64_t start, uint64_t limit)
{
	uint64_t va = start, far = start;
	struct ec_insn in;

	while (va < limit && fs->budget) {
		fs->budget--;
		if (ec_insn_get(fs->f, va, limit, &in))
			return va;
		va += in.size;
		if ((in.flow == EC_FLOW_COND || in.flow == EC_FLOW_JUMP) &&
		    in.target >= va && in.target < limit)
			far = EC_MAX(far, in.target);
		if (va > far && ends(fs, &in, limit))
			return va;
	}
	return EC_MIN(va, limit);
}

int ec_functions_at(struct ec_functions *fs, uint64_t va, struct ec_function *out)
{
	enum ec_function_by by = EC_FUNCTION_CALLED;
	uint64_t start, next;

	if (by_unwinder(fs->f, va, out))
		return 0;
	if (!start_before(fs, va, &start, &next) || va - start > NEAR)
		return -ENOENT;
	for (int i = 0; i < SWEPT_MAX && start <= va; i++) {
		uint64_t limit = EC_MIN(next, start + FUNCTION);
		uint64_t end = flow_end(fs, start, limit);

		if (va < end) {
			if (by == EC_FUNCTION_FLOW &&
			    !looks_like_start(fs->f, start, limit))
				by = EC_FUNCTION_PIECE;
			*out = (struct ec_function){{start, end - start}, by};
			return 0;
		}
		start = skip_padding(fs->f, end, next);
		if (start == end && end == limit)
			return -ENOENT;
		by = EC_FUNCTION_FLOW;
	}
	return -ENOENT;
}
