// SPDX-License-Identifier: GPL-2.0-only
#include "model/plan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct ec_plan good(void)
{
	struct ec_plan p;

	memset(&p, 0, sizeof(p));
	p.npoints = EC_PLAN_POINTS;
	for (int i = 0; i < EC_PLAN_POINTS; i++) {
		p.points[i].prog = i % 3;
		p.points[i].is_return = i & 1;
		p.points[i].use = EC_USE_DATA;
		p.points[i].shape = i % EC_SHAPE__N;
		memset(p.points[i].name, 'n', sizeof(p.points[i].name) - 1);
	}
	p.params.flags = EC_TARGET_NESTS;
	return p;
}

static void test_good(void **state)
{
	struct ec_plan p = good();

	assert_int_equal(ec_plan_check(&p, 3), 0);
	memset(&p, 0, sizeof(p));
	assert_int_equal(ec_plan_check(&p, 0), 0);
}

#define BAD(change)                                               \
	do {                                                      \
		struct ec_plan p = good();                        \
		change;                                           \
		assert_int_equal(ec_plan_check(&p, 3), -EBADMSG); \
	} while (0)

static void test_bad(void **state)
{
	struct ec_point *last;
	struct ec_plan q;

	BAD(p.npoints = EC_PLAN_POINTS + 1);
	BAD(p.npoints = UINT32_MAX);
	BAD(p.build_id_len = EC_PLAN_BUILD_ID + 1);
	BAD(p.points[0].prog = 3);
	BAD(p.points[EC_PLAN_POINTS - 1].prog = UINT16_MAX);
	BAD(p.points[7].is_return = 2);
	BAD(p.points[7].shape = EC_SHAPE__N);
	BAD(p.points[7].stepped = 2);
	BAD(p.points[6].ret = EC_POINT_RET__N);
	BAD(p.points[7].ret = EC_POINT_RET_INSN); /* it is a return probe already */
	BAD(memset(p.points[7].name, 'n', sizeof(p.points[7].name)));
	BAD(p.points[7].use = 0);
	BAD(p.points[7].use = EC_USE__ALL + 1);
	BAD(p.params.flags = 2);
	BAD(p.params.nrandom = 3);
	BAD(p.params.nmaster = 3);
	BAD(memset(p.keys, 'x', sizeof(p.keys)));
	BAD(memset(p.library, 'x', sizeof(p.library)));
	BAD(memset(p.version, 'x', sizeof(p.version)));
	BAD(memset(p.how, 'x', sizeof(p.how)));
	BAD(memset(p.why, 'x', sizeof(p.why)));
	BAD(memset(p.todo, 'x', sizeof(p.todo)));
	BAD(p.obstacle = EC_OBSTACLE__N);
	BAD(memset(p.note, 'x', sizeof(p.note)));
	BAD(memset(p.warn[1], 'x', sizeof(p.warn[1])));
	BAD(memset(p.beside, 'x', sizeof(p.beside)));
	BAD(strcpy(p.beside, "../libcrypto.so.3"));
	BAD(memset(p.no_insn, 'x', sizeof(p.no_insn)));
	/* what stands behind the points that count does not matter */
	q = good();
	last = &q.points[EC_PLAN_POINTS - 1];
	last->prog = 3;
	q.npoints--;
	assert_int_equal(ec_plan_check(&q, 3), 0);
}

/* An entry; its return, seen in one way or the other. */
static void test_used(void **state)
{
	struct ec_plan p;

	memset(&p, 0, sizeof(p));
	p.npoints = 4;
	p.points[1].is_return = 1;
	p.points[2].ret = EC_POINT_RET_INSN;
	p.points[3].ret = EC_POINT_RET_SITE;
	for (int i = 0; i < 4; i++)
		p.points[i].use = EC_USE_DATA;
	assert_int_equal(ec_plan_check(&p, 1), 0);
	assert_int_equal(ec_plan_used(&p, EC_USE_DATA, false), 2);
	assert_int_equal(ec_plan_used(&p, EC_USE_DATA, true), 3);
	assert_int_equal(ec_plan_used(&p, EC_USE_SECRET, true), 0);
	assert_true(ec_plan_has(&p, EC_USE_DATA));
	assert_false(ec_plan_has(&p, EC_USE_SECRET));
	/* one that serves both serves neither alone */
	p.points[0].use = EC_USE__ALL;
	assert_int_equal(ec_plan_used(&p, EC_USE_SECRET, false), 1);
	assert_false(ec_plan_has(&p, EC_USE_SECRET));
	p.npoints = UINT32_MAX;
	for (int i = 0; i < EC_PLAN_POINTS; i++)
		p.points[i].use = EC_USE_DATA;
	assert_int_equal(ec_plan_used(&p, EC_USE_DATA, false), EC_PLAN_POINTS - 2);
}

/* Out of a message: by its own number of points, to the byte. */
static void test_take(void **state)
{
	struct ec_plan p = good(), got;
	size_t n = ec_plan_size(&p);

	assert_int_equal(ec_plan_take(&p, n, 8, &got), 0);
	assert_memory_equal(&got, &p, n);
	assert_int_equal(ec_plan_take(&p, n - 1, 8, &got), -EBADMSG);
	assert_int_equal(got.npoints, 0);
	assert_int_equal(ec_plan_take(&p, n + sizeof(p.points[0]), 8, &got), -EBADMSG);
	assert_int_equal(ec_plan_take(&p, 0, 8, &got), -EBADMSG);
	assert_int_equal(ec_plan_take(&p, sizeof(p) + 1, 8, &got), -EBADMSG);
	p.npoints = EC_PLAN_POINTS + 1;
	assert_int_equal(ec_plan_take(&p, sizeof(p), 8, &got), -EBADMSG);
	memset(&p, 0, sizeof(p));
	assert_int_equal(ec_plan_take(&p, ec_plan_size(&p), 8, &got), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
