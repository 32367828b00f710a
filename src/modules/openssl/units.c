// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers: include/openssl/ssl.h and sslerr.h of OpenSSL 1.0.2 to 1.1.1, include/openssl/
 * ssl.h of BoringSSL and of LibreSSL. They are part of their interface and never change.
 */
#include "modules/openssl/units.h"
#include "base/util.h"
#include "target/gist.h"
#include "target/texts.h"
#include <errno.h>
#include <string.h>

#define TEXTS_MAX 256
#define PATHS_MAX 64
#define REFS_MAX  8192 /* to the name of the source file; real ones have 100 to 400 */
#define UNITS_MAX 2048

#define CODE_MAX   (4u << 20) /* bytes decoded; real files have 100 to 500 KiB */
#define INTO_MAX   4096	      /* branches into one function that are looked at */
#define ALIGNED	   16	      /* functions are, what was moved away from them is not */
#define NUMBER_MAX 999	      /* no text is at such an address */

#define LIB_OPENSSL 20	/* ERR_LIB_SSL */
#define BAD_FLAG    412 /* SSL_R_UNSUPPORTED_WRITE_FLAG */
#define LIB_BORING  16

enum { PATH_C, PATH_CC, FIRST_NAME };

/* The last part of the path: what is before it differs from build to build. */
static const char *const texts[FIRST_NAME + EC_UNIT_NAMES] = {
	[PATH_C] = "ssl_lib.c",
	[PATH_CC] = "ssl_lib.cc",
	[FIRST_NAME + EC_UNIT_WRITE] = "SSL_write",
	[FIRST_NAME + EC_UNIT_WRITE_INTERNAL] = "ssl_write_internal",
	[FIRST_NAME + EC_UNIT_WRITE_EARLY] = "SSL_write_early_data",
	[FIRST_NAME + EC_UNIT_READ] = "SSL_read",
	[FIRST_NAME + EC_UNIT_READ_INTERNAL] = "ssl_read_internal",
	[FIRST_NAME + EC_UNIT_READ_EARLY] = "SSL_read_early_data",
	[FIRST_NAME + EC_UNIT_PEEK] = "SSL_peek",
	[FIRST_NAME + EC_UNIT_PEEK_INTERNAL] = "ssl_peek_internal",
	[FIRST_NAME + EC_UNIT_SHAKE] = "SSL_do_handshake",
	[FIRST_NAME + EC_UNIT_CLEAR] = "SSL_clear",
	[FIRST_NAME + EC_UNIT_NEW] = "SSL_new",
	[FIRST_NAME + EC_UNIT_CONNECTION_NEW] = "ossl_ssl_connection_new_int",
	[FIRST_NAME + EC_UNIT_CTX_NEW] = "SSL_CTX_new_ex",
	[FIRST_NAME + EC_UNIT_DANE] = "SSL_dane_enable",
};

static const uint16_t codes[EC_UNIT_NAMES] = {
	[EC_UNIT_WRITE] = 208,	       [EC_UNIT_WRITE_INTERNAL] = 524,
	[EC_UNIT_WRITE_EARLY] = 526,   [EC_UNIT_READ] = 223,
	[EC_UNIT_READ_INTERNAL] = 523, [EC_UNIT_READ_EARLY] = 529,
	[EC_UNIT_PEEK] = 270,	       [EC_UNIT_PEEK_INTERNAL] = 522,
	[EC_UNIT_SHAKE] = 180,	       [EC_UNIT_CLEAR] = 164,
	[EC_UNIT_NEW] = 186,	       [EC_UNIT_CTX_NEW] = 169,
	[EC_UNIT_DANE] = 395,
};

static const struct {
	uint16_t number;
	uint32_t bit;
} reasons[] = {
	{66, EC_REASON_NOT_CALLED_HERE}, {111, EC_REASON_BAD_LENGTH},
	{134, EC_REASON_NO_TYPE},	 {194, EC_REASON_SHUT},
	{215, EC_REASON_HANDSHAKE},	 {226, EC_REASON_UNINITIALIZED},
	{291, EC_REASON_DATA_AT_END},
};

static const struct {
	uint16_t number;
	uint32_t bit;
} libre_reasons[] = {
	{144, EC_REASON_NO_TYPE}, {207, EC_REASON_SHUT}, {276, EC_REASON_UNINITIALIZED}};

struct reading {
	struct ec_unit *u;
	const struct ec_units *us;
};

static void read_text(struct ec_unit *u, const struct ec_units *us, uint64_t va)
{
	for (unsigned int i = 0; i < us->ntexts; i++) {
		const struct ec_text *t = &us->texts[i];

		if (t->which >= FIRST_NAME) {
			if (t->va == va)
				u->texts |= 1u << (t->which - FIRST_NAME);
		} else if (va >= t->start && va <= t->va) {
			u->path = true;
		}
	}
}

static void read_number(struct ec_unit *u, unsigned int arg, uint64_t v)
{
	if (arg == 1) {
		u->lib_openssl |= v == LIB_OPENSSL;
		u->lib_boring |= v == LIB_BORING;
	} else if (arg == 2) {
		u->flags |= v == BAD_FLAG;
		for (unsigned int i = 0; i < EC_ARRAY_SIZE(libre_reasons); i++)
			if (libre_reasons[i].number == v)
				u->seconds |= libre_reasons[i].bit;
		for (unsigned int i = 0; i < EC_UNIT_NAMES; i++)
			if (v && codes[i] == v)
				u->codes |= 1u << i;
	} else if (arg == 3) {
		for (unsigned int i = 0; i < EC_ARRAY_SIZE(reasons); i++)
			if (reasons[i].number == v)
				u->reasons |= reasons[i].bit;
	}
}

static void add_call(struct ec_unit *u, uint64_t va, bool jump)
{
	if (ec_unit_calls(u, va) || u->ncalls == EC_UNIT_CALLS)
		return;
	u->jumps[u->ncalls] = jump;
	u->calls[u->ncalls++] = va;
}

static int visit(void *ctx, const struct ec_gist *g)
{
	struct reading *r = ctx;

	switch (g->kind) {
	case EC_GIST_CONST:
		if (g->value > NUMBER_MAX)
			read_text(r->u, r->us, g->value);
		else
			read_number(r->u, g->arg, g->value);
		if ((g->ret || !g->arg) &&
		    (g->value == UINT32_MAX || g->value == UINT64_MAX))
			r->u->minus = true;
		break;
	case EC_GIST_CALL:
	case EC_GIST_JUMP:
		add_call(r->u, g->value, g->kind == EC_GIST_JUMP);
		break;
	case EC_GIST_STORE:
		r->u->stores += g->value != 0;
		r->u->results += g->value == 0;
		break;
	}
	return 0;
}

struct ec_unit *ec_units_at(const struct ec_units *us, uint64_t va)
{
	unsigned int low = 0, high = us->n;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (us->v[mid]->fn.sym.va == va)
			return us->v[mid];
		if (us->v[mid]->fn.sym.va < va)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static int insert(struct ec_units *us, struct ec_unit *u)
{
	unsigned int at = us->n;

	if (us->n == UNITS_MAX)
		return -E2BIG;
	while (at && us->v[at - 1]->fn.sym.va > u->fn.sym.va) {
		us->v[at] = us->v[at - 1];
		at--;
	}
	us->v[at] = u;
	us->n++;
	return 0;
}

/* The function that holds `va`, read when it is new. 0 with *out, -ENOENT, -E2BIG, … */
static int unit_of(struct ec_units *us, uint64_t va, struct ec_unit **out)
{
	struct ec_function fn;
	struct reading r = {.us = us};
	int err = ec_functions_at(us->functions, va, &fn);

	if (err)
		return err;
	*out = ec_units_at(us, fn.sym.va);
	if (*out)
		return 0;
	r.u = calloc(1, sizeof(*r.u));
	if (!r.u)
		return -ENOMEM;
	r.u->fn = fn;
	us->read += EC_MIN(fn.sym.size, (uint64_t)EC_GIST_BYTES);
	err = us->read > CODE_MAX ? -E2BIG : ec_gist_each(us->f, fn.sym, visit, &r);
	if (!err)
		err = insert(us, r.u);
	if (err) {
		free(r.u);
		return err;
	}
	*out = r.u;
	return 0;
}

bool ec_unit_calls(const struct ec_unit *u, uint64_t va)
{
	for (unsigned int i = 0; i < u->ncalls; i++)
		if (u->calls[i] == va)
			return true;
	return false;
}

/* Texts that are whole strings, and paths; the rest is words in other sentences. */
static int find_texts(struct ec_units *us, const struct ec_file *f)
{
	unsigned int n = 0;
	int found;

	us->texts = calloc(TEXTS_MAX, sizeof(*us->texts));
	if (!us->texts)
		return -ENOMEM;
	found = ec_texts_find(f, texts, EC_ARRAY_SIZE(texts), us->texts, TEXTS_MAX);
	if (found < 0)
		return found;
	for (int i = 0; i < found && i < TEXTS_MAX; i++) {
		const struct ec_text *t = &us->texts[i];

		if (t->which >= FIRST_NAME && t->va != t->start)
			continue;
		us->texts[n++] = *t;
	}
	us->ntexts = n;
	return 0;
}

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Addresses that code may have for the source file's name: linkers merge tails. */
static unsigned int find_paths(struct ec_units *us, uint64_t *va)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < us->ntexts; i++) {
		const struct ec_text *t = &us->texts[i];

		if (t->which >= FIRST_NAME || n + 3 > PATHS_MAX)
			continue;
		us->cc |= t->which == PATH_CC;
		va[n++] = t->start;
		if (t->va != t->start)
			va[n++] = t->va;
		if (t->va - t->start > 4)
			va[n++] = t->va - 4; /* ssl/ssl_lib.c */
	}
	qsort(va, n, sizeof(*va), ascending);
	return n;
}

static int find_functions(struct ec_units *us, const uint64_t *paths, unsigned int n)
{
	_ec_free_ struct ec_xref *refs = calloc(REFS_MAX, sizeof(*refs));
	_ec_free_ uint64_t *va = calloc(REFS_MAX, sizeof(*va));
	int nrefs, err;

	if (!refs || !va)
		return -ENOMEM;
	nrefs = ec_xref_find(us->f, paths, n, refs, REFS_MAX);
	if (nrefs <= 0)
		return nrefs ? nrefs : -ENOENT;
	for (int i = 0; i < nrefs; i++)
		va[i] = refs[i].va;
	qsort(va, nrefs, sizeof(*va), ascending);
	err = ec_functions_open(us->f, va, nrefs, &us->functions);
	for (int i = 0; i < nrefs && !err; i++) {
		struct ec_unit *u;

		err = unit_of(us, va[i], &u);
		if (err == -ENOENT)
			err = 0;
	}
	return err ? err : us->n ? 0 : -ENOENT;
}

/* All branches into the units; again when there are more of them. */
static int find_branches(struct ec_units *us)
{
	_ec_free_ struct ec_range *r = calloc(us->n, sizeof(*r));
	unsigned int n = 0;

	if (!r)
		return -ENOMEM;
	for (unsigned int i = 0; i < us->n; i++) {
		struct ec_sym s = us->v[i]->fn.sym;

		if (n && s.va <= r[n - 1].end)
			r[n - 1].end = EC_MAX(r[n - 1].end, s.va + s.size);
		else
			r[n++] = (struct ec_range){s.va, s.va + s.size};
	}
	free(us->branches);
	us->branches = NULL;
	return ec_xref_branches(us->f, r, n, &us->branches, &us->nbranches);
}

static const struct ec_branch *branches_into(const struct ec_units *us, struct ec_sym s,
					     size_t *n)
{
	size_t low = 0, high = us->nbranches, end;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (us->branches[mid].to < s.va)
			low = mid + 1;
		else
			high = mid;
	}
	for (end = low; end < us->nbranches && end - low < INTO_MAX &&
			us->branches[end].to - s.va < s.size;)
		end++;
	*n = end - low;
	return *n ? us->branches + low : NULL;
}

static bool inside(struct ec_sym s, uint64_t va)
{
	return va - s.va < s.size;
}

/*
 * They are one function when one jumps into the middle of the other, or when the one does
 * not begin where functions do and is only jumped to now and then.
 */
static bool belong_together(const struct ec_unit *u, const struct ec_unit *other,
			    const struct ec_branch *b)
{
	if (!ec_unit_calls(other, b->to)) /* bytes that looked like a jump */
		return false;
	if (b->to != u->fn.sym.va || (b->cond && b->to % ALIGNED))
		return true;
	for (unsigned int i = 0; i < u->ncalls; i++)
		if (u->jumps[i] && u->calls[i] != other->fn.sym.va &&
		    inside(other->fn.sym, u->calls[i]))
			return true;
	return false;
}

static void merge(struct ec_unit *whole, const struct ec_unit *part)
{
	whole->path |= part->path;
	whole->texts |= part->texts;
	whole->codes |= part->codes;
	whole->reasons |= part->reasons;
	whole->seconds |= part->seconds;
	whole->lib_openssl |= part->lib_openssl;
	whole->lib_boring |= part->lib_boring;
	whole->minus |= part->minus;
	whole->flags |= part->flags;
	whole->stores += part->stores;
	whole->results += part->results;
	for (unsigned int i = 0; i < part->ncalls; i++)
		if (!inside(whole->fn.sym, part->calls[i]))
			add_call(whole, part->calls[i], part->jumps[i]);
}

/* What compilers moved away from a function is only jumped to, and jumps back. */
static int find_whole(struct ec_units *us, struct ec_unit *u)
{
	size_t n;
	const struct ec_branch *b = branches_into(us, u->fn.sym, &n);

	for (size_t i = 0; i < n; i++)
		if (b[i].call && b[i].to == u->fn.sym.va)
			return 0;
	for (size_t i = 0; i < n; i++) {
		struct ec_unit *other;
		int err;

		if (b[i].call || inside(u->fn.sym, b[i].from))
			continue;
		err = unit_of(us, b[i].from, &other);
		if (err == -ENOENT)
			continue;
		if (err)
			return err;
		if (other->whole || !inside(other->fn.sym, b[i].from) ||
		    !belong_together(u, other, &b[i]))
			continue;
		u->whole = other;
		merge(other, u);
		return 0;
	}
	return 0;
}

static int join_parts(struct ec_units *us)
{
	unsigned int before = us->n, n = us->n;
	_ec_free_ struct ec_unit **v = calloc(n, sizeof(struct ec_unit *));
	int err = 0;

	if (!v)
		return -ENOMEM;
	memcpy(v, us->v, n * sizeof(*v));
	for (unsigned int i = 0; i < n && !err; i++)
		err = find_whole(us, v[i]);
	return !err && us->n > before ? find_branches(us) : err;
}

int ec_units_open(const struct ec_file *f, struct ec_units *us)
{
	uint64_t paths[PATHS_MAX];
	unsigned int n;
	int err;

	memset(us, 0, sizeof(*us));
	/* most files of a host; the other path begins with the same */
	if (!ec_texts_any(f, texts[PATH_C]))
		return -ENOENT;
	us->f = f;
	us->v = calloc(UNITS_MAX, sizeof(struct ec_unit *));
	if (!us->v)
		return -ENOMEM;
	err = find_texts(us, f);
	n = err ? 0 : find_paths(us, paths);
	if (!err && !n)
		err = -ENOENT;
	if (!err)
		err = find_functions(us, paths, n);
	if (!err)
		err = find_branches(us);
	if (!err)
		err = join_parts(us);
	if (err)
		ec_units_close(us);
	return err;
}

void ec_units_close(struct ec_units *us)
{
	for (unsigned int i = 0; us->v && i < us->n; i++)
		free(us->v[i]);
	free(us->v);
	free(us->texts);
	free(us->branches);
	ec_functions_free(us->functions);
	memset(us, 0, sizeof(*us));
}

int ec_units_callers(struct ec_units *us, const struct ec_unit *u, struct ec_unit **out,
		     unsigned int max)
{
	size_t nb;
	const struct ec_branch *b = branches_into(us, u->fn.sym, &nb);
	unsigned int n = 0;

	for (size_t i = 0; i < nb && n < max && b[i].to == u->fn.sym.va; i++) {
		struct ec_unit *c;
		unsigned int k = 0;
		int err = unit_of(us, b[i].from, &c);

		if (err == -ENOMEM)
			return err;
		if (err)
			continue;
		c = c->whole ? c->whole : c;
		/* what looked like a branch may have been none */
		if (c == u || c->fn.by == EC_FUNCTION_PIECE ||
		    !ec_unit_calls(c, u->fn.sym.va))
			continue;
		while (k < n && out[k] != c)
			k++;
		if (k == n)
			out[n++] = c;
	}
	return n;
}
