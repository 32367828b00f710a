// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenSSL from 1.0.2 on, BoringSSL, AWS-LC and LibreSSL: one interface, so one plan. What
 * differs is which functions end in which (directions.c) and where a connection keeps its
 * BIOs (bios.c); the version is for people, and for what the code does not say.
 */
#include "base/fail.h"
#include "base/util.h"
#include "modules/module.h"
#include "modules/openssl/bios.h"
#include "modules/openssl/directions.h"
#include "modules/openssl/keys.h"
#include "modules/openssl/points.h"
#include "modules/openssl/recognise.h"
#include "target/code.h"
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static const char *const progs[] = {
	[EC_SSL_WRITE_IN] = "ec_ssl_call_in",
	[EC_SSL_WRITE_OUT] = "ec_ssl_data_out",
	[EC_SSL_READ_IN] = "ec_ssl_call_in",
	[EC_SSL_READ_OUT] = "ec_ssl_data_out",
	[EC_SSL_SHAKE_IN] = "ec_ssl_call_in",
	[EC_SSL_SHAKE_OUT] = "ec_ssl_data_out",
	[EC_SSL_FREE] = "ec_ssl_free",
	[EC_SSL_CLEAR] = "ec_ssl_clear",
	[EC_SSL_SECRET] = "ec_ssl_secret",
	[EC_SSL_LATE] = "ec_ssl_late",
	NULL,
};

static const uint8_t prog_uses[] = {
	[EC_SSL_WRITE_IN] = EC_USE_DATA, [EC_SSL_WRITE_OUT] = EC_USE_DATA,
	[EC_SSL_READ_IN] = EC_USE_DATA,	 [EC_SSL_READ_OUT] = EC_USE_DATA,
	[EC_SSL_SHAKE_IN] = EC_USE_DATA, [EC_SSL_SHAKE_OUT] = EC_USE_DATA,
	[EC_SSL_FREE] = EC_USE__ALL,	 [EC_SSL_CLEAR] = EC_USE__ALL,
	[EC_SSL_SECRET] = EC_USE_SECRET, [EC_SSL_LATE] = EC_USE_LATE,
};

/* What the file is, and what it is taken for. */
struct identity {
	struct ec_openssl_version own; /* as the file says */
	struct ec_openssl_version as;  /* whose table rows are used */
	enum ec_openssl_told told;
	bool named; /* `as` is what the user said */
};

#define WARN(plan, i, ...) snprintf((plan)->warn[i], sizeof((plan)->warn[i]), __VA_ARGS__)

/* Handshake and end of a connection: useful, not needed. */
static void plan_optional(const struct ec_openssl_names *n, struct ec_plan *plan)
{
	static const struct {
		const char *name;
		int prog;
	} points[] = {{"SSL_free", EC_SSL_FREE}, {"SSL_clear", EC_SSL_CLEAR}};
	bool ends = false;
	struct ec_sym fn;

	if (ec_openssl_fn(n, "SSL_do_handshake", &fn))
		ec_openssl_handshake(n->f, plan, fn, "SSL_do_handshake");
	for (size_t i = 0; i < EC_ARRAY_SIZE(points); i++)
		if (ec_openssl_fn(n, points[i].name, &fn) &&
		    ec_openssl_point(n->f, plan, ec_code_entry(n->f, fn, false, 1),
				     points[i].prog, EC_SHAPE_NONE, points[i].name))
			ends |= points[i].prog == EC_SSL_FREE;
	if (!ends)
		plan->params.flags |= EC_TARGET_ENDLESS;
}

/*
 * The user's word goes before the file's for the file that he named; of others only for
 * those that it can be meant for: one name does not fit all libraries of a host.
 */
static void take_name(const struct ec_plan_ask *ask, struct identity *id,
		      struct ec_plan *plan)
{
	struct ec_openssl_version v;
	const char *rest;

	if (!ask || ec_openssl_version_by_name(ask->version, &v))
		return;
	if (!ask->named && id->told != EC_TOLD_NOT &&
	    (v.lib != id->own.lib ||
	     (v.major != id->own.major && v.lib != EC_LIB_BORINGSSL)))
		return;
	id->as = v;
	id->named = true;
	if (id->told >= EC_TOLD_EXPORTS && (v.lib != id->own.lib || id->own.major) &&
	    (v.lib != id->own.lib || !ec_openssl_version_same_line(&v, &id->own)))
		snprintf(plan->note, sizeof(plan->note),
			 "taken as %s, as named; it is %s %s", ask->version,
			 plan->library, plan->version);
	snprintf(plan->library, sizeof(plan->library), "%s", ec_openssl_lib_name(v.lib));
	rest = ask->version + strcspn(ask->version, " _");
	snprintf(plan->version, sizeof(plan->version), "%s",
		 *rest && strncasecmp(ask->version, "linux", 5) ? rest + 1
								: ask->version);
}

/* Without a version string: what the manual calls the default, by the file's name. */
static void take_default(struct identity *id, struct ec_plan *plan)
{
	bool three = id->own.major >= 3;

	if (id->named || id->told == EC_TOLD_TEXT ||
	    (id->own.lib != EC_LIB_OPENSSL && id->own.lib != EC_LIB_UNKNOWN))
		return;
	WARN(plan, EC_PLAN_WARN_VERSION,
	     "OpenSSL/BoringSSL version not found from shared library file, "
	     "used default version %s; --ssl_version names it",
	     three ? "linux_default_3_0" : "linux_default_1_1_1");
	if (!three && id->told < EC_TOLD_EXPORTS && (id->own.minor || !id->own.major))
		id->as = (struct ec_openssl_version){EC_LIB_OPENSSL, 1, 1, 1, 0};
}

static const char *plan_bios(const struct ec_openssl_names *n, const struct identity *id,
			     struct ec_plan *plan)
{
	/* A default is no fact: what a connection looks like is not taken from it. */
	bool known = id->named || id->told >= EC_TOLD_EXPORTS;
	enum ec_openssl_bios b = ec_openssl_bios_plan(n, &id->as, known, &plan->params);

	if (b == EC_BIOS_UNKNOWN)
		WARN(plan, EC_PLAN_WARN_LAYOUT,
		     "OpenSSL/BoringSSL version bytecode not found: no table has %s%s%s, and "
		     "its code could not be read; addresses come from system calls",
		     plan->library[0] ? plan->library : "it", plan->version[0] ? " " : "",
		     plan->version);
	if (b == EC_BIOS_DISAGREES && !plan->note[0])
		snprintf(plan->note, sizeof(plan->note),
			 "its code has the BIO at %u, the table of %s %s elsewhere: the "
			 "code is right",
			 plan->params.rbio, plan->library, plan->version);
	return ec_openssl_bios_text(b);
}

/* Of a file without the functions. libcrypto has the version that libssl lacks. */
static int plan_nothing(const struct ec_file *f, struct ec_plan *out)
{
	struct ec_openssl_version v;
	struct ec_sym fn;

	snprintf(out->why, sizeof(out->why), "%s",
		 ec_file_imports(f, "SSL_read")
			 ? "it uses a TLS library but holds none: name the library"
			 : "no functions SSL_read and SSL_write");
	if (!ec_file_symbol(f, "OpenSSL_version", &fn) &&
	    !ec_file_symbol(f, "OPENSSL_init_crypto", &fn))
		ec_openssl_version_text(f, EC_LIB_OPENSSL, &v, out->version);
	return -ENOENT;
}

static int plan_directions(const struct ec_openssl_names *n, const struct identity *id,
			   struct ec_plan *out)
{
	bool wrote, read;
	/* none before 1.1.1, where there are no _ex forms; the others have other ones */
	bool internals = id->own.lib == EC_LIB_OPENSSL || id->own.lib == EC_LIB_UNKNOWN;
	int err = ec_openssl_direction_plan(n, &ec_openssl_sent, internals, out, &wrote);

	if (!err)
		err = ec_openssl_direction_plan(n, &ec_openssl_received, internals, out,
						&read);
	if (!err && id->told == EC_TOLD_NOT && id->own.lib == EC_LIB_UNKNOWN &&
	    !n->found && !(wrote && read) && !ec_openssl_bios_fit(n)) {
		snprintf(out->why, sizeof(out->why),
			 "its SSL_read and SSL_write are not those of a library we know");
		err = -ENOENT;
	}
	if (err)
		return err;
	snprintf(out->how, sizeof(out->how), "%s; %s",
		 n->methods ? "method tables"
		 : n->found ? n->found->how
			    : "symbols",
		 wrote && read	 ? n->found || n->methods
					   ? "internal functions"
					   : "internal functions by call target"
		 : wrote || read ? "internal and exported functions"
				 : "exported functions");
	return 0;
}

/* "libcrypto.so.3", "libcrypto-fb8d5b21.so.3" in a wheel. */
static void take_beside(const struct ec_file *f, struct ec_plan *plan)
{
	const char *name = ec_file_needed(f, "libcrypto");

	if (strlen(name) < sizeof(plan->beside) && !strchr(name, '/'))
		snprintf(plan->beside, sizeof(plan->beside), "%s", name);
}

/* A user of the library, and the library without its TLS, hold none of it. */
static bool may_be_stripped(const struct ec_file *f)
{
	return !ec_file_imports(f, "SSL_read") &&
	       strncmp(ec_file_soname(f), "libcrypto", 9) != 0;
}

/*
 * By symbols where the file has them. Linked into a program, the functions may have been
 * inlined into its own ones as well, whatever the symbols say: then the code is asked
 * too.
 */
static int find_names(const struct ec_file *f, struct ec_openssl_names *names,
		      struct ec_openssl_found *found)
{
	struct ec_sym fn;
	bool have = ec_openssl_fn(names, "SSL_write", &fn) &&
		    ec_openssl_fn(names, "SSL_read", &fn);
	int err;

	if (have && ec_file_exports(f, "SSL_write"))
		return 0;
	err = have || may_be_stripped(f) ? ec_openssl_find(f, found) : -ENOENT;
	if (!have)
		names->found = found;
	if (found->methods.tables)
		names->methods = &found->methods;
	return have && !found->copies ? 0 : err;
}

static int plan_as(const struct ec_file *f, const struct ec_plan_ask *ask,
		   struct ec_plan *out)
{
	struct ec_openssl_names names = {.f = f};
	struct ec_openssl_found found = {0};
	struct identity id = {0};
	size_t n;
	int err;

	memset(out, 0, sizeof(*out));
	if (find_names(f, &names, &found)) {
		plan_nothing(f, out);
		if (found.how[0])
			snprintf(out->why, sizeof(out->why), "its code: %s", found.how);
		return -ENOENT;
	}
	id.told = ec_openssl_recognise(f, found.family, out, &id.own);
	err = plan_directions(&names, &id, out);
	if (err) {
		out->npoints = 0;
		return err;
	}
	if (id.own.lib == EC_LIB_OPENSSL && id.told != EC_TOLD_TEXT)
		take_beside(f, out);
	if (id.own.lib == EC_LIB_UNKNOWN)
		snprintf(out->library, sizeof(out->library), "OpenSSL");
	id.as = id.own;
	take_name(ask, &id, out);
	take_default(&id, out);
	if (names.methods && names.methods->later && !out->note[0])
		snprintf(out->note, sizeof(out->note),
			 "streams of QUIC are not seen: its functions were inlined");
	plan_optional(&names, out);
	err = ec_openssl_keys_plan(&names, &id.as, out);
	if (err) {
		out->npoints = 0;
		return err;
	}
	n = strlen(out->how);
	snprintf(out->how + n, sizeof(out->how) - n, "; %s", plan_bios(&names, &id, out));
	return 0;
}

static int plan(const struct ec_file *f, struct ec_plan *out)
{
	return plan_as(f, NULL, out);
}

static bool wants(const char *base_name)
{
	return !fnmatch("libssl.so*", base_name, 0) ||
	       !fnmatch("libssl-*.so*", base_name, 0);
}

static int parse_version(const char *value, struct ec_plan_ask *ask)
{
	struct ec_openssl_version v;

	if (ec_openssl_version_by_name(value, &v))
		return ec_fail(EC_FAIL_OPTION_VALUE, value,
			       "no version: as in \"openssl 3.0.0\" or boringssl_a_14");
	snprintf(ask->version, sizeof(ask->version), "%s", value);
	return 0;
}

static int parse_release(const char *value, struct ec_plan_ask *ask)
{
	for (int r = EC_ANDROID_FIRST; r <= EC_ANDROID_LAST; r++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", r);
		if (strcmp(value, text))
			continue;
		snprintf(ask->version, sizeof(ask->version), "boringssl_a_%d", r);
		return 0;
	}
	return ec_fail(EC_FAIL_ANDROID_UNKNOWN, value, NULL);
}

static const struct ec_module_option options[] = {
	{.name = "ssl-version",
	 .value = "VERSION",
	 .help = "version of the library, instead of the one found: \"openssl 3.0.0\", "
		 "boringssl_a_14",
	 .parse = parse_version},
	{.name = "android-ver",
	 .value = "12...16",
	 .help = "Android release whose BoringSSL it is",
	 .parse = parse_release},
	{.name = NULL},
};

static const char *const aliases[] = {"openssl", "boringssl", NULL};
static const char *const search[] = {"libssl.so*", NULL};

const struct ec_module ec_module_openssl = {
	.name = "tls",
	.aliases = aliases,
	.tag = "ssl",
	.summary =
		"plaintext of TLS connections made with OpenSSL, BoringSSL and their kin",
	.file_option = "libssl",
	.file_help = "library or static program to probe, instead of those found",
	.options = options,
	.search = search,
	.wants = wants,
	.anywhere = true,
	.plan = plan,
	.plan_as = plan_as,
	.progs = progs,
	.prog_uses = prog_uses,
	.keylog = "ecapture_openssl_key.log",
};
