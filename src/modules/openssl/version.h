/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Versions of OpenSSL and its kin, compared as numbers and letters: 3.0.9 < 3.0.21,
 * 1.0.2u < 1.0.2zh. BoringSSL has none of its own: Android's release stands for it.
 */
#ifndef EC_MODULES_OPENSSL_VERSION_H
#define EC_MODULES_OPENSSL_VERSION_H

#include <stdbool.h>
#include <stddef.h>

enum ec_openssl_lib {
	EC_LIB_UNKNOWN, /* SSL_read and SSL_write are there, nobody's name is */
	EC_LIB_OPENSSL,
	EC_LIB_BORINGSSL,
	EC_LIB_AWS_LC,
	EC_LIB_LIBRESSL,
	EC_LIB__N,
};

struct ec_openssl_version {
	enum ec_openssl_lib lib;
	unsigned int major, minor; /* 0, 0: not known */
	int patch;		   /* -1: not known */
	unsigned int letter;	   /* 0: none, a 1, z 26, za 27 */
};

/*
 * The number that `text` begins with ("1.1.1w  11 Sep 2023", "1.1.1v+quic"): the length
 * of what was taken, 0 if there is none. lib is left alone.
 */
size_t ec_openssl_version_parse(const char *text, struct ec_openssl_version *v);
/* <0, 0, >0 of two of one library; an unknown patch release is before the first. */
int ec_openssl_version_cmp(const struct ec_openssl_version *a,
			   const struct ec_openssl_version *b);
/* Releases that follow one another without new features: 3.0.x, 1.1.1x. */
bool ec_openssl_version_same_line(const struct ec_openssl_version *a,
				  const struct ec_openssl_version *b);

/*
 * A name as --ssl_version takes it, any case, '_' like ' ': "openssl 3.0.0",
 * "boringssl_a_14", "boringssl 1.1.1", "boringssl_na", "aws-lc 1.55.0", "libressl 3.9.2",
 * "linux_default_3_0". 0, -EINVAL.
 */
int ec_openssl_version_by_name(const char *name, struct ec_openssl_version *v);
/* "OpenSSL"; "" for the unknown one. */
const char *ec_openssl_lib_name(enum ec_openssl_lib lib);

/* Android releases whose BoringSSL is known. */
enum { EC_ANDROID_FIRST = 12, EC_ANDROID_LAST = 16 };

#endif
