// SPDX-License-Identifier: GPL-2.0-only
#include "modules/openssl/bios.h"
#include "base/util.h"
#include "modules/openssl/offsets.h"
#include "target/code.h"

/* A field's offset from an accessor's code: a pointer's, inside a structure's size. */
static bool field_of(const struct ec_openssl_names *n, const char *accessor,
		     uint32_t *offset)
{
	struct ec_sym s;
	uint32_t v;

	if (!ec_openssl_fn(n, accessor, &s) || ec_code_accessor(n->f, s, &v) || !v ||
	    v % 8 || v >= 4096)
		return false;
	*offset = v;
	return true;
}

bool ec_openssl_bios_fit(const struct ec_openssl_names *n)
{
	uint32_t rbio, wbio;

	return field_of(n, "SSL_get_rbio", &rbio) && field_of(n, "SSL_get_wbio", &wbio) &&
	       wbio == rbio + 8;
}

/* What is in a BIO no accessor tells. A wrong descriptor is worse than none. */
static void plan_bio(const struct ec_openssl_version *v, struct ec_target *t)
{
	const struct ec_openssl_layout *l = ec_openssl_bio_of(v);

	t->bio_method = l ? l->bio_method : 0;
	t->bio_num = !l					    ? EC_KOFF_NONE
		     : l->bio_num == EC_OPENSSL_BIO_UNKNOWN ? EC_KOFF_SELF
							    : l->bio_num;
	t->method_type = EC_OPENSSL_METHOD_TYPE;
}

enum ec_openssl_bios ec_openssl_bios_plan(const struct ec_openssl_names *n,
					  const struct ec_openssl_version *v, bool known,
					  struct ec_target *t)
{
	const struct ec_openssl_layout *row = known ? ec_openssl_layout_of(v) : NULL;
	const struct ec_openssl_layout *l = row;
	uint32_t rbio, wbio;
	bool r = field_of(n, "SSL_get_rbio", &rbio);
	bool w = field_of(n, "SSL_get_wbio", &wbio);

	plan_bio(v, t);
	t->rbio = t->wbio = EC_KOFF_NONE;
	if (r) {
		t->rbio = rbio;
		/* The other one follows from the same layout, whatever the version. */
		l = ec_openssl_layout_with(v, rbio);
	}
	if (w)
		t->wbio = wbio;
	if (l && !r)
		t->rbio = l->rbio;
	if (l && !w)
		t->wbio = l->wbio;
	if (row && ((r && rbio != row->rbio) || (w && wbio != row->wbio)))
		return EC_BIOS_DISAGREES;
	if (r && w)
		return row ? EC_BIOS_BOTH : EC_BIOS_CODE;
	if (r || w)
		return EC_BIOS_MIXED;
	return l ? EC_BIOS_TABLE : EC_BIOS_UNKNOWN;
}

const char *ec_openssl_bios_text(enum ec_openssl_bios b)
{
	static const char *const texts[] = {
		[EC_BIOS_UNKNOWN] = "BIO unknown",
		[EC_BIOS_TABLE] = "BIO by table",
		[EC_BIOS_MIXED] = "BIO by code or table",
		[EC_BIOS_CODE] = "BIO by code",
		[EC_BIOS_BOTH] = "BIO by code and table",
		[EC_BIOS_DISAGREES] = "BIO by code, not as in the table",
	};

	return texts[b];
}
