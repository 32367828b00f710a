// SPDX-License-Identifier: GPL-2.0-only
/*
 * Facts from offsetof() in the headers of 119 releases of OpenSSL and 100 states of
 * BoringSSL (equal on x86-64 and arm64 wherever both were compiled). 3.2.4, 3.3.3 and
 * 3.4.1 moved the fields inside their patch series. AWS-LC moved them since it left
 * BoringSSL: it has no row.
 */
#include "modules/openssl/offsets.h"
#include "base/util.h"
#include <stddef.h>

#include "modules/openssl/layouts.h"

static bool alike_bios(const struct ec_openssl_layout *a,
		       const struct ec_openssl_layout *b)
{
	return a->rbio == b->rbio && a->wbio == b->wbio &&
	       a->bio_method == b->bio_method && a->bio_num == b->bio_num;
}

static bool alike_keys(const struct ec_openssl_layout *a,
		       const struct ec_openssl_layout *b)
{
	return a->session == b->session && a->master == b->master &&
	       a->master_len == b->master_len && a->nrandom == b->nrandom &&
	       a->random[0] == b->random[0] && a->random[1] == b->random[1] &&
	       a->client_app == b->client_app && a->server_app == b->server_app &&
	       a->version == b->version;
}

static const struct ec_openssl_layout *
row_of(const struct ec_openssl_version *v,
       bool (*alike)(const struct ec_openssl_layout *a,
		     const struct ec_openssl_layout *b))
{
	const struct ec_openssl_layout *first = NULL, *best = NULL;
	bool one = true;

	for (size_t i = 0; i < EC_ARRAY_SIZE(layouts); i++) {
		const struct ec_openssl_layout *l = &layouts[i];

		if (!ec_openssl_version_same_line(&l->since, v))
			continue;
		if (!first)
			first = l;
		one = one && alike(first, l);
		if (ec_openssl_version_cmp(&l->since, v) <= 0)
			best = l;
	}
	if (v->patch < 0)
		return one ? first : NULL;
	return best ? best : first;
}

const struct ec_openssl_layout *ec_openssl_layout_of(const struct ec_openssl_version *v)
{
	return row_of(v, alike_bios);
}

const struct ec_openssl_layout *ec_openssl_keys_of(const struct ec_openssl_version *v)
{
	return row_of(v, alike_keys);
}

const struct ec_openssl_layout *ec_openssl_layout_with(const struct ec_openssl_version *v,
						       uint32_t rbio)
{
	for (size_t i = 0; i < EC_ARRAY_SIZE(layouts); i++)
		if (layouts[i].rbio == rbio && layouts[i].since.lib == v->lib &&
		    (layouts[i].since.major == v->major || v->lib == EC_LIB_BORINGSSL))
			return &layouts[i];
	return NULL;
}

const struct ec_openssl_layout *ec_openssl_bio_of(const struct ec_openssl_version *v)
{
	for (size_t i = 0; i < EC_ARRAY_SIZE(layouts); i++) {
		const struct ec_openssl_version *s = &layouts[i].since;

		if (ec_openssl_version_same_line(s, v) ||
		    (v->lib == EC_LIB_OPENSSL && s->lib == v->lib && v->major >= 3 &&
		     s->major == v->major))
			return &layouts[i];
		/* 0.9.8 to 1.0.2: struct bio_st was in a public header, the same in all
		 */
		if (v->lib == EC_LIB_OPENSSL && s->lib == v->lib && s->major == 1 &&
		    s->minor == 0 && ec_openssl_version_cmp(v, s) < 0 &&
		    v->major + v->minor)
			return &layouts[i];
	}
	return NULL;
}
