// SPDX-License-Identifier: GPL-2.0-only
#include "target/xref.h"
#include "base/util.h"
#include "target/function.h"
#include "target/gist.h"
#include "target/texts.h"
#include "mini_elf.h"
#include "unit/unstripped.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define TEXT (MINI_CODE + 0x800)

static struct ec_file *mini(uint8_t *elf, uint16_t machine, const void *code, size_t n)
{
	struct ec_file *f = NULL;

	mini_elf(elf, machine, "x", NULL, code, n);
	memcpy(elf + TEXT, "not this some/where.c", 22);
	memcpy(elf + TEXT + 0x20, "a\nwhere.c", 10);
	memcpy(elf + TEXT + 0x30, "where.c", 8);
	memcpy(elf + TEXT + 0x40, "where.cc", 9);
	assert_int_equal(ec_file_from_memory(elf, MINI_SIZE, true, &f), 0);
	return f;
}

static const uint8_t x86[] = {
	/* 1000 */ 0x55,				     /* push %rbp */
	/* 1001 */ 0x48, 0x8d, 0x35, 0xf8, 0x07, 0x00, 0x00, /* lea 1800(%rip),%rsi */
	/* 1008 */ 0x4c, 0x8d, 0x05, 0xf1, 0x07, 0x00, 0x00, /* lea 1800(%rip),%r8 */
	/* 100f */ 0xbf, 0x14, 0x00, 0x00, 0x00,	     /* mov $20,%edi */
	/* 1014 */ 0x6a, 0x42, 0x5a,			     /* push $66; pop %rdx */
	/* 1017 */ 0x83, 0xc8, 0xff,			     /* or $-1,%eax */
	/* 101a */ 0x89, 0x47, 0x08,			     /* mov %eax,8(%rdi) */
	/* 101d */ 0xe8, 0x0e, 0x00, 0x00, 0x00,	     /* call 1030 */
	/* 1022 */ 0x5d,				     /* pop %rbp */
	/* 1023 */ 0xe9, 0x18, 0x00, 0x00, 0x00,	     /* jmp 1040 */
	/* 1028 */ 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
	/* 1030 */ 0x85, 0xff,			       /* test %edi,%edi */
	/* 1032 */ 0x0f, 0x84, 0x08, 0x00, 0x00, 0x00, /* je 1040 */
	/* 1038 */ 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
	/* 1040 */ 0xb8, 0x00, 0x18, 0x00, 0x00, /* mov $0x1800,%eax */
	/* 1045 */ 0xc3,
};

static const uint32_t arm64[] = {
	/* 1000 */ 0xa9bf7bfd, /* stp x29, x30, [sp, #-16]! */
	/* 1004 */ 0xb0000001, /* adrp x1, 2000 */
	/* 1008 */ 0x90000002, /* adrp x2, 1000 */
	/* 100c */ 0x52800280, /* mov w0, #20 */
	/* 1010 */ 0x91200042, /* add x2, x2, #0x800 */
	/* 1014 */ 0x10003f61, /* adr x1, 1800 */
	/* 1018 */ 0x94000006, /* bl 1030 */
	/* 101c */ 0xa8c17bfd, /* ldp x29, x30, [sp], #16 */
	/* 1020 */ 0x14000008, /* b 1040 */
	0xd503201f,
	0xd503201f,
	0xd503201f,
	/* 1030 */ 0xb4000080, /* cbz x0, 1040 */
	/* 1034 */ 0x12800000, /* mov w0, #-1 */
	/* 1038 */ 0xf9000413, /* str x19, [x0, #8] */
	/* 103c */ 0xd65f03c0, /* ret */
	/* 1040 */ 0x52800840, /* mov w0, #66 */
	/* 1044 */ 0xd65f03c0,
};

struct one {
	uint8_t elf[MINI_SIZE];
	struct ec_file *f;
	bool arm;
};

static void one_open(struct one *o, int arm)
{
	o->arm = arm;
	o->f = arm ? mini(o->elf, EM_AARCH64, arm64, sizeof(arm64))
		   : mini(o->elf, EM_X86_64, x86, sizeof(x86));
}

static void test_texts(void **state)
{
	static const char *const texts[] = {"where.c", "where.cc"};
	struct ec_text t[8];
	struct one o;

	one_open(&o, 0);
	assert_int_equal(ec_texts_find(o.f, texts, 2, t, 8), 4);
	assert_int_equal(t[0].va, TEXT + 14);
	assert_int_equal(t[0].start, TEXT);
	assert_int_equal(t[1].va, TEXT + 0x22);
	assert_int_equal(t[1].start, TEXT + 0x22);
	assert_int_equal(t[2].start, TEXT + 0x30);
	assert_int_equal(t[2].which, 0);
	assert_int_equal(t[3].start, TEXT + 0x40);
	assert_int_equal(t[3].which, 1);
	/* as many as there is room for, and how many there are */
	memset(t, 0, sizeof(t));
	assert_int_equal(ec_texts_find(o.f, texts, 2, t, 1), 4);
	assert_true(ec_texts_any(o.f, "is some/w"));
	assert_false(ec_texts_any(o.f, "where.cpp"));
	assert_int_equal(t[0].va, TEXT + 14);
	assert_int_equal(t[1].va, 0);
	ec_file_free(o.f);
}

static void test_find(void **state)
{
	static const uint64_t targets[] = {TEXT - 1, TEXT, TEXT + 1};
	static const uint64_t want[2][2] = {{0x1001, 0x1008}, {0x1010, 0x1014}};

	for (int arm = 0; arm < 2; arm++) {
		struct ec_xref r[4];
		struct one o;

		one_open(&o, arm);
		assert_int_equal(ec_xref_find(o.f, targets, 3, r, 4), 2);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(r[i].va, want[arm][i]);
			assert_int_equal(r[i].target, TEXT);
		}
		assert_int_equal(ec_xref_find(o.f, targets, 3, r, 1), -E2BIG);
		assert_int_equal(ec_xref_find(o.f, targets, 1, r, 4), 0);
		assert_int_equal(ec_xref_find(o.f, NULL, 0, r, 4), 0);
		ec_file_free(o.f);
	}
}

/* At fixed addresses code may have the address itself. */
static void test_fixed(void **state)
{
	static const uint64_t target = TEXT;
	struct ec_xref r[4];
	struct one o;

	one_open(&o, 0);
	((Elf64_Ehdr *)o.elf)->e_type = ET_EXEC;
	assert_int_equal(ec_xref_find(o.f, &target, 1, r, 4), 3);
	assert_int_equal(r[2].va, 0x1040);
	ec_file_free(o.f);
}

static void test_branches(void **state)
{
	static const struct ec_range ranges[] = {{0x1030, 0x1031}, {0x1040, 0x1050}};
	static const uint64_t from[2][3] = {{0x101d, 0x1023, 0x1032},
					    {0x1018, 0x1020, 0x1030}};

	for (int arm = 0; arm < 2; arm++) {
		struct ec_branch *b = NULL;
		struct one o;
		size_t n;

		one_open(&o, arm);
		assert_int_equal(ec_xref_branches(o.f, ranges, 2, &b, &n), 0);
		assert_int_equal(n, 3);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(b[i].from, from[arm][i]);
			assert_int_equal(b[i].to, i ? 0x1040 : 0x1030);
			assert_int_equal(b[i].call, !i);
			assert_int_equal(b[i].cond, i == 2);
		}
		free(b);
		assert_int_equal(ec_xref_branches(o.f, NULL, 0, &b, &n), 0);
		assert_null(b);
		ec_file_free(o.f);
	}
}

struct seen {
	struct ec_gist g[32];
	int n;
};

static int see(void *ctx, const struct ec_gist *g)
{
	struct seen *s = ctx;

	s->g[s->n++] = *g;
	return s->n == 32 ? -E2BIG : 0;
}

static bool saw(const struct seen *s, enum ec_gist_kind kind, int arg, uint64_t value)
{
	for (int i = 0; i < s->n; i++)
		if (s->g[i].kind == kind && s->g[i].arg == arg && s->g[i].value == value)
			return true;
	return false;
}

static void test_gist(void **state)
{
	for (int arm = 0; arm < 2; arm++) {
		struct seen s = {.n = 0};
		struct one o;

		one_open(&o, arm);
		assert_int_equal(
			ec_gist_each(o.f, (struct ec_sym){0x1000, 0x40}, see, &s), 0);
		assert_true(saw(&s, EC_GIST_CONST, 1, 20));
		assert_true(saw(&s, EC_GIST_CONST, 2, TEXT));
		assert_true(saw(&s, EC_GIST_CONST, arm ? 3 : 5, TEXT));
		assert_true(saw(&s, EC_GIST_CALL, 0, 0x1030));
		assert_true(saw(&s, EC_GIST_JUMP, 0, 0x1040));
		assert_true(saw(&s, EC_GIST_CONST, arm ? 1 : 0, UINT32_MAX));
		if (!arm) {
			assert_true(saw(&s, EC_GIST_CONST, 3, 66));
			assert_true(saw(&s, EC_GIST_STORE, 0, 8));
		}
		s.n = 31;
		assert_int_equal(
			ec_gist_each(o.f, (struct ec_sym){0x1000, 0x40}, see, &s),
			-E2BIG);
		assert_int_equal(
			ec_gist_each(o.f, (struct ec_sym){MINI_SIZE, 8}, see, &s),
			-ENOENT);
		ec_file_free(o.f);
	}
}

static void test_functions(void **state)
{
	static const uint64_t near = 0x1032;

	for (int arm = 0; arm < 2; arm++) {
		struct ec_functions *fs = NULL;
		struct ec_function fn;
		struct one o;

		one_open(&o, arm);
		assert_int_equal(ec_functions_open(o.f, &near, 1, &fs), 0);
		assert_int_equal(ec_functions_at(fs, near, &fn), 0);
		assert_int_equal(fn.sym.va, 0x1030);
		assert_int_equal(fn.by, EC_FUNCTION_CALLED);
		/* nobody calls it, and nothing is known before it */
		assert_int_equal(ec_functions_at(fs, 0x1004, &fn), -ENOENT);
		assert_int_equal(ec_functions_at(fs, MINI_SIZE + 9, &fn), -ENOENT);
		ec_functions_free(fs);
		ec_file_free(o.f);
	}
	ec_functions_free(NULL);
}

/* What nobody calls may be the middle of a function, where no probe may stand. */
static void test_uncalled(void **state)
{
	static const uint8_t code[] = {
		/* 1000 */ 0xe8,
		0x0b,
		0x00,
		0x00,
		0x00,
		0xc3, /* call 1010; ret */
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		/* 1010 */ 0xc3,
		/* 1011 */ 0x55,
		0x5d,
		0xc3, /* push %rbp; pop %rbp; ret */
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		0xcc,
		/* 1020 */ 0x55,
		0x5d,
		0xc3,
	};
	static const uint64_t near = 0x1012;
	struct ec_functions *fs = NULL;
	uint8_t elf[MINI_SIZE];
	struct ec_function fn;
	struct ec_file *f = mini(elf, EM_X86_64, code, sizeof(code));

	assert_int_equal(ec_functions_open(f, &near, 1, &fs), 0);
	assert_int_equal(ec_functions_at(fs, 0x1012, &fn), 0);
	assert_int_equal(fn.sym.va, 0x1011);
	assert_int_equal(fn.by, EC_FUNCTION_PIECE);
	assert_int_equal(ec_functions_at(fs, 0x1021, &fn), 0);
	assert_int_equal(fn.sym.va, 0x1020);
	assert_int_equal(fn.by, EC_FUNCTION_FLOW);
	ec_functions_free(fs);
	ec_file_free(f);
}

static void __attribute__((cold, noinline)) rare(char *room)
{
	__asm__ volatile("" ::"r"(room) : "memory");
}

/* What it does in the end gcc moves away, as it does with what reports errors. */
static int __attribute__((noinline)) sometimes(int n, int (*fn)(int))
{
	char room[64];
	int sum = 0;

	__asm__ volatile("" ::"r"(room) : "memory");
	for (int i = 0; i < n; i++)
		sum += fn(i);
	if (__builtin_expect(n == 12345, 0)) {
		rare(room);
		sum += fn(n) * 3;
	}
	return sum;
}

static int same(int n)
{
	return n;
}

static int (*volatile run)(int, int (*)(int)) = sometimes;

/* At a part's start the frame is made: what lies on top is no return address. */
static void test_parts(void **state)
{
	struct ec_functions *fs = NULL;
	struct ec_function fn;
	struct ec_sym whole, part;
	struct ec_file *f = NULL;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_int_equal(run(3, same), 3);
	assert_int_equal(ec_file_open(fd, &f), 0);
	close(fd);
	assert_int_equal(ec_file_symbol(f, "sometimes", &whole), 0);
	assert_int_equal(ec_functions_open(f, &whole.va, 1, &fs), 0);
	assert_int_equal(ec_functions_at(fs, whole.va, &fn), 0);
	assert_int_equal(fn.by, EC_FUNCTION_UNWIND);
	if (!ec_file_symbol(f, "sometimes.cold", &part)) {
		assert_int_equal(ec_functions_at(fs, part.va, &fn), 0);
		assert_int_equal(fn.sym.va, part.va);
		assert_int_equal(fn.by, EC_FUNCTION_PIECE);
	} else {
#ifndef __clang__
		fail_msg("gcc moved nothing away");
#endif
	}
	ec_functions_free(fs);
	ec_file_free(f);
}

/* How many of a real library's functions are found at their start, of 100. */
static int right(const char *path, bool unwind)
{
	struct ec_functions *fs = NULL;
	struct unstripped u;
	uint64_t *near;
	size_t n = 0, good = 0, called = 0;

	assert_true(unstripped_open(&u, path, true));
	near = calloc(u.bytes.n / 16, sizeof(*near));
	assert_non_null(near);
	/* the unwinder's table says where functions are */
	for (uint64_t va = 0; va < u.bytes.n; va += 4096)
		if (ec_file_is_code(u.bare, va))
			near[n++] = va;
	if (!unwind)
		unstripped_forget(u.bare_bytes.p, false);
	assert_int_equal(ec_functions_open(u.bare, near, n, &fs), 0);
	for (size_t i = 0; i < n; i++) {
		struct ec_functions *exact = NULL;
		struct ec_function fn, is;

		if (ec_functions_at(fs, near[i], &fn))
			continue;
		assert_int_equal(ec_functions_open(u.f, &near[i], 1, &exact), 0);
		if (!ec_functions_at(exact, near[i], &is) &&
		    is.by == EC_FUNCTION_UNWIND && fn.by <= EC_FUNCTION_CALLED) {
			called++;
			good += fn.sym.va == is.sym.va;
		}
		ec_functions_free(exact);
	}
	ec_functions_free(fs);
	unstripped_close(&u);
	free(near);
	assert_true(called > 20);
	return good * 100 / called;
}

static void test_real(void **state)
{
	assert_int_equal(right(real_libssl(), true), 100);
	assert_true(right(real_libssl(), false) >= 90);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),	 cmocka_unit_test(test_find),
		cmocka_unit_test(test_fixed),	 cmocka_unit_test(test_branches),
		cmocka_unit_test(test_gist),	 cmocka_unit_test(test_functions),
		cmocka_unit_test(test_uncalled), cmocka_unit_test(test_parts),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
