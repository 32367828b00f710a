// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenSSL 3 and 4. SSL_read, SSL_write, their _ex forms, early data and BIO_f_ssl all end
 * in ssl_read_internal and ssl_write_internal (ssl/ssl_lib.c there), which are not
 * exported: they are what the exported functions call. Probing only those sees every byte
 * once. Where they were inlined, the exported functions are probed, outermost call only.
 */
#include "base/util.h"
#include "modules/module.h"
#include "modules/openssl/version.h"
#include "target/code.h"
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

enum { WRITE_IN, WRITE_OUT, READ_IN, READ_OUT, SHAKE_IN, FREE, CLEAR };

#define RETURNS_MAX 16 /* of one function; real ones have 1 to 4 */

static const char *const progs[] = {
	[WRITE_IN] = "ec_ssl_call_in", [WRITE_OUT] = "ec_ssl_data_out",
	[READ_IN] = "ec_ssl_call_in",  [READ_OUT] = "ec_ssl_data_out",
	[SHAKE_IN] = "ec_ssl_call_in", [FREE] = "ec_ssl_free",
	[CLEAR] = "ec_ssl_clear",      NULL,
};

struct function {
	const char *name;
	enum ec_shape shape;
};

/* A direction: the two functions that must agree, and all that are exported. */
struct direction {
	uint16_t prog; /* on entry; the next one on return */
	const char *internal;
	const char *plain, *ex, *ex2;
	struct function exported[5];
};

static const struct direction sent = {
	.prog = WRITE_IN,
	.internal = "ssl_write_internal",
	.plain = "SSL_write",
	.ex = "SSL_write_ex",
	.ex2 = "SSL_write_ex2",
	.exported = {{"SSL_write", EC_SHAPE_RET},
		     {"SSL_write_ex", EC_SHAPE_ARG4},
		     {"SSL_write_ex2", EC_SHAPE_ARG5},
		     {"SSL_write_early_data", EC_SHAPE_ARG4}},
};

/* Never SSL_peek: what it shows is read again. */
static const struct direction received = {
	.prog = READ_IN,
	.internal = "ssl_read_internal",
	.plain = "SSL_read",
	.ex = "SSL_read_ex",
	.exported = {{"SSL_read", EC_SHAPE_RET},
		     {"SSL_read_ex", EC_SHAPE_ARG4},
		     {"SSL_read_early_data", EC_SHAPE_ARG4}},
};

static struct ec_point *add_point(const struct ec_file *f, struct ec_plan *plan,
				  uint64_t va, int prog, enum ec_shape shape,
				  const char *name)
{
	enum ec_step step = ec_code_step(f, va);
	struct ec_point *p;
	uint64_t offset;

	if (plan->npoints == EC_PLAN_POINTS || step == EC_STEP_REFUSED ||
	    ec_file_va_to_offset(f, va, &offset))
		return NULL;
	p = &plan->points[plan->npoints++];
	p->offset = offset;
	p->prog = prog;
	p->shape = shape;
	p->dir = prog == WRITE_IN || prog == WRITE_OUT ? EC_DIR_SENT
		 : prog == READ_IN || prog == READ_OUT ? EC_DIR_RECV
						       : EC_DIR_NONE;
	p->stepped = step == EC_STEP_STEPPED;
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

/* Functions that end with one another have returns in common. */
static bool has_return(const struct ec_file *f, const struct ec_plan *plan, uint64_t va,
		       int prog)
{
	uint64_t offset;

	if (ec_file_va_to_offset(f, va, &offset))
		return false;
	for (uint32_t i = 0; i < plan->npoints; i++)
		if (plan->points[i].ret == EC_POINT_RET_INSN &&
		    plan->points[i].offset == offset && plan->points[i].prog == prog)
			return true;
	return false;
}

/*
 * The same returns by instructions; what cannot be seen so is said in the plan. Functions
 * that only this file calls often end with a jump through the method table: then the
 * places where their calls come back to.
 */
static void add_returns(const struct ec_file *f, struct ec_plan *plan, struct ec_sym fn,
			int prog, enum ec_shape shape, const char *name, bool internal)
{
	enum ec_point_ret ret = EC_POINT_RET_INSN;
	uint64_t va[RETURNS_MAX];
	int n = ec_code_returns(f, fn, va, RETURNS_MAX);

	if (n == -EMLINK && internal) {
		ret = EC_POINT_RET_SITE;
		n = ec_code_return_sites(f, fn.va, va, RETURNS_MAX);
	}
	for (int i = 0; i < n; i++) {
		struct ec_point *p;

		if (ret == EC_POINT_RET_INSN && has_return(f, plan, va[i], prog))
			continue;
		p = add_point(f, plan, va[i], prog, shape, name);
		if (!p) {
			n = -E2BIG;
			break;
		}
		p->ret = ret;
	}
	if (n < 0 && !plan->no_insn[0])
		snprintf(plan->no_insn, sizeof(plan->no_insn),
			 "%s: not all of its returns can be found", name);
}

/* Entry and return of one function, at the same place. */
static bool add_pair(const struct ec_file *f, struct ec_plan *plan, struct ec_sym fn,
		     int prog, enum ec_shape shape, const char *name, bool internal)
{
	uint64_t va = ec_code_entry(f, fn, true, 0);
	struct ec_point *out;

	if (plan->npoints + 2 > EC_PLAN_POINTS ||
	    !add_point(f, plan, va, prog, shape, name))
		return false;
	out = add_point(f, plan, va, prog + 1, shape, name);
	if (!out)
		return false;
	out->is_return = 1;
	add_returns(f, plan, fn, prog + 1, shape, name, internal);
	return true;
}

static bool callee_of(const struct ec_file *f, const char *name, uint64_t *va)
{
	struct ec_sym s;

	return name && !ec_file_symbol(f, name, &s) && !ec_code_callee(f, s, va);
}

static bool count_of(const struct ec_file *f, const char *name, uint64_t callee, int *arg)
{
	struct ec_sym s;

	return name && !ec_file_symbol(f, name, &s) &&
	       !ec_code_count_arg(f, s, callee, arg);
}

/*
 * The internal function: called by the _ex form (since 3.3 that one may call the _ex2
 * form, which then calls it) and by the plain one, which passes the address of a variable
 * of its own for the count. Functions that inlined it call others, but not like that.
 */
static bool find_internal(const struct ec_file *f, const struct direction *d,
			  uint64_t *va, enum ec_shape *shape)
{
	const char *ex = d->ex;
	struct ec_sym ex2, named;
	bool have_ex2 = d->ex2 && !ec_file_symbol(f, d->ex2, &ex2);
	int arg, ex_arg;
	uint64_t target;

	if (!callee_of(f, ex, &target) || (have_ex2 && target == ex2.va)) {
		ex = d->ex2;
		if (!callee_of(f, ex, &target))
			return false;
	}
	/* A static function's name, where it is left, must not say otherwise. */
	if (!ec_file_symbol(f, d->internal, &named) && named.va != target)
		return false;
	if (!count_of(f, d->plain, target, &arg) || !count_of(f, ex, target, &ex_arg))
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
 * BIO_f_ssl, and sometimes its name. Its arguments are known by version only.
 */
static void add_copy(const struct ec_file *f, const struct direction *d,
		     const struct ec_openssl_version *v, struct ec_plan *plan)
{
	bool flags = v->major > 3 || v->minor > 2;
	struct ec_sym fn;

	if (!ec_openssl_known(v) || ec_file_symbol(f, d->internal, &fn))
		return;
	add_pair(f, plan, fn, d->prog,
		 d->prog == WRITE_IN && flags ? EC_SHAPE_ARG5 : EC_SHAPE_ARG4,
		 d->internal, true);
}

/* 0, or -ENOENT with plan->why. *internal says which way it went. */
static int plan_direction(const struct ec_file *f, const struct direction *d,
			  const struct ec_openssl_version *v, struct ec_plan *plan,
			  bool *internal)
{
	struct ec_sym fn = {0};
	enum ec_shape shape;
	bool any = false;

	*internal = find_internal(f, d, &fn.va, &shape) &&
		    add_pair(f, plan, fn, d->prog, shape, d->internal, true);
	if (*internal)
		return 0;
	for (const struct function *e = d->exported; e->name; e++) {
		if (ec_file_symbol(f, e->name, &fn))
			continue;
		if (add_pair(f, plan, fn, d->prog, e->shape, e->name, false)) {
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
	add_copy(f, d, v, plan);
	plan->params.flags |= EC_TARGET_NESTS;
	return 0;
}

/* Handshake and end of a connection: useful, not needed. */
static void plan_optional(const struct ec_file *f, struct ec_plan *plan)
{
	static const struct {
		const char *name;
		int prog;
	} points[] = {
		{"SSL_do_handshake", SHAKE_IN}, {"SSL_free", FREE}, {"SSL_clear", CLEAR}};
	struct ec_sym fn;

	for (size_t i = 0; i < EC_ARRAY_SIZE(points); i++)
		if (!ec_file_symbol(f, points[i].name, &fn))
			add_point(f, plan, ec_code_entry(f, fn, false, 1), points[i].prog,
				  EC_SHAPE_NONE, points[i].name);
}

/* A field's offset from an accessor's code: a pointer's, inside a structure's size. */
static bool field_of(const struct ec_file *f, const char *accessor, uint32_t *offset)
{
	struct ec_sym s;
	uint32_t v;

	if (ec_file_symbol(f, accessor, &s) || ec_code_accessor(f, s, &v) || !v ||
	    v % 8 || v >= 4096)
		return false;
	*offset = v;
	return true;
}

/* Code first, because forks move fields; the table for what the code does not say. */
static const char *plan_bios(const struct ec_file *f, const struct ec_openssl_version *v,
			     struct ec_target *t)
{
	const struct ec_openssl_layout *l = ec_openssl_layout_of(v);
	uint32_t rbio, wbio;
	bool r = field_of(f, "SSL_get_rbio", &rbio);
	bool w = field_of(f, "SSL_get_wbio", &wbio);

	t->bio_method = EC_OPENSSL_BIO_METHOD;
	t->method_type = EC_OPENSSL_METHOD_TYPE;
	t->bio_num = EC_OPENSSL_BIO_NUM;
	t->rbio = t->wbio = EC_KOFF_NONE;
	if (r) {
		t->rbio = rbio;
		/* The other one follows from the same layout, whatever the version. */
		l = ec_openssl_layout_with(rbio);
	}
	if (w)
		t->wbio = wbio;
	if (l && !r)
		t->rbio = l->rbio;
	if (l && !w)
		t->wbio = l->wbio;
	if (r && w)
		return l && l->wbio == wbio ? "BIO by code and table" : "BIO by code";
	if (r || w)
		return "BIO by code or table";
	return l ? "BIO by table" : "BIO unknown";
}

static int plan(const struct ec_file *f, struct ec_plan *out)
{
	bool wrote, read, imports = ec_file_imports(f, "SSL_read");
	struct ec_openssl_version v = {0};
	struct ec_sym fn;
	const char *bios;
	int err;

	memset(out, 0, sizeof(*out));
	if (ec_file_symbol(f, "SSL_write", &fn) || ec_file_symbol(f, "SSL_read", &fn)) {
		snprintf(
			out->why, sizeof(out->why), "%s",
			imports ? "it uses a TLS library but holds none: name the library"
				: "no functions SSL_read and SSL_write");
		return -ENOENT;
	}
	err = ec_openssl_recognise(f, out, &v);
	if (!err)
		err = plan_direction(f, &sent, &v, out, &wrote);
	if (!err)
		err = plan_direction(f, &received, &v, out, &read);
	if (err) {
		out->npoints = 0;
		return err;
	}
	plan_optional(f, out);
	bios = plan_bios(f, &v, &out->params);
	snprintf(out->how, sizeof(out->how), "symbols; %s; %s",
		 wrote && read	 ? "internal functions by call target"
		 : wrote || read ? "internal and exported functions"
				 : "exported functions",
		 bios);
	return 0;
}

static bool wants(const char *base_name)
{
	return !fnmatch("libssl.so*", base_name, 0) ||
	       !fnmatch("libssl-*.so*", base_name, 0);
}

static const char *const aliases[] = {"openssl", "boringssl", NULL};
static const char *const search[] = {"libssl.so*", NULL};

const struct ec_module ec_module_openssl = {
	.name = "tls",
	.aliases = aliases,
	.tag = "ssl",
	.summary = "plaintext of TLS connections made with OpenSSL 3",
	.file_option = "libssl",
	.file_help = "library or static program to probe, instead of those found",
	.search = search,
	.wants = wants,
	.anywhere = true,
	.plan = plan,
	.progs = progs,
};
