// SPDX-License-Identifier: GPL-2.0-only
#include "target/xref.h"
#include "target/distance.h"
#include "target/elf.h"
#include <errno.h>
#include <string.h>

#define PAIR_MAX 32	    /* instructions from `adrp` to its `add` */
#define GAP	 (1u << 20) /* between ranges that belong to no group */
#define GROUPS	 4

struct scan {
	const struct ec_file *f;
	const struct ec_elf_seg *seg;
	const uint8_t *p; /* of the segment's code */
	uint64_t size;
	/* what is looked for lies in [low, low + span] */
	uint64_t low, span;
	int (*hit)(struct scan *s, uint64_t at, uint64_t value);
	/* addresses */
	const uint64_t *targets;
	size_t ntargets;
	struct ec_xref *refs;
	size_t nrefs, max;
	/* branches */
	const struct ec_range *ranges;
	size_t nranges;
	struct ec_branch *branches;
	size_t nbranches, room;
};

static bool is_target(const struct scan *s, uint64_t va)
{
	size_t low = 0, high = s->ntargets;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->targets[mid] == va)
			return true;
		if (s->targets[mid] < va)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

static int add_ref(struct scan *s, uint64_t at, uint64_t target)
{
	if (!is_target(s, target))
		return 0;
	if (s->nrefs == s->max)
		return -E2BIG;
	s->refs[s->nrefs++] = (struct ec_xref){s->seg->va + at, target};
	return 0;
}

static bool in_ranges(const struct scan *s, uint64_t va)
{
	size_t low = 0, high = s->nranges;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (va < s->ranges[mid].va)
			high = mid;
		else if (va >= s->ranges[mid].end)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

static int add_branch(struct scan *s, uint64_t at, uint64_t to, bool call, bool cond)
{
	if (!in_ranges(s, to))
		return 0;
	if (s->nbranches == s->room) {
		size_t room = s->room ? 2 * s->room : 1024;
		void *p;

		if (s->room == EC_XREF_BRANCHES)
			return -E2BIG;
		p = realloc(s->branches, room * sizeof(*s->branches));
		if (!p)
			return -ENOMEM;
		s->branches = p;
		s->room = room;
	}
	s->branches[s->nbranches++] = (struct ec_branch){s->seg->va + at, to, call, cond};
	return 0;
}

/* Every four bytes that, taken as a distance from behind them, lead to [low, low+span].
 */
static int scan_distances(struct scan *s)
{
	uint64_t low = s->low - s->seg->va, n = s->size;

	for (uint64_t i = 0; (i = ec_distance_next(s->p, n, i, low, s->span)) < n; i++) {
		int32_t d;
		int err;

		memcpy(&d, s->p + i, sizeof(d));
		err = s->hit(s, i, s->seg->va + i + 4 + (uint64_t)(int64_t)d);
		if (err)
			return err;
	}
	return 0;
}

/* The same for four bytes that are an address. */
static int scan_values(struct scan *s)
{
	uint64_t n = s->size, span = s->span, low = s->low;
	const uint8_t *p = s->p;

	for (uint64_t i = 0; i + 4 <= n; i++) {
		uint32_t v;
		int err;

		memcpy(&v, p + i, sizeof(v));
		if (v - low > span)
			continue;
		err = s->hit(s, i, v);
		if (err)
			return err;
	}
	return 0;
}

/* REX.W lea r, [rip + d] */
static int lea_hit(struct scan *s, uint64_t at, uint64_t value)
{
	const uint8_t *p = s->p + at;

	if (at < 3 || (p[-1] & 0xc7) != 0x05 || p[-2] != 0x8d || (p[-3] & 0xfb) != 0x48)
		return 0;
	return add_ref(s, at - 3, value);
}

/* mov r32, imm32 and movabs r64, imm64 (of small addresses); mov r64, simm32 */
static int mov_hit(struct scan *s, uint64_t at, uint64_t value)
{
	const uint8_t *p = s->p + at;

	if (at >= 1 && (p[-1] & 0xf8) == 0xb8)
		return add_ref(s, at - 1, value);
	if (at >= 3 && (p[-1] & 0xf8) == 0xc0 && p[-2] == 0xc7 && (p[-3] & 0xfe) == 0x48)
		return add_ref(s, at - 3, value);
	return 0;
}

static int branch_hit(struct scan *s, uint64_t at, uint64_t value)
{
	const uint8_t *p = s->p + at;

	if (at >= 1 && (p[-1] & 0xfe) == 0xe8)
		return add_branch(s, at - 1, value, p[-1] == 0xe8, false);
	if (at >= 2 && (p[-1] & 0xf0) == 0x80 && p[-2] == 0x0f)
		return add_branch(s, at - 2, value, false, true);
	return 0;
}

static uint32_t word(const struct scan *s, uint64_t at)
{
	uint32_t w;

	memcpy(&w, s->p + at, sizeof(w));
	return w;
}

static int64_t sign(uint32_t v, int bits)
{
	return (int64_t)((uint64_t)v << (64 - bits)) >> (64 - bits);
}

static int64_t adr_distance(uint32_t w)
{
	return sign((w >> 29 & 3) | (w >> 3 & 0x1ffffc), 21);
}

/* add xd, xn, #imm behind `adrp xn`, as long as nothing else writes xn */
static int pair(struct scan *s, uint64_t at, unsigned int reg, uint64_t page)
{
	for (int i = 1; i <= PAIR_MAX && at + 4ull * i + 4 <= s->size; i++) {
		uint32_t w = word(s, at + 4ull * i);

		if ((w & 0xffc00000) == 0x91000000 && (w >> 5 & 31) == reg) {
			int err = add_ref(s, at + 4ull * i, page + (w >> 10 & 0xfff));

			if (err)
				return err;
			if ((w & 31) == reg)
				return 0;
		} else if ((w & 0x1f000000) == 0x10000000 && (w & 31) == reg) {
			return 0; /* adr, adrp */
		}
	}
	return 0;
}

static int scan_addresses_arm64(struct scan *s)
{
	for (uint64_t i = 0; i + 4 <= s->size; i += 4) {
		uint32_t w = word(s, i);
		uint64_t va = s->seg->va + i;
		int err = 0;

		if ((w & 0x1f000000) != 0x10000000)
			continue;
		if (w >> 31) {
			va = (va & ~0xfffull) + ((uint64_t)adr_distance(w) << 12);
			if (va - (s->low & ~0xfffull) <= s->span + 0xfff)
				err = pair(s, i, w & 31, va);
		} else {
			err = add_ref(s, i, va + (uint64_t)adr_distance(w));
		}
		if (err)
			return err;
	}
	return 0;
}

static int scan_branches_arm64(struct scan *s)
{
	for (uint64_t i = 0; i + 4 <= s->size; i += 4) {
		uint32_t w = word(s, i);
		bool cond = (w & 0x7c000000) != 0x14000000; /* else b, bl */
		int64_t d;
		int err;

		if (!cond)
			d = sign(w & 0x3ffffff, 26);
		else if ((w & 0xff000010) == 0x54000000 || (w & 0x7e000000) == 0x34000000)
			d = sign(w >> 5 & 0x7ffff, 19); /* b.cond, cbz, cbnz */
		else
			continue;
		err = add_branch(s, i, s->seg->va + i + 4 * (uint64_t)d, !cond && w >> 31,
				 cond);
		if (err)
			return err;
	}
	return 0;
}

static int each_code(struct scan *s, int (*scan)(struct scan *))
{
	uint64_t left = EC_XREF_READ;

	for (unsigned int i = 0; i < s->f->nsegs && left; i++) {
		int err;

		s->seg = &s->f->seg[i];
		if (!(s->seg->flags & PF_X))
			continue;
		s->p = s->f->p + s->seg->offset;
		s->size = EC_MIN(s->seg->size, left);
		left -= s->size;
		err = scan(s);
		if (err)
			return err;
	}
	return 0;
}

static bool fixed_address(const struct ec_file *f)
{
	Elf64_Ehdr eh;

	return ec_elf_get(f, 0, &eh, sizeof(eh)) && eh.e_type == ET_EXEC;
}

int ec_xref_find(const struct ec_file *f, const uint64_t *targets, size_t n,
		 struct ec_xref *out, size_t max)
{
	struct scan s = {
		.f = f, .targets = targets, .ntargets = n, .refs = out, .max = max};
	int err;

	if (!n)
		return 0;
	s.low = targets[0];
	s.span = targets[n - 1] - targets[0];
	if (f->arch == EC_ARCH_X86_64) {
		s.hit = lea_hit;
		err = each_code(&s, scan_distances);
		s.hit = mov_hit;
		if (!err && fixed_address(f))
			err = each_code(&s, scan_values);
	} else {
		err = each_code(&s, scan_addresses_arm64);
	}
	return err ? err : (int)s.nrefs;
}

static int by_target(const void *a, const void *b)
{
	const struct ec_branch *x = a, *y = b;

	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/*
 * What lies between ranges that are far apart is half of the program, and all its calls
 * would be looked at: each group has a pass of its own.
 */
static int scan_groups(struct scan *s, const struct ec_range *r, size_t n)
{
	int err = 0;

	for (size_t from = 0, to, groups = 1; from < n && !err; from = to, groups++) {
		for (to = from + 1; to < n; to++)
			if (groups < GROUPS && r[to].va - r[to - 1].end > GAP)
				break;
		s->ranges = r + from;
		s->nranges = to - from;
		s->low = r[from].va;
		s->span = r[to - 1].end - r[from].va;
		err = each_code(s, scan_distances);
	}
	return err;
}

int ec_xref_branches(const struct ec_file *f, const struct ec_range *ranges, size_t n,
		     struct ec_branch **out, size_t *count)
{
	struct scan s = {.f = f, .ranges = ranges, .nranges = n};
	int err = 0;

	*out = NULL;
	*count = 0;
	if (!n)
		return 0;
	s.hit = branch_hit;
	err = f->arch == EC_ARCH_X86_64 ? scan_groups(&s, ranges, n)
					: each_code(&s, scan_branches_arm64);
	if (err) {
		free(s.branches);
		return err;
	}
	if (s.nbranches)
		qsort(s.branches, s.nbranches, sizeof(*s.branches), by_target);
	*out = s.branches;
	*count = s.nbranches;
	return 0;
}
