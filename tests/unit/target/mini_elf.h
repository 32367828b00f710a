/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small sound ELF file around some code: one readable and executable segment, symbols
 * in .dynsym (by DT_HASH), a soname, a build id. Everything at its offset in the file.
 */
#ifndef EC_TESTS_MINI_ELF_H
#define EC_TESTS_MINI_ELF_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

#define MINI_CODE 0x1000 /* address of the code */
#define MINI_SIZE 0x2000

struct mini_symbol {
	const char *name;
	uint64_t value, size;
};

static inline size_t mini_string(uint8_t *out, size_t *at, const char *s)
{
	size_t was = *at;

	memcpy(out + 0x400 + was, s, strlen(s) + 1);
	*at += strlen(s) + 1;
	return was;
}

/* Up to 31 symbols; value 0: undefined. `out` holds MINI_SIZE bytes. */
static inline void mini_elf(uint8_t *out, uint16_t machine, const char *soname,
			    const struct mini_symbol *sym, const void *code, size_t n)
{
	Elf64_Ehdr eh = {.e_type = ET_DYN, .e_machine = machine, .e_version = 1};
	Elf64_Phdr ph[3] = {{.p_type = PT_LOAD, .p_flags = PF_R | PF_X},
			    {.p_type = PT_DYNAMIC, .p_offset = 0x200},
			    {.p_type = PT_NOTE, .p_offset = 0x180, .p_align = 4}};
	Elf64_Dyn dyn[7] = {{.d_tag = DT_STRTAB, .d_un.d_ptr = 0x400},
			    {.d_tag = DT_STRSZ, .d_un.d_val = 0x400},
			    {.d_tag = DT_SYMTAB, .d_un.d_ptr = 0x800},
			    {.d_tag = DT_HASH, .d_un.d_ptr = 0x300},
			    {.d_tag = DT_SONAME}};
	uint32_t note[] = {4, 8, NT_GNU_BUILD_ID, 0x554e47, 0x03020100, 0x07060504};
	uint32_t hash[2] = {0, 1};
	size_t names = 1;

	memset(out, 0, MINI_SIZE);
	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_ident[EI_VERSION] = EV_CURRENT;
	eh.e_phoff = sizeof(eh);
	eh.e_phentsize = sizeof(ph[0]);
	eh.e_phnum = 3;
	eh.e_ehsize = sizeof(eh);
	ph[0].p_filesz = ph[0].p_memsz = MINI_SIZE;
	ph[1].p_vaddr = ph[1].p_offset;
	ph[1].p_filesz = sizeof(dyn);
	ph[2].p_filesz = sizeof(note);
	dyn[4].d_un.d_val = mini_string(out, &names, soname);
	dyn[5].d_tag = DT_NEEDED;
	dyn[5].d_un.d_val = mini_string(out, &names, "libneeded.so.1");
	for (; sym && sym->name; sym++, hash[1]++) {
		Elf64_Sym s = {.st_name = mini_string(out, &names, sym->name),
			       .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			       .st_shndx = sym->value ? 1 : SHN_UNDEF,
			       .st_value = sym->value,
			       .st_size = sym->size};

		memcpy(out + 0x800 + hash[1] * sizeof(s), &s, sizeof(s));
	}
	memcpy(out, &eh, sizeof(eh));
	memcpy(out + sizeof(eh), ph, sizeof(ph));
	memcpy(out + 0x180, note, sizeof(note));
	memcpy(out + 0x200, dyn, sizeof(dyn));
	memcpy(out + 0x300, hash, sizeof(hash));
	memcpy(out + MINI_CODE, code, n);
}

#endif
