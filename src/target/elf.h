/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the room: what file.c, dynamic.c, symbols.c, notes.c and code.c share. */
#ifndef EC_TARGET_ELF_H
#define EC_TARGET_ELF_H

#include "base/cursor.h"
#include "target/file.h"
#include <elf.h>

#define EC_ELF_SEGS  64		  /* loaded segments; real files have 2 to 10 */
#define EC_ELF_NOTES 16		  /* note segments; real files have 1 to 3 */
#define EC_ELF_DYN   65536	  /* entries of the dynamic table that are read */
#define EC_ELF_SYMS  (8u << 20)	  /* symbols of a table that are read */
#define EC_ELF_FILE  (4ull << 30) /* bytes of a file */
/* Bytes of segments that a search reads: hostile headers name the same bytes many times.
 */
#define EC_ELF_READ  (1ull << 30)

/* A run of the file, and where the loader puts it. */
struct ec_elf_seg {
	uint64_t va;
	uint64_t offset;
	uint64_t size; /* file-backed part */
	uint32_t flags;
};

struct ec_elf_note {
	uint64_t offset, size, align;
};

/* All offsets are in the file and checked: [syms, syms + count) and the strings exist. */
struct ec_elf_symtab {
	uint64_t syms;
	uint32_t count;
	uint64_t strings, strings_size;
	/* Chains by hash, made at the first look-up: symbol number + 1, 0 ends. */
	uint32_t *heads, *next;
	uint32_t mask;
	bool indexed;
};

struct ec_code;

struct ec_file {
	const uint8_t *p;
	uint64_t n;
	bool mapped;
	enum ec_arch arch;
	struct ec_elf_seg seg[EC_ELF_SEGS];
	unsigned int nsegs;
	struct ec_elf_note note[EC_ELF_NOTES];
	unsigned int nnotes;
	uint64_t dyn; /* offset of the dynamic table */
	uint32_t ndyn;
	uint64_t strings, strings_size; /* of the dynamic table */
	const char *soname;
	struct ec_elf_symtab dynsym, symtab;
	struct ec_code *code; /* disassembler, opened when first asked */
};

/* Copies n bytes at a file offset; false where the file does not hold them. */
static inline bool ec_elf_get(const struct ec_file *f, uint64_t off, void *to, size_t n)
{
	if (!ec_range_ok(off, n, f->n))
		return false;
	__builtin_memcpy(to, f->p + off, n);
	return true;
}

/* The segment whose part in the file holds [va, va+n); NULL if none does. */
const struct ec_elf_seg *ec_elf_seg_at(const struct ec_file *f, uint64_t va, size_t n);
/* Reads PT_DYNAMIC at [off, off+size): strings, soname, dynamic symbols. */
void ec_elf_read_dynamic(struct ec_file *f, uint64_t off, uint64_t size);
/* Reads the section headers as far as they are sound: .symtab, and .dynsym if needed. */
void ec_elf_read_sections(struct ec_file *f, const Elf64_Ehdr *eh);
/* Sets a table when its symbols and strings are inside the file. */
void ec_elf_set_symtab(struct ec_file *f, struct ec_elf_symtab *t, uint64_t syms,
		       uint64_t count, uint64_t strings, uint64_t strings_size);
void ec_elf_free_symtab(struct ec_elf_symtab *t);
void ec_code_close(struct ec_code *c);
/* Has it the unwinder's sorted table? */
bool ec_elf_has_unwind(const struct ec_file *f);
/* Start of the function, or the part of one, that the unwinder's table, else the symbols,
 * have at or before `va`; 0: none, or the file has neither. *end: 0 when not known. */
uint64_t ec_elf_function(const struct ec_file *f, uint64_t va, uint64_t *end);
/* Is the one that the unwinder's table has there a part that was moved away from the
 * rest? Where it begins the frame is made already, and nothing returns to what lies on
 * top. */
bool ec_elf_is_part(const struct ec_file *f, uint64_t va);

#endif
