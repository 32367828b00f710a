/* SPDX-License-Identifier: GPL-2.0-only */
/* Which library of the family is in a file, and which version of it. */
#ifndef EC_MODULES_OPENSSL_RECOGNISE_H
#define EC_MODULES_OPENSSL_RECOGNISE_H

#include "model/plan.h"
#include "modules/openssl/find.h"
#include "modules/openssl/version.h"
#include "target/file.h"

/* What the version was told by; the order is how sure it is. */
enum ec_openssl_told {
	EC_TOLD_NOT,
	EC_TOLD_NAME,	 /* by the file's own name or that of the library it needs */
	EC_TOLD_EXPORTS, /* by functions that came with a release */
	EC_TOLD_TEXT,	 /* by its version string */
};

/*
 * `family`: what its code was found to be, EC_OPENSSL_NONE where it has symbols. Never
 * fails: a file with the functions that is nobody's we know is EC_LIB_UNKNOWN.
 * Fills plan->library and plan->version as people are to read them.
 */
enum ec_openssl_told ec_openssl_recognise(const struct ec_file *f,
					  enum ec_openssl_family family,
					  struct ec_plan *plan,
					  struct ec_openssl_version *v);
/* The version string of `f`, whatever else is in it (libcrypto has it since 3.0): text
 * such as "3.0.19" in `out`. false if there is none. */
bool ec_openssl_version_text(const struct ec_file *f, enum ec_openssl_lib lib,
			     struct ec_openssl_version *v, char out[32]);

#endif
