// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "discover/scan.h"
#include "unit/discover/fake.h"
#include "unit/need_root.h"
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static struct ec_scan *scan;

static int setup(void **state)
{
	return fake_dir_make() || ec_scan_new(&scan) ? -1 : 0;
}

static int teardown(void **state)
{
	ec_scan_free(scan);
	fake_dir_remove();
	return 0;
}

static int scan_me(struct fake_seen *seen)
{
	pid_t pid = getpid();

	return ec_scan_processes(scan, &pid, 1, fake_see, seen);
}

static void each_file_once(void **state)
{
	struct fake_seen seen = {0};
	void *a = fake_map("libec_a.so.1"), *b = fake_map("libec_b.so.1");
	void *c = fake_map("libother.so.1"), *again = fake_map("libec_a.so.1");
	struct stat st;

	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(seen.n, 2);
	assert_string_not_equal(seen.v[0].base, seen.v[1].base);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(seen.v[i].pid, getpid());
		assert_ptr_equal(seen.v[i].module, &fake_one);
		assert_int_equal(seen.v[i].index, 1);
		assert_int_equal(stat(seen.v[i].path, &st), 0);
		assert_true(st.st_dev == seen.v[i].dev && st.st_ino == seen.v[i].ino);
		assert_true(seen.v[i].readable);
	}
	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(seen.n, 2);
	fake_unmap(a), fake_unmap(b), fake_unmap(c), fake_unmap(again);
}

/* All processes: this one is among them, and those that may not be read end nothing. */
static void all_processes(void **state)
{
	struct fake_seen seen = {0};
	void *a = fake_map("libec_a.so.1");

	assert_int_equal(ec_scan_processes(scan, NULL, 0, fake_see, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.v[0].base, "libec_a.so.1");
	assert_int_equal(seen.v[0].pid, getpid());
	fake_unmap(a);
}

static void one_for_each_module(void **state)
{
	struct fake_seen seen = {.keep = true};
	void *a = fake_map("libec_both.so");
	char byte;

	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(seen.n, 2);
	assert_ptr_equal(seen.v[0].module, &fake_one);
	assert_ptr_equal(seen.v[1].module, &fake_two);
	assert_int_equal(seen.v[1].index, 2);
	/* Kept descriptors stay open, each its own. */
	assert_int_not_equal(seen.v[0].fd, seen.v[1].fd);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pread(seen.v[i].fd, &byte, 1, 0), 1);
		close(seen.v[i].fd);
	}
	fake_unmap(a);
}

static void descriptors_are_closed(void **state)
{
	struct fake_seen seen = {0};
	void *a = fake_map("libec_a.so.1"), *b = fake_map("libec_both.so");
	int before = open_files();

	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(seen.n, 3);
	assert_int_equal(open_files(), before);
	fake_unmap(a), fake_unmap(b);
}

static void added_files_are_known(void **state)
{
	struct fake_seen seen = {0};
	void *a = fake_map("libec_a.so.1");
	char path[256];
	struct stat st;

	fake_path(path, sizeof(path), "libec_a.so.1");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(ec_scan_add(scan, st.st_dev, st.st_ino), 0);
	assert_int_equal(ec_scan_add(scan, st.st_dev, st.st_ino), 0);
	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(seen.n, 0);
	fake_unmap(a);
}

static void callback_ends_it(void **state)
{
	struct fake_seen seen = {.ret = 42};
	void *a = fake_map("libec_a.so.1"), *b = fake_map("libec_b.so.1");
	int before = open_files();

	assert_int_equal(scan_me(&seen), 42);
	assert_int_equal(seen.n, 1);
	/* Not even an error number of ours may hide it. */
	seen.ret = -ESRCH;
	assert_int_equal(ec_scan_processes(scan, NULL, 0, fake_see, &seen), -ESRCH);
	assert_int_equal(seen.n, 2);
	assert_int_equal(open_files(), before);
	fake_unmap(a), fake_unmap(b);
}

/* Also the dead are no failure. */
static void missing_process(void **state)
{
	struct fake_seen seen = {0};
	pid_t pids[2] = {0x3ffffff0, getpid()};
	void *a = fake_map("libec_a.so.1");

	assert_int_equal(ec_scan_processes(scan, pids, 2, fake_see, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(ec_scan_denied(scan), 0);
	fake_unmap(a);
}

/* --- who uses what is known ---------------------------------------------------- */

static struct uses {
	unsigned int n;
	uint64_t ino[16];
	pid_t pid[16];
	const struct fake_seen *seen; /* handed on before it is told */
	unsigned int handed_on[16];
} uses;

static void on_use(void *ctx, uint64_t dev, uint64_t ino, pid_t pid)
{
	assert_ptr_equal(ctx, &uses);
	assert_true(dev != 0);
	if (uses.n < EC_ARRAY_SIZE(uses.ino)) {
		uses.ino[uses.n] = ino;
		uses.pid[uses.n] = pid;
		uses.handed_on[uses.n] = uses.seen ? uses.seen->n : 0;
	}
	uses.n++;
}

static uint64_t ino_of(const char *name)
{
	char path[256];
	struct stat st;

	fake_path(path, sizeof(path), name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void uses_are_told(void **state)
{
	struct fake_seen seen = {0};
	void *a = fake_map("libec_a.so.1"), *other = fake_map("libother.so.1");

	memset(&uses, 0, sizeof(uses));
	uses.seen = &seen;
	ec_scan_on_use(scan, on_use, &uses);
	/* first handed on, then told */
	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(uses.n, 1);
	assert_int_equal(uses.handed_on[0], 1);
	assert_true(uses.ino[0] == ino_of("libec_a.so.1"));
	assert_int_equal(uses.pid[0], getpid());
	/* known: told, not handed on */
	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(uses.n, 2);
	assert_int_equal(seen.n, 1);
	assert_true(uses.ino[1] == uses.ino[0]);
	/* who is not interested any more */
	ec_scan_on_use(scan, NULL, NULL);
	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(uses.n, 2);
	fake_unmap(a), fake_unmap(other);
}

/* A file of the search path, which no process maps. */
static void no_use_without_a_process(void **state)
{
	struct fake_seen seen = {0};

	memset(&uses, 0, sizeof(uses));
	ec_scan_on_use(scan, on_use, &uses);
	assert_int_equal(ec_scan_search_path(scan, fake_see, &seen), 0);
	assert_true(seen.n >= 1);
	assert_int_equal(uses.n, 0);
}

static void uses_of_added_files(void **state)
{
	struct fake_seen seen = {0};
	void *a = fake_map("libec_a.so.1");
	char path[256];
	struct stat st;

	memset(&uses, 0, sizeof(uses));
	fake_path(path, sizeof(path), "libec_a.so.1");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(ec_scan_add(scan, st.st_dev, st.st_ino), 0);
	ec_scan_on_use(scan, on_use, &uses);
	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(seen.n, 0);
	assert_int_equal(uses.n, 1);
	assert_int_equal(uses.pid[0], getpid());
	fake_unmap(a);
}

static void forgotten_is_handed_on_again(void **state)
{
	struct fake_seen seen = {0};
	void *a = fake_map("libec_a.so.1"), *b = fake_map("libec_b.so.1");

	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(seen.n, 2);
	ec_scan_forget(scan, seen.v[0].dev, seen.v[0].ino);
	ec_scan_forget(scan, seen.v[0].dev, seen.v[0].ino + 100000); /* never seen */
	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(seen.n, 3);
	assert_string_equal(seen.v[2].path, seen.v[0].path);
	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(seen.n, 3);
	fake_unmap(a), fake_unmap(b);
}

/* The same name and another file: after an upgrade, both versions are in use. */
static void replaced_library(void **state)
{
	struct fake_seen seen = {0};
	void *a = fake_map("libec_a.so.1"), *b;
	char path[256];

	need_root(); /* map_files */
	fake_path(path, sizeof(path), "libec_a.so.1");
	assert_int_equal(unlink(path), 0);
	b = fake_map("libec_a.so.1");
	assert_int_equal(scan_me(&seen), 0);
	assert_int_equal(seen.n, 2);
	assert_int_not_equal(seen.v[0].ino, seen.v[1].ino);
	assert_string_equal(seen.v[0].path, path);
	assert_string_equal(seen.v[1].path, path);
	fake_unmap(a), fake_unmap(b);
}

/* A new file in the place of one that is gone, with its inode number: another file. */
static void number_used_again(void **state)
{
	struct fake_seen seen = {0};
	char path[256];
	struct statx x;
	uint64_t first = 0;

	fake_path(path, sizeof(path), "libec_a.so.1");
	for (unsigned int i = 0; i < 20; i++) {
		void *a = fake_map("libec_a.so.1");

		assert_int_equal(statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &x),
				 0);
		if (i && x.stx_ino == first && x.stx_mask & STATX_BTIME) {
			assert_int_equal(scan_me(&seen), 0);
			assert_int_equal(seen.n, 2);
			fake_unmap(a);
			return;
		}
		if (!i) {
			first = x.stx_ino;
			assert_int_equal(scan_me(&seen), 0);
			assert_int_equal(seen.n, 1);
		}
		fake_unmap(a);
		assert_int_equal(unlink(path), 0);
	}
	print_message("skipped: this file system does not use inode numbers again\n");
	skip();
}

/* Two file systems, one inode number, one name behind the mount point: two files. */
static int two_mounts(void)
{
	struct fake_seen seen = {0};
	char path[2][256];
	struct stat st[2];

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 20;
	for (int i = 0; i < 2; i++) {
		fake_path(path[i], sizeof(path[i]), i ? "two" : "one");
		if (mkdir(path[i], 0755) || mount("tmpfs", path[i], "tmpfs", 0, NULL))
			return 21;
		fake_map(i ? "two/libec_a.so.1" : "one/libec_a.so.1");
		strcat(path[i], "/libec_a.so.1");
		if (stat(path[i], &st[i]))
			return 22;
	}
	if (st[0].st_ino != st[1].st_ino)
		return 23; /* then this says nothing */
	if (scan_me(&seen) || seen.n != 2)
		return 24;
	return seen.v[0].dev == seen.v[1].dev ? 25 : 0;
}

static void same_inode_number(void **state)
{
	int status;
	pid_t pid;

	need_root();
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(two_mounts());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int scan_as_user(void)
{
	struct fake_seen seen = {0};
	pid_t parent = getppid();

	if (setgid(1234) || setuid(1234))
		return 20;
	if (ec_scan_processes(scan, &parent, 1, fake_see, &seen))
		return 21;
	return ec_scan_denied(scan) == 1 ? 0 : 22;
}

static void refusal_is_counted(void **state)
{
	int status;
	pid_t pid;

	need_root();
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(scan_as_user());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define ONE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		// clang-format off
		ONE(each_file_once),
		ONE(all_processes),
		ONE(one_for_each_module),
		ONE(descriptors_are_closed),
		ONE(added_files_are_known),
		ONE(callback_ends_it),
		ONE(missing_process),
		ONE(uses_are_told),
		ONE(no_use_without_a_process),
		ONE(uses_of_added_files),
		ONE(forgotten_is_handed_on_again),
		ONE(replaced_library),
		ONE(number_used_again),
		ONE(same_inode_number),
		ONE(refusal_is_counted),
		// clang-format on
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
