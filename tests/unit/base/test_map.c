// SPDX-License-Identifier: GPL-2.0-only
#include "base/map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct seen {
	struct ec_map *m;
	size_t n;
	uint64_t keys[64];
	void *values[64];
};

static void note_evict(void *ctx, const void *key, void *value)
{
	struct seen *s = ctx;

	assert_true(s->n < EC_ARRAY_SIZE(s->keys));
	memcpy(&s->keys[s->n], key, 8);
	s->values[s->n++] = value;
	if (s->m) /* it has left already, and the map may be used */
		assert_null(ec_map_peek(s->m, key));
}

static bool note_each(void *ctx, const void *key, void *value)
{
	note_evict(ctx, key, value);
	return true;
}

static void *val(uintptr_t v)
{
	return (void *)v;
}

static void put(struct ec_map *m, uint64_t k)
{
	assert_int_equal(ec_map_put(m, &k, val(k + 1000)), 0);
}

static void test_limits(void **state)
{
	struct ec_map *m = val(1);

	assert_int_equal(ec_map_new(&m, 0, 1, NULL, NULL), -EINVAL);
	assert_int_equal(ec_map_new(&m, 33, 1, NULL, NULL), -EINVAL);
	assert_int_equal(ec_map_new(&m, 8, 0, NULL, NULL), -EINVAL);
	assert_ptr_equal(m, val(1));
	ec_map_free(NULL);
}

/* Every key size: keys that differ in any one byte are different keys. */
static void test_key_sizes(void **state)
{
	uint8_t key[32];
	struct ec_map *m;
	size_t size, i;

	for (size = 1; size <= sizeof(key); size++) {
		assert_int_equal(ec_map_new(&m, size, 100, NULL, NULL), 0);
		memset(key, 0, sizeof(key));
		assert_int_equal(ec_map_put(m, key, val(100)), 0);
		for (i = 0; i < size; i++) {
			key[i] = 1;
			assert_null(ec_map_get(m, key));
			assert_int_equal(ec_map_put(m, key, val(i + 1)), 0);
			key[i] = 0;
		}
		assert_int_equal(ec_map_count(m), size + 1);
		for (i = 0; i < size; i++) {
			key[i] = 1;
			assert_ptr_equal(ec_map_get(m, key), val(i + 1));
			assert_ptr_equal(ec_map_del(m, key), val(i + 1));
			assert_null(ec_map_del(m, key));
			key[i] = 0;
		}
		assert_ptr_equal(ec_map_peek(m, key), val(100));
		ec_map_free(m);
	}
}

static void test_put_twice(void **state)
{
	uint64_t k = 5;
	struct ec_map *m;

	assert_int_equal(ec_map_new(&m, 8, 1, NULL, NULL), 0);
	put(m, k);
	assert_int_equal(ec_map_put(m, &k, val(1)), -EEXIST);
	assert_ptr_equal(ec_map_get(m, &k), val(1005));
	ec_map_free(m);
}

static void test_order_of_use(void **state)
{
	struct seen gone = {0}, each = {0};
	struct ec_map *m;
	uint64_t k;

	assert_int_equal(ec_map_new(&m, 8, 4, note_evict, &gone), 0);
	gone.m = m;
	for (k = 0; k < 4; k++)
		put(m, k);
	k = 0;
	assert_non_null(ec_map_get(m, &k)); /* used: now 1 is the oldest */
	k = 1;
	assert_non_null(ec_map_peek(m, &k)); /* looking is no use */
	put(m, 4);
	put(m, 5);
	assert_int_equal(ec_map_count(m), 4);
	assert_int_equal(gone.n, 2);
	assert_int_equal(gone.keys[0], 1);
	assert_ptr_equal(gone.values[0], val(1001));
	assert_int_equal(gone.keys[1], 2);
	ec_map_each(m, note_each, &each);
	assert_int_equal(each.n, 4);
	assert_int_equal(each.keys[0], 3);
	assert_int_equal(each.keys[1], 0);
	assert_int_equal(each.keys[2], 4);
	assert_int_equal(each.keys[3], 5);
	k = 4;
	assert_ptr_equal(ec_map_del(m, &k), val(1004)); /* not for evict */
	assert_int_equal(gone.n, 2);
	ec_map_clear(m);
	assert_int_equal(gone.n, 5);
	assert_int_equal(ec_map_count(m), 0);
	put(m, 9);
	gone.m = NULL;
	ec_map_free(m);
	assert_int_equal(gone.n, 6);
	assert_int_equal(gone.keys[5], 9);
}

static void test_many(void **state)
{
	struct ec_map *m;
	uint64_t k;

	assert_int_equal(ec_map_new(&m, 8, 5000, NULL, NULL), 0);
	for (k = 0; k < 20000; k++)
		put(m, k);
	assert_int_equal(ec_map_count(m), 5000);
	for (k = 0; k < 20000; k++) {
		void *want = k < 15000 ? NULL : val(k + 1000);

		assert_ptr_equal(ec_map_peek(m, &k), want);
	}
	ec_map_free(m);
}

struct walk {
	struct ec_map *m;
	size_t calls;
	bool del, use;
	size_t stop_at;
};

static bool walk(void *ctx, const void *key, void *value)
{
	struct walk *w = ctx;

	w->calls++;
	if (w->use)
		assert_ptr_equal(ec_map_get(w->m, key), value);
	if (w->del)
		assert_ptr_equal(ec_map_del(w->m, key), value);
	return w->calls != w->stop_at;
}

static void test_each(void **state)
{
	struct walk w = {.use = true};
	uint64_t k;

	assert_int_equal(ec_map_new(&w.m, 8, 100, NULL, NULL), 0);
	ec_map_each(w.m, walk, &w);
	assert_int_equal(w.calls, 0);
	for (k = 0; k < 10; k++)
		put(w.m, k);
	ec_map_each(w.m, walk, &w); /* using an entry moves it: still one visit each */
	assert_int_equal(w.calls, 10);
	w = (struct walk){.m = w.m, .stop_at = 3};
	ec_map_each(w.m, walk, &w);
	assert_int_equal(w.calls, 3);
	w = (struct walk){.m = w.m, .del = true};
	ec_map_each(w.m, walk, &w);
	assert_int_equal(w.calls, 10);
	assert_int_equal(ec_map_count(w.m), 0);
	ec_map_free(w.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),	  cmocka_unit_test(test_key_sizes),
		cmocka_unit_test(test_put_twice), cmocka_unit_test(test_order_of_use),
		cmocka_unit_test(test_many),	  cmocka_unit_test(test_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
