// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenSSL since 3 reports errors with __func__, before with a number for the function
 * (ERR_put_error). A function that was inlined leaves its name in those that hold it.
 */
#include "modules/openssl/find_impl.h"
#include "base/util.h"
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

		if (!u->whole && u->path && names_of(s, u) & 1u << name)
			v[n++] = u;
	}
	return n;
}

/* The one of that name: of several that which has no other one's name as well. */
static struct ec_unit *only(const struct search *s, enum ec_unit_name name,
			    uint32_t may_hold)
{
	struct ec_unit *v[EC_FIND_MANY], *best = NULL;
	unsigned int n = named(s, name, v), fit = 0;

	if (n == 1)
		return v[0];
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

/* A function that `from` calls and that holds the internal one, or calls it. */
static struct ec_unit *callee(const struct search *s, const struct ec_unit *from,
			      struct ec_unit *const *v, unsigned int n,
			      const struct ec_unit *internal, const struct ec_unit * not )
{
	struct ec_unit *callers[EC_FIND_MANY], *best = NULL;
	unsigned int found = 0;
	int m = internal ? ec_units_callers(s->us, internal, callers, EC_FIND_MANY) : 0;

	for (unsigned int i = 0; i < n; i++)
		if (v[i] != from && v[i] != not &&v[i] != internal &&
		    ec_unit_calls(from, v[i]->fn.sym.va)) {
			best = v[i];
			found++;
		}
	for (int i = 0; i < m; i++)
		if (callers[i] != from && callers[i] != not &&!holds(v, n, callers[i]) &&
		    ec_unit_calls(from, callers[i]->fn.sym.va)) {
			best = callers[i];
			found++;
		}
	return found == 1 ? best : NULL;
}

/*
 * The _ex forms report no errors of their own: the early data form calls them. v: all
 * that hold the internal function's code, itself too.
 */
static void find_ex(struct search *s, const struct direction *d, struct ec_unit **v,
		    unsigned int n, const struct ec_unit *plain,
		    const struct ec_unit *internal, struct ec_unit **ex,
		    struct ec_unit **ex2)
{
	struct ec_unit *early = only(s, d->early, 1u << d->internal);

	*ex = *ex2 = NULL;
	if (!early)
		return;
	ec_find_add(s->out, d->early_name, early, EC_OPENSSL_LIKELY, s->how);
	*ex = callee(s, early, v, n, internal, plain);
	if (!*ex)
		return;
	ec_find_add(s->out, d->ex_name, *ex, EC_OPENSSL_LIKELY, "called by early data");
	if (d->ex2_name)
		*ex2 = callee(s, *ex, v, n, internal, plain);
	if (*ex2)
		ec_find_add(s->out, d->ex2_name, *ex2, EC_OPENSSL_LIKELY,
			    "called by the _ex form");
}

/* Of those that hold the internal function's code what has no name yet is itself. */
static int left_over(struct search *s, const struct direction *d, struct ec_unit **v,
		     unsigned int n, const struct ec_unit **internal)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < n; i++) {
		bool known = false;

		for (unsigned int k = 0; k < s->out->n; k++)
			known |= s->out->fn[k].sym.va == v[i]->fn.sym.va;
		if (known)
			continue;
		*internal = v[i];
		left++;
	}
	/* It returns -1 where the _ex forms make that 0. */
	if (left > 1 || (left == 1 && !(*internal)->minus))
		return amiss(s, "unclear which functions hold ", d->internal_name);
	return 0;
}

static int find_direction(struct search *s, const struct direction *d, bool *inlined)
{
	struct ec_unit *v[EC_FIND_MANY], *plain, *ex, *ex2;
	unsigned int n = named(s, d->internal, v), called = 0;
	const struct ec_unit *internal = NULL;
	int err;

	plain = only(s, d->plain, 1u << d->internal);
	if (!plain)
		return amiss(s, "not one function that is ", d->plain_name);
	ec_find_add(s->out, d->plain_name, plain, EC_OPENSSL_LIKELY, s->how);
	*inlined = !n || holds(v, n, plain);
	if (!n)
		return 0; /* before 1.1.1 */
	for (unsigned int i = 0; i < n && !*inlined; i++)
		if (ec_unit_calls(plain, v[i]->fn.sym.va)) {
			internal = v[i];
			called++;
		}
	if (!*inlined && called != 1)
		return amiss(s, "not one function that is ", d->internal_name);
	if (internal) {
		s->out->fn[s->out->n - 1].sure = EC_OPENSSL_CERTAIN;
		ec_find_add(s->out, d->internal_name, internal, EC_OPENSSL_CERTAIN,
			    s->how);
	}
	find_ex(s, d, v, n, plain, internal, &ex, &ex2);
	err = left_over(s, d, v, n, &internal);
	if (!err && *inlined && internal)
		ec_find_add(s->out, d->internal_name, internal, EC_OPENSSL_LIKELY,
			    s->how);
	return err;
}

/* What SSL_new lets go of when it fails. */
static void find_free(struct search *s)
{
	struct ec_unit *from = only(s, EC_UNIT_CONNECTION_NEW, 1u << EC_UNIT_NEW);
	struct ec_unit *found = NULL;
	unsigned int n = 0;

	if (!from)
		from = only(s, EC_UNIT_NEW, 0);
	for (unsigned int i = 0; from && i < from->ncalls; i++) {
		struct ec_unit *u = ec_units_at(s->us, from->calls[i]);

		if (!u || !u->path || names_of(s, u) || u == found)
			continue;
		found = u;
		n++;
	}
	if (n == 1)
		ec_find_add(s->out, "SSL_free", found, EC_OPENSSL_LIKELY,
			    "called by SSL_new");
}

static void find_rest(struct search *s)
{
	static const struct {
		enum ec_unit_name name;
		const char *text;
	} rest[] = {{EC_UNIT_SHAKE, "SSL_do_handshake"},
		    {EC_UNIT_CLEAR, "SSL_clear"},
		    {EC_UNIT_PEEK, "SSL_peek"}};

	for (size_t i = 0; i < EC_ARRAY_SIZE(rest); i++) {
		struct ec_unit *u = only(s, rest[i].name, 1u << EC_UNIT_PEEK_INTERNAL);

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
