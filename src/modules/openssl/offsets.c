// SPDX-License-Identifier: GPL-2.0-only
/*
 * Facts from offsetof() in the headers of every release of 3.0.0 – 3.6.3, 4.0.1 and 4.0.3
 * (struct ssl_st before 3.2, struct ssl_connection_st since; equal on x86-64 and arm64).
 * 3.2.4, 3.3.3 and 3.4.1 moved the fields inside their patch series.
 */
#include "modules/openssl/offsets.h"
#include <stddef.h>

enum { FIRST, EARLY, LATE, LAYOUT__N };

static const struct ec_openssl_layout layouts[LAYOUT__N] = {
	[FIRST] = {"3.0, 3.1", 16, 24},
	[EARLY] = {"3.2.0-3, 3.3.0-2, 3.4.0", 72, 80},
	[LATE] = {"3.2.4, 3.3.3, 3.4.1, 3.5 and later", 80, 88},
};

bool ec_openssl_known(const struct ec_openssl_version *v)
{
	return (v->major == 3 && v->minor <= 6) || (v->major == 4 && v->minor == 0);
}

const struct ec_openssl_layout *ec_openssl_layout_of(const struct ec_openssl_version *v)
{
	/* First patch release with the later layout, by minor version. */
	static const int moved[] = {[2] = 4, [3] = 3, [4] = 1};

	if (!ec_openssl_known(v))
		return NULL;
	if (v->major == 4 || v->minor > 4)
		return &layouts[LATE];
	if (v->minor < 2)
		return &layouts[FIRST];
	if (v->patch < 0)
		return NULL;
	return &layouts[v->patch < moved[v->minor] ? EARLY : LATE];
}

const struct ec_openssl_layout *ec_openssl_layout_with(uint32_t rbio)
{
	for (int i = 0; i < LAYOUT__N; i++)
		if (layouts[i].rbio == rbio)
			return &layouts[i];
	return NULL;
}
