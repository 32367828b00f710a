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

/*
 * Where it ends: its entry of .eh_frame has length, CIE, start and size. How the last two
 * are written the CIE says; where the start reads right it is as compilers write them.
 */
static uint64_t end_of(const struct ec_file *f, const struct table *t, uint32_t i)
{
	uint32_t at, size;
	int32_t rel;
	const uint8_t *p;
	uint64_t fde;

	memcpy(&at, t->entries + 8ull * i + 4, sizeof(at));
	fde = t->va + (int32_t)at;
	p = ec_file_at(f, fde, 16);
	if (!p)
		return 0;
	memcpy(&rel, p + 8, sizeof(rel));
	memcpy(&size, p + 12, sizeof(size));
	return fde + 8 + rel == entry(t, i) ? entry(t, i) + size : 0;
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

uint64_t ec_elf_function(const struct ec_file *f, uint64_t va, uint64_t *end)
{
	struct table t;
	uint32_t low = 0, high;

	*end = 0;
	if (!table_find(f, &t))
		return by_symbols(f, va, end);
	if (va < entry(&t, 0))
		return 0;
	high = t.count;
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (entry(&t, mid) <= va)
			low = mid;
		else
			high = mid;
	}
	if (entry(&t, low) > va) /* an unsorted table of a hostile file */
		return 0;
	*end = end_of(f, &t, low);
	return entry(&t, low);
}

bool ec_elf_has_unwind(const struct ec_file *f)
{
	struct table t;

	return table_find(f, &t);
}
