// SPDX-License-Identifier: GPL-2.0-only
#include "target/needles.h"
#include "target/elf.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

#define PAIRS	 65536
#define DOTS_MAX 64 /* bytes of a version that are looked at */

struct search {
	const struct ec_file *f;
	const struct ec_needle *v;
	unsigned int n;
	int (*hit)(void *ctx, unsigned int i, uint64_t off);
	void *ctx;
	uint8_t len[EC_NEEDLES_MAX];
	uint8_t next[EC_NEEDLES_MAX]; /* with the same last pair, number + 1 */
	uint8_t head[PAIRS];
	uint8_t shift[PAIRS];
};

static unsigned int pair(const uint8_t *p)
{
	return p[0] | (unsigned int)p[1] << 8;
}

/* Tables over the first EC_NEEDLES_MIN bytes of every needle. */
static void prepare(struct search *s)
{
	memset(s->shift, EC_NEEDLES_MIN - 1, sizeof(s->shift));
	for (unsigned int i = 0; i < s->n; i++) {
		const uint8_t *text = (const uint8_t *)s->v[i].text;
		unsigned int last = pair(text + EC_NEEDLES_MIN - 2);

		s->len[i] = strlen(s->v[i].text);
		for (unsigned int at = 0; at < EC_NEEDLES_MIN - 1; at++) {
			uint8_t *d = &s->shift[pair(text + at)];

			*d = EC_MIN(*d, EC_NEEDLES_MIN - 2 - at);
		}
		s->next[i] = s->head[last];
		s->head[last] = i + 1;
	}
}

size_t ec_needle_version(const struct ec_file *f, uint64_t off, char *out, size_t n)
{
	size_t i = 0;

	if (!n || off >= f->n || !isdigit(f->p[off]))
		return 0;
	for (; i < n - 1 && off + i < f->n; i++) {
		uint8_t c = f->p[off + i];

		if (!isalnum(c) && !strchr(".+-_", c ? c : ' '))
			break;
		out[i] = c;
	}
	while (i && !isalnum((unsigned char)out[i - 1]))
		i--;
	out[i] = 0;
	return i;
}

static bool fits(const struct search *s, unsigned int i, uint64_t off)
{
	char version[DOTS_MAX];
	unsigned int dots = 0;

	switch (s->v[i].kind) {
	case EC_NEEDLE_ALIGNED:
		return !(off % 16);
	case EC_NEEDLE_VERSION:
		if (!ec_needle_version(s->f, off + s->len[i], version, sizeof(version)))
			return false;
		for (const char *p = version; isdigit((unsigned char)*p) || *p == '.';
		     p++)
			dots += *p == '.';
		return dots >= s->v[i].dots;
	default:
		return true;
	}
}

static int look(struct search *s, const uint8_t *p, uint64_t left, unsigned int head)
{
	int err = 0;

	for (unsigned int i = head; i && !err; i = s->next[i - 1]) {
		unsigned int k = i - 1;

		if (s->len[k] <= left && !memcmp(p, s->v[k].text, s->len[k]) &&
		    fits(s, k, p - s->f->p))
			err = s->hit(s->ctx, k, p - s->f->p);
	}
	return err;
}

static int run(struct search *s, const uint8_t *p, uint64_t n)
{
	const uint8_t *end = p + n;

	if (n < EC_NEEDLES_MIN)
		return 0;
	/* at: the last byte of the window */
	for (const uint8_t *at = p + EC_NEEDLES_MIN - 1; at < end;) {
		unsigned int last = pair(at - 1);
		uint8_t d = s->shift[last];

		if (!d) {
			const uint8_t *start = at - (EC_NEEDLES_MIN - 1);
			int err = look(s, start, end - start, s->head[last]);

			if (err)
				return err;
			d = 1;
		}
		if (d >= end - at)
			break;
		at += d;
	}
	return 0;
}

int ec_needles_each(const struct ec_file *f, const struct ec_needle *v, unsigned int n,
		    uint32_t skip, int (*hit)(void *ctx, unsigned int i, uint64_t off),
		    void *ctx)
{
	_ec_free_ struct search *s = calloc(1, sizeof(*s));
	uint64_t left = EC_ELF_READ;
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->f = f;
	s->v = v;
	s->n = EC_MIN(n, (unsigned int)EC_NEEDLES_MAX);
	s->hit = hit;
	s->ctx = ctx;
	prepare(s);
	for (unsigned int i = 0; i < f->nsegs && left && !err; i++) {
		uint64_t size = EC_MIN(f->seg[i].size, left);

		if (f->seg[i].flags & skip)
			continue;
		err = run(s, f->p + f->seg[i].offset, size);
		left -= size;
	}
	return err;
}

static int first(void *ctx, unsigned int i, uint64_t off)
{
	uint64_t *hits = ctx;

	if (hits[i] == EC_NEEDLE_NONE)
		hits[i] = off;
	return 0;
}

void ec_needles_find(const struct ec_file *f, const struct ec_needle *v, unsigned int n,
		     uint64_t *hits)
{
	for (unsigned int i = 0; i < n; i++)
		hits[i] = EC_NEEDLE_NONE;
	ec_needles_each(f, v, n, 0, first, hits);
}
