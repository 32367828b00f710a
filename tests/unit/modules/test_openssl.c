// SPDX-License-Identifier: GPL-2.0-only
#include "modules/module.h"
#include "target/code.h"
#include "real.h"
#include "unit/target/code_bytes.h"
#include "unit/target/mini_elf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

extern const struct ec_module ec_module_openssl;

enum {
	WRITE_IN,
	WRITE_OUT,
	READ_IN,
	READ_OUT,
	SHAKE_IN,
	SHAKE_OUT,
	FREE,
	CLEAR,
	SECRET,
	LATE,
	PROGS
};

static int plan_path(const char *path, struct ec_plan *plan)
{
	struct ec_file *f = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	assert_true(fd >= 0);
	assert_int_equal(ec_file_open(fd, &f), 0);
	close(fd);
	err = ec_module_openssl.plan(f, plan);
	ec_file_free(f);
	assert_int_equal(ec_plan_check(plan, PROGS), 0);
	return err;
}

static int plan_mini(const struct mini_symbol *syms, const char *soname,
		     struct ec_plan *plan, const char *text)
{
	uint8_t elf[MINI_SIZE];
	struct ec_file *f = NULL;
	int err;

	mini_elf(elf, EM_X86_64, soname, syms, code_x86, AT_END);
	strcpy((char *)elf + 0x1a00, text);
	assert_int_equal(ec_file_from_memory(elf, sizeof(elf), true, &f), 0);
	memset(plan, 0xa5, sizeof(*plan));
	err = ec_module_openssl.plan(f, plan);
	ec_file_free(f);
	assert_int_equal(ec_plan_check(plan, PROGS), 0);
	return err;
}

static const struct ec_point *point(const struct ec_plan *p, int prog, int nth)
{
	for (uint32_t i = 0; i < p->npoints; i++)
		if (p->points[i].prog == prog && !p->points[i].ret && !nth--)
			return &p->points[i];
	return NULL;
}

/* The nth point that stands for returns of `prog` without being a return probe. */
static const struct ec_point *insn(const struct ec_plan *p, int prog, int nth)
{
	for (uint32_t i = 0; i < p->npoints; i++)
		if (p->points[i].prog == prog && p->points[i].ret && !nth--)
			return &p->points[i];
	return NULL;
}

static void test_names(void **state)
{
	const struct ec_module *m = &ec_module_openssl;
	static const char *const progs[] = {
		"ec_ssl_call_in", "ec_ssl_data_out", "ec_ssl_call_in", "ec_ssl_data_out",
		"ec_ssl_call_in", "ec_ssl_data_out", "ec_ssl_free",    "ec_ssl_clear",
		"ec_ssl_secret",  "ec_ssl_late"};

	for (int i = 0; i < PROGS; i++) {
		assert_string_equal(m->progs[i], progs[i]);
		assert_true(m->prog_uses[i]);
	}
	assert_null(m->progs[PROGS]);
	assert_true(m->wants("libssl.so.3"));
	assert_true(m->wants("libssl.so.1.1"));
	assert_true(m->wants("libssl.so"));
	assert_true(m->wants("libssl-ab12cd34.so.3")); /* in wheels */
	assert_false(m->wants("libssl3.so"));	       /* of NSS */
	assert_false(m->wants("libcrypto.so.3"));
	assert_false(m->wants("libgnutls-openssl.so.27"));
}

/* Where its secrets are seen, by the labels alone: its symbols do not say. */
static void test_keys(void **state)
{
	const struct ec_point *at;
	struct ec_plan p;

	assert_int_equal(plan_path(real_libssl(), &p), 0);
	assert_non_null(strstr(p.keys, "key log function by labels"));
	at = point(&p, SECRET, 0);
	assert_non_null(at);
	assert_int_equal(at->use, EC_USE_SECRET);
	assert_true(at->shape == EC_SHAPE_LABELLED ||
		    (at->shape == EC_SHAPE_SECRET && p.params.nrandom));
	for (int i = EC_LABEL_RANDOM; i < EC_LABEL_RSA; i++)
		assert_int_not_equal(p.params.label[i], 0);
	/* on what moves data, for connections that are older */
	at = point(&p, LATE, 0);
	assert_non_null(at);
	assert_int_equal(at->use, EC_USE_LATE);
	assert_int_equal(at->offset, point(&p, WRITE_IN, 0)->offset);
	assert_null(insn(&p, LATE, 0));
	/* they are read by the table, but never while a handshake goes on */
	assert_true(p.params.version != EC_KOFF_NONE);
	assert_true(p.params.state > p.params.typed && p.params.state < p.params.app[0]);
	assert_int_equal(p.params.over, 1);
	assert_false(p.params.flags & EC_TARGET_ENDLESS);
	assert_true(ec_plan_used(&p, EC_USE_SECRET, false) <
		    ec_plan_used(&p, EC_USE_DATA, false));
}

/* The library of this machine, whatever its version. */
static void test_libssl(void **state)
{
	struct ec_plan p;

	assert_non_null(real_libssl());
	assert_int_equal(plan_path(real_libssl(), &p), 0);
	assert_string_equal(p.library, "OpenSSL");
	assert_memory_equal(p.version, "3.", 2);
	assert_string_equal(p.why, "");
	assert_non_null(strstr(p.how, "symbols"));
	for (int prog = WRITE_IN; prog <= READ_OUT; prog += 2) {
		const struct ec_point *in = point(&p, prog, 0),
				      *out = point(&p, prog + 1, 0);

		assert_non_null(in);
		assert_non_null(out);
		assert_false(in->is_return);
		assert_true(out->is_return);
		assert_int_equal(in->offset, out->offset);
		assert_int_equal(in->shape, out->shape);
		assert_string_equal(in->name, out->name);
		/* and without return probes */
		assert_non_null(insn(&p, prog + 1, 0));
		assert_string_equal(insn(&p, prog + 1, 0)->name, in->name);
		assert_int_equal(insn(&p, prog + 1, 0)->shape, in->shape);
		assert_int_equal(insn(&p, prog + 1, 0)->dir, in->dir);
		assert_null(insn(&p, prog, 0));
	}
	assert_string_equal(p.no_insn, "");
	/* the handshake's end is seen: whatever it sends is its connection's */
	assert_int_equal(point(&p, SHAKE_IN, 0)->shape, EC_SHAPE_RET);
	assert_true(point(&p, SHAKE_OUT, 0)->is_return);
	assert_int_equal(point(&p, SHAKE_IN, 0)->offset, point(&p, SHAKE_OUT, 0)->offset);
	assert_non_null(point(&p, FREE, 0));
	assert_non_null(point(&p, CLEAR, 0));
	assert_int_not_equal(point(&p, FREE, 0)->offset, point(&p, CLEAR, 0)->offset);
	assert_int_not_equal(p.params.rbio, EC_KOFF_NONE);
	assert_int_equal(p.params.wbio, p.params.rbio + 8);
	assert_int_equal(p.params.bio_num, 56);
	assert_int_equal(p.params.bio_method, 8);
}

/* The internal function is the one that the exported _ex form calls. */
static void test_internal(void **state)
{
	struct real lib = real_read(real_libssl());
	struct ec_file *f = NULL;
	struct ec_sym ex2, ex;
	struct ec_plan p;
	uint64_t callee, off;

	assert_int_equal(ec_file_from_memory(lib.p, lib.n, true, &f), 0);
	assert_int_equal(ec_file_symbol(f, "SSL_read_ex", &ex), 0);
	if (ec_code_callee(f, ex, &callee)) {
		ec_file_free(f);
		free(lib.p);
		skip(); /* inlined in this build */
	}
	assert_int_equal(ec_module_openssl.plan(f, &p), 0);
	assert_int_equal(p.params.flags, 0);
	assert_int_equal(ec_file_va_to_offset(f, callee, &off), 0);
	/* at the function, or behind its endbr64 */
	assert_true(point(&p, READ_IN, 0)->offset - off <= 4);
	assert_string_equal(point(&p, READ_IN, 0)->name, "ssl_read_internal");
	assert_int_equal(point(&p, READ_IN, 0)->shape, EC_SHAPE_ARG4);
	assert_null(point(&p, READ_IN, 1));
	assert_int_equal(point(&p, WRITE_IN, 0)->shape,
			 ec_file_symbol(f, "SSL_write_ex2", &ex2) ? EC_SHAPE_ARG4
								  : EC_SHAPE_ARG5);
	ec_file_free(f);
	free(lib.p);
}

static void test_no_library(void **state)
{
	struct ec_plan p;

	assert_int_equal(plan_path("/bin/ls", &p), -ENOENT);
	assert_int_equal(p.npoints, 0);
	assert_string_not_equal(p.why, "");
	assert_int_equal(plan_path(real_libcrypto(), &p), -ENOENT);
	/* uses the library without being one */
	if (!access("/usr/bin/openssl", R_OK)) {
		assert_int_equal(plan_path("/usr/bin/openssl", &p), -ENOENT);
		assert_non_null(strstr(p.why, "name the library"));
	}
}

#define AT(slot) MINI_CODE + AT_##slot, SLOT

static const struct mini_symbol small[] = {{"SSL_write", AT(WRITE_FIVE)},
					   {"SSL_write_ex", AT(PASS_FIVE)},
					   {"SSL_read", AT(WRITE_PLAIN)},
					   {"SSL_read_ex", AT(WRITE_EX)},
					   {NULL, 0, 0}};

static void test_small(void **state)
{
	struct ec_plan p;

	/* nothing optional is there; internal functions with five and four arguments */
	assert_int_equal(plan_mini(small, "libssl.so.3", &p, ""), 0);
	assert_int_equal(ec_plan_used(&p, EC_USE_DATA, false), 4);
	assert_int_equal(p.params.flags, EC_TARGET_ENDLESS);
	assert_int_equal(point(&p, WRITE_IN, 0)->offset, MINI_CODE + AT_INTERNAL + 4);
	assert_int_equal(point(&p, WRITE_IN, 0)->shape, EC_SHAPE_ARG5);
	assert_int_equal(point(&p, WRITE_IN, 0)->stepped, 0);
	assert_int_equal(point(&p, READ_OUT, 0)->shape, EC_SHAPE_ARG4);
	assert_int_equal(insn(&p, READ_OUT, 0)->offset, MINI_CODE + AT_INTERNAL + 6);
	assert_int_equal(insn(&p, READ_OUT, 0)->ret, EC_POINT_RET_INSN);
	assert_null(insn(&p, READ_OUT, 1));
	assert_string_equal(p.no_insn, "");
	assert_int_equal(p.params.rbio, EC_KOFF_NONE);
	assert_string_equal(p.version, "");
}

static void test_exported(void **state)
{
	/* the two forms call different functions: nobody knows what they are */
	static const struct mini_symbol syms[] = {{"SSL_write", AT(GET)},
						  {"SSL_write_ex", AT(WRITE_EX)},
						  {"SSL_write_early_data", AT(FREE_BACK)},
						  {"SSL_read", AT(WRITE_PLAIN)},
						  {"SSL_read_ex", AT(WRITE_EX)},
						  {"SSL_peek", AT(GET_TWO)},
						  {"SSL_get_rbio", AT(GET_BRANCH)},
						  {"SSL_free", AT(FREE_NULL)},
						  {NULL, 0, 0}};
	struct ec_plan p;

	assert_int_equal(plan_mini(syms, "libssl.so.3", &p, "OpenSSL 3.2.5 1 Jan 2026"),
			 0);
	assert_string_equal(p.version, "3.2.5");
	assert_int_equal(p.params.flags, EC_TARGET_NESTS);
	assert_int_equal(ec_plan_used(&p, EC_USE_DATA, false), 6 + 2 + 1);
	assert_string_equal(point(&p, WRITE_IN, 0)->name, "SSL_write");
	assert_int_equal(point(&p, WRITE_IN, 0)->shape, EC_SHAPE_RET);
	assert_int_equal(point(&p, WRITE_IN, 1)->shape, EC_SHAPE_ARG4);
	assert_string_equal(point(&p, WRITE_OUT, 2)->name, "SSL_write_early_data");
	assert_string_equal(point(&p, READ_IN, 0)->name, "ssl_read_internal");
	assert_int_equal(point(&p, FREE, 0)->offset, MINI_CODE + AT_FREE_NULL + 7);
	/* what the code says goes before the table; no layout has 88 */
	assert_int_equal(p.params.rbio, 88);
	assert_int_equal(p.params.wbio, EC_KOFF_NONE);
}

/* Returns by instructions: all of them, each once, or the reason. */
static void test_insn(void **state)
{
	/* SSL_write_ex ends with the function that SSL_write_early_data is here; the
	 * calls of the internal ones differ, so the exported ones are probed */
	static const struct mini_symbol shared[] = {
		{"SSL_write", AT(GET_TWO)},	     {"SSL_write_ex", AT(GET_BRANCH)},
		{"SSL_write_early_data", AT(OTHER)}, {"SSL_read", AT(GET)},
		{"SSL_read_ex", AT(FREE_NULL)},	     {NULL, 0, 0}};
	static const struct mini_symbol leaves[] = {{"SSL_write", AT(GET_TWO)},
						    {"SSL_write_ex", AT(PLT)},
						    {"SSL_read", AT(GET)},
						    {"SSL_read_ex", AT(PLT)},
						    {NULL, 0, 0}};
	static const int want[] = {AT_GET_TWO + 8, AT_GET_TWO + 13, AT_OTHER + 4,
				   AT_GET_BRANCH + 28, AT_GET_BRANCH + 31};
	struct ec_plan p;

	assert_int_equal(plan_mini(shared, "libssl.so.3", &p, ""), 0);
	assert_string_equal(p.no_insn, "");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(insn(&p, WRITE_OUT, i)->offset, MINI_CODE + want[i]);
		assert_int_equal(insn(&p, WRITE_OUT, i)->ret, EC_POINT_RET_INSN);
	}
	assert_null(insn(&p, WRITE_OUT, 5));
	/* still a plan for return probes */
	assert_int_equal(plan_mini(leaves, "libssl.so.3", &p, ""), 0);
	assert_int_equal(ec_plan_used(&p, EC_USE_DATA, false), 8);
	assert_non_null(strstr(p.no_insn, "SSL_write_ex: "));
}

static void test_table(void **state)
{
	struct ec_plan p;

	assert_int_equal(plan_mini(small, "x", &p, "OpenSSL 3.3.2 3 Sep 2024"), 0);
	assert_int_equal(p.params.rbio, 72);
	assert_int_equal(p.params.wbio, 80);
	assert_int_equal(plan_mini(small, "x", &p, "OpenSSL 3.3.3 11 Feb 2025"), 0);
	assert_int_equal(p.params.rbio, 80);
	assert_int_equal(plan_mini(small, "x", &p, "OpenSSL 3.0.21 1 Jan 2026"), 0);
	assert_int_equal(p.params.rbio, 16);
	assert_int_equal(plan_mini(small, "x", &p, "OpenSSL 3.11.0 1 Jan 2029"), 0);
	assert_int_equal(p.params.rbio, EC_KOFF_NONE);
}

static int plan_named(const struct mini_symbol *syms, const char *soname,
		      const char *text, const char *name, bool named,
		      struct ec_plan *plan)
{
	struct ec_plan_ask ask = {.named = named};
	uint8_t elf[MINI_SIZE];
	struct ec_file *f = NULL;
	int err;

	strcpy(ask.version, name);
	mini_elf(elf, EM_X86_64, soname, syms, code_x86, AT_END);
	strcpy((char *)elf + 0x1a00, text);
	assert_int_equal(ec_file_from_memory(elf, sizeof(elf), true, &f), 0);
	err = ec_module_openssl.plan_as(f, &ask, plan);
	ec_file_free(f);
	assert_int_equal(ec_plan_check(plan, PROGS), 0);
	return err;
}

static void is(const struct mini_symbol *syms, const char *soname, const char *text,
	       const char *library, const char *version)
{
	struct ec_plan p;

	assert_int_equal(plan_mini(syms, soname, &p, text), 0);
	assert_string_equal(p.library, library);
	assert_string_equal(p.version, version);
}

/* Whose they are, by soname, text and functions that only one of them has. */
static void test_families(void **state)
{
	static const struct mini_symbol boring[] = {{"SSL_write", AT(WRITE_PLAIN)},
						    {"SSL_read", AT(WRITE_PLAIN)},
						    {"BORINGSSL_self_test", AT(GET)},
						    {NULL, 0, 0}};
	static const struct mini_symbol aws[] = {{"SSL_write", AT(WRITE_PLAIN)},
						 {"SSL_write_ex", AT(WRITE_EX)},
						 {"SSL_read", AT(WRITE_PLAIN)},
						 {"SSL_read_ex", AT(WRITE_EX)},
						 {"SSL_peek", AT(GET)},
						 {"SSL_CTX_set_grease_enabled", AT(GET)},
						 {NULL, 0, 0}};
	struct ec_plan p;

	is(small, "libssl.so.1.1", "OpenSSL 1.1.1w  11 Sep 2023", "OpenSSL", "1.1.1w");
	is(small, "libssl.so.1.1", "", "OpenSSL", "");
	is(small, "libssl.so.10", "OpenSSL 1.0.2k-fips  26 Jan", "OpenSSL",
	   "1.0.2k-fips");
	is(small, "", "OpenSSL 1.0.2zh  30 May 2023", "OpenSSL", "1.0.2zh");
	is(small, "", "OpenSSL 1.1.1v+quic  1 Aug 2023", "OpenSSL", "1.1.1v+quic");
	is(small, "libssl.so.53", "", "LibreSSL", "");
	is(small, "", "LibreSSL 3.9.2", "LibreSSL", "3.9.2");
	is(boring, "", "OpenSSL 1.1.1 (compatible; BoringSSL)", "BoringSSL",
	   "1.1.1 (compatible; BoringSSL)");
	is(aws, "", "OpenSSL 1.1.1 (compatible; AWS-LC 1.55.0)", "AWS-LC", "1.55.0");
	is(aws, "", "", "AWS-LC", "");

	/* BoringSSL: the two functions, and never SSL_peek, which SSL_read calls */
	assert_int_equal(plan_mini(boring, "", &p, ""), 0);
	assert_int_equal(ec_plan_used(&p, EC_USE_DATA, false), 4);
	assert_string_equal(point(&p, READ_IN, 0)->name, "SSL_read");
	assert_int_equal(point(&p, READ_IN, 0)->shape, EC_SHAPE_RET);
	/* where the BIO is has been the same for long; what is in it it tells itself */
	assert_int_equal(p.params.rbio, 24);
	assert_int_equal(p.params.bio_num, EC_KOFF_SELF);
	assert_string_equal(p.warn[EC_PLAN_WARN_LAYOUT], "");
	assert_string_equal(p.warn[EC_PLAN_WARN_VERSION], "");
	/* AWS-LC: its _ex forms call the plain ones, which so are nested */
	assert_int_equal(plan_mini(aws, "", &p, ""), 0);
	assert_int_equal(ec_plan_used(&p, EC_USE_DATA, false), 8);
	assert_int_equal(p.params.flags, EC_TARGET_NESTS | EC_TARGET_ENDLESS);
	assert_string_equal(point(&p, READ_IN, 1)->name, "SSL_read_ex");
}

static void test_bios(void **state)
{
	struct ec_plan p;

	plan_mini(small, "", &p, "OpenSSL 1.0.2u  20 Dec 2019");
	assert_int_equal(p.params.rbio, 16);
	assert_int_equal(p.params.bio_num, 40);
	assert_int_equal(p.params.bio_method, 0);
	plan_mini(small, "", &p, "OpenSSL 1.1.0l  10 Sep 2019");
	assert_int_equal(p.params.bio_num, 40);
	plan_mini(small, "", &p, "OpenSSL 1.1.1w  11 Sep 2023");
	assert_int_equal(p.params.bio_num, 48);
	assert_int_equal(p.params.bio_method, 0);
	plan_mini(small, "", &p, "OpenSSL 3.5.8 25 Aug 2026");
	assert_int_equal(p.params.bio_num, 56);
	assert_int_equal(p.params.bio_method, 8);
}

/* The words that the manual promises. */
static void test_warnings(void **state)
{
	struct ec_plan p;

	/* no text, but functions that fit: planned, with the default by the file's name
	 */
	assert_int_equal(plan_mini(small, "libssl.so.3", &p, ""), 0);
	assert_non_null(
		strstr(p.warn[EC_PLAN_WARN_VERSION],
		       "OpenSSL/BoringSSL version not found from shared library file"));
	assert_non_null(strstr(p.warn[EC_PLAN_WARN_VERSION],
			       "used default version linux_default_3_0"));
	assert_int_equal(p.params.bio_num, 56);
	assert_int_equal(plan_mini(small, "libsomething.so", &p, ""), 0);
	assert_non_null(strstr(p.warn[EC_PLAN_WARN_VERSION],
			       "used default version linux_default_1_1_1"));
	assert_int_equal(p.params.bio_num, 48);
	assert_int_equal(p.params.rbio, EC_KOFF_NONE);
	assert_non_null(strstr(p.warn[EC_PLAN_WARN_LAYOUT],
			       "OpenSSL/BoringSSL version bytecode not found"));
	/* a version that no table has, and code that does not say */
	assert_int_equal(plan_mini(small, "", &p, "OpenSSL 3.99.0 1 Jan 2039"), 0);
	assert_string_equal(p.warn[EC_PLAN_WARN_VERSION], "");
	assert_non_null(strstr(p.warn[EC_PLAN_WARN_LAYOUT],
			       "OpenSSL/BoringSSL version bytecode not found"));
	/* all is known */
	assert_int_equal(plan_mini(small, "", &p, "OpenSSL 3.0.1 1 Jan 2022"), 0);
	assert_string_equal(p.warn[EC_PLAN_WARN_VERSION], "");
	assert_string_equal(p.warn[EC_PLAN_WARN_LAYOUT], "");
	assert_string_equal(p.note, "");
}

static void test_named(void **state)
{
	static const struct mini_symbol get[] = {
		{"SSL_write", AT(WRITE_FIVE)},	  {"SSL_write_ex", AT(PASS_FIVE)},
		{"SSL_read", AT(WRITE_PLAIN)},	  {"SSL_read_ex", AT(WRITE_EX)},
		{"SSL_get_rbio", AT(GET_BRANCH)}, {NULL, 0, 0}};
	struct ec_plan p;

	assert_int_equal(plan_named(small, "libssl.so.3", "", "openssl 3.3.2", true, &p),
			 0);
	assert_string_equal(p.version, "3.3.2");
	assert_int_equal(p.params.rbio, 72);
	assert_string_equal(p.warn[EC_PLAN_WARN_VERSION], "");
	/* against the file's own word: said, and done */
	plan_named(small, "", "OpenSSL 1.1.1w  11 Sep 2023", "boringssl_a_14", true, &p);
	assert_string_equal(p.library, "BoringSSL");
	assert_string_equal(p.version, "a_14");
	assert_int_equal(p.params.rbio, 24);
	assert_int_equal(p.params.bio_num, 24);
	assert_non_null(strstr(p.note, "it is OpenSSL 1.1.1w"));
	/* a file that was not named is left alone where the name cannot mean it */
	plan_named(small, "", "OpenSSL 1.1.1w  11 Sep 2023", "boringssl_a_14", false, &p);
	assert_string_equal(p.version, "1.1.1w");
	plan_named(small, "", "OpenSSL 3.0.1 1 Jan 2022", "openssl 3.3.2", false, &p);
	assert_string_equal(p.version, "3.3.2");
	/* where they disagree the code is right, and the log says so */
	plan_named(get, "", "OpenSSL 3.3.2 3 Sep 2024", "openssl 3.3.2", true, &p);
	assert_int_equal(p.params.rbio, 88);
	assert_non_null(strstr(p.how, "not as in the table"));
	assert_non_null(strstr(p.note, "the code is right"));
	/* what is no name is none */
	plan_named(small, "", "OpenSSL 3.0.1 1 Jan 2022", "nonsense", true, &p);
	assert_string_equal(p.version, "3.0.1");
}

static void refused(const struct mini_symbol *syms, const char *soname, const char *text,
		    const char *why)
{
	struct ec_plan p;

	assert_int_equal(plan_mini(syms, soname, &p, text), -ENOENT);
	assert_int_equal(p.npoints, 0);
	if (!strstr(p.why, why))
		fail_msg("%s / %s: %s", soname, text, p.why);
}

static void test_refused(void **state)
{
	static const struct mini_symbol half[] = {{"SSL_write", AT(WRITE_PLAIN)},
						  {"SSL_write_ex", AT(WRITE_EX)},
						  {NULL, 0, 0}};
	static const struct mini_symbol user[] = {
		{"SSL_write", 0, 0}, {"SSL_read", 0, 0}, {NULL, 0, 0}};
	static const struct mini_symbol other[] = {
		{"SSL_write", AT(GET)}, {"SSL_read", AT(GET)}, {NULL, 0, 0}};

	/* no sign of any: never a guess */
	refused(other, "libsomething.so", "", "not those of a library we know");
	refused(half, "libssl.so.3", "", "no functions SSL_read");
	refused(user, "", "OpenSSL 3.0.1 1 Jan 2022", "name the library");
}

/* Cut and changed copies: any answer, as long as it is a sound one. */
static void test_hostile(void **state)
{
	struct real lib = real_read(real_libssl());
	struct guard g = guard_new(lib.n);
	struct ec_file *f = NULL;
	struct ec_sym w;
	uint64_t seed = 3, code;
	uint8_t *p;

	assert_int_equal(ec_file_from_memory(lib.p, lib.n, true, &f), 0);
	assert_int_equal(ec_file_symbol(f, "SSL_write", &w), 0);
	assert_int_equal(ec_file_va_to_offset(f, w.va, &code), 0);
	ec_file_free(f);
	p = guard_put(&g, lib.p, lib.n);
	for (int i = 0; i < 400; i++) {
		/* in turn: the functions that are read, the tables, headers */
		size_t start = i % 3 == 0 ? code - 2048 : 0;
		size_t range = i % 3 == 0 ? 3000 : i % 3 == 1 ? 65536 : 1024;
		struct ec_plan plan;
		size_t at[8];

		for (int k = 0; k < 8; k++) {
			at[k] = start + real_random(&seed) % range;
			p[at[k]] ^= 1u << real_random(&seed) % 8;
		}
		if (!ec_file_from_memory(p, lib.n, true, &f)) {
			memset(&plan, 0xa5, sizeof(plan));
			int err = ec_module_openssl.plan(f, &plan);

			assert_true(err == 0 || err == -ENOENT);
			assert_int_equal(ec_plan_check(&plan, PROGS), 0);
			assert_int_equal(!err, plan.npoints > 0);
			for (uint32_t k = 0; k < plan.npoints; k++)
				assert_true(plan.points[k].offset < lib.n);
			ec_file_free(f);
		}
		for (int k = 0; k < 8; k++)
			p[at[k]] = lib.p[at[k]];
	}
	guard_free(&g);
	free(lib.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	   cmocka_unit_test(test_libssl),
		cmocka_unit_test(test_keys),	   cmocka_unit_test(test_internal),
		cmocka_unit_test(test_no_library), cmocka_unit_test(test_small),
		cmocka_unit_test(test_exported),   cmocka_unit_test(test_insn),
		cmocka_unit_test(test_table),	   cmocka_unit_test(test_families),
		cmocka_unit_test(test_bios),	   cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_named),	   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
