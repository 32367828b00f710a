/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the module: functions of a file by name, the one place that looks them up. */
#ifndef EC_MODULES_OPENSSL_NAMES_H
#define EC_MODULES_OPENSSL_NAMES_H

#include "target/file.h"

struct ec_openssl_names {
	const struct ec_file *f;
};

static inline bool ec_openssl_fn(const struct ec_openssl_names *n, const char *name,
				 struct ec_sym *out)
{
	return name && !ec_file_symbol(n->f, name, out);
}

#endif
