// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenSSL since 3 reports errors with __func__, before with a number for the function
 * (ERR_put_error). A function that was inlined leaves its name in those that hold it.
 */
#include "modules/openssl/find_impl.h"
#include "base/util.h"
#include "target/code.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct direction {
	enum ec_unit_name plain, internal, early;
	const char *plain_name, *internal_name, *early_name, *ex_name, *ex2_name;
};

static const struct direction sent = {EC_UNIT_WRITE,	    EC_UNIT_WRITE_INTERNAL,
				      EC_UNIT_WRITE_EARLY,  "SSL_write",
				      "ssl_write_internal", "SSL_write_early_data",
				      "SSL_write_ex",	    "SSL_write_ex2"};
static const struct direction received = {
	EC_UNIT_READ,	     EC_UNIT_READ_INTERNAL, EC_UNIT_READ_EARLY, "SSL_read",
	"ssl_read_internal", "SSL_read_early_data", "SSL_read_ex",	NULL};

struct search {
	struct ec_units *us;
	struct ec_openssl_found *out;
	bool texts; /* names, not numbers */
	const char *how;
};

/* What a unit is named after. */
static uint32_t names_of(const struct search *s, const struct ec_unit *u)
{
	return s->texts ? u->texts : u->lib_openssl ? u->codes : 0;
}

static unsigned int named(const struct search *s, enum ec_unit_name name,
			  struct ec_unit **v)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->us->n && n < EC_FIND_MANY; i++) {
		struct ec_unit *u = s->us->v[i];

		if (ec_unit_counts(u) && names_of(s, u) & 1u << name)
			v[n++] = u;
	}
	return n;
}

/* It holds both directions: a function of the program's own, with these inlined. */
static bool is_mixed(const struct search *s, const struct ec_unit *u)
{
	const uint32_t writes = 1u << EC_UNIT_WRITE | 1u << EC_UNIT_WRITE_INTERNAL |
				1u << EC_UNIT_WRITE_EARLY;
	const uint32_t reads = 1u << EC_UNIT_READ | 1u << EC_UNIT_READ_INTERNAL |
			       1u << EC_UNIT_READ_EARLY;
	uint32_t names = names_of(s, u);

	return names & writes && names & reads;
}

/* The one of that name: of several that which has no other one's name as well. */
static struct ec_unit *only(const struct search *s, enum ec_unit_name name,
			    uint32_t may_hold)
{
	struct ec_unit *v[EC_FIND_MANY], *best = NULL;
	unsigned int n = named(s, name, v), fit = 0;

	if (n == 1)
		return is_mixed(s, v[0]) ? NULL : v[0];
	for (unsigned int i = 0; i < n; i++) {
		if (names_of(s, v[i]) & ~(may_hold | 1u << name))
			continue;
		best = v[i];
		fit++;
	}
	return fit == 1 ? best : NULL;
}

static bool holds(struct ec_unit *const *v, unsigned int n, const struct ec_unit *u)
{
	for (unsigned int i = 0; i < n; i++)
		if (v[i] == u)
			return true;
	return false;
}

static int amiss(struct search *s, const char *text, const char *name)
{
	snprintf(s->out->how, sizeof(s->out->how), "%s%s", text, name);
	return -ENOENT;
}

static int unclear(struct search *s, const struct direction *d)
{
	s->out->copies = true;
	return amiss(s, "unclear which functions hold ", d->internal_name);
}

/* The internal function is real: the _ex forms call it, and the early form calls them. */
static void add_callers(struct search *s, const struct direction *d,
			const struct ec_unit *early, const struct ec_unit *plain,
			const struct ec_unit *internal)
{
	struct ec_unit *v[EC_FIND_MANY], *ex = NULL;
	int n = ec_units_callers(s->us, internal, v, EC_FIND_MANY);
	unsigned int found = 0;

	for (int i = 0; i < n && early; i++)
		if (v[i] != plain && v[i] != early &&
		    ec_unit_calls(early, v[i]->fn.sym.va)) {
			ex = v[i];
			found++;
		}
	if (found == 1)
		ec_find_add(s->out, d->ex_name, ex, EC_OPENSSL_LIKELY,
			    "called by early data");
}

/*
 * `v` hold the internal function's code and have no name of their own: itself, which
 * returns -1 and which BIO_f_ssl uses, and the _ex forms, which make that 0. Of these
 * the newer one can have flags. All must get a name, or bytes would be unseen.
 */
static int name_copies(struct search *s, const struct direction *d, struct ec_unit **v,
		       unsigned int n)
{
	const struct ec_unit *internal = NULL, *ex = NULL, *ex2 = NULL;

	for (unsigned int i = 0; i < n; i++) {
		const struct ec_unit **as = v[i]->minus	  ? &internal
					    : v[i]->flags ? &ex2
							  : &ex;

		if (*as)
			return unclear(s, d);
		*as = v[i];
	}
	if (ex2 && !d->ex2_name)
		return unclear(s, d);
	if (internal)
		ec_find_add(s->out, d->internal_name, internal, EC_OPENSSL_LIKELY,
			    s->how);
	if (ex)
		ec_find_add(s->out, d->ex_name, ex, EC_OPENSSL_LIKELY, s->how);
	if (ex2)
		ec_find_add(s->out, d->ex2_name, ex2, EC_OPENSSL_LIKELY, s->how);
	return 0;
}

/* Object and buffer are handed on to the method as they came. */
static bool hands_on(const struct search *s, const struct ec_unit *u)
{
	struct ec_code_handed v[32];
	bool made;
	int n = ec_code_handed(s->us->f, u->fn.sym, 0, &made, v, EC_ARRAY_SIZE(v));

	for (int i = 0; i < n; i++)
		if (!v[i].target && v[i].from[1] == 2)
			return true;
	return false;
}

/* The plain one passes its own object and buffer on, and the count where it must be. */
static bool call_fits(const struct search *s, const struct direction *d,
		      const struct ec_unit *plain, const struct ec_unit *internal)
{
	int want = d == &sent && s->out->write_flags ? 5 : 4, arg;

	return !ec_code_count_arg(s->us->f, plain->fn.sym, internal->fn.sym.va, &arg) &&
	       arg == want;
}

static int find_direction(struct search *s, const struct direction *d, bool *inlined)
{
	const uint32_t may_hold = 1u << d->internal;
	struct ec_unit *v[EC_FIND_MANY], *plain, *early, *called = NULL;
	unsigned int n = named(s, d->internal, v), others = 0, calls = 0;

	plain = only(s, d->plain, may_hold);
	early = only(s, d->early, may_hold | 1u << d->plain);
	if (!plain || early == plain)
		return amiss(s, "not one function that is ", d->plain_name);
	ec_find_add(s->out, d->plain_name, plain, EC_OPENSSL_LIKELY, s->how);
	if (early)
		ec_find_add(s->out, d->early_name, early, EC_OPENSSL_LIKELY, s->how);
	*inlined = holds(v, n, plain) || (early && holds(v, n, early));
	for (unsigned int i = 0; i < n; i++) {
		if (is_mixed(s, v[i]))
			return unclear(s, d);
		s->out->write_flags |= d == &sent && v[i]->flags;
		if (v[i] == plain || v[i] == early)
			continue;
		if (ec_unit_calls(plain, v[i]->fn.sym.va)) {
			called = v[i];
			calls++;
		}
		v[others++] = v[i];
	}
	if (!n) /* before 1.1.1 */
		return hands_on(s, plain)
			       ? 0
			       : amiss(s, "not one function that is ", d->plain_name);
	/* a call through the table of a shared library's links is not seen */
	if (calls > 1 || (!calls && !*inlined && (others != 1 || !v[0]->minus)))
		return amiss(s, "not one function that is ", d->internal_name);
	if (*inlined || others > 1) {
		*inlined = true;
		return name_copies(s, d, v, others);
	}
	if (called && !call_fits(s, d, plain, called))
		return amiss(s, "its arguments are not those of ", d->internal_name);
	if (called)
		s->out->fn[s->out->n - 1 - !!early].sure = EC_OPENSSL_CERTAIN;
	ec_find_add(s->out, d->internal_name, v[0],
		    called ? EC_OPENSSL_CERTAIN : EC_OPENSSL_LIKELY, s->how);
	add_callers(s, d, early, plain, v[0]);
	return 0;
}

/* What SSL_new lets go of when it fails, and SSL_CTX_new does not. */
static void find_free(struct search *s)
{
	const struct ec_unit *from = only(s, EC_UNIT_CONNECTION_NEW, 1u << EC_UNIT_NEW);
	const struct ec_unit *ctx_new = only(s, EC_UNIT_CTX_NEW, 0), *found = NULL;
	unsigned int n = 0;

	if (!from)
		from = only(s, EC_UNIT_NEW, 0);
	if (!from || !ctx_new)
		return;
	for (unsigned int i = 0; i < from->ncalls; i++) {
		const struct ec_unit *u = ec_units_at(s->us, from->calls[i]);

		/* it reports no errors */
		if (!u || !u->path || u->lib_openssl || names_of(s, u) ||
		    ec_unit_calls(ctx_new, u->fn.sym.va))
			continue;
		found = u;
		n++;
	}
	if (n == 1)
		ec_find_add(s->out, "SSL_free", found, EC_OPENSSL_LIKELY,
			    "called by SSL_new");
}

/* Those that inlined it are larger by what they do themselves. */
static struct ec_unit *smallest(const struct search *s, enum ec_unit_name name)
{
	struct ec_unit *v[EC_FIND_MANY], *best = NULL;
	unsigned int n = named(s, name, v);

	for (unsigned int i = 0; i < n; i++)
		if (!is_mixed(s, v[i]) &&
		    (!best || v[i]->fn.sym.size < best->fn.sym.size))
			best = v[i];
	return best;
}

static void find_rest(struct search *s)
{
	static const struct {
		enum ec_unit_name name;
		const char *text;
	} rest[] = {{EC_UNIT_SHAKE, "SSL_do_handshake"}, {EC_UNIT_CLEAR, "SSL_clear"}};
	struct ec_unit *u = only(s, EC_UNIT_PEEK, 1u << EC_UNIT_PEEK_INTERNAL);

	if (u)
		ec_find_add(s->out, "SSL_peek", u, EC_OPENSSL_LIKELY, s->how);
	for (size_t i = 0; i < EC_ARRAY_SIZE(rest); i++) {
		u = smallest(s, rest[i].name);
		if (u)
			ec_find_add(s->out, rest[i].text, u, EC_OPENSSL_LIKELY, s->how);
	}
	find_free(s);
}

int ec_find_openssl(struct ec_units *us, struct ec_openssl_found *out)
{
	struct search s = {.us = us, .out = out, .texts = true, .how = "__func__"};
	struct ec_unit *v[EC_FIND_MANY];
	int err;

	if (!named(&s, EC_UNIT_WRITE, v) && !named(&s, EC_UNIT_READ, v)) {
		s.texts = false;
		s.how = "error codes";
	}
	err = find_direction(&s, &sent, &out->write_inlined);
	if (!err)
		err = find_direction(&s, &received, &out->read_inlined);
	if (err)
		return err;
	find_rest(&s);
	out->family = s.texts ? EC_OPENSSL_3
		      : named(&s, EC_UNIT_DANE, v) || named(&s, EC_UNIT_WRITE_INTERNAL, v)
			      ? EC_OPENSSL_1_1
			      : EC_OPENSSL_1_0;
	snprintf(out->how, sizeof(out->how), "%s beside ssl_lib.c", s.how);
	return 0;
}
