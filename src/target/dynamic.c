// SPDX-License-Identifier: GPL-2.0-only
/* The dynamic table and the section headers: System V gABI chapters 4 and 5. */
#include "target/elf.h"
#include <string.h>

/* Bytes of the file from an address to the end of its segment. */
static bool va_run(const struct ec_file *f, uint64_t va, uint64_t *off, uint64_t *size)
{
	const struct ec_elf_seg *s = ec_elf_seg_at(f, va, 1);

	if (!s)
		return false;
	*off = s->offset + (va - s->va);
	*size = s->size - (va - s->va);
	return true;
}

/* NUL-ended string of the dynamic table, NULL where there is none. */
static const char *dyn_string(const struct ec_file *f, uint64_t at)
{
	if (at >= f->strings_size)
		return NULL;
	if (!memchr(f->p + f->strings + at, 0, f->strings_size - at))
		return NULL;
	return (const char *)f->p + f->strings + at;
}

static bool dyn_get(const struct ec_file *f, uint32_t i, Elf64_Dyn *d)
{
	return ec_elf_get(f, f->dyn + (uint64_t)i * sizeof(*d), d, sizeof(*d)) &&
	       d->d_tag != DT_NULL;
}

static uint32_t word(const struct ec_file *f, uint64_t off)
{
	uint32_t v = 0;

	ec_elf_get(f, off, &v, sizeof(v));
	return v;
}

/* Number of symbols from DT_HASH: it has one chain word a symbol. */
static uint64_t count_by_hash(const struct ec_file *f, uint64_t va)
{
	uint64_t off, size;

	if (!va_run(f, va, &off, &size) || size < 8)
		return 0;
	return word(f, off + 4);
}

/*
 * Number of symbols from DT_GNU_HASH: the end of the chain that begins highest. Layout:
 * four words (buckets, first symbol, bloom words, shift), bloom, buckets, chains.
 */
static uint64_t count_by_gnu_hash(const struct ec_file *f, uint64_t va)
{
	uint64_t off, size, buckets, chains, n;
	uint32_t nbuckets, first, max = 0;

	if (!va_run(f, va, &off, &size) || size < 16)
		return 0;
	nbuckets = word(f, off);
	first = word(f, off + 4);
	buckets = 16 + (uint64_t)word(f, off + 8) * 8;
	if (!ec_range_ok(buckets, (uint64_t)nbuckets * 4, size))
		return 0;
	for (uint32_t i = 0; i < nbuckets; i++)
		max = EC_MAX(max, word(f, off + buckets + (uint64_t)i * 4));
	if (max < first)
		return first;
	chains = buckets + (uint64_t)nbuckets * 4;
	for (n = max; n < EC_ELF_SYMS; n++) {
		uint64_t at = chains + (n - first) * 4;

		if (!ec_range_ok(at, 4, size))
			return 0;
		if (word(f, off + at) & 1)
			return n + 1;
	}
	return 0;
}

void ec_elf_read_dynamic(struct ec_file *f, uint64_t off, uint64_t size)
{
	uint64_t strtab = 0, strsz = 0, symtab = 0, hash = 0, gnu = 0, soname = 0;
	uint64_t syms, syms_size, strings, strings_size, count = 0;
	Elf64_Dyn d;

	f->dyn = off;
	f->ndyn = EC_MIN(size / sizeof(d), (uint64_t)EC_ELF_DYN);
	for (uint32_t i = 0; i < f->ndyn && dyn_get(f, i, &d); i++) {
		switch (d.d_tag) {
		case DT_STRTAB:
			strtab = d.d_un.d_ptr;
			break;
		case DT_STRSZ:
			strsz = d.d_un.d_val;
			break;
		case DT_SYMTAB:
			symtab = d.d_un.d_ptr;
			break;
		case DT_HASH:
			hash = d.d_un.d_ptr;
			break;
		case DT_GNU_HASH:
			gnu = d.d_un.d_ptr;
			break;
		case DT_SONAME:
			soname = d.d_un.d_val;
			break;
		}
	}
	if (!strtab || !va_run(f, strtab, &strings, &strings_size))
		return;
	f->strings = strings;
	f->strings_size = EC_MIN(strings_size, strsz);
	if (soname && dyn_string(f, soname))
		f->soname = dyn_string(f, soname);
	if (!symtab || !va_run(f, symtab, &syms, &syms_size))
		return;
	if (hash)
		count = count_by_hash(f, hash);
	if (!count && gnu)
		count = count_by_gnu_hash(f, gnu);
	if (count <= syms_size / sizeof(Elf64_Sym))
		ec_elf_set_symtab(f, &f->dynsym, syms, count, f->strings,
				  f->strings_size);
}

static bool section(const struct ec_file *f, const Elf64_Ehdr *eh, uint64_t i,
		    Elf64_Shdr *sh)
{
	uint64_t at;

	return !__builtin_mul_overflow(i, sizeof(*sh), &at) &&
	       !__builtin_add_overflow(at, eh->e_shoff, &at) &&
	       ec_elf_get(f, at, sh, sizeof(*sh));
}

void ec_elf_read_sections(struct ec_file *f, const Elf64_Ehdr *eh)
{
	uint64_t n = eh->e_shnum;
	Elf64_Shdr sh, str;

	if (!eh->e_shoff || eh->e_shentsize != sizeof(sh) || !section(f, eh, 0, &sh))
		return;
	if (!n)
		n = sh.sh_size; /* more than 0xff00 sections */
	for (uint64_t i = 1; i < n && section(f, eh, i, &sh); i++) {
		struct ec_elf_symtab *t;

		if (sh.sh_type == SHT_SYMTAB)
			t = &f->symtab;
		else if (sh.sh_type == SHT_DYNSYM)
			t = &f->dynsym;
		else
			continue;
		if (t->count || sh.sh_entsize != sizeof(Elf64_Sym) || sh.sh_link >= n ||
		    !section(f, eh, sh.sh_link, &str) || str.sh_type != SHT_STRTAB)
			continue;
		ec_elf_set_symtab(f, t, sh.sh_offset, sh.sh_size / sizeof(Elf64_Sym),
				  str.sh_offset, str.sh_size);
	}
}

bool ec_file_needs(const struct ec_file *f, const char *soname)
{
	Elf64_Dyn d;

	for (uint32_t i = 0; i < f->ndyn && dyn_get(f, i, &d); i++) {
		const char *s;

		if (d.d_tag != DT_NEEDED)
			continue;
		s = dyn_string(f, d.d_un.d_val);
		if (s && !strcmp(s, soname))
			return true;
	}
	return false;
}

const char *ec_file_needed(const struct ec_file *f, const char *prefix)
{
	Elf64_Dyn d;

	for (uint32_t i = 0; i < f->ndyn && dyn_get(f, i, &d); i++) {
		const char *s = d.d_tag == DT_NEEDED ? dyn_string(f, d.d_un.d_val) : NULL;

		if (s && !strncmp(s, prefix, strlen(prefix)))
			return s;
	}
	return "";
}

const char *ec_file_soname(const struct ec_file *f)
{
	return f->soname;
}
