// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where functions begin, by the unwinder's sorted table (.eh_frame_hdr; Linux Standard
 * Base Core, "The .eh_frame_hdr section"), which stripping leaves; in programs that were
 * linked without it (gcc -static) by their symbols.
 */
#include "target/elf.h"
#include <string.h>

#define ENC_UDATA4 0x03
#define ENC_DATAREL_SDATA \
	0x3b		   /* what linkers write: from the table's own start, 4 bytes */
#define ENC_FOUR_MASK 0x07 /* … of a pointer's format: 3 is four bytes, signed or not */

#define SYMBOLS_MAX 65536 /* all are looked at, each time */

#define FDE_HEAD 16 /* up to its size */
#define FDE_MAX	 65536
enum { CFA_NOP = 0, CFA_SET_LOC = 1, CFA_ADVANCE4 = 4, CFA_ADVANCE = 1 /* upper bits */ };

struct table {
	uint64_t va; /* of the header; entries are relative to it */
	const uint8_t *entries;
	uint32_t count;
};

static bool header(const struct ec_file *f, uint64_t va, uint64_t offset, uint64_t size,
		   struct table *t)
{
	uint8_t h[12];

	if (size < sizeof(h) || !ec_elf_get(f, offset, h, sizeof(h)) || h[0] != 1 ||
	    (h[1] & ENC_FOUR_MASK) != ENC_UDATA4 || h[2] != ENC_UDATA4 ||
	    h[3] != ENC_DATAREL_SDATA)
		return false;
	memcpy(&t->count, h + 8, sizeof(t->count));
	if (!t->count || t->count > (size - sizeof(h)) / 8 ||
	    !ec_range_ok(offset, size, f->n))
		return false;
	t->va = va;
	t->entries = f->p + offset + sizeof(h);
	return true;
}

static bool table_find(const struct ec_file *f, struct table *t)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (!ec_elf_get(f, 0, &eh, sizeof(eh)) || eh.e_phentsize != sizeof(ph))
		return false;
	for (unsigned int i = 0; i < eh.e_phnum && i < 2 * EC_ELF_SEGS; i++) {
		uint64_t at;

		if (__builtin_add_overflow(eh.e_phoff, i * sizeof(ph), &at) ||
		    !ec_elf_get(f, at, &ph, sizeof(ph)))
			return false;
		if (ph.p_type == PT_GNU_EH_FRAME)
			return header(f, ph.p_vaddr, ph.p_offset, ph.p_filesz, t);
	}
	return false;
}

static uint64_t entry(const struct table *t, uint32_t i)
{
	int32_t v;

	memcpy(&v, t->entries + 8ull * i, sizeof(v));
	return t->va + v;
}

/* Its entry of .eh_frame, which has length, CIE, start and size first. */
static uint64_t fde_of(const struct table *t, uint32_t i)
{
	int32_t at;

	memcpy(&at, t->entries + 8ull * i + 4, sizeof(at));
	return t->va + at;
}

/*
 * Where it ends. How start and size are written the CIE says; where the start reads right
 * it is as compilers write them.
 */
static uint64_t end_of(const struct ec_file *f, const struct table *t, uint32_t i)
{
	uint64_t fde = fde_of(t, i);
	const uint8_t *p = ec_file_at(f, fde, FDE_HEAD);
	uint32_t size;
	int32_t rel;

	if (!p)
		return 0;
	memcpy(&rel, p + 8, sizeof(rel));
	memcpy(&size, p + 12, sizeof(size));
	return fde + 8 + rel == entry(t, i) ? entry(t, i) + size : 0;
}

/* Has the CIE data of its language counted, as all that compilers write? */
static bool counts_data(const struct ec_file *f, uint64_t cie)
{
	const uint8_t *p = ec_file_at(f, cie, 10); /* length, id, version, letters */

	return p && p[9] == 'z';
}

/*
 * What its entry says of the frame (call frame instructions, DWARF 5 section 6.4.2), and
 * behind which instruction. Before the first one another part of it has made the frame.
 */
static bool has_frame(const struct ec_file *f, uint64_t fde)
{
	const uint8_t *p = ec_file_at(f, fde, FDE_HEAD), *end;
	uint32_t size, cie;

	if (!p)
		return false;
	memcpy(&size, p, sizeof(size));
	memcpy(&cie, p + 4, sizeof(cie));
	p = size < FDE_MAX ? ec_file_at(f, fde, 4ull + size) : NULL;
	if (!p || size <= FDE_HEAD - 4 || !counts_data(f, fde + 4 - cie))
		return false;
	end = p + 4 + size;
	p += FDE_HEAD;
	if (*p >= 0x80 || *p >= end - p) /* longer than what any language has there */
		return false;
	for (p += 1 + *p; p < end && *p == CFA_NOP; p++)
		;
	return p < end && *p >> 6 != CFA_ADVANCE &&
	       (*p < CFA_SET_LOC || *p > CFA_ADVANCE4);
}

static uint64_t by_symbols(const struct ec_file *f, uint64_t va, uint64_t *end)
{
	const struct ec_elf_symtab *t = &f->symtab;
	uint64_t best = 0;

	if (t->count > SYMBOLS_MAX)
		return 0;
	for (uint32_t i = 0; i < t->count; i++) {
		Elf64_Sym s;

		if (!ec_elf_get(f, t->syms + i * sizeof(s), &s, sizeof(s)) ||
		    ELF64_ST_TYPE(s.st_info) != STT_FUNC || s.st_shndx == SHN_UNDEF ||
		    s.st_value > va || s.st_value <= best)
			continue;
		best = s.st_value;
		*end = s.st_size ? s.st_value + s.st_size : 0;
	}
	return best;
}

/* The entry that `va` is in or behind; false when it is before the first. */
static bool entry_of(const struct table *t, uint64_t va, uint32_t *i)
{
	uint32_t low = 0, high = t->count;

	if (va < entry(t, 0))
		return false;
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (entry(t, mid) <= va)
			low = mid;
		else
			high = mid;
	}
	*i = low;
	return entry(t, low) <= va; /* else an unsorted table of a hostile file */
}

uint64_t ec_elf_function(const struct ec_file *f, uint64_t va, uint64_t *end)
{
	struct table t;
	uint32_t i;

	*end = 0;
	if (!table_find(f, &t))
		return by_symbols(f, va, end);
	if (!entry_of(&t, va, &i))
		return 0;
	*end = end_of(f, &t, i);
	return entry(&t, i);
}

bool ec_elf_is_part(const struct ec_file *f, uint64_t va)
{
	struct table t;
	uint32_t i;

	return table_find(f, &t) && entry_of(&t, va, &i) && has_frame(f, fde_of(&t, i));
}

bool ec_elf_has_unwind(const struct ec_file *f)
{
	struct table t;

	return table_find(f, &t);
}
