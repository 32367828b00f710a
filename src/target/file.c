// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening a file and mapping addresses: System V gABI, chapters 4 and 5. Read by hand
 * rather than by libelf, because every read here is one bounds check that can be seen.
 */
#include "target/elf.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#ifdef __aarch64__
#define OWN_MACHINE EM_AARCH64
#else
#define OWN_MACHINE EM_X86_64
#endif

static int check_header(const struct ec_file *f, Elf64_Ehdr *eh, bool any_arch)
{
	if (f->n < SELFMAG || memcmp(f->p, ELFMAG, SELFMAG))
		return -ENOEXEC;
	if (f->n <= EI_DATA)
		return -EBADMSG;
	if (f->p[EI_CLASS] != ELFCLASS64 || f->p[EI_DATA] != ELFDATA2LSB) {
		bool known =
			(f->p[EI_CLASS] == ELFCLASS32 || f->p[EI_CLASS] == ELFCLASS64) &&
			(f->p[EI_DATA] == ELFDATA2LSB || f->p[EI_DATA] == ELFDATA2MSB);

		return known ? -ENOTSUP : -EBADMSG;
	}
	if (!ec_elf_get(f, 0, eh, sizeof(*eh)))
		return -EBADMSG;
	if (eh->e_machine != EM_X86_64 && eh->e_machine != EM_AARCH64)
		return -ENOTSUP;
	if (!any_arch && eh->e_machine != OWN_MACHINE)
		return -ENOTSUP;
	/* Nothing executes out of objects and core files. */
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return -ENOEXEC;
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum ||
	    eh->e_phnum == PN_XNUM ||
	    !ec_range_ok(eh->e_phoff, (uint64_t)eh->e_phnum * sizeof(Elf64_Phdr), f->n))
		return -EBADMSG;
	return 0;
}

static int add_segment(struct ec_file *f, const Elf64_Phdr *ph)
{
	struct ec_elf_seg *s;

	if (!ec_range_ok(ph->p_offset, ph->p_filesz, f->n) ||
	    ph->p_vaddr + ph->p_filesz < ph->p_vaddr)
		return -EBADMSG;
	if (!ph->p_filesz)
		return 0;
	if (f->nsegs == EC_ELF_SEGS)
		return -EBADMSG;
	s = &f->seg[f->nsegs++];
	s->va = ph->p_vaddr;
	s->offset = ph->p_offset;
	s->size = ph->p_filesz;
	s->flags = ph->p_flags;
	return 0;
}

static int read_headers(struct ec_file *f, bool any_arch)
{
	uint64_t dyn = 0, dyn_size = 0;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	int err;

	err = check_header(f, &eh, any_arch);
	if (err)
		return err;
	f->arch = eh.e_machine == EM_AARCH64 ? EC_ARCH_AARCH64 : EC_ARCH_X86_64;
	for (unsigned int i = 0; i < eh.e_phnum; i++) {
		if (!ec_elf_get(f, eh.e_phoff + i * sizeof(ph), &ph, sizeof(ph)))
			return -EBADMSG;
		if (ph.p_type == PT_LOAD) {
			err = add_segment(f, &ph);
			if (err)
				return err;
			continue;
		}
		/* The others are hints: one outside of the file is left out. */
		if (!ec_range_ok(ph.p_offset, ph.p_filesz, f->n))
			continue;
		if (ph.p_type == PT_DYNAMIC && !dyn_size) {
			dyn = ph.p_offset;
			dyn_size = ph.p_filesz;
		} else if (ph.p_type == PT_NOTE && f->nnotes < EC_ELF_NOTES) {
			f->note[f->nnotes++] = (struct ec_elf_note){
				ph.p_offset, ph.p_filesz, ph.p_align};
		}
	}
	if (!f->nsegs)
		return -EBADMSG;
	ec_elf_read_dynamic(f, dyn, dyn_size);
	ec_elf_read_sections(f, &eh);
	return 0;
}

static int open_bytes(const void *p, uint64_t n, bool any_arch, bool mapped,
		      struct ec_file **out)
{
	struct ec_file *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	f->p = p;
	f->n = n;
	f->soname = "";
	err = read_headers(f, any_arch);
	if (err) {
		free(f);
		return err;
	}
	f->mapped = mapped;
	*out = f;
	return 0;
}

int ec_file_open(int fd, struct ec_file **out)
{
	struct stat st;
	void *p;
	int err;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return -ENOEXEC;
	if ((uint64_t)st.st_size > EC_ELF_FILE)
		return -EFBIG;
	/*
	 * A file that shrinks while it is mapped raises SIGBUS here: that ends the
	 * planner and costs this file only.
	 *
	 * Shared, not private: uprobes of anyone who traces this file put breakpoints
	 * into private mappings that could become executable (kernel
	 * kernel/events/uprobes.c, valid_vma), and we would read those as code.
	 */
	p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	err = open_bytes(p, st.st_size, false, true, out);
	if (err)
		munmap(p, st.st_size);
	return err;
}

int ec_file_from_memory(const void *p, size_t n, bool any_arch, struct ec_file **out)
{
	if (n > EC_ELF_FILE)
		return -EFBIG;
	return open_bytes(p, n, any_arch, false, out);
}

int ec_file_snapshot(const struct ec_file *f, struct ec_file **out)
{
	void *p;
	int err;

	if (f->n > EC_FILE_SNAPSHOT)
		return -EFBIG;
	p = mmap(NULL, f->n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	memcpy(p, f->p, f->n);
	err = open_bytes(p, f->n, true, true, out);
	if (err)
		munmap(p, f->n);
	return err;
}

void ec_file_free(struct ec_file *f)
{
	if (!f)
		return;
	ec_code_close(f->code);
	ec_elf_free_symtab(&f->dynsym);
	ec_elf_free_symtab(&f->symtab);
	if (f->mapped)
		munmap((void *)f->p, f->n);
	free(f);
}

enum ec_arch ec_file_arch(const struct ec_file *f)
{
	return f->arch;
}

uint64_t ec_file_size(const struct ec_file *f)
{
	return f->n;
}

uint64_t ec_file_digest(const struct ec_file *f, const struct ec_hash_key *key)
{
	return ec_hash_long(key, f->p, f->n);
}

const struct ec_elf_seg *ec_elf_seg_at(const struct ec_file *f, uint64_t va, size_t n)
{
	for (unsigned int i = 0; i < f->nsegs; i++) {
		const struct ec_elf_seg *s = &f->seg[i];

		if (va >= s->va && va - s->va < s->size &&
		    ec_range_ok(va - s->va, n, s->size))
			return s;
	}
	return NULL;
}

int ec_file_va_to_offset(const struct ec_file *f, uint64_t va, uint64_t *offset)
{
	const struct ec_elf_seg *s = ec_elf_seg_at(f, va, 1);

	if (!s)
		return -ERANGE;
	*offset = s->offset + (va - s->va);
	return 0;
}

const uint8_t *ec_file_at(const struct ec_file *f, uint64_t va, size_t n)
{
	const struct ec_elf_seg *s = ec_elf_seg_at(f, va, n);

	return s ? f->p + s->offset + (va - s->va) : NULL;
}

bool ec_file_is_code(const struct ec_file *f, uint64_t va)
{
	const struct ec_elf_seg *s = ec_elf_seg_at(f, va, 1);

	return s && s->flags & PF_X;
}

bool ec_file_segment(const struct ec_file *f, unsigned int i, uint64_t *va,
		     uint64_t *size)
{
	if (i >= f->nsegs)
		return false;
	*va = f->seg[i].va;
	*size = f->seg[i].size;
	return true;
}

/* Strings begin where text begins: in the middle of a sentence is none. */
static bool begins_string(const uint8_t *start, const uint8_t *p)
{
	return p == start || p[-1] < 0x20 || p[-1] > 0x7e;
}

const char *ec_file_find_string(const struct ec_file *f, const char *prefix)
{
	uint64_t left = EC_ELF_READ;
	size_t len = strlen(prefix);

	if (!len)
		return NULL;
	for (unsigned int i = 0; i < f->nsegs && left; i++) {
		const uint8_t *start = f->p + f->seg[i].offset, *p = start, *hit;
		uint64_t size = EC_MIN(f->seg[i].size, left);
		/* nothing behind the last NUL is a string */
		const uint8_t *end = memrchr(start, 0, size);

		for (; end && (hit = memmem(p, end - p, prefix, len)); p = hit + 1)
			if (begins_string(start, hit))
				return (const char *)hit;
		left -= size;
	}
	return NULL;
}
