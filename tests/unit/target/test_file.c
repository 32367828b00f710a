// SPDX-License-Identifier: GPL-2.0-only
#include "target/file.h"
#include "mini_elf.h"
#include "real.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <cmocka.h>

static int open_path(const char *path, struct ec_file **f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	assert_true(fd >= 0);
	err = ec_file_open(fd, f);
	close(fd);
	return err;
}

static void test_libssl(void **state)
{
	struct ec_sym w, r, none = {1, 2};
	struct ec_file *f = NULL;
	const uint8_t *p;
	uint64_t off;
	uint8_t id[20];

	assert_non_null(real_libssl());
	assert_int_equal(open_path(real_libssl(), &f), 0);
	assert_string_equal(ec_file_soname(f), "libssl.so.3");
	assert_true(ec_file_needs(f, "libcrypto.so.3"));
	assert_false(ec_file_needs(f, "libcrypto.so"));
	assert_false(ec_file_needs(f, "libssl.so.3"));
	assert_true(ec_file_imports(f, "BIO_write"));
	assert_false(ec_file_imports(f, "SSL_write"));

	assert_int_equal(ec_file_symbol(f, "SSL_write", &w), 0);
	assert_int_equal(ec_file_symbol(f, "SSL_read", &r), 0);
	assert_int_not_equal(w.va, r.va);
	assert_true(w.size > 0 && ec_file_is_code(f, w.va));
	assert_int_equal(ec_file_symbol(f, "SSL_writ", &none), -ENOENT);
	assert_int_equal(ec_file_symbol(f, "SSL_write_", &none), -ENOENT);
	assert_int_equal(ec_file_symbol(f, "BIO_write", &none), -ENOENT);
	assert_int_equal(ec_file_symbol(f, "", &none), -ENOENT);
	assert_int_equal(none.va, 1);

	assert_int_equal(ec_file_va_to_offset(f, w.va, &off), 0);
	p = ec_file_at(f, w.va, w.size);
	assert_non_null(p);
	/* the two ways to the code agree: both lead back to the start of the file */
	assert_memory_equal(p - off, ELFMAG, SELFMAG);
	assert_int_equal(ec_file_va_to_offset(f, UINT64_MAX, &off), -ERANGE);
	assert_null(ec_file_at(f, w.va, SIZE_MAX));
	assert_null(ec_file_at(f, UINT64_MAX, 1));
	assert_false(ec_file_is_code(f, 0));
	assert_int_equal(ec_file_build_id(f, id), 20);
	ec_file_free(f);
}

/* readelf is another reader of the same file. */
static void test_symbols_as_readelf_says(void **state)
{
	char cmd[4200], name[256], type[16], ndx[16];
	struct ec_file *f = NULL;
	unsigned long va, size;
	unsigned int seen = 0;
	FILE *pipe;

	if (system("readelf -v >/dev/null 2>&1"))
		skip();
	assert_int_equal(open_path(real_libcrypto(), &f), 0);
	snprintf(cmd, sizeof(cmd), "readelf -W --dyn-syms %s 2>/dev/null",
		 real_libcrypto());
	pipe = popen(cmd, "r");
	assert_non_null(pipe);
	while (fgets(cmd, sizeof(cmd), pipe)) {
		struct ec_sym s = {0};

		if (sscanf(cmd, "%*d: %lx %lu %15s %*s %*s %15s %255[^@ \n]", &va, &size,
			   type, ndx, name) != 5 ||
		    strcmp(type, "FUNC"))
			continue;
		if (!strcmp(ndx, "UND")) {
			assert_true(ec_file_imports(f, name));
			continue;
		}
		assert_int_equal(ec_file_symbol(f, name, &s), 0);
		assert_int_equal(s.va, va);
		assert_int_equal(s.size, size);
		seen++;
	}
	pclose(pipe);
	assert_true(seen > 3000);
	ec_file_free(f);
}

static void test_strings(void **state)
{
	struct ec_file *f = NULL;
	const char *s;

	assert_int_equal(open_path(real_libcrypto(), &f), 0);
	s = ec_file_find_string(f, "OpenSSL 3.");
	assert_non_null(s);
	assert_memory_equal(s, "OpenSSL 3.", 10);
	assert_true(strlen(s) < 100);
	assert_null(ec_file_find_string(f, "penSSL 3.")); /* not where a string begins */
	assert_null(ec_file_find_string(f, "no such words are in this library"));
	assert_null(ec_file_find_string(f, ""));
	ec_file_free(f);
}

/* Words that begin no string, over and over, and one NUL behind them all. */
static void test_hostile_strings(void **state)
{
	static const char word[] = "OpenSSL 4.";
	size_t n = 4 << 20, len = sizeof(word) - 1;
	uint8_t *elf = calloc(1, n);
	struct ec_file *f = NULL;
	Elf64_Phdr ph;
	clock_t began;

	assert_non_null(elf);
	mini_elf(elf, EM_X86_64, "x", NULL, "", 0);
	memcpy(&ph, elf + sizeof(Elf64_Ehdr), sizeof(ph));
	ph.p_filesz = ph.p_memsz = n;
	memcpy(elf + sizeof(Elf64_Ehdr), &ph, sizeof(ph));
	memset(elf + MINI_SIZE, 'x', n - MINI_SIZE - 1);
	for (size_t at = MINI_SIZE + 1; at + len < n; at += len)
		memcpy(elf + at, word, len);
	assert_int_equal(ec_file_from_memory(elf, n, true, &f), 0);
	began = clock();
	assert_null(ec_file_find_string(f, word));
	assert_true(clock() - began < 5 * CLOCKS_PER_SEC);
	assert_non_null(ec_file_find_string(f, "xOpenSSL 4."));
	ec_file_free(f);
	free(elf);
}

static void test_not_ours(void **state)
{
	struct ec_file *f = NULL;
	char path[] = "/tmp/ec-test-XXXXXX";
	struct real lib = real_read(real_libssl());
	int fd;

	assert_int_equal(open_path("/", &f), -EISDIR);
	assert_int_equal(open_path("/etc/passwd", &f), -ENOEXEC);
	assert_int_equal(open_path("/dev/null", &f), -ENOEXEC);
	assert_int_equal(open_path("/bin/sh", &f), 0);
	ec_file_free(f);
	f = NULL;

	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ec_file_open(fd, &f), -ENOEXEC); /* empty */
	assert_int_equal(write(fd, lib.p, lib.n / 2), lib.n / 2);
	assert_int_equal(ec_file_open(fd, &f), -EBADMSG);
	assert_int_equal(ftruncate(fd, (4ll << 30) + 1), 0);
	assert_int_equal(ec_file_open(fd, &f), -EFBIG);
	assert_null(f);
	close(fd);
	unlink(path);
	free(lib.p);
}

static void test_architectures(void **state)
{
	static const uint16_t machines[] = {EM_X86_64, EM_AARCH64};
	uint8_t elf[MINI_SIZE];
	struct ec_file *f = NULL;
	int ours = 0;

	for (int i = 0; i < 2; i++) {
		mini_elf(elf, machines[i], "x", NULL, "", 0);
		assert_int_equal(ec_file_from_memory(elf, sizeof(elf), true, &f), 0);
		assert_int_equal(ec_file_arch(f), i ? EC_ARCH_AARCH64 : EC_ARCH_X86_64);
		ec_file_free(f);
		f = NULL;
		if (!ec_file_from_memory(elf, sizeof(elf), false, &f)) {
			ours++;
			ec_file_free(f);
			f = NULL;
		}
	}
	assert_int_equal(ours, 1);
	mini_elf(elf, EM_RISCV, "x", NULL, "", 0);
	assert_int_equal(ec_file_from_memory(elf, sizeof(elf), true, &f), -ENOTSUP);
	mini_elf(elf, EM_X86_64, "x", NULL, "", 0);
	elf[EI_CLASS] = ELFCLASS32;
	assert_int_equal(ec_file_from_memory(elf, sizeof(elf), true, &f), -ENOTSUP);
	elf[EI_CLASS] = 7;
	assert_int_equal(ec_file_from_memory(elf, sizeof(elf), true, &f), -EBADMSG);
	mini_elf(elf, EM_X86_64, "x", NULL, "", 0);
	((Elf64_Ehdr *)elf)->e_type = ET_REL;
	assert_int_equal(ec_file_from_memory(elf, sizeof(elf), true, &f), -ENOEXEC);
	assert_null(f);
}

static void test_mini(void **state)
{
	static const struct mini_symbol syms[] = {{"plain", MINI_CODE, 16},
						  {"with@@VERS_1", MINI_CODE + 16, 8},
						  {"wanted", 0, 0},
						  {"wanted", MINI_CODE + 32, 8},
						  {"nowhere", MINI_SIZE + 5, 8},
						  {NULL, 0, 0}};
	static const uint8_t id[] = {0, 1, 2, 3, 4, 5, 6, 7};
	uint8_t elf[MINI_SIZE], got[20];
	struct ec_file *f = NULL;
	struct ec_sym s;

	mini_elf(elf, EM_X86_64, "libmini.so.1", syms, "\xc3", 1);
	assert_int_equal(ec_file_from_memory(elf, sizeof(elf), true, &f), 0);
	assert_string_equal(ec_file_soname(f), "libmini.so.1");
	assert_true(ec_file_needs(f, "libneeded.so.1"));
	assert_int_equal(ec_file_symbol(f, "plain", &s), 0);
	assert_int_equal(s.va, MINI_CODE);
	assert_int_equal(ec_file_symbol(f, "with", &s), 0);
	assert_int_equal(s.va, MINI_CODE + 16);
	/* undefined and defined under one name */
	assert_true(ec_file_imports(f, "wanted"));
	assert_int_equal(ec_file_symbol(f, "wanted", &s), 0);
	assert_int_equal(s.va, MINI_CODE + 32);
	assert_int_equal(ec_file_symbol(f, "nowhere", &s), -ENOENT);
	assert_int_equal(ec_file_build_id(f, got), 8);
	assert_memory_equal(got, id, 8);
	assert_ptr_equal(ec_file_at(f, MINI_CODE, 1), elf + MINI_CODE);
	assert_non_null(ec_file_at(f, MINI_SIZE - 1, 1));
	assert_null(ec_file_at(f, MINI_SIZE - 1, 2));
	assert_null(ec_file_at(f, MINI_SIZE, 0));
	ec_file_free(f);
}

/* What the other tables say must not matter where program headers are sound. */
static void test_hostile_tables(void **state)
{
	static const uint64_t bad[] = {
		0, 1, 0x1fff, 0x2000, UINT32_MAX, UINT64_MAX - 7, UINT64_MAX, 1ull << 63};
	struct guard g = guard_new(MINI_SIZE);
	uint8_t elf[MINI_SIZE];
	unsigned int opened = 0;

	for (size_t at = 0x180; at < 0x310; at += 4)
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			struct ec_file *f = NULL;
			struct ec_sym s;
			uint8_t id[20];
			uint8_t *p;

			mini_elf(
				elf, EM_X86_64, "libmini.so.1",
				(struct mini_symbol[]){{"f", MINI_CODE, 1}, {NULL, 0, 0}},
				"\xc3", 1);
			memcpy(elf + at, &bad[i], 8);
			p = guard_put(&g, elf, sizeof(elf));
			if (ec_file_from_memory(p, sizeof(elf), true, &f))
				continue;
			opened++;
			ec_file_symbol(f, "f", &s);
			ec_file_imports(f, "g");
			ec_file_needs(f, "libneeded.so.1");
			assert_non_null(ec_file_soname(f));
			assert_true(ec_file_build_id(f, id) <= 20);
			ec_file_free(f);
		}
	assert_true(opened > 700);
	guard_free(&g);
}

/* Many equal names: looking up must stay linear, or this test does not end. */
static void test_equal_names(void **state)
{
	enum { N = 400000, HEAD = 0x900 };
	size_t size = HEAD + N * sizeof(Elf64_Sym);
	uint8_t *elf = calloc(1, size);
	struct mini_symbol one[] = {{"same", 0, 0}, {NULL, 0, 0}};
	uint8_t head[MINI_SIZE];
	struct ec_file *f = NULL;
	Elf64_Sym sym;
	struct ec_sym s;

	assert_non_null(elf);
	mini_elf(head, EM_X86_64, "x", one, "", 0);
	memcpy(elf, head, HEAD);
	((Elf64_Phdr *)(elf + sizeof(Elf64_Ehdr)))->p_filesz = size;
	((uint32_t *)(elf + 0x300))[1] = N;
	memcpy(&sym, elf + 0x800 + sizeof(sym), sizeof(sym));
	for (size_t i = 1; i < N; i++)
		memcpy(elf + 0x800 + i * sizeof(sym), &sym, sizeof(sym));
	assert_int_equal(ec_file_from_memory(elf, size, true, &f), 0);
	for (int i = 0; i < 30; i++)
		assert_int_equal(ec_file_symbol(f, "same", &s), -ENOENT);
	assert_true(ec_file_imports(f, "same"));
	ec_file_free(f);
	free(elf);
}

/* Every length: opened or refused, and never a byte too far. */
static void test_truncated(void **state)
{
	struct real lib = real_read(real_libssl());
	struct guard g = guard_new(lib.n);
	unsigned int refused = 0, rounds = 0;

	assert_non_null(lib.p);
	for (size_t n = 0; n < lib.n; n += n < 1024 ? 1 : 3989) {
		struct ec_file *f = NULL;
		struct ec_sym s;
		int err = ec_file_from_memory(guard_put(&g, lib.p, n), n, true, &f);

		rounds++;
		if (n < 4)
			assert_int_equal(err, -ENOEXEC);
		else if (n < lib.n / 2)
			assert_int_equal(err, -EBADMSG);
		if (err) {
			refused++;
			continue;
		}
		ec_file_symbol(f, "SSL_write", &s);
		ec_file_find_string(f, "OpenSSL ");
		ec_file_free(f);
	}
	/* only the section headers and what precedes them may be missing */
	assert_true(refused * 10 > rounds * 9);
	guard_free(&g);
	free(lib.p);
}

static void test_flipped(void **state)
{
	struct real lib = real_read(real_libssl());
	struct guard g = guard_new(lib.n);
	uint64_t seed = 1;
	uint8_t *p;

	assert_non_null(lib.p);
	p = guard_put(&g, lib.p, lib.n);
	for (int i = 0; i < 2000; i++) {
		/* in turn: headers, the tables behind them, anywhere */
		size_t range = i % 3 == 0 ? 1024 : i % 3 == 1 ? 65536 : lib.n;
		size_t at[4];
		struct ec_file *f = NULL;
		struct ec_sym s;
		uint8_t id[20];

		for (int k = 0; k < 4; k++) {
			at[k] = real_random(&seed) % range;
			p[at[k]] ^= 1u << real_random(&seed) % 8;
		}
		if (!ec_file_from_memory(p, lib.n, true, &f)) {
			ec_file_symbol(f, "SSL_write", &s);
			ec_file_symbol(f, "no_such_symbol", &s);
			ec_file_needs(f, "libcrypto.so.3");
			ec_file_build_id(f, id);
			ec_file_free(f);
		}
		for (int k = 0; k < 4; k++)
			p[at[k]] = lib.p[at[k]];
	}
	guard_free(&g);
	free(lib.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libssl),
		cmocka_unit_test(test_symbols_as_readelf_says),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_hostile_strings),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_architectures),
		cmocka_unit_test(test_mini),
		cmocka_unit_test(test_hostile_tables),
		cmocka_unit_test(test_equal_names),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
