/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Facts about one ELF file, read through a descriptor, without rights. The file is
 * hostile: nothing here may read outside of it, loop without bound or allocate by a
 * number that the file names unchecked. Symbols, sections and versions are hints; program
 * headers decide.
 */
#ifndef EC_TARGET_FILE_H
#define EC_TARGET_FILE_H

#include "base/hash.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ec_file;

enum ec_arch { EC_ARCH_X86_64, EC_ARCH_AARCH64 };

struct ec_sym {
	uint64_t va;
	uint64_t size;
};

/*
 * Takes the descriptor only to map it (the caller keeps and closes it).
 * 0; -ENOEXEC no ELF file; -EBADMSG truncated or damaged; -ENOTSUP another architecture
 * or class than this build probes; -EISDIR; -EFBIG over 4 GiB; -errno of mmap.
 */
int ec_file_open(int fd, struct ec_file **out);
/* The same over memory that stays the caller's, any supported architecture (tests). */
int ec_file_from_memory(const void *p, size_t n, bool any_arch, struct ec_file **out);
/*
 * A private copy: what one look at it says, the next one says too, whoever writes to the
 * file meanwhile. -EFBIG over EC_FILE_SNAPSHOT; -errno of mmap.
 */
#define EC_FILE_SNAPSHOT (32u << 20)
int ec_file_snapshot(const struct ec_file *f, struct ec_file **out);
void ec_file_free(struct ec_file *f);

enum ec_arch ec_file_arch(const struct ec_file *f);
/* Function by name in .dynsym, else .symtab. 0, -ENOENT. Version suffixes ignored. */
int ec_file_symbol(const struct ec_file *f, const char *name, struct ec_sym *out);
/* Is it one that other files may use, in .dynsym? */
bool ec_file_exports(const struct ec_file *f, const char *name);
/* Is there an undefined symbol or a DT_NEEDED entry of that name? */
bool ec_file_needs(const struct ec_file *f, const char *soname);
/* The first DT_NEEDED entry that begins with `prefix`, "" if none does. */
const char *ec_file_needed(const struct ec_file *f, const char *prefix);
bool ec_file_imports(const struct ec_file *f, const char *name);
/* DT_SONAME, "" if none. */
const char *ec_file_soname(const struct ec_file *f);
/* By PT_LOAD, file-backed part only. 0 or -ERANGE */
int ec_file_va_to_offset(const struct ec_file *f, uint64_t va, uint64_t *offset);
/* n bytes at a virtual address, NULL where the file does not hold them. */
const uint8_t *ec_file_at(const struct ec_file *f, uint64_t va, size_t n);
bool ec_file_is_code(const struct ec_file *f, uint64_t va);
/* The file-backed part of the loaded segment number `i`; false behind the last one. */
bool ec_file_segment(const struct ec_file *f, unsigned int i, uint64_t *va,
		     uint64_t *size);
/* First NUL-ended string in the file that starts with `prefix`; NULL if none. */
const char *ec_file_find_string(const struct ec_file *f, const char *prefix);
/* NT_GNU_BUILD_ID as bytes; length, 0 if none. */
size_t ec_file_build_id(const struct ec_file *f, uint8_t out[20]);
uint64_t ec_file_size(const struct ec_file *f);
/* Keyed hash of all its bytes: reads the whole file. */
uint64_t ec_file_digest(const struct ec_file *f, const struct ec_hash_key *key);

#endif
