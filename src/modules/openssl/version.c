// SPDX-License-Identifier: GPL-2.0-only
#include "modules/openssl/version.h"
#include "base/util.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 31

static bool number(const char **s, unsigned int *out)
{
	unsigned int n = 0;
	const char *p = *s;

	for (; isdigit((unsigned char)*p) && p - *s < 6; p++)
		n = n * 10 + (*p - '0');
	if (p == *s || isdigit((unsigned char)*p))
		return false;
	*s = p;
	*out = n;
	return true;
}

size_t ec_openssl_version_parse(const char *text, struct ec_openssl_version *v)
{
	unsigned int major, minor, patch, letter = 0;
	const char *s = text;

	if (!number(&s, &major) || *s++ != '.' || !number(&s, &minor) || *s++ != '.' ||
	    !number(&s, &patch) || *s == '.')
		return 0;
	/* two at most: 1.0.2z is followed by 1.0.2za */
	for (int i = 0; i < 2 && islower((unsigned char)*s); i++)
		letter += *s++ - 'a' + 1;
	v->major = major;
	v->minor = minor;
	v->patch = patch;
	v->letter = letter;
	return s - text;
}

int ec_openssl_version_cmp(const struct ec_openssl_version *a,
			   const struct ec_openssl_version *b)
{
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	if (a->minor != b->minor)
		return a->minor < b->minor ? -1 : 1;
	if (a->patch != b->patch)
		return a->patch < b->patch ? -1 : 1;
	return a->letter < b->letter ? -1 : a->letter > b->letter;
}

bool ec_openssl_version_same_line(const struct ec_openssl_version *a,
				  const struct ec_openssl_version *b)
{
	return a->lib == b->lib && a->major == b->major && a->minor == b->minor &&
	       (a->lib != EC_LIB_OPENSSL || a->major > 1 || a->patch == b->patch);
}

/* Does `name` begin with `word`, ending there or before a separator? */
static const char *behind(const char *name, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(name, word, n))
		return NULL;
	if (!name[n])
		return name + n;
	return name[n] == ' ' ? name + n + 1 : NULL;
}

static int boring_by_name(const char *rest, struct ec_openssl_version *v)
{
	unsigned int release;

	if (!*rest || !strcmp(rest, "na"))
		return 0;
	if (rest[0] == 'a' && rest[1] == ' ') {
		rest += 2;
		if (!number(&rest, &release) || *rest)
			return -EINVAL;
		v->major = release;
		v->patch = 0;
		return 0;
	}
	/* what it says of itself, whatever the state: it tells nothing */
	return strcmp(rest, "1.1.1") ? -EINVAL : 0;
}

int ec_openssl_version_by_name(const char *name, struct ec_openssl_version *v)
{
	static const struct {
		const char *name;
		enum ec_openssl_lib lib;
	} libs[] = {{"openssl", EC_LIB_OPENSSL},
		    {"libressl", EC_LIB_LIBRESSL},
		    {"aws-lc", EC_LIB_AWS_LC}};
	struct ec_openssl_version out = {.patch = -1};
	char low[NAME_MAX_LEN + 1];
	size_t n = strlen(name);
	const char *rest;
	int err = -EINVAL;

	if (n > NAME_MAX_LEN)
		return -EINVAL;
	for (size_t i = 0; i <= n; i++)
		low[i] = name[i] == '_' ? ' ' : (char)tolower((unsigned char)name[i]);
	if (!strcmp(low, "linux default 3 0")) {
		out = (struct ec_openssl_version){EC_LIB_OPENSSL, 3, 0, 0, 0};
		err = 0;
	} else if (!strcmp(low, "linux default 1 1 1")) {
		out = (struct ec_openssl_version){EC_LIB_OPENSSL, 1, 1, 1, 0};
		err = 0;
	} else if ((rest = behind(low, "boringssl"))) {
		out.lib = EC_LIB_BORINGSSL;
		err = boring_by_name(rest, &out);
	}
	for (size_t i = 0; i < EC_ARRAY_SIZE(libs) && err; i++) {
		rest = behind(low, libs[i].name);
		if (!rest)
			continue;
		n = ec_openssl_version_parse(rest, &out);
		/* "1.1.1v+quic", "1.0.2k-fips": forks of that release */
		if (!n || (rest[n] && rest[n] != '+' && rest[n] != '-'))
			return -EINVAL;
		out.lib = libs[i].lib;
		err = 0;
	}
	if (!err)
		*v = out;
	return err;
}

const char *ec_openssl_lib_name(enum ec_openssl_lib lib)
{
	static const char *const names[EC_LIB__N] = {[EC_LIB_UNKNOWN] = "",
						     [EC_LIB_OPENSSL] = "OpenSSL",
						     [EC_LIB_BORINGSSL] = "BoringSSL",
						     [EC_LIB_AWS_LC] = "AWS-LC",
						     [EC_LIB_LIBRESSL] = "LibreSSL"};

	return (unsigned int)lib < EC_LIB__N ? names[lib] : "";
}
