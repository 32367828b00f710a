/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * OpenSSL's and BoringSSL's functions in a file whose symbols are gone: by the texts and
 * numbers that its error calls carry, and by who calls whom. Symbols are not read. What
 * does not agree in all its parts is not told.
 */
#ifndef EC_MODULES_OPENSSL_FIND_H
#define EC_MODULES_OPENSSL_FIND_H

#include "modules/openssl/methods.h"
#include "target/file.h"

enum ec_openssl_family {
	EC_OPENSSL_NONE,
	EC_OPENSSL_1_0,	   /* 1.0.x: no internal functions, reads and writes by method */
	EC_OPENSSL_1_1,	   /* 1.1.x, and what is made of it */
	EC_OPENSSL_3,	   /* 3 and later */
	EC_OPENSSL_BORING, /* BoringSSL, … */
	EC_OPENSSL_AWS_LC, /* … and AWS-LC, which has the _ex forms as well */
	EC_OPENSSL_LIBRE,  /* LibreSSL: exported functions only */
};

/* How sure a function's place is. */
enum ec_openssl_sure {
	EC_OPENSSL_LIKELY,  /* one piece of evidence, one candidate */
	EC_OPENSSL_CERTAIN, /* two that agree */
};

#define EC_OPENSSL_FOUND 16

struct ec_openssl_found {
	enum ec_openssl_family family;
	/*
	 * The code of the function that does the work (ssl_write_internal; SSL_write in
	 * BoringSSL) is also in others, which do not call it: those that were found must
	 * all be probed, and where one is called by another the outermost call counts.
	 */
	bool write_inlined;
	bool read_inlined;
	/*
	 * Not found because more functions hold its code than the library has: the
	 * program's own ones, too. What symbols are left does not see all bytes.
	 */
	bool copies;
	/* ssl_write_internal has flags: its fifth argument points to the count. */
	bool write_flags;
	/*
	 * What the method tables hold (tables > 0), and it is to be probed instead: the
	 * functions above were inlined, or not found.
	 */
	struct ec_openssl_methods methods;
	unsigned int n;
	struct {
		char name[24]; /* "SSL_write", "ssl_read_internal" */
		struct ec_sym sym;
		enum ec_openssl_sure sure;
		char how[24]; /* "__func__", "error codes", "called by SSL_read" */
	} fn[EC_OPENSSL_FOUND];
	char how[64]; /* for people: what the family was told by */
};

/*
 * How to probe what comes of it: the functions of the method tables where they are told;
 * they see every byte. Else, where ssl_write_internal (ssl_read_internal) was found
 * and is not inlined, it alone sees every byte; else all of that direction that were
 * found, but never SSL_peek. Its count is by the fourth argument, for writes with
 * `write_flags` by the fifth, as in SSL_write_ex2.
 *
 * 0: SSL_read and SSL_write or the internal functions of both are among those found, or
 * `methods` has them; -ENOENT nothing, or nothing that can be relied on (out->how says
 * what was amiss,
 * "" when there was no trace of these libraries); -ENOMEM. A file of 200 MB takes less
 * than a second.
 */
int ec_openssl_find(const struct ec_file *f, struct ec_openssl_found *out);
/* The function of that name among those found; NULL if it is not. */
const struct ec_sym *ec_openssl_found_fn(const struct ec_openssl_found *found,
					 const char *name);

#endif
