// SPDX-License-Identifier: GPL-2.0-only
#include "target/texts.h"
#include "target/elf.h"
#include "target/needles.h"
#include <errno.h>
#include <string.h>

#define FOUND_MAX 65536 /* a file that has more is not worth the time */

struct look {
	const struct ec_file *f;
	const char *const *texts;
	struct ec_text *out;
	unsigned int n, max;
};

static int hit(void *ctx, unsigned int i, uint64_t off)
{
	struct look *l = ctx;
	uint64_t len = strlen(l->texts[i]), at = off;
	const uint8_t *p = l->f->p;

	if (!ec_range_ok(off, len + 1, l->f->n) || p[off + len])
		return 0;
	while (at && off - at < EC_TEXTS_BEFORE && p[at - 1] >= 0x20 && p[at - 1] <= 0x7e)
		at--;
	for (unsigned int k = 0; k < l->f->nsegs; k++) {
		const struct ec_elf_seg *s = &l->f->seg[k];

		if (at < s->offset || !ec_range_ok(off - s->offset, len + 1, s->size))
			continue;
		if (l->n < l->max)
			l->out[l->n] = (struct ec_text){i, s->va + (off - s->offset),
							s->va + (at - s->offset)};
		return ++l->n == FOUND_MAX ? 1 : 0;
	}
	return 0;
}

/*
 * Linkers put literals into a segment of their own, or all into the one with the code.
 * Code is most of a program: seldom in memory as a whole, and long to read from a disk.
 */
static uint32_t no_literals(const struct ec_file *f)
{
	for (unsigned int i = 0; i < f->nsegs; i++)
		if ((f->seg[i].flags & (PF_R | PF_W | PF_X)) == PF_R)
			return PF_X;
	return 0;
}

int ec_texts_find(const struct ec_file *f, const char *const *texts, unsigned int n,
		  struct ec_text *out, unsigned int max)
{
	struct ec_needle v[EC_NEEDLES_MAX];
	struct look l = {.f = f, .texts = texts, .out = out, .max = max};
	int err;

	n = EC_MIN(n, (unsigned int)EC_NEEDLES_MAX);
	for (unsigned int i = 0; i < n; i++)
		v[i] = (struct ec_needle){.text = texts[i]};
	err = ec_needles_each(f, v, n, no_literals(f), hit, &l);
	return err < 0 ? err : (int)l.n;
}

bool ec_texts_any(const struct ec_file *f, const char *text)
{
	uint32_t skip = no_literals(f);
	uint64_t left = EC_ELF_READ;
	size_t len = strlen(text);

	for (unsigned int i = 0; i < f->nsegs && left; i++) {
		uint64_t size = EC_MIN(f->seg[i].size, left);

		if (f->seg[i].flags & skip)
			continue;
		if (memmem(f->p + f->seg[i].offset, size, text, len))
			return true;
		left -= size;
	}
	return false;
}
