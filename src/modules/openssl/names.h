/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the module: functions of a file by name, by symbols or as they were found. */
#ifndef EC_MODULES_OPENSSL_NAMES_H
#define EC_MODULES_OPENSSL_NAMES_H

#include "modules/openssl/find.h"

struct ec_openssl_names {
	const struct ec_file *f;
	const struct ec_openssl_found *found; /* NULL: by symbols */
	/* NULL: none, or not needed; of a file whose symbols are not all of it too */
	const struct ec_openssl_methods *methods;
};

static inline bool ec_openssl_fn(const struct ec_openssl_names *n, const char *name,
				 struct ec_sym *out)
{
	const struct ec_sym *s;

	if (!name)
		return false;
	if (!n->found)
		return !ec_file_symbol(n->f, name, out);
	s = ec_openssl_found_fn(n->found, name);
	if (s)
		*out = *s;
	return s;
}

#endif
