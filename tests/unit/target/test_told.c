// SPDX-License-Identifier: GPL-2.0-only
/* Who is told texts, and what it does with its arguments: our own code, whose places the
 * compiler knows, and a real library. */
#include "base/util.h"
#include "real.h"
#include "target/reads.h"
#include "target/told.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Texts that stand nowhere else. */
#define TEXT_A "told-unit-text-alpha"
#define TEXT_B "told-unit-text-beta"
#define TEXT_C "told-unit-text-gamma"

struct inner {
	char other[72];
	uint8_t random[32];
};

struct outer {
	char other[96];
	struct inner *in;
	char more[40];
	uint8_t direct[32];
};

static volatile unsigned int sink;

/* clang knows noipa as nothing: what keeps its hands off is this. */
#define HIDDEN __attribute__((noinline, used))
#define KEEP() asm volatile("" ::: "memory")

HIDDEN int log_inner(const char *label, struct outer *o, const uint8_t *id, size_t n,
		     const uint8_t *secret, size_t len)
{
	KEEP();
	sink += label[0] + id[0] + n + secret[0] + len + o->other[0];
	return 1;
}

/* A mere step. */
HIDDEN int log_step(struct outer *o, const char *label, const uint8_t *secret, size_t len)
{
	KEEP();
	return log_inner(label, o, o->direct, 32, secret, len);
}

/* Reads bytes through a pointer … */
HIDDEN int log_two(struct outer *o, const char *label, const uint8_t *secret, size_t len)
{
	KEEP();
	if (!o->other[3])
		return 0;
	for (int i = 0; i < 32; i++) {
		sink += o->in->random[i];
		KEEP();
	}
	sink += secret[0] + len + label[0];
	return 1;
}

/* … and of the structure itself. */
HIDDEN int log_one(struct outer *o, const char *label, const uint8_t *secret, size_t len)
{
	KEEP();
	for (int i = 0; i < 32; i++) {
		sink += o->direct[i];
		KEEP();
	}
	sink += secret[0] + len + label[0];
	return 1;
}

/* Numbers that are returned: behind a look at another one; one of two; not itself. */
HIDDEN int number(struct outer *o)
{
	KEEP();
	if (!o || *(int *)o->other)
		return 0;
	return *(int *)(o->more + 4);
}

HIDDEN int number_of_two(struct outer *o, int which)
{
	if (which)
		return *(volatile int *)(o->more + 4);
	KEEP();
	sink += which;
	return *(volatile int *)(o->more + 8);
}

HIDDEN int number_moved(struct outer *o)
{
	KEEP();
	return *(int *)(o->more + 4) + 1;
}

HIDDEN int other(struct outer *o, const char *label)
{
	KEEP();
	sink += label[0] + (o != NULL);
	return 1;
}

HIDDEN int caller_1(struct outer *o, const uint8_t *secret)
{
	int n = log_two(o, TEXT_A, secret, 48);

	KEEP();
	n += log_two(o, TEXT_B, secret, 48);
	KEEP();
	return n + other(o, TEXT_C);
}

HIDDEN int caller_2(struct outer *o, const uint8_t *secret)
{
	int n = log_step(o, TEXT_B, secret, 32) + log_one(o, TEXT_C, secret, 32);

	KEEP();
	return n;
}

/* Ours is a PIE: what the loader adds to addresses is told by the ELF header. */
extern const char __ehdr_start;
static struct ec_sym own(const void *fn)
{
	return (struct ec_sym){(const char *)fn - &__ehdr_start, 0x200};
}

static struct ec_file *self(struct real *r)
{
	struct ec_file *f = NULL;

	*r = real_read("/proc/self/exe");
	assert_int_equal(ec_file_from_memory(r->p, r->n, true, &f), 0);
	return f;
}

static const struct ec_told *told_of(const struct ec_told *t, int n, const void *fn)
{
	for (int i = 0; i < n; i++)
		if (t[i].va == own(fn).va)
			return &t[i];
	return NULL;
}

static void test_told(void **state)
{
	static const char *const texts[] = {TEXT_A, TEXT_B, TEXT_C,
					    "told-unit-text-"
					    "none"};
	struct ec_told t[16];
	struct real r;
	struct ec_file *f = self(&r);
	uint64_t at[4];
	int n = ec_told_find(f, texts, 4, at, t, 16);

	assert_true(n > 0);
	assert_non_null(told_of(t, n, log_two));
	assert_int_equal(told_of(t, n, log_two)->texts, 3);
	assert_int_equal(told_of(t, n, log_two)->arg, 2);
	/* the same length in both calls, and no other number */
	assert_int_equal(told_of(t, n, log_two)->number[4], 48);
	assert_int_equal(told_of(t, n, log_two)->number[1], EC_TOLD_NONE);
	assert_int_equal(told_of(t, n, other)->number[4], EC_TOLD_NONE);
	assert_int_equal(told_of(t, n, log_step)->texts, 2);
	assert_int_equal(told_of(t, n, log_one)->texts, 4);
	assert_int_equal(told_of(t, n, other)->texts, 4);
	for (int i = 0; i < 3; i++)
		assert_string_equal((const char *)ec_file_at(f, at[i], 24), texts[i]);
	assert_int_equal(ec_told_find(f, texts, 4, at, t, 1), -E2BIG);
	ec_file_free(f);
	free(r.p);
}

static void test_reads(void **state)
{
	static const struct ec_passed p[] = {{2, 1}, {3, 5}, {4, 6}};
	static const struct ec_passed no[] = {{2, 1}, {3, 6}};
	struct ec_chain c = {0};
	struct real r;
	struct ec_file *f = self(&r);
	uint64_t callee = 0;

	assert_int_equal(ec_code_passed(f, own(log_step), p, 3, &callee), 0);
	assert_int_equal(callee, own(log_inner).va);
	assert_int_equal(ec_code_passed(f, own(log_step), no, 2, &callee), -ENOENT);
	assert_int_equal(ec_code_passed(f, own(log_one), p, 3, &callee), -ENOENT);
	assert_int_equal(ec_code_bytes(f, own(log_two), 1, 32, &c), 0);
	assert_int_equal(c.n, 2);
	assert_int_equal(c.off[0], offsetof(struct outer, in));
	assert_int_equal(c.off[1], offsetof(struct inner, random));
	assert_int_equal(ec_code_bytes(f, own(log_one), 1, 32, &c), 0);
	assert_int_equal(c.n, 1);
	assert_int_equal(c.off[0], offsetof(struct outer, direct));
	assert_int_equal(ec_code_bytes(f, own(log_one), 6, 32, &c), -ENOENT);
	assert_int_equal(ec_code_bytes(f, (struct ec_sym){1ull << 40, 64}, 1, 32, &c),
			 -ENOENT);
	ec_file_free(f);
	free(r.p);
}

static void test_number(void **state)
{
	struct real r;
	struct ec_file *f = self(&r);
	uint32_t off = 7;

	assert_int_equal(ec_code_number(f, own(number_of_two), &off), -ENOENT);
	assert_int_equal(ec_code_number(f, own(number_moved), &off), -ENOENT);
	assert_int_equal(ec_code_number(f, own(log_one), &off), -ENOENT);
	assert_int_equal(off, 7);
	assert_int_equal(ec_code_number(f, own(number), &off), 0);
	assert_int_equal(off, offsetof(struct outer, more) + 4);
	ec_file_free(f);
	free(r.p);
}

/* The system's library: its key log is a step, without symbols. */
static void test_real(void **state)
{
	static const char *const texts[] = {"CLIENT_RANDOM", "EXPORTER_SECRET",
					    "EARLY_EXPORTER_SECRET"};
	struct ec_file *f = NULL;
	struct real r = real_read(real_libssl());
	struct ec_told t[16];
	uint64_t at[3];
	int n, best = -1;

	assert_int_equal(ec_file_from_memory(r.p, r.n, true, &f), 0);
	n = ec_told_find(f, texts, 3, at, t, 16);
	for (int i = 0; i < n; i++)
		if (t[i].arg == 2 && t[i].texts == 7)
			best = i;
	assert_true(best >= 0);
	ec_file_free(f);
	free(r.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_real),
	};
	struct outer o = {.in = &(struct inner){{0}, {0}}};
	uint8_t secret[48] = {0};

	sink += caller_1(&o, secret) + caller_2(&o, secret) + number(&o) +
		number_of_two(&o, 1) + number_moved(&o);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
