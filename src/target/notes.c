// SPDX-License-Identifier: GPL-2.0-only
#include "target/elf.h"
#include <string.h>

static uint64_t align_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) & ~(a - 1);
}

/* Notes are aligned to 4, those of a segment of alignment 8 to 8 (x86 psABI). */
static size_t build_id_in(const struct ec_file *f, const struct ec_elf_note *note,
			  uint8_t out[20])
{
	uint64_t align = note->align == 8 ? 8 : 4, at = 0;

	for (;;) {
		uint64_t name = at + sizeof(Elf64_Nhdr), desc;
		Elf64_Nhdr nh;

		if (!ec_range_ok(at, sizeof(nh), note->size) ||
		    !ec_elf_get(f, note->offset + at, &nh, sizeof(nh)))
			return 0;
		/* 64-bit sums of 32-bit sizes cannot overflow. */
		desc = align_up(name + nh.n_namesz, align);
		if (!ec_range_ok(desc, nh.n_descsz, note->size))
			return 0;
		if (nh.n_type == NT_GNU_BUILD_ID && nh.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    !memcmp(f->p + note->offset + name, ELF_NOTE_GNU,
			    sizeof(ELF_NOTE_GNU)) &&
		    nh.n_descsz) {
			size_t n = EC_MIN(nh.n_descsz, 20u);

			memcpy(out, f->p + note->offset + desc, n);
			return n;
		}
		at = align_up(desc + nh.n_descsz, align);
	}
}

size_t ec_file_build_id(const struct ec_file *f, uint8_t out[20])
{
	size_t n = 0;

	for (unsigned int i = 0; i < f->nnotes && !n; i++)
		n = build_id_in(f, &f->note[i], out);
	return n;
}
