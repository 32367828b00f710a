// SPDX-License-Identifier: GPL-2.0-only
#include "target/walk.h"
#include <errno.h>
#include <string.h>

#define PENDING 64  /* branches to come back to */
#define SEEN	512 /* states remembered, a power of two */

struct path {
	uint64_t va;
	struct ec_regs regs;
};

struct walk {
	const struct ec_file *f;
	uint64_t start, end;
	unsigned int budget;
	unsigned int npending, nseen;
	struct path pending[PENDING];
	uint64_t seen[SEEN]; /* hashes of place and state, 0: free */
};

/* FNV-1a over words. A collision loses a path: the answer may then be "none". */
static uint64_t hash_state(uint64_t va, const struct ec_regs *r)
{
	uint64_t h = 14695981039346656037ull ^ va, v;
	const char *p = (const char *)r;
	size_t n = offsetof(struct ec_regs, slot) + r->nslots * sizeof(r->slot[0]);

	for (size_t i = 0; i < n; i += sizeof(v)) {
		memcpy(&v, p + i, sizeof(v));
		h = (h ^ v) * 1099511628211ull;
		h ^= h >> 29;
	}
	return h ? h : 1;
}

/* true the first time; false too when the table is full, which `budget` then shows. */
static bool first_time(struct walk *w, uint64_t va, const struct ec_regs *r)
{
	uint64_t h = hash_state(va, r);

	if (w->nseen >= SEEN / 2) {
		w->budget = 0;
		return false;
	}
	for (unsigned int i = h & (SEEN - 1);; i = (i + 1) & (SEEN - 1)) {
		if (w->seen[i] == h)
			return false;
		if (!w->seen[i]) {
			w->seen[i] = h;
			w->nseen++;
			return true;
		}
	}
}

static bool inside(const struct walk *w, uint64_t va)
{
	return va >= w->start && va < w->end;
}

static int later(struct walk *w, uint64_t va, const struct ec_regs *r)
{
	if (!first_time(w, va, r))
		return w->budget ? 0 : -E2BIG;
	if (w->npending == PENDING)
		return -E2BIG;
	w->pending[w->npending].va = va;
	w->pending[w->npending++].regs = *r;
	return 0;
}

/* One path to its end; branches are left for later. */
static int walk_path(struct walk *w, uint64_t va, struct ec_regs *r, ec_walk_fn *visit,
		     void *ctx)
{
	struct ec_insn in;
	int err;

	while (inside(w, va)) {
		if (!w->budget--)
			return -E2BIG;
		err = ec_insn_get(w->f, va, w->end, &in);
		if (err)
			return err == -ENOENT ? 0 : err; /* data: this path ends */
		if (in.flow == EC_FLOW_JUMP && !inside(w, in.target))
			in.flow = EC_FLOW_CALL;
		else if (in.flow == EC_FLOW_CALL && inside(w, in.target))
			in.flow = EC_FLOW_CALL_OTHER; /* itself, or the next address */
		err = visit(ctx, &in, r);
		if (err)
			return err;
		if (in.flow == EC_FLOW_RET || in.flow == EC_FLOW_STOP)
			return 0;
		if (in.flow == EC_FLOW_COND && inside(w, in.target)) {
			err = later(w, in.target, r);
			if (err)
				return err;
		}
		if (in.flow == EC_FLOW_JUMP)
			return later(w, in.target, r);
		ec_insn_run(w->f, &in, r);
		va += in.size;
	}
	return 0;
}

int ec_walk(const struct ec_file *f, struct ec_sym fn, ec_walk_fn *visit, void *ctx)
{
	_ec_free_ struct walk *w = NULL;
	struct path p;
	int err;

	if (!fn.size || fn.va + fn.size < fn.va || !ec_file_is_code(f, fn.va))
		return -ENOENT;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->f = f;
	w->start = fn.va;
	w->end = fn.va + fn.size;
	w->budget = EC_INSN_MAX;
	p.va = fn.va;
	ec_insn_start(f, &p.regs);
	for (;;) {
		err = walk_path(w, p.va, &p.regs, visit, ctx);
		if (err || !w->npending)
			return err;
		p = w->pending[--w->npending];
	}
}

bool ec_walk_is_plt(const struct ec_file *f, uint64_t va)
{
	struct ec_insn in;
	uint32_t w;

	if (ec_insn_get(f, va, UINT64_MAX, &in))
		return false;
	if (ec_insn_is_landing(&in) && ec_insn_get(f, va + in.size, UINT64_MAX, &in))
		return false;
	if (f->arch == EC_ARCH_X86_64) /* jmp *slot(%rip) */
		return in.cs->id == X86_INS_JMP &&
		       in.cs->detail->x86.operands[0].type == X86_OP_MEM &&
		       in.cs->detail->x86.operands[0].mem.base == X86_REG_RIP;
	memcpy(&w, in.cs->bytes, sizeof(w));
	return (w & 0x9f00001f) == 0x90000010; /* adrp x16, slot */
}
