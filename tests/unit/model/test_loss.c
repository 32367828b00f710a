// SPDX-License-Identifier: GPL-2.0-only
#include "model/loss.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* The words are part of the JSON format: each is there, once, and one word. */
static void test_names(void **state)
{
	for (int i = 0; i < EC_LOSS__N; i++) {
		assert_non_null(ec_loss_name(i));
		assert_non_null(ec_loss_text(i));
		assert_true(strlen(ec_loss_text(i)) > 0);
		assert_int_equal(strspn(ec_loss_name(i), "abcdefghijklmnopqrstuvwxyz"),
				 strlen(ec_loss_name(i)));
		for (int k = 0; k < i; k++) {
			assert_string_not_equal(ec_loss_name(i), ec_loss_name(k));
			assert_string_not_equal(ec_loss_text(i), ec_loss_text(k));
		}
	}
	assert_string_equal(ec_loss_name(EC_LOSS_RING), "ring");
	assert_string_equal(ec_loss_name(EC_LOSS_UNSEEN), "unseen");
	/* the manual promises these words for our own queue */
	assert_non_null(strstr(ec_loss_text(EC_LOSS_QUEUE), "incoming chan is full"));
}

static void test_outside(void **state)
{
	assert_string_equal(ec_loss_name(EC_LOSS__N), "unseen");
	assert_string_equal(ec_loss_name((enum ec_loss) - 1), "unseen");
	assert_non_null(ec_loss_text((enum ec_loss)12345));
}

static void test_sums(void **state)
{
	struct ec_account a = {0};

	assert_int_equal(ec_account_lost(&a), 0);
	a.lost[EC_LOSS_NONE].bytes = 1000; /* not lost */
	a.lost[EC_LOSS_RING].bytes = 5;
	a.lost[EC_LOSS_RING].records = 1;
	a.lost[EC_LOSS_UNSEEN].bytes = 7;
	a.lost[EC_LOSS_UNSEEN].records = 2;
	assert_int_equal(ec_account_lost(&a), 12);
	assert_int_equal(ec_account_lost_records(&a), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
