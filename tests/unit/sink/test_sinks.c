// SPDX-License-Identifier: GPL-2.0-only
#include "sinking.h"

static void test_find(void **state)
{
	assert_ptr_equal(ec_sink_find("text"), &ec_sink_text);
	assert_ptr_equal(ec_sink_find("json"), &ec_sink_jsonl);
	assert_null(ec_sink_find("jso"));
	assert_null(ec_sink_find(""));
}

static void test_for_path(void **state)
{
	assert_ptr_equal(ec_sink_for_path("a.json"), &ec_sink_jsonl);
	assert_ptr_equal(ec_sink_for_path("/x/a.b.jsonl"), &ec_sink_jsonl);
	assert_ptr_equal(ec_sink_for_path("a.txt"), &ec_sink_text);
	assert_ptr_equal(ec_sink_for_path("a"), &ec_sink_text);
	assert_ptr_equal(ec_sink_for_path("json"), &ec_sink_text);
	assert_ptr_equal(ec_sink_for_path("/x/.json"), &ec_sink_jsonl);
	assert_ptr_equal(ec_sink_for_path("a.json.gz"), &ec_sink_text);
}

/* Every sink is complete and takes an item of every kind that it wants. */
static void test_table(void **state)
{
	struct ec_account a = {0};

	for (size_t i = 0; ec_sinks[i]; i++) {
		assert_ptr_equal(ec_sink_find(ec_sinks[i]->name), ec_sinks[i]);
		sink_open(ec_sinks[i], (struct ec_sink_opts){.stats = true});
		for (int k = 0; k < EC_ITEM_KIND__N; k++) {
			struct ec_item it = {.kind = k, .dir = EC_DIR_NONE};

			if (!(sink.kinds & 1u << k))
				continue;
			if (k == EC_ITEM_STATS)
				it.stats.account = &a;
			if (k == EC_ITEM_SECRET) {
				it.secret.label = "L";
				it.secret.id = it.secret.secret = (const uint8_t *)"x";
				it.secret.id_len = it.secret.len = 1;
			}
			give(&it);
		}
		assert_int_equal(sink.ops->flush(&sink), 0);
		assert_true(strlen(written()) > 0);
		assert_int_equal(wrote[wrote_len - 1], '\n');
		sink_close();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_for_path),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
