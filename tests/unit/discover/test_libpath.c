// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "discover/libpath.h"
#include "unit/discover/fake.h"
#include <errno.h>

static int setup(void **state)
{
	static const char *const dirs[] = {"a", "b", "c", "d", "e", "f"};
	char path[128];

	if (fake_dir_make())
		return -1;
	for (size_t i = 0; i < EC_ARRAY_SIZE(dirs); i++) {
		fake_path(path, sizeof(path), dirs[i]);
		if (mkdir(path, 0755))
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	fake_dir_remove();
	return 0;
}

/* Every '@' in the text becomes our folder. */
static void put_conf(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	fake_path(path, sizeof(path), name);
	f = fopen(path, "w");
	assert_non_null(f);
	for (; *text; text++) {
		if (*text == '@')
			fputs(fake_dir, f);
		else
			fputc(*text, f);
	}
	fclose(f);
}

/* The folders of ours, in order, as one word. */
static void read_conf(const char *name, char *out)
{
	struct ec_libpath l = {0};
	size_t n = strlen(fake_dir);
	char path[128];

	fake_path(path, sizeof(path), name);
	assert_int_equal(ec_libpath_read(&l, path), 0);
	for (unsigned int i = 0; i < l.n; i++) {
		if (!strncmp(l.dirs[i].path, fake_dir, n)) {
			assert_int_equal(strlen(l.dirs[i].path), n + 2);
			*out++ = l.dirs[i].path[n + 1];
		}
	}
	*out = 0;
	ec_libpath_free(&l);
	assert_int_equal(l.n, 0);
}

static void lines(void **state)
{
	char got[EC_LIBPATH_MAX + 1];

	put_conf("conf", "# @/a\n"
			 "  @/b # @/a\n"
			 "\n"
			 "@/c,@/missing:@/d\t@/c\n"
			 "hwcap 0 @/a\n"
			 "@/e=libc6\n"
			 "relative\n"
			 "@/conf\n"
			 "@/f"); /* no newline at the end */
	read_conf("conf", got);
	assert_string_equal(got, "bcdef");
}

static void includes(void **state)
{
	char got[EC_LIBPATH_MAX + 1];

	put_conf("conf", "include p*.conf\n@/a\ninclude @/q.conf  none*.conf r.conf\n"
			 "include\nincluded @/f\n");
	put_conf("p1.conf", "@/b\n");
	put_conf("p2.conf", "@/c\n");
	put_conf("q.conf", "@/d\n");
	put_conf("r.conf", "@/e\n");
	read_conf("conf", got);
	/* "included" is no include: ldconfig takes it for a folder, and so for @/f too.
	 */
	assert_string_equal(got, "bcadef");
}

static void circles_end(void **state)
{
	char got[EC_LIBPATH_MAX + 1], name[32];

	put_conf("x.conf", "@/a\ninclude *.conf\n@/b\n");
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "y%d.conf", i);
		put_conf(name, "include *.conf\n");
	}
	put_conf("z.conf", "include x.conf z.conf\n");
	read_conf("z.conf", got);
	assert_string_equal(got, "ab");
}

static void one_folder_by_two_names(void **state)
{
	char got[EC_LIBPATH_MAX + 1], from[128], to[128];

	fake_path(to, sizeof(to), "a");
	fake_path(from, sizeof(from), "l");
	assert_int_equal(symlink(to, from), 0);
	put_conf("conf", "@/l\n@/a\n@/b\n");
	read_conf("conf", got);
	assert_string_equal(got, "lb");
}

static void standard_folders(void **state)
{
	struct ec_libpath l = {0};
	struct stat st, lib;
	bool found = false;

	assert_int_equal(ec_libpath_read(&l, "/nonexistent/conf"), 0);
	assert_true(l.n >= 1);
	assert_int_equal(stat("/usr/lib", &lib), 0);
	for (unsigned int i = 0; i < l.n; i++) {
		assert_int_equal(stat(l.dirs[i].path, &st), 0);
		assert_true(S_ISDIR(st.st_mode));
		found |= st.st_dev == lib.st_dev && st.st_ino == lib.st_ino;
		for (unsigned int j = 0; j < i; j++)
			assert_false(l.dirs[j].dev == l.dirs[i].dev &&
				     l.dirs[j].ino == l.dirs[i].ino);
	}
	assert_true(found);
	ec_libpath_free(&l);
}

static void list_is_bounded(void **state)
{
	struct ec_libpath l = {0};
	char path[128];
	int err = 0;

	for (int i = 0; i <= EC_LIBPATH_MAX; i++) {
		assert_int_equal(err, 0);
		snprintf(path, sizeof(path), "%s/n%03d", fake_dir, i);
		assert_int_equal(mkdir(path, 0755), 0);
		err = ec_libpath_add(&l, path);
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(l.n, EC_LIBPATH_MAX);
	ec_libpath_free(&l);
}

/* libc.so.6 is in every search path; on Debian by three names of one folder. */
static void search(void **state)
{
	struct fake_seen seen = {0};
	struct ec_scan *s;
	struct stat st;

	assert_int_equal(ec_scan_new(&s), 0);
	assert_int_equal(ec_scan_search_path(s, fake_see, &seen), 0);
	assert_true(seen.n >= 1); /* two with 32-bit libraries installed */
	for (unsigned int i = 0; i < seen.n; i++) {
		assert_ptr_equal(seen.v[i].module, &fake_one);
		assert_int_equal(seen.v[i].index, 1);
		assert_int_equal(seen.v[i].pid, 0);
		assert_true(seen.v[i].readable);
		assert_int_equal(lstat(seen.v[i].path, &st), 0);
		assert_true(S_ISREG(st.st_mode)); /* the file's own name, no link */
		assert_true(st.st_dev == seen.v[i].dev && st.st_ino == seen.v[i].ino);
		for (unsigned int j = 0; j < i; j++)
			assert_int_not_equal(seen.v[j].ino, seen.v[i].ino);
	}
	seen.n = 0;
	assert_int_equal(ec_scan_search_path(s, fake_see, &seen), 0);
	assert_int_equal(seen.n, 0);
	ec_scan_free(s);
	assert_int_equal(ec_scan_new(&s), 0);
	seen.ret = 9;
	assert_int_equal(ec_scan_search_path(s, fake_see, &seen), 9);
	assert_int_equal(seen.n, 1);
	ec_scan_free(s);
}

#define ONE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		// clang-format off
		ONE(lines),
		ONE(includes),
		ONE(circles_end),
		ONE(one_folder_by_two_names),
		ONE(standard_folders),
		ONE(list_is_bounded),
		ONE(search),
		// clang-format on
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
