// SPDX-License-Identifier: GPL-2.0-only
#include "modules/openssl/recognise.h"
#include "base/util.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool exports(const struct ec_file *f, const char *name)
{
	struct ec_sym s;

	return !ec_file_symbol(f, name, &s);
}

/* The number behind `prefix` in the file, with what forks add to it ("1.1.1v+quic"). */
static bool text_behind(const struct ec_file *f, const char *prefix, size_t head,
			struct ec_openssl_version *v, char out[32])
{
	const char *s = ec_file_find_string(f, prefix);
	size_t n;

	if (!s)
		return false;
	s += head;
	n = ec_openssl_version_parse(s, v);
	if (!n || !strncmp(s + n, " (compatible", 12))
		return false;
	/* the string comes from the file: short, no other characters */
	for (; n < 24 && (isalnum((unsigned char)s[n]) || s[n] == '+' || s[n] == '-');
	     n++)
		;
	memcpy(out, s, n);
	out[n] = 0;
	return true;
}

static bool openssl_text(const struct ec_file *f, struct ec_openssl_version *v,
			 char out[32])
{
	/* Newest first: an OpenSSL 3 names older ones in its texts. The last ones are
	 * for files in which another text ("OpenSSL 3.0 …") stands before. */
	static const char *const prefixes[] = {
		"OpenSSL 4.",	"OpenSSL 3.",	"OpenSSL 1.",	"OpenSSL 0.",
		"OpenSSL 3.0.", "OpenSSL 3.5.", "OpenSSL 1.1.", "OpenSSL 1.0."};

	for (size_t i = 0; i < EC_ARRAY_SIZE(prefixes); i++)
		if (text_behind(f, prefixes[i], 8, v, out))
			return true;
	return false;
}

bool ec_openssl_version_text(const struct ec_file *f, enum ec_openssl_lib lib,
			     struct ec_openssl_version *v, char out[32])
{
	static const char aws_lc[] = "OpenSSL 1.1.1 (compatible; AWS-LC ";

	switch (lib) {
	case EC_LIB_OPENSSL:
	case EC_LIB_UNKNOWN:
		return openssl_text(f, v, out);
	case EC_LIB_LIBRESSL:
		return text_behind(f, "LibreSSL ", 9, v, out);
	case EC_LIB_AWS_LC:
		return text_behind(f, aws_lc, sizeof(aws_lc) - 1, v, out) ||
		       text_behind(f, "AWS-LC ", 7, v, out);
	default:
		return false;
	}
}

/* What stands behind ".so." in the file's own name, "" if nothing does. */
static const char *so_number(const struct ec_file *f)
{
	const char *so = ec_file_soname(f), *at;

	if (strncmp(so, "libssl", 6))
		return "";
	at = strstr(so, ".so.");
	return at ? at + 4 : "";
}

/* BoringSSL and what came of it have options of their own. */
static bool is_boring(const struct ec_file *f)
{
	static const char *const only[] = {"SSL_CTX_set_grease_enabled",
					   "SSL_CTX_set_permute_extensions",
					   "BORINGSSL_self_test"};

	for (size_t i = 0; i < EC_ARRAY_SIZE(only); i++)
		if (exports(f, only[i]) || ec_file_imports(f, only[i]))
			return true;
	return ec_file_find_string(f, "OpenSSL 1.1.1 (compatible; BoringSSL)");
}

static enum ec_openssl_lib library_of(const struct ec_file *f)
{
	const char *so = so_number(f);

	if (ec_file_find_string(f, "OpenSSL 1.1.1 (compatible; AWS-LC "))
		return EC_LIB_AWS_LC;
	/* AWS-LC took the _ex forms from OpenSSL, BoringSSL has none */
	if (is_boring(f))
		return exports(f, "SSL_read_ex") ? EC_LIB_AWS_LC : EC_LIB_BORINGSSL;
	/* LibreSSL counts its libssl.so from 26 up */
	if ((isdigit((unsigned char)so[0]) && isdigit((unsigned char)so[1]) &&
	     so[0] >= '2') ||
	    ec_file_find_string(f, "LibreSSL "))
		return EC_LIB_LIBRESSL;
	return EC_LIB_OPENSSL;
}

/* By what it exports (util/libssl.num there), newest first. */
static bool by_exports(const struct ec_file *f, struct ec_plan *plan,
		       struct ec_openssl_version *v)
{
	static const struct {
		const char *name, *text;
		struct ec_openssl_version v;
	} since[] = {
		{"SSL_listen", "3.5 or later", {EC_LIB_OPENSSL, 3, 5, -1, 0}},
		{"SSL_CTX_flush_sessions_ex", "3.4", {EC_LIB_OPENSSL, 3, 4, -1, 0}},
		{"SSL_write_ex2", "3.3", {EC_LIB_OPENSSL, 3, 3, -1, 0}},
		{"SSL_get0_group_name", "3.2", {EC_LIB_OPENSSL, 3, 2, -1, 0}},
		{"SSL_CTX_new_ex", "3.0 or 3.1", {EC_LIB_OPENSSL, 3, 0, -1, 0}},
		{"SSL_write_early_data", "1.1.1", {EC_LIB_OPENSSL, 1, 1, 1, 0}},
		{"OPENSSL_init_ssl", "1.1.0", {EC_LIB_OPENSSL, 1, 1, 0, 0}},
		{"SSL_library_init", "1.0.2 or earlier", {EC_LIB_OPENSSL, 1, 0, 2, 0}},
	};

	for (size_t i = 0; i < EC_ARRAY_SIZE(since); i++) {
		if (!exports(f, since[i].name))
			continue;
		*v = since[i].v;
		snprintf(plan->version, sizeof(plan->version), "%s", since[i].text);
		return true;
	}
	return false;
}

/* Without any symbol the code still tells the major version. */
static bool by_family(enum ec_openssl_family family, struct ec_openssl_version *v)
{
	*v = (struct ec_openssl_version){.lib = EC_LIB_OPENSSL, .patch = -1};
	if (family == EC_OPENSSL_3)
		v->major = 3, v->minor = 99; /* no row has it */
	else if (family == EC_OPENSSL_1_1)
		v->major = v->minor = v->patch = 1;
	else if (family == EC_OPENSSL_1_0)
		v->major = 1, v->patch = 2;
	return v->major;
}

static bool by_name(const struct ec_file *f, struct ec_openssl_version *v)
{
	const char *so = so_number(f);

	*v = (struct ec_openssl_version){.lib = EC_LIB_OPENSSL, .patch = -1};
	if (!strcmp(so, "4") || ec_file_needs(f, "libcrypto.so.4"))
		v->major = 4, v->minor = 99; /* no row has it */
	else if (!strcmp(so, "3") || ec_file_needs(f, "libcrypto.so.3"))
		v->major = 3, v->minor = 99;
	else if (!strcmp(so, "1.1") || ec_file_needs(f, "libcrypto.so.1.1"))
		v->major = v->minor = 1;
	else if (!strncmp(so, "1.0", 3) || !strcmp(so, "10") || !strncmp(so, "0.9", 3))
		*v = (struct ec_openssl_version){EC_LIB_OPENSSL, 1, 0, 2, 0};
	return v->major;
}

/* By code: a program may hold texts of several. */
static enum ec_openssl_lib library_by(const struct ec_file *f,
				      enum ec_openssl_family family)
{
	enum ec_openssl_lib lib = library_of(f);

	if (family == EC_OPENSSL_NONE)
		return lib;
	if (family == EC_OPENSSL_LIBRE)
		return EC_LIB_LIBRESSL;
	if (family == EC_OPENSSL_AWS_LC)
		return EC_LIB_AWS_LC;
	if (family == EC_OPENSSL_BORING)
		return lib == EC_LIB_AWS_LC ? lib : EC_LIB_BORINGSSL;
	return lib == EC_LIB_LIBRESSL ? lib : EC_LIB_OPENSSL;
}

enum ec_openssl_told ec_openssl_recognise(const struct ec_file *f,
					  enum ec_openssl_family family,
					  struct ec_plan *plan,
					  struct ec_openssl_version *v)
{
	enum ec_openssl_lib lib = library_by(f, family);
	enum ec_openssl_told told = EC_TOLD_NOT;

	*v = (struct ec_openssl_version){.lib = lib, .patch = -1};
	if (ec_openssl_version_text(f, lib, v, plan->version))
		told = EC_TOLD_TEXT;
	else if (lib == EC_LIB_OPENSSL && by_exports(f, plan, v))
		told = EC_TOLD_EXPORTS;
	else if (lib == EC_LIB_OPENSSL && (by_family(family, v) || by_name(f, v)))
		told = EC_TOLD_NAME;
	else if (lib == EC_LIB_OPENSSL)
		v->lib = EC_LIB_UNKNOWN;
	if (lib == EC_LIB_BORINGSSL) {
		told = EC_TOLD_EXPORTS;
		/* it calls itself so in OpenSSL_version() */
		snprintf(plan->version, sizeof(plan->version),
			 "1.1.1 (compatible; BoringSSL)");
	}
	snprintf(plan->library, sizeof(plan->library), "%s", ec_openssl_lib_name(v->lib));
	return told;
}
