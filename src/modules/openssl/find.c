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

int ec_openssl_find(const struct ec_file *f, struct ec_openssl_found *out)
{
	struct ec_units us;
	int err;

	memset(out, 0, sizeof(*out));
	err = ec_units_open(f, &us);
	if (err)
		return err == -ENOMEM ? err : -ENOENT;
	err = is_boring(&us) ? ec_find_boring(&us, out) : ec_find_openssl(&us, out);
	ec_units_close(&us);
	if (!err && !(have(out, "SSL_write", "ssl_write_internal") &&
		      have(out, "SSL_read", "ssl_read_internal")))
		err = -ENOENT;
	if (err) {
		out->family = EC_OPENSSL_NONE;
		out->n = 0;
	}
	return err == -ENOMEM ? err : err ? -ENOENT : 0;
}
