// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is found without symbols is what the symbols say. With arguments, for
 * tests/e2e/test_stripped.py:
 *   test_find FILE     all that is found in FILE agrees with its symbols, and both
 *                      directions are found
 *   test_find -n FILE  nothing is found in FILE
 *   test_find -l FILE  the same as the first, for a FILE without symbols: only that
 *                      both directions are found
 *   test_find -u FILE  the same as the first, without the unwinder's table
 */
#include "modules/openssl/find.h"
#include "base/util.h"
#include "unit/unstripped.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <cmocka.h>

/*
 * The same under other names: what is behind SSL_free's test for NULL, which the compiler
 * made a function of, and where node's OpenSSL 1.1.1 does what SSL_clear calls.
 */
static bool is_alias(const struct ec_file *f, const char *name, struct ec_sym found)
{
	char alias[32] = "SSL_clear_not_quic";
	struct ec_sym s;

	if (!strcmp(name, "SSL_clear"))
		return !ec_file_symbol(f, alias, &s) && s.va == found.va;
	for (int i = 0; i < 64 && !strcmp(name, "SSL_free"); i++) {
		snprintf(alias, sizeof(alias), "SSL_free.part.%d", i);
		if (!ec_file_symbol(f, alias, &s) && s.va == found.va)
			return true;
	}
	return false;
}

/* The name, and what compilers add to those of parts and copies. */
static bool is_name(const char *symbol, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(symbol, name, n) && (!symbol[n] || symbol[n] == '.');
}

/* 1 a symbol says so, 0 none begins there, -1 another one does */
static int agrees(const struct unstripped *u, const char *name, struct ec_sym found)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)u->bytes.p;
	const Elf64_Shdr *sh = (const Elf64_Shdr *)(u->bytes.p + eh->e_shoff);
	struct ec_sym s;
	int is = 0;

	if (is_alias(u->f, name, found))
		return 1;
	if (!ec_file_symbol(u->f, name, &s) && s.va != found.va)
		return -1;
	for (int i = 0; i < eh->e_shnum; i++) {
		const Elf64_Sym *v = (const Elf64_Sym *)(u->bytes.p + sh[i].sh_offset);
		size_t n = sh[i].sh_size / sizeof(*v);

		if (sh[i].sh_type != SHT_SYMTAB && sh[i].sh_type != SHT_DYNSYM)
			continue;
		for (size_t k = 0; k < n; k++) {
			const uint8_t *names = u->bytes.p + sh[sh[i].sh_link].sh_offset;

			if (ELF64_ST_TYPE(v[k].st_info) != STT_FUNC ||
			    v[k].st_value != found.va)
				continue;
			if (is_name((const char *)names + v[k].st_name, name))
				return 1;
			is = -1;
		}
	}
	return is;
}

static bool both_directions(const struct ec_openssl_found *o)
{
	bool wrote = ec_openssl_found_fn(o, "SSL_write") ||
		     ec_openssl_found_fn(o, "ssl_write_internal");
	bool read = ec_openssl_found_fn(o, "SSL_read") ||
		    ec_openssl_found_fn(o, "ssl_read_internal");

	return o->methods.tables || (wrote && read);
}

/* Number of functions that agree with a symbol; -1 where one does not. */
static int compare(const struct unstripped *u, const struct ec_openssl_found *o)
{
	int n = 0;

	if (o->methods.tables) {
		int r = agrees(u, "ssl3_read", o->methods.read);
		int w = agrees(u, "ssl3_write", o->methods.write);

		if (r < 0 || w < 0) {
			printf("the method tables lead elsewhere\n");
			return -1;
		}
		n += 2 * (r + w); /* they stand for all of a direction */
	}

	for (unsigned int i = 0; i < o->n; i++) {
		int a = agrees(u, o->fn[i].name, o->fn[i].sym);

		if (a < 0) {
			printf("%s at %#lx is not what the symbols say\n", o->fn[i].name,
			       (unsigned long)o->fn[i].sym.va);
			return -1;
		}
		n += a;
	}
	return n;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int look(const char *path, char how)
{
	struct ec_openssl_found o;
	struct unstripped u;
	int agree, err;
	double ms;

	if (!unstripped_open(&u, path, how != 'u'))
		return 2;
	ms = now();
	err = ec_openssl_find(u.bare, &o);
	ms = now() - ms;
	agree = err ? 0 : compare(&u, &o);
	printf("%.1f MiB, %.0f ms: family %d, %u found, %u tables, %d as the symbols say; "
	       "%s\n",
	       ec_file_size(u.f) / 1048576.0, ms, o.family, o.n, o.methods.tables, agree,
	       o.how);
	unstripped_close(&u);
	if (how == 'n')
		return err == -ENOENT && !o.n ? 0 : 1;
	if (err || !both_directions(&o) || agree < 0)
		return 1;
	return how == 'l' || agree >= 3 ? 0 : 1;
}

static void test_libssl(void **state)
{
	struct ec_openssl_found o;
	struct unstripped u;

	assert_true(unstripped_open(&u, real_libssl(), true));
	assert_int_equal(ec_openssl_find(u.bare, &o), 0);
	assert_int_equal(o.family, EC_OPENSSL_3);
	assert_true(both_directions(&o));
	assert_true(compare(&u, &o) >= 6);
	assert_non_null(ec_openssl_found_fn(&o, "SSL_do_handshake"));
	assert_null(ec_openssl_found_fn(&o, "SSL_get_fd"));
	assert_non_null(strstr(o.how, "__func__"));
	for (unsigned int i = 0; i < o.n; i++)
		assert_true(o.fn[i].sym.size && o.fn[i].how[0]);
	unstripped_close(&u);
}

/* The same library in a static program, which has no unwinder's table. */
static void test_static(void **state)
{
	char path[] = "/tmp/ec-find-XXXXXX", command[256];
	struct ec_openssl_found o;
	struct unstripped u;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	snprintf(
		command, sizeof(command),
		"cc -O2 -w -static -D_GNU_SOURCE -o %s tests/e2e/helpers/sslpair.c -lssl "
		"-lcrypto -lpthread 2>/dev/null",
		path);
	if (system(command)) {
		unlink(path);
		skip(); /* no static library here */
	}
	assert_true(unstripped_open(&u, path, false));
	unlink(path);
	assert_int_equal(ec_openssl_find(u.bare, &o), 0);
	assert_true(both_directions(&o));
	assert_true(compare(&u, &o) >= 6);
	unstripped_close(&u);
}

static void none(const char *path, bool silent)
{
	struct ec_openssl_found o;
	struct unstripped u;

	assert_non_null(path);
	assert_true(unstripped_open(&u, path, true));
	assert_int_equal(ec_openssl_find(u.bare, &o), -ENOENT);
	assert_int_equal(o.n, 0);
	assert_int_equal(o.family, EC_OPENSSL_NONE);
	assert_true(!silent || !o.how[0]);
	unstripped_close(&u);
}

static void test_others(void **state)
{
	static const char *const gnutls[] = {"/usr/lib/*/libgnutls.so.30",
					     "/usr/lib64/libgnutls.so.30",
					     "/usr/lib/libgnutls.so.30", NULL};
	static const char *const nss[] = {"/usr/lib/*/libssl3.so",
					  "/usr/lib64/libssl3.so", "/usr/lib/libssl3.so",
					  NULL};

	none(real_libcrypto(), true);
	none(real_path(gnutls), true);
	none(real_path(nss), true);
	none("/bin/sh", true);
	/* it has all the names itself */
	none("/proc/self/exe", false);
}

/* Writes over every string that is `text`; the number of them. */
static int forget_text(struct real *r, const char *text)
{
	size_t n = strlen(text) + 1;
	uint8_t *p = r->p, *end = r->p + r->n;
	int count = 0;

	while ((p = memmem(p, end - p, text, n))) {
		if (p[-1] == 0 || p[-1] == '/') {
			memset(p, '?', n - 1);
			count++;
		}
		p++;
	}
	return count;
}

/* Pointers in data are gone, in their places and as relocations. */
static void forget_pointers(struct unstripped *u)
{
	Elf64_Ehdr *eh = (Elf64_Ehdr *)u->bare_bytes.p;
	Elf64_Phdr *ph = (Elf64_Phdr *)(u->bare_bytes.p + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD && ph[i].p_flags & PF_W)
			memset(u->bare_bytes.p + ph[i].p_offset, 0, ph[i].p_filesz);
		if (ph[i].p_type == PT_DYNAMIC)
			ph[i].p_type = PT_NULL;
	}
	ec_file_free(u->bare);
	assert_int_equal(
		ec_file_from_memory(u->bare_bytes.p, u->bare_bytes.n, true, &u->bare), 0);
}

/* Evidence that is missing is not made up for by guessing. */
static void test_misfits(void **state)
{
	static const char *const texts[] = {"SSL_write", "SSL_read", "ssl_write_internal",
					    "ssl_lib.c"};

	for (size_t i = 0; i < EC_ARRAY_SIZE(texts); i++) {
		struct ec_openssl_found o;
		struct unstripped u;

		assert_true(unstripped_open(&u, real_libssl(), true));
		assert_true(forget_text(&u.bare_bytes, texts[i]) > 0);
		/* there still are the method tables … */
		assert_int_equal(ec_openssl_find(u.bare, &o), 0);
		assert_true(o.methods.tables > 10 && o.methods.counts);
		assert_int_equal(o.family, EC_OPENSSL_3);
		assert_true(compare(&u, &o) >= 0);
		/* … and then nothing */
		forget_pointers(&u);
		assert_int_equal(ec_openssl_find(u.bare, &o), -ENOENT);
		assert_int_equal(o.n + o.methods.tables, 0);
		assert_true(i == 3 ? !o.how[0] : !!strstr(o.how, "not one"));
		unstripped_close(&u);
	}
}

/* The first relocation that makes the pointer `va`. */
static Elf64_Rela *relocation_of(const struct real *r, uint64_t va)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)r->p;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)(r->p + eh->e_phoff);
	uint64_t at = 0, size = 0;

	for (int i = 0; i < eh->e_phnum; i++) {
		const Elf64_Dyn *d = (const Elf64_Dyn *)(r->p + ph[i].p_offset);

		for (; ph[i].p_type == PT_DYNAMIC && d->d_tag != DT_NULL; d++) {
			at = d->d_tag == DT_RELA ? d->d_un.d_ptr : at;
			size = d->d_tag == DT_RELASZ ? d->d_un.d_val : size;
		}
	}
	/* the first segment is loaded where it stands */
	for (uint64_t i = 0; i < size / sizeof(Elf64_Rela); i++) {
		Elf64_Rela *v = (Elf64_Rela *)(r->p + at) + i;

		if ((uint64_t)v->r_addend == va)
			return v;
	}
	return NULL;
}

/* Tables that do not agree, or lead to other functions, are not believed. */
static void test_tables(void **state)
{
	struct ec_openssl_methods m, none = {0};
	struct ec_sym other;
	int64_t peek;
	struct unstripped u;
	Elf64_Rela *r;
	const char *why;

	assert_true(unstripped_open(&u, real_libssl(), true));
	assert_int_equal(ec_openssl_methods_find(u.bare, &m, &why), 0);
	assert_true(m.tables > 10 && m.counts && m.read.va != m.write.va);
	r = relocation_of(&u.bare_bytes, m.read.va);
	assert_non_null(r);
	/* one that reads by the function that peeks, which stands behind it */
	peek = r[1].r_addend;
	r[0].r_addend = peek;
	r[1].r_addend = m.read.va;
	assert_int_equal(ec_openssl_methods_find(u.bare, &none, &why), -ENOENT);
	assert_string_equal(why, "its method tables do not agree");
	assert_int_equal(none.tables, 0);
	r[1].r_addend = peek;
	assert_int_equal(ec_file_symbol(u.f, "SSL_get_rbio", &other), 0);
	/* all of them, to what is no such function */
	r->r_addend = m.read.va;
	while ((r = relocation_of(&u.bare_bytes, m.read.va)))
		r->r_addend = other.va;
	assert_int_equal(ec_openssl_methods_find(u.bare, &none, &why), -ENOENT);
	assert_string_equal(why, "the functions of its method tables are not known");
	unstripped_close(&u);
	/* no such library */
	assert_true(unstripped_open(&u, real_libcrypto(), true));
	assert_int_equal(ec_openssl_methods_find(u.bare, &none, &why), -ENOENT);
	assert_string_equal(why, "");
	unstripped_close(&u);
}

/* Cut, and with bytes changed: no crash, and what is found lies in the file. */
static void test_damaged(void **state)
{
	struct real lib = real_read(real_libssl());
	struct guard g = guard_new(lib.n);
	uint64_t seed = 4;

	for (int i = 0; i < 60; i++) {
		size_t n = i < 20 ? lib.n * (i + 1) / 21 : lib.n;
		uint8_t *p = guard_put(&g, lib.p, n);
		struct ec_openssl_found o;
		struct ec_file *f = NULL;

		for (int k = 0; i >= 20 && k < 4 << i / 6; k++)
			p[64 + real_random(&seed) % (n - 64)] = real_random(&seed);
		if (ec_file_from_memory(p, n, true, &f))
			continue;
		ec_openssl_find(f, &o);
		for (unsigned int k = 0; k < o.n; k++)
			assert_true(ec_file_is_code(f, o.fn[k].sym.va));
		assert_true(!o.methods.tables ||
			    (ec_file_is_code(f, o.methods.read.va) &&
			     ec_file_is_code(f, o.methods.write.va)));
		ec_file_free(f);
	}
	guard_free(&g);
	free(lib.p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libssl), cmocka_unit_test(test_static),
		cmocka_unit_test(test_others), cmocka_unit_test(test_misfits),
		cmocka_unit_test(test_tables), cmocka_unit_test(test_damaged),
	};

	if (argc == 3)
		return look(argv[2], argv[1][1]);
	if (argc == 2)
		return look(argv[1], 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
