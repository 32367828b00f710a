/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions in OpenSSL's method tables (SSL_METHOD), which all
 * reading and writing leads through. They need no text and no symbol, and since their
 * addresses are data no compiler can inline them away.
 */
#ifndef EC_MODULES_OPENSSL_METHODS_H
#define EC_MODULES_OPENSSL_METHODS_H

#include "target/file.h"

struct ec_openssl_methods {
	struct ec_sym read, write; /* ssl3_read, ssl3_write */
	bool counts;		   /* since 1.1.1: the count is by the fourth argument */
	bool later;		   /* of 3.2 or later */
	unsigned int tables;
};

/* 0; -ENOENT none, or more than one answer (*why tells, "" no trace); -ENOMEM. Then *out
 * is all zero. */
int ec_openssl_methods_find(const struct ec_file *f, struct ec_openssl_methods *out,
			    const char **why);

#endif
