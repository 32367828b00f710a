// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "discover/offer.h"
#include "unit/discover/fake.h"
#include <errno.h>
#include <poll.h>

#define LIB	"libno such thing.so.1"
#define WAIT_MS 10000

static struct ec_scan *scan;
static struct ec_places *places;
static struct fake_seen seen;
static char one[128], two[128];

/* Two folders of a configuration of our own, which watches the standard ones, too. */
static int setup(void **state)
{
	char conf[128];
	FILE *f;

	memset(&seen, 0, sizeof(seen));
	if (fake_dir_make())
		return -1;
	fake_path(conf, sizeof(conf), "ld.so.conf");
	fake_path(one, sizeof(one), "one");
	fake_path(two, sizeof(two), "two");
	f = fopen(conf, "w");
	if (!f || mkdir(one, 0755) || mkdir(two, 0755))
		return -1;
	fprintf(f, "%s\n%s\n%s/missing\n", one, two, fake_dir);
	if (fclose(f) || ec_scan_new(&scan))
		return -1;
	return ec_places_new_of(scan, conf, fake_see, &seen, &places);
}

static void remove_in(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

static int teardown(void **state)
{
	ec_places_free(places);
	ec_scan_free(scan);
	remove_in(one);
	remove_in(two);
	fake_dir_remove();
	return 0;
}

static int put(const char *dir, const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "library", 7), 7);
	return fd;
}

static void move(const char *from, const char *name, const char *to, const char *as)
{
	char a[512], b[512];

	snprintf(a, sizeof(a), "%s/%s", from, name);
	snprintf(b, sizeof(b), "%s/%s", to, as);
	assert_int_equal(rename(a, b), 0);
}

/* Everything that was told by now. */
static int read_all(void)
{
	struct pollfd p = {.fd = ec_places_fd(places), .events = POLLIN};
	int ret = 0;

	assert_true(poll(&p, 1, WAIT_MS) > 0);
	while (!ret && poll(&p, 1, 0) > 0)
		ret = ec_places_read(places);
	return ret;
}

static void is_seen(unsigned int i, const char *dir, const char *name)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(stat(path, &st), 0);
	assert_string_equal(seen.v[i].path, path);
	assert_true(seen.v[i].ino == st.st_ino && seen.v[i].dev == st.st_dev);
	assert_ptr_equal(seen.v[i].module, &fake_one);
	assert_int_equal(seen.v[i].pid, 0);
	assert_true(seen.v[i].readable);
}

/* When it is whole: after the last byte, not when its name appears. */
static void written(void **state)
{
	int fd = put(one, LIB);

	assert_int_equal(ec_places_read(places), 0); /* nothing yet, and no waiting */
	assert_int_equal(seen.n, 0);
	close(fd);
	close(put(two, "libother.so.1"));
	assert_int_equal(read_all(), 0);
	assert_int_equal(seen.n, 1);
	is_seen(0, one, LIB);
	/* read by others, and written again: the same file */
	fd = put(one, LIB);
	close(fd);
	assert_int_equal(read_all(), 0);
	assert_int_equal(seen.n, 1);
}

/* An upgrade: another file of the same name. */
static void moved(void **state)
{
	close(put(two, LIB));
	assert_int_equal(read_all(), 0);
	assert_int_equal(seen.n, 1);
	is_seen(0, two, LIB);
	close(put(fake_dir, "new"));
	move(fake_dir, "new", two, LIB);
	assert_int_equal(read_all(), 0);
	assert_int_equal(seen.n, 2);
	is_seen(1, two, LIB);
	assert_true(seen.v[0].ino != seen.v[1].ino);
	remove_in(fake_dir);
}

/* As dpkg and rpm do it. Under that name it would be gone a moment later. */
static void temporary_names(void **state)
{
	static const char *const names[] = {LIB ".dpkg-new", LIB ";65a1b2c3", LIB ".tmp"};

	for (unsigned int i = 0; i < EC_ARRAY_SIZE(names); i++) {
		close(put(one, names[i]));
		assert_int_equal(read_all(), 0);
		assert_int_equal(seen.n, i);
		move(one, names[i], one, LIB);
		assert_int_equal(read_all(), 0);
		assert_int_equal(seen.n, i + 1);
		is_seen(i, one, LIB);
	}
	/* a letter belongs to a version */
	close(put(one, "libno such thing.so.1.0.2k"));
	assert_int_equal(read_all(), 0);
	assert_int_equal(seen.n, EC_ARRAY_SIZE(names) + 1);
}

/* Gone again before we look, a folder of that name, a link that leads nowhere. */
static void nothing_to_see(void **state)
{
	char path[512];

	close(put(one, LIB));
	remove_in(one);
	snprintf(path, sizeof(path), "%s/%s", two, LIB);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(read_all(), 0);
	assert_int_equal(seen.n, 0);
	assert_int_equal(rmdir(path), 0);
}

/* One that is known from elsewhere is not handed on. */
static void shared_with_the_scan(void **state)
{
	char path[512];
	struct stat st;

	close(put(fake_dir, "lib"));
	fake_path(path, sizeof(path), "lib");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(ec_scan_add(scan, st.st_dev, st.st_ino), 0);
	move(fake_dir, "lib", one, LIB);
	assert_int_equal(read_all(), 0);
	assert_int_equal(seen.n, 0);
	/* … until it is forgotten */
	ec_scan_forget(scan, st.st_dev, st.st_ino);
	move(one, LIB, two, LIB);
	assert_int_equal(read_all(), 0);
	assert_int_equal(seen.n, 1);
	is_seen(0, two, LIB);
}

/* What is read from the kernel is looked at to the end, whatever the callback says. */
static void callback_fails(void **state)
{
	close(put(one, LIB));
	close(put(two, LIB));
	seen.ret = 42;
	assert_int_equal(ec_places_read(places), 42);
	assert_int_equal(seen.n, 2);
}

/* More events than the kernel keeps: then the whole search path is looked at. */
static void overflow(void **state)
{
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	bool found = false;
	unsigned int max = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &max), 1);
	fclose(f);
	/* two in turn: equal ones would be told once */
	for (unsigned int i = 0; i < max + 10; i++)
		close(put(one, i & 1 ? "odd" : "even"));
	assert_int_equal(read_all(), 0);
	for (unsigned int i = 0; i < seen.n; i++)
		found |= !strcmp(seen.v[i].base, "libc.so.6");
	assert_true(found);
}

static void descriptors_are_closed(void **state)
{
	struct ec_places *p;
	int before = open_files();

	assert_int_equal(ec_places_new(scan, fake_see, &seen, &p), 0);
	assert_int_equal(open_files(), before + 1);
	ec_places_free(p);
	close(put(one, LIB));
	assert_int_equal(read_all(), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(open_files(), before);
}

#define ONE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		// clang-format off
		ONE(written),
		ONE(moved),
		ONE(temporary_names),
		ONE(nothing_to_see),
		ONE(shared_with_the_scan),
		ONE(callback_fails),
		ONE(overflow),
		ONE(descriptors_are_closed),
		// clang-format on
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
