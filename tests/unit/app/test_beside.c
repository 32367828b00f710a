// SPDX-License-Identifier: GPL-2.0-only
#include "app/beside.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/ec-beside-XXXXXX";
static char lib[PATH_MAX], near[PATH_MAX];
static struct stat st;

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(folder));
	snprintf(lib, sizeof(lib), "%s/libssl.so.3", folder);
	snprintf(near, sizeof(near), "%s/libcrypto.so.3", folder);
	put(lib, "library");
	put(near, "near");
	return stat(lib, &st);
}

static int teardown(void **state)
{
	unlink(near);
	unlink(lib);
	return rmdir(folder);
}

static int try(pid_t pid, const char *name)
{
	return ec_beside_open(lib, pid, st.st_dev, st.st_ino, name);
}

static void test_open(void **state)
{
	char text[8] = "";

	for (int i = 0; i < 2; i++) {
		int fd = try(i ? getpid() : 0, "libcrypto.so.3");

		assert_true(fd >= 0);
		assert_int_equal(pread(fd, text, sizeof(text), 0), 4);
		assert_memory_equal(text, "near", 4);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		close(fd);
	}
	assert_int_equal(try(0, "libcrypto.so.4"), -ENOENT);
	/* the name comes from a hostile file */
	assert_int_equal(try(0, "../etc/passwd"), -EINVAL);
	assert_int_equal(try(0, "/etc/passwd"), -EINVAL);
	assert_int_equal(try(0, ".."), -EINVAL);
	assert_int_equal(try(0, ""), -EINVAL);
	assert_int_equal(try(0, "id_rsa"), -EINVAL);
	/* the folder must be the one in which the library is */
	assert_int_equal(
		ec_beside_open(lib, 0, st.st_dev, st.st_ino + 1, "libcrypto.so.3"),
		-ESTALE);
	assert_int_equal(ec_beside_open("libssl.so.3", 0, st.st_dev, st.st_ino, "x"),
			 -EINVAL);
}

/* Nothing but a regular file is opened: a pipe would let us wait. */
static void test_others(void **state)
{
	unlink(near);
	assert_int_equal(mkfifo(near, 0600), 0);
	assert_int_equal(try(0, "libcrypto.so.3"), -ENOENT);
	unlink(near);
	assert_int_equal(symlink("/dev/null", near), 0);
	assert_int_equal(try(0, "libcrypto.so.3"), -EXDEV);
	unlink(near);
	/* by our rights, to what is not his */
	assert_int_equal(symlink("/etc/shadow", near), 0);
	assert_int_equal(try(0, "libcrypto.so.3"), -EXDEV);
	unlink(near);
	assert_int_equal(symlink("../../etc/shadow", near), 0);
	assert_int_equal(try(0, "libcrypto.so.3"), -EXDEV);
	unlink(near);
	/* a link as distributions have it */
	assert_int_equal(symlink("libssl.so.3", near), 0);
	int fd = try(0, "libcrypto.so.3");

	assert_true(fd >= 0);
	close(fd);
	unlink(near);
	put(near, "near");
}

static void test_remarks(void **state)
{
	struct ec_remarks r = {0};
	struct ec_plan p = {.note = "a note"};
	int fd = memfd_create("log", MFD_CLOEXEC), was = ec_log_fd();
	char text[4096] = "";

	strcpy(p.warn[EC_PLAN_WARN_VERSION], "no version");
	strcpy(p.warn[EC_PLAN_WARN_LAYOUT], "no layout");
	ec_log_set_fd(fd);
	ec_remarks_say(&r, "/a/libssl.so", &p, false);
	ec_remarks_say(&r, "/b/libssl.so", &p, true);
	ec_remarks_say(&r, "/c/libssl.so", &p, true);
	ec_remarks_say(&r, "/c/other.so", &p, true);
	p.build_id_len = 4;
	ec_remarks_say(&r, "/c/one.so", &p, true);
	ec_remarks_say(&r, "/c/two.so", &p, true);
	/* so many others that it is forgotten: said again, and nothing is overrun */
	for (int i = 0; i < 3 * EC_REMARKS_MAX; i++) {
		struct ec_plan q = {0};
		char path[32];

		snprintf(path, sizeof(path), "/n/%d", i);
		strcpy(q.warn[0], "many");
		ec_remarks_say(&r, path, &q, true);
	}
	ec_log_set_fd(was);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	close(fd);
	assert_non_null(
		strstr(text, "warning: /a/libssl.so: no layout\n/a/libssl.so: a note\n"));
	assert_null(strstr(text, "/a/libssl.so: no version"));
	assert_non_null(strstr(text, "warning: /b/libssl.so: no version\n"));
	assert_null(strstr(text, "/b/libssl.so: no layout"));
	assert_null(strstr(text, "/c/libssl.so"));
	assert_non_null(strstr(text, "warning: /c/other.so: no version\n"));
	assert_non_null(strstr(text, "warning: /c/one.so: no version\n"));
	assert_null(strstr(text, "/c/two.so"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_remarks),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
