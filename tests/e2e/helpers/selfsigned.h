/* SPDX-License-Identifier: GPL-2.0-only */
/* A server context with a key and certificate made on the spot: no files to carry. */
#ifndef EC_TESTS_SELFSIGNED_H
#define EC_TESTS_SELFSIGNED_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static inline SSL_CTX *selfsigned_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *crt = X509_new();
	X509_NAME *name;

	if (!ctx || !key || !crt)
		return NULL;
	X509_set_version(crt, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(crt), 1);
	X509_gmtime_adj(X509_getm_notBefore(crt), -3600);
	X509_gmtime_adj(X509_getm_notAfter(crt), 24 * 3600);
	X509_set_pubkey(crt, key);
	name = X509_get_subject_name(crt);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(crt, name);
	if (!X509_sign(crt, key, EVP_sha256()) ||
	    SSL_CTX_use_certificate(ctx, crt) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1)
		return NULL;
	X509_free(crt);
	EVP_PKEY_free(key);
	return ctx;
}

#endif
