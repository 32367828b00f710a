// SPDX-License-Identifier: GPL-2.0-only
/* Real libraries and programs; texts at the edges of small files. */
#include "target/known.h"
#include "target/needles.h"
#include "mini_elf.h"
#include "real.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <cmocka.h>

static int look_at(const char *path, struct ec_known *k)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	struct ec_file *f;

	assert_true(fd >= 0);
	assert_int_equal(ec_file_open(fd, &f), 0);
	close(fd);
	memset(k, 0xa5, sizeof(*k));
	err = ec_known_look(f, k);
	ec_file_free(f);
	return err;
}

/* "a.b…": does it begin with digits, a dot, digits? */
static bool is_version(const char *s)
{
	unsigned int a, b;

	return sscanf(s, "%u.%u", &a, &b) == 2;
}

static void check(const char *const *patterns, const char *library,
		  enum ec_known_state state, bool version, const char *evidence)
{
	const char *path = real_path(patterns);
	struct ec_known k;

	if (!path) {
		print_message("no %s here\n", patterns[0]);
		skip();
	}
	assert_int_equal(look_at(path, &k), 0);
	assert_string_equal(k.library, library);
	assert_int_equal(k.state, state);
	assert_int_equal(is_version(k.version), version);
	assert_non_null(strstr(k.evidence, evidence));
	assert_true(k.why[0] && k.todo[0]);
}

static void test_gnutls(void **state)
{
	static const char *const at[] = {"/usr/lib/*/libgnutls.so.30",
					 "/usr/lib64/libgnutls.so.30",
					 "/usr/lib/libgnutls.so.30", NULL};
	struct ec_known k;

	check(at, "GnuTLS", EC_KNOWN_LATER, true, "soname libgnutls.so.30");
	look_at(real_path(at), &k);
	assert_non_null(strstr(k.todo, "SSLKEYLOGFILE=FILE"));
	assert_non_null(strstr(k.why, "not supported yet"));
}

static void test_nss(void **state)
{
	static const char *const at[] = {"/usr/lib/*/libssl3.so", "/usr/lib64/libssl3.so",
					 "/usr/lib/libssl3.so", NULL};

	check(at, "NSS", EC_KNOWN_LATER, true, "soname libssl3.so");
}

static void test_jvm(void **state)
{
	static const char *const at[] = {"/usr/lib/jvm/*/lib/server/libjvm.so", NULL};

	check(at, "JVM (SunJSSE)", EC_KNOWN_NEVER, true, "libjvm.so");
}

static void test_uses(void **state)
{
	static const char *const at[] = {"/usr/lib/*/libcurl.so.4",
					 "/usr/lib64/libcurl.so.4",
					 "/usr/lib/libcurl.so.4", NULL};

	check(at, "OpenSSL", EC_KNOWN_USES, false, "imports SSL_");
}

/* What the module probes is recognised too, should it refuse it. */
static void test_openssl(void **state)
{
	struct ec_known k;

	assert_int_equal(look_at(real_libssl(), &k), 0);
	assert_string_equal(k.library, "OpenSSL");
}

static void test_nothing(void **state)
{
	static const char *const files[] = {"/bin/ls", "/bin/sh", "/bin/cat"};
	static const char *const libc[] = {"/usr/lib/*/libc.so.6", "/usr/lib64/libc.so.6",
					   "/usr/lib/libc.so.6", NULL};
	struct ec_known k;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_int_equal(look_at(files[i], &k), -ENOENT);
	assert_int_equal(look_at(real_path(libc), &k), -ENOENT);
	assert_int_equal(look_at(real_libcrypto(), &k), -ENOENT);
	/* this test holds every text that is looked for, as ecapture does */
	assert_int_equal(look_at("/proc/self/exe", &k), -ENOENT);
}

static void test_names(void **state)
{
	unsigned int n = 0;

	while (ec_known_name(n))
		assert_true(strlen(ec_known_name(n++)) < 24);
	assert_true(n > 10);
	assert_null(ec_known_name(n));
}

/* A small file with `n` bytes at `at`, that ends where memory ends. */
static int small_look(const char *soname, const struct mini_symbol *syms, size_t at,
		      const void *p, size_t n, struct ec_known *k)
{
	static uint8_t bytes[MINI_SIZE];
	struct guard g = guard_new(MINI_SIZE);
	struct ec_file *f;
	int err;

	mini_elf(bytes, EM_X86_64, soname, syms, "", 0);
	memcpy(bytes + at, p, n);
	assert_int_equal(
		ec_file_from_memory(guard_put(&g, bytes, MINI_SIZE), MINI_SIZE, true, &f),
		0);
	memset(k, 0xa5, sizeof(*k));
	err = ec_known_look(f, k);
	ec_file_free(f);
	guard_free(&g);
	return err;
}

static int text_look(size_t at, const char *text, struct ec_known *k)
{
	return small_look("x.so", NULL, at, text, strlen(text), k);
}

static void test_edges(void **state)
{
	static const char path[] = "/rustls-0.23.7/src", plain[] = "c hs traffic";
	struct ec_known k;

	for (size_t back = sizeof(path) - 1; back < 40; back++) {
		assert_int_equal(text_look(MINI_SIZE - back, path, &k), 0);
		assert_string_equal(k.library, "rustls");
		assert_string_equal(k.version, "0.23.7");
	}
	for (size_t back = sizeof(plain) - 1; back < 30; back++)
		assert_int_equal(text_look(MINI_SIZE - back, plain, &k), 0);
	assert_string_equal(k.library, "unknown TLS library");
	/* cut off by the end of the file */
	for (size_t n = 1; n < sizeof(plain) - 1; n++)
		assert_int_equal(small_look("x.so", NULL, MINI_SIZE - n, plain, n, &k),
				 -ENOENT);
}

static void test_versions(void **state)
{
	static const struct {
		const char *text, *version;
	} cases[] = {
		{"/rustls-0.23.7/", "0.23.7"},
		{"/rustls-1.0.0-rc.1/", "1.0.0-rc.1"},
		{"/rustls-/rustls-12.3.4.", "12.3.4"},
		{"/rustls-pki-types-1.10.1/rustls-0.21.0\n", "0.21.0"},
		{"/rustls-1/rustls-1.2", NULL},
		{"rustls-0.23.7/", NULL},
		{"crates_vendor__rustls-0.23.46/src", "0.23.46"},
		{"crates_vendor__tokio-rustls-0.26.6/src", NULL},
		{"/rustls-v0.23.7", NULL},
	};
	struct ec_known k;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err = text_look(MINI_CODE, cases[i].text, &k);

		assert_int_equal(err, cases[i].version ? 0 : -ENOENT);
		if (!err)
			assert_string_equal(k.version, cases[i].version);
	}
	/* of two releases in a file, the one that has a number of three parts */
	assert_int_equal(text_look(MINI_CODE,
				   "OpenSSL 3.0 legacy\1OpenSSL 3.5.9 29 Sep\1"
				   "ssl/ssl_lib.c\1CLIENT_HANDSHAKE_TRAFFIC_SECRET",
				   &k),
			 0);
	assert_string_equal(k.library, "OpenSSL");
	assert_string_equal(k.version, "3.5.9");
	assert_int_equal(text_look(MINI_CODE, "OpenSSL 1.1.1w\1ssl/ssl_lib.c", &k), 0);
	assert_string_equal(k.library, "OpenSSL 1.x");
	assert_string_equal(k.version, "1.1.1w");
}

static void put(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* Both forms of Go's build information, sound and not. */
static void test_go(void **state)
{
	uint8_t b[512] = {0};
	struct ec_known k;

	memcpy(b + 256, "crypto/tls.(*Conn).Write", 24);
	assert_int_equal(small_look("", NULL, MINI_CODE, b, sizeof(b), &k), 0);
	assert_string_equal(k.library, "Go crypto/tls");
	assert_string_equal(k.version, "");
	memcpy(b, "\xff Go buildinf:\x08\x02", 16);
	memcpy(b + 32, "\x08go1.26.8", 9);
	assert_int_equal(small_look("", NULL, MINI_CODE, b, sizeof(b), &k), 0);
	assert_string_equal(k.version, "go1.26.8");
	/* of no use where it is not aligned */
	assert_int_equal(small_look("", NULL, MINI_CODE + 8, b, sizeof(b), &k), 0);
	assert_string_equal(k.version, "");
	b[32] = 0xff;
	assert_int_equal(small_look("", NULL, MINI_CODE, b, sizeof(b), &k), 0);
	assert_string_equal(k.version, "");
	memcpy(b + 32, "\x30go1.2\n\x1b[2J", 11);
	assert_int_equal(small_look("", NULL, MINI_CODE, b, sizeof(b), &k), 0);
	assert_memory_equal(k.version, "go1.2__[2J", 10);
	assert_int_equal(strlen(k.version), sizeof(k.version) - 1);
	/* before 1.18: pointers */
	b[15] = 0;
	put(b + 16, MINI_CODE + 64);
	put(b + 64, MINI_CODE + 96);
	put(b + 72, 6);
	memcpy(b + 96, "go1.17", 6);
	assert_int_equal(small_look("", NULL, MINI_CODE, b, sizeof(b), &k), 0);
	assert_string_equal(k.version, "go1.17");
	put(b + 72, UINT64_MAX);
	assert_int_equal(small_look("", NULL, MINI_CODE, b, sizeof(b), &k), 0);
	assert_string_equal(k.version, "");
	put(b + 16, UINT64_MAX - 8);
	assert_int_equal(small_look("", NULL, MINI_CODE, b, sizeof(b), &k), 0);
	assert_string_equal(k.version, "");
}

/* Scrambled names: Go by its build information, TLS by a label. */
static void test_go_scrambled(void **state)
{
	uint8_t b[64] = "\xff Go buildinf:\x08\x02";
	struct ec_known k;

	memcpy(b + 40, "c hs traffic", 12);
	assert_int_equal(small_look("", NULL, MINI_CODE, b, sizeof(b), &k), 0);
	assert_string_equal(k.library, "Go crypto/tls");
	memset(b, 0, 16);
	assert_int_equal(small_look("", NULL, MINI_CODE, b, sizeof(b), &k), 0);
	assert_string_equal(k.library, "unknown TLS library");
}

static void test_symbols(void **state)
{
	static const struct mini_symbol wolf[] = {{"wolfSSL_read", MINI_CODE, 8}, {0}},
					calls[] = {{"gnutls_record_recv", 0, 0}, {0}};
	struct ec_known k;

	assert_int_equal(small_look("x.so", wolf, MINI_CODE, "", 0, &k), 0);
	assert_string_equal(k.library, "wolfSSL");
	assert_string_equal(k.evidence, "symbol wolfSSL_read at 0x1000; no symbol table");
	assert_int_equal(small_look("x.so", calls, MINI_CODE, "", 0, &k), 0);
	assert_string_equal(k.library, "GnuTLS");
	assert_int_equal(k.state, EC_KNOWN_USES);
	assert_int_equal(small_look("libgnutls.so.\x1b[2J\xff", NULL, 0x1000, "", 0, &k),
			 0);
	assert_non_null(strstr(k.evidence, "libgnutls.so.?[2J?"));
}

/* rustls is built on AWS-LC, BoringSSL's other child: what is on top is told. */
static void test_order(void **state)
{
	struct ec_known k;

	assert_int_equal(text_look(MINI_CODE, "ssl/ssl_lib.cc\1aws-lc/crypto", &k), 0);
	assert_string_equal(k.library, "AWS-LC");
	assert_int_equal(text_look(MINI_CODE, "ssl/ssl_lib.cc", &k), 0);
	assert_string_equal(k.library, "BoringSSL");
	assert_int_equal(text_look(MINI_CODE, "ssl/ssl_lib.cc\1rustls::client::hs", &k),
			 0);
	assert_string_equal(k.library, "rustls");
	assert_non_null(strstr(k.todo, "KeyLogFile"));
	assert_int_equal(
		text_look(MINI_CODE, "SSLKEYLOGFILE\1rustls::client::hsmore", &k), 0);
	assert_non_null(strstr(k.todo, "SSLKEYLOGFILE=FILE"));
	/* crypto alone is no TLS */
	assert_int_equal(text_look(MINI_CODE, "aws-lc/crypto AWS-LC FIPS", &k), -ENOENT);
}

/* The search against the plain way, on real bytes. */
static void test_search(void **state)
{
	static const struct ec_needle v[] = {
		{.text = "SSL_write"},	   {.text = "SSL_read_ex"},  {.text = "\0"},
		{.text = "ssl/ssl_lib.c"}, {.text = "SSL_read"},     {.text = "xyzzy123"},
		{.text = "c hs traffic"},  {.text = "s ap traffic"}, {.text = "SSL_writ"},
		{.text = "CLIENT_RANDOM"},
	};
	struct real r = real_read(real_libssl());
	uint64_t hits[10];
	struct ec_needle used[10];
	struct ec_file *f;
	unsigned int n = 0;

	assert_int_equal(ec_file_from_memory(r.p, r.n, true, &f), 0);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (*v[i].text)
			used[n++] = v[i];
	ec_needles_find(f, used, n, hits);
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *p = memmem(r.p, r.n, used[i].text, strlen(used[i].text));

		assert_int_equal(hits[i], p ? (uint64_t)(p - r.p) : EC_NEEDLE_NONE);
	}
	ec_file_free(f);
	free(r.p);
}

/* A file that is all near-misses, and the biggest one at hand. */
static void test_speed(void **state)
{
	static const char *const big[] = {"/usr/bin/node",
					  "/usr/lib/jvm/*/lib/server/libjvm.so",
					  "/usr/lib/*/libLLVM*.so*",
					  "/usr/lib/*/libcrypto.so.3",
					  "/usr/lib64/libcrypto.so.3",
					  NULL};
	struct timespec a, b;
	struct ec_known k;
	struct stat st;
	double ms;

	assert_int_equal(stat(real_path(big), &st), 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	look_at(real_path(big), &k);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ms = (b.tv_sec - a.tv_sec) * 1e3 + (b.tv_nsec - a.tv_nsec) / 1e6;
	print_message("%s: %.0f MB in %.0f ms\n", real_path(big), st.st_size / 1e6, ms);
	/* 100 MB in well under a second; four times that on a busy machine */
	assert_true(ms < 40 + st.st_size / 1e6 * 20);
}

static void test_hostile_speed(void **state)
{
	static const char near[] =
		"/rustls-0.2/rustls-9.9_SSLKEYLOGFILcrypto/tls.(*Conn).Writ";
	const size_t n = 64u << 20;
	uint8_t *p = malloc(n);
	struct timespec a, b;
	struct ec_known k;
	struct ec_file *f;
	Elf64_Phdr ph;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = near[i % (sizeof(near) - 1)];
	mini_elf(p, EM_X86_64, "x", NULL, "", 0);
	memcpy(&ph, p + sizeof(Elf64_Ehdr), sizeof(ph));
	ph.p_filesz = ph.p_memsz = n;
	memcpy(p + sizeof(Elf64_Ehdr), &ph, sizeof(ph));
	memset(p + MINI_CODE, 'x', MINI_SIZE - MINI_CODE);
	assert_int_equal(ec_file_from_memory(p, n, true, &f), 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(ec_known_look(f, &k), -ENOENT);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true(b.tv_sec - a.tv_sec < 4);
	ec_file_free(f);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gnutls),	     cmocka_unit_test(test_nss),
		cmocka_unit_test(test_jvm),	     cmocka_unit_test(test_uses),
		cmocka_unit_test(test_openssl),	     cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_names),	     cmocka_unit_test(test_edges),
		cmocka_unit_test(test_versions),     cmocka_unit_test(test_go),
		cmocka_unit_test(test_go_scrambled), cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_order),	     cmocka_unit_test(test_search),
		cmocka_unit_test(test_speed),	     cmocka_unit_test(test_hostile_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
