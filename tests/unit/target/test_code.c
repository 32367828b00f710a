// SPDX-License-Identifier: GPL-2.0-only
#include "target/code.h"
#include "code_bytes.h"
#include "real.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "mini_fixture.h"

static struct ec_sym fn(int at)
{
	return (struct ec_sym){MINI_CODE + at, SLOT};
}

static uint64_t callee(const struct ec_file *f, int at, int want)
{
	uint64_t va = 1;

	assert_int_equal(ec_code_callee(f, fn(at), &va), want);
	return va == 1 ? 1 : va - MINI_CODE;
}

static int count(const struct ec_file *f, int at, int target)
{
	int arg = 99, err = ec_code_count_arg(f, fn(at), MINI_CODE + target, &arg);

	if (!err)
		return arg;
	assert_int_equal(err, -ENOENT);
	assert_int_equal(arg, 99);
	return 0;
}

static void each_arch(void (*test)(const struct ec_file *f, bool arm))
{
	for (int arm = 0; arm < 2; arm++) {
		struct fixture x;

		test(fix(&x, arm, arm ? code_arm64 : code_x86, AT_END), arm);
		ec_file_free(x.f);
	}
}

static void callees(const struct ec_file *f, bool arm)
{
	uint64_t va = 1;

	assert_int_equal(callee(f, AT_WRITE_PLAIN, 0), AT_INTERNAL);
	assert_int_equal(callee(f, AT_WRITE_EX, 0), AT_INTERNAL);
	assert_int_equal(callee(f, AT_WRITE_FIVE, 0), AT_INTERNAL);
	assert_int_equal(callee(f, AT_PASS_FIVE, 0), AT_INTERNAL);
	assert_int_equal(callee(f, AT_LOOP, 0), AT_INTERNAL);
	assert_int_equal(callee(f, AT_TWO_CALLEES, -ENOTUNIQ), 1);
	assert_int_equal(callee(f, AT_NO_CALLEE, -ENOENT), 1);
	assert_int_equal(callee(f, AT_KILLED, -ENOENT), 1);
	assert_int_equal(callee(f, AT_CLOBBER, -ENOENT), 1);
	assert_int_equal(callee(f, AT_GET, -ENOENT), 1);
	/* sizes and addresses that make no sense */
	assert_int_equal(ec_code_callee(f, (struct ec_sym){MINI_CODE, 0}, &va), -ENOENT);
	assert_int_equal(ec_code_callee(f, (struct ec_sym){UINT64_MAX, 9}, &va), -ENOENT);
	assert_int_equal(ec_code_callee(f, (struct ec_sym){MINI_CODE, UINT64_MAX}, &va),
			 -ENOENT);
	assert_int_equal(ec_code_callee(f, (struct ec_sym){MINI_SIZE, 9}, &va), -ENOENT);
	/* cut short before the call */
	assert_int_equal(ec_code_callee(f, (struct ec_sym){MINI_CODE, 8}, &va), -ENOENT);
	assert_int_equal(va, 1);
}

static void test_callee(void **state)
{
	each_arch(callees);
}

static void counts(const struct ec_file *f, bool arm)
{
	assert_int_equal(count(f, AT_WRITE_PLAIN, AT_INTERNAL), 4);
	assert_int_equal(count(f, AT_WRITE_EX, AT_INTERNAL), 4);
	assert_int_equal(count(f, AT_WRITE_FIVE, AT_INTERNAL), 5);
	assert_int_equal(count(f, AT_PASS_FIVE, AT_INTERNAL), 5);
	/* called with other arguments than its own, or not at all */
	assert_int_equal(count(f, AT_NO_CALLEE, AT_INTERNAL), 0);
	assert_int_equal(count(f, AT_WRITE_PLAIN, AT_OTHER), 0);
	assert_int_equal(count(f, AT_WRITE_EX, AT_OTHER), 0);
}

static void test_count(void **state)
{
	each_arch(counts);
}

static void handed(const struct ec_file *f, bool arm)
{
	struct ec_code_handed h[2];
	bool made;

	/* all arguments as they came, and by a jump */
	assert_int_equal(ec_code_handed(f, fn(AT_WRITE_EX), 23, &made, h, 2), 1);
	assert_false(made);
	assert_int_equal(h[0].target, MINI_CODE + AT_INTERNAL);
	assert_int_equal(h[0].from[0], 1);
	assert_int_equal(h[0].from[3], 4);
	assert_int_equal(h[0].left & 0xf, 0xf);
	assert_int_equal(ec_code_handed(f, fn(AT_PASS_FIVE), 23, &made, h, 2), 1);
	assert_int_equal(h[0].from[1], 2);
	assert_int_equal(h[0].from[3], 0);
	assert_int_equal(h[0].from[4], 4);
	assert_int_equal(h[0].left & 0x10, 0); /* nothing holds the fifth any more */
	/* two calls, and room for one */
	assert_int_equal(ec_code_handed(f, fn(AT_TWO_CALLEES), 0, &made, h, 2), 2);
	assert_int_equal(h[1].from[1], 0);
	assert_int_equal(ec_code_handed(f, fn(AT_TWO_CALLEES), 0, &made, h, 1), -E2BIG);
	/* another object, and none */
	assert_int_equal(ec_code_handed(f, fn(AT_KILLED), 0, &made, h, 2), 0);
	assert_int_equal(ec_code_handed(f, fn(AT_GET), 0, &made, h, 2), 0);
	assert_int_equal(ec_code_handed(f, (struct ec_sym){MINI_SIZE, 9}, 0, &made, h, 2),
			 -ENOENT);
}

static void test_handed(void **state)
{
	/* write(object, 23, buffer, length, count) through a pointer, as a jump and as a
	 * call; the number by push and pop:
	 * mov %rcx,%r8; mov %rdx,%rcx; mov %rsi,%rdx; mov $23,%esi; jmp *0x40(%rax)
	 * mov %rsi,%rdx; push $23; pop %rsi; call *0x40(%rax); ret */
	static const char x86[] = "\x49\x89\xc8\x48\x89\xd1\x48\x89\xf2\xbe\x17\0\0\0"
				  "\xff\x60\x40\x48\x89\xf2\x6a\x17\x5e\xff\x50\x40\xc3";
	/* mov x4,x3; mov x3,x2; mov x2,x1; mov w1,#23; br x5 */
	static const char arm64[] = "\xe4\x03\x03\xaa\xe3\x03\x02\xaa\xe2\x03\x01\xaa"
				    "\xe1\x02\x80\x52\xa0\0\x1f\xd6";

	each_arch(handed);
	for (int arm = 0; arm < 2; arm++) {
		struct ec_code_handed h;
		struct fixture x;
		bool made;

		fix(&x, arm, arm ? arm64 : x86, arm ? sizeof(arm64) : sizeof(x86));
		assert_int_equal(ec_code_handed(x.f,
						(struct ec_sym){MINI_CODE, 17 + 3 * arm},
						23, &made, &h, 1),
				 1);
		assert_true(made && !h.target);
		assert_int_equal(h.from[2], 2);
		assert_int_equal(h.from[3], 3);
		assert_int_equal(h.from[4], 4);
		assert_int_equal(ec_code_handed(x.f,
						(struct ec_sym){MINI_CODE, 17 + 3 * arm},
						22, &made, &h, 1),
				 1);
		assert_false(made);
		if (!arm) {
			assert_int_equal(
				ec_code_handed(x.f, (struct ec_sym){MINI_CODE + 17, 10},
					       23, &made, &h, 1),
				1);
			assert_true(made);
			assert_int_equal(h.from[2], 2);
		}
		ec_file_free(x.f);
	}
}

static void accessors(const struct ec_file *f, bool arm)
{
	uint32_t off = 99;

	assert_int_equal(ec_code_accessor(f, fn(AT_GET), &off), 0);
	assert_int_equal(off, 16);
	assert_int_equal(ec_code_accessor(f, fn(AT_GET_BRANCH), &off), 0);
	assert_int_equal(off, 88);
	off = 99;
	assert_int_equal(ec_code_accessor(f, fn(AT_GET_TWO), &off), -ENOENT);
	assert_int_equal(ec_code_accessor(f, fn(AT_GET_NONE), &off), -ENOENT);
	assert_int_equal(ec_code_accessor(f, fn(AT_OTHER), &off), -ENOENT);
	assert_int_equal(off, 99);
}

static void test_accessor(void **state)
{
	each_arch(accessors);
}

static uint64_t entry(const struct ec_file *f, int at, bool returns)
{
	return ec_code_entry(f, fn(at), returns, 1) - MINI_CODE - at;
}

static void entries(const struct ec_file *f, bool arm)
{
	/* behind endbr64 or bti, where the cheap instruction is next */
	assert_int_equal(entry(f, AT_INTERNAL, true), 4);
	assert_int_equal(entry(f, AT_WRITE_EX, true), 0);
	assert_int_equal(entry(f, AT_FREE_NULL, true), arm ? 4 : 0);
	/* no return probe: further down */
	assert_int_equal(entry(f, AT_FREE_NULL, false), arm ? 4 : 7);
	assert_int_equal(entry(f, AT_FREE_MOVES, false), 0);
	assert_int_equal(entry(f, AT_FREE_BACK, false), 0);
	assert_int_equal(entry(f, AT_FREE_OTHER, false), arm ? 12 : 11);
	/* the first one is cheap already */
	assert_int_equal(entry(f, AT_TWO_CALLEES, true), 0);
	/* without a size nothing is searched */
	assert_int_equal(
		ec_code_entry(f, (struct ec_sym){MINI_CODE + AT_INTERNAL, 0}, true, 0),
		MINI_CODE + AT_INTERNAL + 4);
	assert_int_equal(
		ec_code_entry(f, (struct ec_sym){MINI_CODE + AT_FREE_OTHER, 0}, false, 1),
		MINI_CODE + AT_FREE_OTHER);
	assert_int_equal(ec_code_entry(f, (struct ec_sym){UINT64_MAX, 5}, false, 1),
			 UINT64_MAX);
}

static void test_entry(void **state)
{
	each_arch(entries);
}

struct step_case {
	const char *bytes;
	size_t n;
	enum ec_step want;
};
#define S(bytes, want)                                   \
	{                                                \
		bytes, sizeof(bytes) - 1, EC_STEP_##want \
	}

static void steps(bool arm, const struct step_case *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char code[32];
		struct fixture x;

		memset(code, arm ? 0 : 0x90, sizeof(code));
		memcpy(code, c[i].bytes, c[i].n);
		fix(&x, arm, code, sizeof(code));
		if (ec_code_step(x.f, MINI_CODE) != c[i].want)
			fail_msg("case %zu of %s", i, arm ? "arm64" : "x86");
		assert_int_equal(ec_code_step(x.f, MINI_SIZE), EC_STEP_REFUSED);
		ec_file_free(x.f);
	}
}

static void test_steps(void **state)
{
	static const struct step_case x86[] = {
		S("\x53", EMULATED),			 /* push %rbx */
		S("\x41\x57", EMULATED),		 /* push %r15 */
		S("\x90", EMULATED),			 /* nop */
		S("\xe8\x00\x00\x00\x00", EMULATED),	 /* call */
		S("\xeb\x02", EMULATED),		 /* jmp */
		S("\x74\x02", EMULATED),		 /* je */
		S("\x0f\x84\x00\x00\x00\x00", EMULATED), /* je, near */
		S("\xf3\x0f\x1e\xfa", STEPPED),		 /* endbr64 */
		S("\x48\x83\xec\x18", STEPPED),		 /* sub $0x18,%rsp */
		S("\x48\x53", STEPPED),			 /* push %rbx with REX.W */
		S("\x66\x53", STEPPED),			 /* push %bx */
		S("\xff\x33", STEPPED),			 /* push (%rbx) */
		S("\xc3", STEPPED),			 /* ret */
		S("\x64\x48\x8b\x04\x25\x28\x00\x00\x00", STEPPED),
		S("\x66\xe8\x00\x00\x00\x00", REFUSED), /* narrow call */
		S("\xf0\x0f\xc1\x47\x20", REFUSED),	/* lock xadd */
		S("\x3e\xff\xe0", REFUSED),		/* notrack jmp *%rax */
		S("\xcc", REFUSED),			/* int3 */
		S("\xf4", REFUSED),			/* hlt */
		S("\x0f\x0b", REFUSED),			/* ud2 */
		S("\x06", REFUSED),			/* not in 64 bit */
	};
	static const struct step_case arm64[] = {
		S("\x00\x00\x00\x14", EMULATED), /* b */
		S("\x00\x00\x00\x94", EMULATED), /* bl */
		S("\x40\x00\x00\xb4", EMULATED), /* cbz */
		S("\xc0\x03\x5f\xd6", EMULATED), /* ret */
		S("\x20\x00\x3f\xd6", EMULATED), /* blr x1 */
		S("\x1f\x20\x03\xd5", EMULATED), /* nop */
		S("\x10\x00\x00\x90", EMULATED), /* adrp */
		S("\xfd\x7b\xbd\xa9", STEPPED),	 /* stp x29, x30, [sp, #-48]! */
		S("\x5f\x24\x03\xd5", STEPPED),	 /* bti c */
		S("\x3f\x23\x03\xd5", STEPPED),	 /* paciasp */
		S("\xff\x83\x00\xd1", STEPPED),	 /* sub sp, sp, #32 */
		S("\x20\x7c\x5f\xc8", REFUSED),	 /* ldxr */
		S("\x01\x00\x00\xd4", REFUSED),	 /* svc */
		S("\x41\xd0\x3b\xd5", REFUSED),	 /* mrs x1, tpidr_el0 */
		S("\x00\x00\x00\x00", REFUSED),	 /* nothing */
	};

	steps(false, x86, sizeof(x86) / sizeof(x86[0]));
	steps(true, arm64, sizeof(arm64) / sizeof(arm64[0]));
}

/* Bytes without sense: every walk ends, and says something or nothing. */
static void test_noise(void **state)
{
	uint8_t code[0xf00];
	uint64_t seed = 7;

	for (int round = 0; round < 300; round++) {
		struct fixture x;
		struct ec_sym all = {MINI_CODE, sizeof(code)};
		uint64_t va;
		uint32_t off;
		int arg;

		for (size_t i = 0; i < sizeof(code); i++)
			code[i] = real_random(&seed);
		/* every third: jumps to and fro, which is worst for a walk */
		for (size_t i = 0; round % 3 == 0 && i + 1 < sizeof(code); i += 2)
			code[i] = 0x70 | (code[i] & 0xf);
		fix(&x, round & 1, code, sizeof(code));
		ec_code_callee(x.f, all, &va);
		ec_code_count_arg(x.f, all, MINI_CODE + 8, &arg);
		ec_code_accessor(x.f, all, &off);
		va = ec_code_entry(x.f, all, round & 2, 3);
		assert_true(va >= MINI_CODE && va < MINI_CODE + sizeof(code));
		ec_file_free(x.f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_callee), cmocka_unit_test(test_count),
		cmocka_unit_test(test_handed), cmocka_unit_test(test_accessor),
		cmocka_unit_test(test_entry),  cmocka_unit_test(test_steps),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
