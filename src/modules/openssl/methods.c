// SPDX-License-Identifier: GPL-2.0-only
/*
 * struct ssl_method_st (ssl/ssl_local.h there): the version that it is for, flags and a
 * mask, then functions in the same order from 1.1.0 to 3.1, with other ones before since
 * 3.2. What tables agree about is looked at in the code: the writing function hands
 * its arguments on with the type of application data between them, the reading one too.
 */
#include "modules/openssl/methods.h"
#include "base/util.h"
#include "target/code.h"
#include "target/pointers.h"
#include <errno.h>
#include <string.h>

#define FIRST	    16 /* after version, flags and mask */
#define FLAGS_MAX   0xff
#define MASK_MAX    (1ull << 40)
#define TABLES_MIN  2
#define TABLES_SURE 8 /* no accident: real files have 14 to 25 */
#define GROUPS	    256
#define APP_DATA    23	 /* SSL3_RT_APPLICATION_DATA */
#define WINDOW	    1024 /* bytes of a function's code that are looked at */
#define HANDED	    16
#define LOOKED_MAX  65536 /* places that could be a table */

/* Number of functions in a row, and which of them reads: peek and write follow. */
static const struct shape {
	unsigned int n, read;
	bool later;
} shapes[] = {{22, 5, false}, {25, 8, true}};

/* Tables that agree. Large files have other data that looks like some by accident. */
struct group {
	uint64_t read, peek, write;
	unsigned int tables, shape;
};

struct search {
	const struct ec_file *f;
	struct ec_pointers *ps;
	unsigned int looked;
	struct group v[GROUPS];
	unsigned int n;
};

/* SSL 3 to TLS 1.3, TLS of any version, and the same of DTLS. */
static bool is_version(uint32_t v)
{
	return (v >= 0x300 && v <= 0x304) || v == 0x10000 || v == 0x1ffff ||
	       v == 0xfeff || v == 0xfefd || v == 0x100;
}

static bool are_functions(const struct search *s, uint64_t va, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint64_t to = ec_pointers_at(s->ps, va + i * 8);

		if (!to || !ec_file_is_code(s->f, to))
			return false;
	}
	return true;
}

/* Functions, what encrypts (data), and three more functions. */
static bool is_table(const struct search *s, uint64_t va, const struct shape *sh)
{
	uint64_t first = va + FIRST, data = first + sh->n * 8;

	return are_functions(s, first, sh->n) && ec_pointers_at(s->ps, data) &&
	       are_functions(s, data + 8, 3);
}

static void add_table(struct search *s, uint64_t va, unsigned int i)
{
	uint64_t at = va + FIRST + shapes[i].read * 8;
	uint64_t read = ec_pointers_at(s->ps, at), peek = ec_pointers_at(s->ps, at + 8);
	uint64_t write = ec_pointers_at(s->ps, at + 16);
	unsigned int k = 0;

	if (read == peek || read == write || peek == write)
		return;
	while (k < s->n && (s->v[k].read != read || s->v[k].peek != peek ||
			    s->v[k].write != write || s->v[k].shape != i))
		k++;
	if (k == GROUPS)
		return;
	if (k == s->n)
		s->v[s->n++] = (struct group){read, peek, write, 0, i};
	s->v[k].tables++;
}

static void look(struct search *s, uint64_t va, const uint8_t *p)
{
	uint32_t version, flags;
	uint64_t mask;

	memcpy(&version, p, sizeof(version));
	if (!is_version(version))
		return;
	memcpy(&flags, p + 4, sizeof(flags));
	memcpy(&mask, p + 8, sizeof(mask));
	if (flags > FLAGS_MAX || mask > MASK_MAX || s->looked++ > LOOKED_MAX)
		return;
	for (unsigned int i = 0; i < EC_ARRAY_SIZE(shapes); i++)
		if (is_table(s, va, &shapes[i]))
			add_table(s, va, i);
}

static void look_at_all(struct search *s)
{
	uint64_t va, size;

	for (unsigned int i = 0; ec_file_segment(s->f, i, &va, &size); i++) {
		uint64_t skip = -va & 7;
		const uint8_t *p = ec_file_at(s->f, va, size);

		for (uint64_t at = skip; p && size >= FIRST && at <= size - FIRST;
		     at += 8)
			look(s, va + at, p + at);
	}
}

/*
 * The one way in which it hands on object and buffer through a pointer; `kept` when all
 * of them are the same. The read function may do so in one that it shares with peek.
 */
static bool handed_on(const struct search *s, uint64_t fn, unsigned int buffer, int deep,
		      struct ec_code_handed *out)
{
	struct ec_code_handed v[HANDED];
	bool made, found = false;
	int n = ec_code_handed(s->f, (struct ec_sym){fn, WINDOW}, APP_DATA, &made, v,
			       HANDED);

	for (int i = 0; i < n && made; i++) {
		if (v[i].target || v[i].from[buffer] != 2)
			continue;
		if (found && (v[i].from[4] != out->from[4] || v[i].left != out->left))
			return false;
		*out = v[i];
		found = true;
	}
	for (int i = 0; i < n && !found && deep; i++)
		if (v[i].target && v[i].from[1] == 2 && v[i].from[2] == 3)
			return handed_on(s, v[i].target, buffer, 0, out);
	return found;
}

/*
 * write(ssl, 23, buffer, length) and, since 1.1.1, a fifth: where the count goes, which
 * is the fourth of its own. Then something holds that until the end.
 */
static bool write_fits(const struct search *s, uint64_t fn, bool *counts)
{
	struct ec_code_handed h;

	if (!handed_on(s, fn, 2, 0, &h))
		return false;
	*counts = h.from[4] == 4;
	return *counts || !(h.left & 1 << 3);
}

/* read(ssl, 23, NULL, buffer, length, …) */
static bool read_fits(const struct search *s, uint64_t fn)
{
	struct ec_code_handed h;

	return handed_on(s, fn, 3, 1, &h);
}

static int choose(const struct search *s, struct ec_openssl_methods *out,
		  const char **why)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->n; i++) {
		const struct group *g = &s->v[i];
		bool counts;

		if (!write_fits(s, g->write, &counts) || !read_fits(s, g->read)) {
			if (g->tables >= TABLES_SURE)
				*why = "the functions of its method tables are not known";
			continue;
		}
		if (n++)
			continue;
		out->read = (struct ec_sym){g->read, 0};
		out->write = (struct ec_sym){g->write, 0};
		out->counts = counts;
		out->later = shapes[g->shape].later;
		out->tables = g->tables;
	}
	if (n == 1 && out->tables >= TABLES_MIN)
		return 0;
	if (n > 1)
		*why = "its method tables do not agree";
	memset(out, 0, sizeof(*out));
	return -ENOENT;
}

int ec_openssl_methods_find(const struct ec_file *f, struct ec_openssl_methods *out,
			    const char **why)
{
	_ec_free_ struct search *s = calloc(1, sizeof(*s));
	int err;

	memset(out, 0, sizeof(*out));
	*why = "";
	if (!s)
		return -ENOMEM;
	s->f = f;
	err = ec_pointers_open(f, &s->ps);
	if (err)
		return err;
	look_at_all(s);
	err = choose(s, out, why);
	ec_pointers_free(s->ps);
	return err;
}
