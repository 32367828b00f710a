// SPDX-License-Identifier: GPL-2.0-only
#include "modules/openssl/find_impl.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

unsigned int ec_find_each(const struct ec_units *us,
			  bool (*fits)(const struct ec_unit *u, const void *ctx),
			  const void *ctx, struct ec_unit **out, unsigned int max)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < us->n && n < max; i++) {
		struct ec_unit *u = us->v[i];

		if (ec_unit_counts(u) && fits(u, ctx))
			out[n++] = u;
	}
	return n;
}

void ec_find_add(struct ec_openssl_found *out, const char *name, const struct ec_unit *u,
		 enum ec_openssl_sure sure, const char *how)
{
	if (out->n == EC_OPENSSL_FOUND)
		return;
	out->fn[out->n].sym = u->fn.sym;
	/* a start that only the flow of control tells is no second piece of evidence */
	out->fn[out->n].sure = u->fn.by == EC_FUNCTION_FLOW ? EC_OPENSSL_LIKELY : sure;
	snprintf(out->fn[out->n].name, sizeof(out->fn[0].name), "%s", name);
	snprintf(out->fn[out->n].how, sizeof(out->fn[0].how), "%s", how);
	out->n++;
}

const struct ec_sym *ec_openssl_found_fn(const struct ec_openssl_found *found,
					 const char *name)
{
	for (unsigned int i = 0; i < found->n; i++)
		if (!strcmp(found->fn[i].name, name))
			return &found->fn[i].sym;
	return NULL;
}

/* In the C sources of both the numbers of libraries differ. */
static bool is_boring(const struct ec_units *us)
{
	unsigned int openssl = 0, boring = 0;

	for (unsigned int i = 0; i < us->n; i++) {
		if (!us->v[i]->path)
			continue;
		openssl += us->v[i]->lib_openssl;
		boring += us->v[i]->lib_boring;
	}
	return us->cc || boring > openssl;
}

static bool have(const struct ec_openssl_found *out, const char *exported,
		 const char *internal)
{
	return ec_openssl_found_fn(out, exported) || ec_openssl_found_fn(out, internal);
}

static int find_by_errors(const struct ec_file *f, struct ec_openssl_found *out)
{
	struct ec_units us;
	int err = ec_units_open(f, &us);

	if (err)
		return err;
	err = ec_find_libre(&us, out);
	if (err && !out->how[0])
		err = is_boring(&us) ? ec_find_boring(&us, out)
				     : ec_find_openssl(&us, out);
	ec_units_close(&us);
	if (!err && !(have(out, "SSL_write", "ssl_write_internal") &&
		      have(out, "SSL_read", "ssl_read_internal")))
		err = -ENOENT;
	return err;
}

/*
 * Both internal functions are real: they see every byte, and their returns are known. The
 * others have no method tables like OpenSSL's.
 */
static bool suffices(const struct ec_openssl_found *o)
{
	if (o->family == EC_OPENSSL_BORING || o->family == EC_OPENSSL_AWS_LC ||
	    o->family == EC_OPENSSL_LIBRE)
		return true;
	return ec_openssl_found_fn(o, "ssl_write_internal") && !o->write_inlined &&
	       ec_openssl_found_fn(o, "ssl_read_internal") && !o->read_inlined;
}

static enum ec_openssl_family family_of(const struct ec_file *f,
					const struct ec_openssl_methods *m)
{
	static const char *const name[] = {"SSL_CTX_new_ex"}; /* a text of 3's errors */
	struct ec_text t;

	if (m->later || (m->counts && ec_texts_find(f, name, 1, &t, 1) > 0))
		return EC_OPENSSL_3;
	return EC_OPENSSL_1_1;
}

int ec_openssl_find(const struct ec_file *f, struct ec_openssl_found *out)
{
	const char *why = "";
	int err, by_methods;

	memset(out, 0, sizeof(*out));
	err = find_by_errors(f, out);
	if (err == -ENOMEM || (!err && suffices(out)))
		return err;
	by_methods = ec_openssl_methods_find(f, &out->methods, &why);
	if (by_methods == -ENOMEM)
		return by_methods;
	if (by_methods) /* what was found by the errors may do */
		memset(&out->methods, 0, sizeof(out->methods));
	if (err) {
		out->n = 0;
		out->family = by_methods ? EC_OPENSSL_NONE : family_of(f, &out->methods);
	}
	if (!by_methods)
		snprintf(out->how, sizeof(out->how), "method tables");
	else if (err && !out->how[0])
		snprintf(out->how, sizeof(out->how), "%s", why);
	return err && by_methods ? -ENOENT : 0;
}
