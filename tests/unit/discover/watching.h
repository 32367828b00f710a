/* SPDX-License-Identifier: GPL-2.0-only */
/* A watch for the tests of it; without root there is none. */
#ifndef EC_TESTS_UNIT_DISCOVER_WATCHING_H
#define EC_TESTS_UNIT_DISCOVER_WATCHING_H

#include "discover/scan.h"
#include "unit/discover/fake.h"
#include "unit/need_root.h"
#include <poll.h>

#define FDS	4096
#define WAIT_MS 10000 /* for what comes in microseconds */

static struct ec_scan *scan;
static struct ec_watch *watch;
static struct fake_seen seen;

static int setup(void **state)
{
	int err;

	memset(&seen, 0, sizeof(seen));
	watch = NULL;
	if (fake_dir_make() || ec_scan_new(&scan))
		return -1;
	if (geteuid() != 0)
		return 0;
	err = ec_watch_new(scan, fake_see, &seen, &watch);
	return err ? -1 : 0;
}

static int teardown(void **state)
{
	ec_watch_free(watch);
	ec_scan_free(scan);
	fake_dir_remove();
	return 0;
}

/* As the event loop does it. */
static void wait_and_read(void)
{
	struct pollfd p = {.fd = ec_watch_fd(watch), .events = POLLIN};

	assert_true(poll(&p, 1, WAIT_MS) > 0);
	assert_int_equal(ec_watch_read(watch), 0);
}

#endif
