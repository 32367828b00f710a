// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenSSL since 1.1.1: SSL_read, SSL_write, their _ex forms, early data and BIO_f_ssl all
 * end in ssl_read_internal and ssl_write_internal (ssl/ssl_lib.c there), which are not
 * exported: they are what the exported functions call. Probing only those sees every byte
 * once. Where they were inlined, and in all other libraries, the exported functions are
 * probed, outermost call only: there BIO_f_ssl calls those.
 */
#include "modules/openssl/directions.h"
#include "modules/openssl/points.h"
#include "target/code.h"
#include <errno.h>
#include <stdio.h>

struct function {
	const char *name;
	enum ec_shape shape;
};

/* A direction: the two functions that must agree, and all that are exported. */
struct ec_openssl_direction {
	uint16_t prog; /* on entry; the next one on return */
	const char *internal;
	const char *plain, *ex, *ex2;
	struct function exported[5];
};

const struct ec_openssl_direction ec_openssl_sent = {
	.prog = EC_SSL_WRITE_IN,
	.internal = "ssl_write_internal",
	.plain = "SSL_write",
	.ex = "SSL_write_ex",
	.ex2 = "SSL_write_ex2",
	.exported = {{"SSL_write", EC_SHAPE_RET},
		     {"SSL_write_ex", EC_SHAPE_ARG4},
		     {"SSL_write_ex2", EC_SHAPE_ARG5},
		     {"SSL_write_early_data", EC_SHAPE_ARG4}},
};

/* Never SSL_peek: what it shows is read again. BoringSSL's SSL_read calls it. */
const struct ec_openssl_direction ec_openssl_received = {
	.prog = EC_SSL_READ_IN,
	.internal = "ssl_read_internal",
	.plain = "SSL_read",
	.ex = "SSL_read_ex",
	.exported = {{"SSL_read", EC_SHAPE_RET},
		     {"SSL_read_ex", EC_SHAPE_ARG4},
		     {"SSL_read_early_data", EC_SHAPE_ARG4}},
};

static bool callee_of(const struct ec_openssl_names *n, const char *name, uint64_t *va)
{
	struct ec_sym s;

	return ec_openssl_fn(n, name, &s) && !ec_code_callee(n->f, s, va);
}

static bool count_of(const struct ec_openssl_names *n, const char *name, uint64_t callee,
		     int *arg)
{
	struct ec_sym s;

	return ec_openssl_fn(n, name, &s) && !ec_code_count_arg(n->f, s, callee, arg);
}

/* Without symbols: the finder has told whether others hold its code too. */
static bool take_found(const struct ec_openssl_names *n,
		       const struct ec_openssl_direction *d, uint64_t *va,
		       enum ec_shape *shape)
{
	bool sent = d->prog == EC_SSL_WRITE_IN;
	struct ec_sym s;

	if ((sent ? n->found->write_inlined : n->found->read_inlined) ||
	    !ec_openssl_fn(n, d->internal, &s))
		return false;
	*va = s.va;
	*shape = sent && n->found->write_flags ? EC_SHAPE_ARG5 : EC_SHAPE_ARG4;
	return true;
}

/*
 * The internal function: called by the _ex form (since 3.3 that one may call the _ex2
 * form, which then calls it) and by the plain one, which passes the address of a variable
 * of its own for the count. Functions that inlined it call others, but not like that.
 */
static bool find_internal(const struct ec_openssl_names *n,
			  const struct ec_openssl_direction *d, uint64_t *va,
			  enum ec_shape *shape)
{
	const char *ex = d->ex;
	struct ec_sym ex2, named;
	bool have_ex2 = ec_openssl_fn(n, d->ex2, &ex2);
	int arg, ex_arg;
	uint64_t target;

	if (n->found)
		return take_found(n, d, va, shape);

	if (!callee_of(n, ex, &target) || (have_ex2 && target == ex2.va)) {
		ex = d->ex2;
		if (!callee_of(n, ex, &target))
			return false;
	}
	/* A static function's name, where it is left, must not say otherwise. */
	if (ec_openssl_fn(n, d->internal, &named) && named.va != target)
		return false;
	if (!count_of(n, d->plain, target, &arg) || !count_of(n, ex, target, &ex_arg))
		return false;
	/* The _ex2 form has five arguments of its own and passes all of them on. */
	if (ex == d->ex2 ? arg != 5 : arg != ex_arg)
		return false;
	*va = target;
	*shape = arg == 5 ? EC_SHAPE_ARG5 : EC_SHAPE_ARG4;
	return true;
}

/*
 * Where the exported functions inlined the internal one (node), a copy of it is left for
 * BIO_f_ssl, and sometimes its name. 3.3 brought SSL_write_ex2 and, with it, the flags as
 * its fourth argument.
 */
static void add_copy(const struct ec_openssl_names *n,
		     const struct ec_openssl_direction *d, struct ec_plan *plan)
{
	struct ec_sym fn, ex2;
	bool sent = d->prog == EC_SSL_WRITE_IN;
	bool flags =
		n->found ? sent && n->found->write_flags : ec_openssl_fn(n, d->ex2, &ex2);

	if (ec_openssl_fn(n, d->internal, &fn))
		ec_openssl_pair(n->f, plan, fn, d->prog,
				flags ? EC_SHAPE_ARG5 : EC_SHAPE_ARG4, d->internal, true);
}

/* By the method tables: one function sees every byte of a direction. */
static bool plan_method(const struct ec_openssl_names *n,
			const struct ec_openssl_direction *d, struct ec_plan *plan)
{
	bool sent = d->prog == EC_SSL_WRITE_IN;
	enum ec_shape shape = n->methods->counts ? EC_SHAPE_ARG4 : EC_SHAPE_RET;

	return ec_openssl_pair(n->f, plan, sent ? n->methods->write : n->methods->read,
			       d->prog, shape, sent ? "ssl3_write" : "ssl3_read", true);
}

int ec_openssl_direction_plan(const struct ec_openssl_names *n,
			      const struct ec_openssl_direction *d, bool internals,
			      struct ec_plan *plan, bool *internal)
{
	struct ec_sym fn = {0};
	enum ec_shape shape;
	bool any = false;

	if (n->methods) {
		*internal = plan_method(n, d, plan);
		if (!*internal)
			snprintf(plan->why, sizeof(plan->why), "%s cannot be probed",
				 d->prog == EC_SSL_WRITE_IN ? "ssl3_write" : "ssl3_read");
		return *internal ? 0 : -ENOENT;
	}
	*internal = internals && find_internal(n, d, &fn.va, &shape) &&
		    ec_openssl_pair(n->f, plan, fn, d->prog, shape, d->internal, true);
	if (*internal)
		return 0;
	for (const struct function *e = d->exported; e->name; e++) {
		if (!ec_openssl_fn(n, e->name, &fn))
			continue;
		if (ec_openssl_pair(n->f, plan, fn, d->prog, e->shape, e->name, false)) {
			any = true;
			continue;
		}
		/* One of them unseen would be bytes unseen. */
		snprintf(plan->why, sizeof(plan->why), "%s cannot be probed", e->name);
		return -ENOENT;
	}
	if (!any) {
		snprintf(plan->why, sizeof(plan->why), "no function %s", d->plain);
		return -ENOENT;
	}
	if (internals)
		add_copy(n, d, plan);
	plan->params.flags |= EC_TARGET_NESTS;
	return 0;
}
