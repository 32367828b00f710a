// SPDX-License-Identifier: GPL-2.0-only
/*
 * Symbols by name. A static program has 100,000 of them and a plan asks for some thirty
 * names, so a table gets chains by hash at its first look-up. Chains, not open slots:
 * a hostile table of equal names must not make building quadratic.
 */
#include "target/elf.h"
#include <errno.h>
#include <string.h>

#define NAME_MAX_LEN 256 /* longer names are not indexed: their total is unbounded */

void ec_elf_set_symtab(struct ec_file *f, struct ec_elf_symtab *t, uint64_t syms,
		       uint64_t count, uint64_t strings, uint64_t strings_size)
{
	count = EC_MIN(count, (uint64_t)EC_ELF_SYMS);
	if (!ec_range_ok(syms, count * sizeof(Elf64_Sym), f->n) ||
	    !ec_range_ok(strings, strings_size, f->n))
		return;
	t->syms = syms;
	t->count = count;
	t->strings = strings;
	t->strings_size = strings_size;
}

void ec_elf_free_symtab(struct ec_elf_symtab *t)
{
	free(t->heads);
	free(t->next);
	t->heads = t->next = NULL;
}

/* FNV-1a; a name ends at NUL or at the '@' of its version. */
static uint32_t hash_byte(uint32_t h, uint8_t c)
{
	return (h ^ c) * 16777619u;
}

static uint32_t hash_name(const char *name)
{
	uint32_t h = 2166136261u;

	while (*name)
		h = hash_byte(h, *name++);
	return h;
}

static bool symbol(const struct ec_file *f, const struct ec_elf_symtab *t, uint32_t i,
		   Elf64_Sym *s)
{
	return ec_elf_get(f, t->syms + (uint64_t)i * sizeof(*s), s, sizeof(*s));
}

/* Hash of a symbol's name; false when it has none that is worth keeping. */
static bool symbol_hash(const struct ec_file *f, const struct ec_elf_symtab *t,
			const Elf64_Sym *s, uint32_t *hash)
{
	const uint8_t *p = f->p + t->strings;
	uint64_t end = EC_MIN((uint64_t)s->st_name + NAME_MAX_LEN, t->strings_size);
	uint32_t h = 2166136261u;

	if (!s->st_name)
		return false;
	for (uint64_t i = s->st_name; i < end; i++) {
		if (!p[i] || p[i] == '@') {
			*hash = h;
			return i > s->st_name;
		}
		h = hash_byte(h, p[i]);
	}
	return false;
}

static bool symbol_is(const struct ec_file *f, const struct ec_elf_symtab *t,
		      const Elf64_Sym *s, const char *name, size_t len)
{
	const uint8_t *p = f->p + t->strings + s->st_name;

	return ec_range_ok(s->st_name, len + 1, t->strings_size) &&
	       !memcmp(p, name, len) && (!p[len] || p[len] == '@');
}

static bool index_table(const struct ec_file *f, struct ec_elf_symtab *t)
{
	uint32_t size = 16, h;
	Elf64_Sym s;

	if (t->indexed)
		return t->heads;
	t->indexed = true;
	while (size < t->count)
		size *= 2;
	t->heads = calloc(size, sizeof(*t->heads));
	t->next = calloc(t->count, sizeof(*t->next));
	if (!t->heads || !t->next) {
		ec_elf_free_symtab(t);
		return false;
	}
	t->mask = size - 1;
	/* Backwards, so that a chain holds equal names in the order of the table. */
	for (uint32_t i = t->count; i-- > 1;) {
		if (!symbol(f, t, i, &s) || !symbol_hash(f, t, &s, &h))
			continue;
		t->next[i] = t->heads[h & t->mask];
		t->heads[h & t->mask] = i + 1;
	}
	return true;
}

static bool is_function(const struct ec_file *f, const Elf64_Sym *s)
{
	return s->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(s->st_info) == STT_FUNC &&
	       ec_file_is_code(f, s->st_value);
}

static bool is_import(const struct ec_file *f, const Elf64_Sym *s)
{
	return s->st_shndx == SHN_UNDEF;
}

static bool find(const struct ec_file *f, const struct ec_elf_symtab *t, const char *name,
		 bool (*want)(const struct ec_file *, const Elf64_Sym *), Elf64_Sym *s)
{
	size_t len = strlen(name);
	uint32_t i;

	if (!t->count || !len || len >= NAME_MAX_LEN)
		return false;
	/* The index is a cache: the file stays what it was. */
	if (!index_table(f, (struct ec_elf_symtab *)t))
		return false;
	for (i = t->heads[hash_name(name) & t->mask]; i; i = t->next[i - 1])
		if (symbol(f, t, i - 1, s) && symbol_is(f, t, s, name, len) && want(f, s))
			return true;
	return false;
}

int ec_file_symbol(const struct ec_file *f, const char *name, struct ec_sym *out)
{
	Elf64_Sym s;

	if (!find(f, &f->dynsym, name, is_function, &s) &&
	    !find(f, &f->symtab, name, is_function, &s))
		return -ENOENT;
	out->va = s.st_value;
	out->size = s.st_size;
	return 0;
}

bool ec_file_exports(const struct ec_file *f, const char *name)
{
	Elf64_Sym s;

	return find(f, &f->dynsym, name, is_function, &s);
}

bool ec_file_imports(const struct ec_file *f, const char *name)
{
	Elf64_Sym s;

	return find(f, &f->dynsym, name, is_import, &s);
}
