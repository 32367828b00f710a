// SPDX-License-Identifier: GPL-2.0-only
#include "app/attacher.h"
#include "app/doctor.h"
#include "app/explain.h"
#include "app/listing.h"
#include "app/options.h"
#include "app/read.h"
#include "base/fail.h"
#include "base/log.h"

#include <bpf/libbpf.h>
#include <capstone/capstone.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

static int version(void)
{
	struct utsname u;
	int major, minor;

	uname(&u);
	cs_version(&major, &minor);
	printf("ecapture %s (%s)\n", EC_VERSION, EC_REV);
	printf("built with: libbpf %s, capstone %d.%d\n", libbpf_version_string(), major,
	       minor);
	printf("modules:");
	for (unsigned int i = 0; i < ec_modules_count; i++)
		printf(" %s", ec_modules[i].module->name);
	printf("\nkernel: %s %s\n", u.release, u.machine);
	return 0;
}

static int unknown(const char *word)
{
	const char *names[64] = {"read", "doctor", "targets", "explain"};
	const char *near;
	char detail[96];
	size_t n = 4;

	for (unsigned int i = 0; i < ec_modules_count; i++) {
		const char *const *a = ec_modules[i].module->aliases;

		names[n++] = ec_modules[i].module->name;
		for (; a && *a && n < EC_ARRAY_SIZE(names) - 2; a++)
			names[n++] = *a;
	}
	near = ec_opt_nearest(word, names, n);
	if (near)
		snprintf(detail, sizeof(detail), "did you mean %s?", near);
	return ec_fail(EC_FAIL_COMMAND_UNKNOWN, word, near ? detail : NULL);
}

static int run_read(int argc, char **argv, struct ec_options *o)
{
	int rc = ec_options_parse_read(o, argc, argv);

	if (rc)
		return rc;
	if (o->version)
		return version();
	if (o->help) {
		ec_options_help(NULL, true);
		return 0;
	}
	return ec_read_run(o);
}

/* Commands that report. */
static const struct report {
	const char *name;
	const struct ec_plain *plain;
	void (*help)(struct ec_buf *b);
	int (*run)(const struct ec_options *o);
} reports[] = {
	{"doctor", &ec_doctor_plain, ec_doctor_help, ec_doctor_run},
	{"targets", &ec_listing_plain, ec_listing_help, ec_listing_run},
	{"explain", &ec_explain_plain, ec_explain_help, ec_explain_run},
};

static int run_report(int argc, char **argv, struct ec_options *o, const struct report *r)
{
	struct ec_buf b;
	int rc = ec_options_parse_plain(o, argc, argv, r->plain);

	if (rc)
		return rc;
	if (o->version)
		return version();
	if (!o->help)
		return r->run(o);
	ec_buf_init(&b, 1 << 20);
	r->help(&b);
	fwrite(b.data, 1, b.len, stdout);
	ec_buf_free(&b);
	return 0;
}

static int run_capture(int argc, char **argv, struct ec_options *o)
{
	int rc = ec_options_parse_capture(o, argc, argv);

	if (rc)
		return rc;
	if (o->version)
		return version();
	if (o->help) {
		ec_options_help(o->module, false);
		return 0;
	}
	return ec_attacher_run(o);
}

int main(int argc, char **argv)
{
	struct ec_options o;
	const char *word = argc > 1 ? argv[1] : NULL;

	ec_options_init(&o);
	if (!word) {
		ec_options_help(NULL, false);
		return EC_EXIT_USAGE;
	}
	if (!strcmp(word, "-h") || !strcmp(word, "--help") || !strcmp(word, "help")) {
		ec_options_help(NULL, false);
		return 0;
	}
	if (!strcmp(word, "-v") || !strcmp(word, "--version") || !strcmp(word, "version"))
		return version();
	if (!strcmp(word, "read"))
		return run_read(argc - 1, argv + 1, &o);
	for (size_t i = 0; i < EC_ARRAY_SIZE(reports); i++)
		if (!strcmp(word, reports[i].name))
			return run_report(argc - 1, argv + 1, &o, &reports[i]);
	o.module = ec_options_module(word, &o.module_index);
	if (!o.module)
		return unknown(word);
	return run_capture(argc - 1, argv + 1, &o);
}
