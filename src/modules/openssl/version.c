// SPDX-License-Identifier: GPL-2.0-only
#include "modules/openssl/version.h"
#include "base/util.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool exports(const struct ec_file *f, const char *name)
{
	struct ec_sym s;

	return !ec_file_symbol(f, name, &s);
}

static int refuse(struct ec_plan *plan, const char *library, const char *version)
{
	/* the version string comes from the file: short, and letters only */
	snprintf(plan->library, sizeof(plan->library), "%s", library);
	snprintf(plan->version, sizeof(plan->version), "%s", version);
	snprintf(plan->why, sizeof(plan->why), "%s%s%s is not supported yet", library,
		 *version ? " " : "", version);
	return -ENOENT;
}

/* "3.0.19", "1.1.1w": digits, dots and a letter behind `head`. false if it is none. */
static bool version_text(const struct ec_file *f, const char *prefix, size_t head,
			 char out[16])
{
	const char *s = ec_file_find_string(f, prefix);
	size_t n = 0, dots = 0;

	if (!s)
		return false;
	for (s += head; n < 12 && (isdigit((unsigned char)s[n]) || s[n] == '.'); n++)
		dots += s[n] == '.';
	if (dots != 2 || s[n - 1] == '.')
		return false;
	memcpy(out, s, n);
	if (islower((unsigned char)s[n])) {
		out[n] = s[n];
		n++;
	}
	out[n] = 0;
	return true;
}

static bool starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* Families that carry OpenSSL's names: true with *library and version. */
static bool other_family(const struct ec_file *f, const char **library, char version[16])
{
	const char *so = ec_file_soname(f);

	version[0] = 0;
	/* BoringSSL says "OpenSSL 1.1.1 (compatible; BoringSSL)" of itself. */
	if (exports(f, "BORINGSSL_self_test") ||
	    exports(f, "SSL_CTX_set_permute_extensions") ||
	    ec_file_imports(f, "BORINGSSL_self_test")) {
		*library = "BoringSSL";
		return true;
	}
	/* LibreSSL counts its libssl.so from 26 up. */
	if ((starts(so, "libssl.so.") && strlen(so) >= 12 &&
	     isdigit((unsigned char)so[10]) && isdigit((unsigned char)so[11]) &&
	     so[10] >= '2') ||
	    ec_file_find_string(f, "LibreSSL ")) {
		version_text(f, "LibreSSL ", 9, version);
		*library = "LibreSSL";
		return true;
	}
	if (starts(so, "libssl.so.1") || starts(so, "libssl.so.0")) {
		*library = "OpenSSL";
		/* ".10" is 1.0 as Fedora numbered it */
		if (!version_text(f, "OpenSSL 1.", 8, version))
			snprintf(version, 16, "%s",
				 starts(so, "libssl.so.1.1") ? "1.1" : "1.0");
		return true;
	}
	return false;
}

/* The release that a library belongs to, by what it exports (util/libssl.num there). */
static void by_exports(const struct ec_file *f, struct ec_plan *plan,
		       struct ec_openssl_version *v)
{
	static const struct {
		const char *name;
		unsigned int minor;
		const char *text;
	} since[] = {
		{"SSL_listen", 5, "3.5 or later"},
		{"SSL_CTX_flush_sessions_ex", 4, "3.4"},
		{"SSL_write_ex2", 3, "3.3"},
		{"SSL_get0_group_name", 2, "3.2"},
		{"SSL_CTX_new_ex", 0, "3.0 or 3.1"},
	};

	v->major = 3;
	v->patch = -1;
	for (size_t i = 0; i < EC_ARRAY_SIZE(since); i++) {
		if (!exports(f, since[i].name))
			continue;
		v->minor = since[i].minor;
		snprintf(plan->version, sizeof(plan->version), "%s", since[i].text);
		return;
	}
	v->minor = 99; /* no layout has it */
}

int ec_openssl_recognise(const struct ec_file *f, struct ec_plan *plan,
			 struct ec_openssl_version *v)
{
	const char *so = ec_file_soname(f), *library;
	char text[16];

	if (other_family(f, &library, text))
		return refuse(plan, library, text);
	snprintf(plan->library, sizeof(plan->library), "OpenSSL");
	if (version_text(f, "OpenSSL 3.", 8, text) ||
	    version_text(f, "OpenSSL 4.", 8, text)) {
		if (sscanf(text, "%u.%u.%d", &v->major, &v->minor, &v->patch) != 3)
			return refuse(plan, "OpenSSL", text);
		snprintf(plan->version, sizeof(plan->version), "%s", text);
		return 0;
	}
	if (!strcmp(so, "libssl.so.4") || ec_file_needs(f, "libcrypto.so.4")) {
		*v = (struct ec_openssl_version){4, 0, -1};
		snprintf(plan->version, sizeof(plan->version), "4.0 or later");
		return 0;
	}
	if (!strcmp(so, "libssl.so.3") || ec_file_needs(f, "libcrypto.so.3")) {
		by_exports(f, plan, v);
		return 0;
	}
	if (version_text(f, "OpenSSL 1.", 8, text) ||
	    version_text(f, "OpenSSL 0.", 8, text))
		return refuse(plan, "OpenSSL", text);
	plan->library[0] = 0;
	snprintf(plan->why, sizeof(plan->why),
		 "it has TLS functions, but is not known to be OpenSSL 3");
	return -ENOENT;
}
