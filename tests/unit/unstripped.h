/* SPDX-License-Identifier: GPL-2.0-only */
/* A real file twice: as it is, and a copy without any symbols, as if they were stripped.
 */
#ifndef EC_TESTS_UNSTRIPPED_H
#define EC_TESTS_UNSTRIPPED_H

#include "real.h"
#include "target/file.h"
#include <elf.h>

struct unstripped {
	struct real bytes, bare_bytes;
	struct ec_file *f;    /* with symbols */
	struct ec_file *bare; /* without */
};

/* Of the dynamic table only what the loader needs to move the file. */
static inline void unstripped_forget_dynamic(Elf64_Dyn *d, uint64_t n)
{
	for (uint64_t i = 0; i < n && d[i].d_tag != DT_NULL; i++)
		if (d[i].d_tag != DT_RELA && d[i].d_tag != DT_RELASZ &&
		    d[i].d_tag != DT_RELAENT)
			d[i].d_tag = DT_DEBUG;
}

/* Sections and dynamic symbols are gone; with `unwind` the unwinder's table is left. */
static inline void unstripped_forget(uint8_t *p, bool unwind)
{
	Elf64_Ehdr *eh = (Elf64_Ehdr *)p;
	Elf64_Phdr *ph = (Elf64_Phdr *)(p + eh->e_phoff);

	eh->e_shoff = 0;
	eh->e_shnum = eh->e_shstrndx = 0;
	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_DYNAMIC)
			unstripped_forget_dynamic((Elf64_Dyn *)(p + ph[i].p_offset),
						  ph[i].p_filesz / sizeof(Elf64_Dyn));
		if (!unwind && ph[i].p_type == PT_GNU_EH_FRAME)
			ph[i].p_type = PT_NULL;
	}
}

static inline bool unstripped_open(struct unstripped *u, const char *path, bool unwind)
{
	struct ec_sym s;

	memset(u, 0, sizeof(*u));
	u->bytes = real_read(path);
	u->bare_bytes = real_read(path);
	if (u->bytes.n < sizeof(Elf64_Ehdr) || u->bare_bytes.n != u->bytes.n ||
	    memcmp(u->bytes.p, ELFMAG, SELFMAG))
		return false;
	unstripped_forget(u->bare_bytes.p, unwind);
	return !ec_file_from_memory(u->bytes.p, u->bytes.n, true, &u->f) &&
	       !ec_file_from_memory(u->bare_bytes.p, u->bare_bytes.n, true, &u->bare) &&
	       ec_file_symbol(u->bare, "SSL_write", &s);
}

static inline void unstripped_close(struct unstripped *u)
{
	ec_file_free(u->f);
	ec_file_free(u->bare);
	free(u->bytes.p);
	free(u->bare_bytes.p);
}

#endif
