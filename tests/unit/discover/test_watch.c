// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "unit/discover/watching.h"
#include <errno.h>
#include <sys/wait.h>

static void new_mapping_is_seen(void **state)
{
	void *a, *b;
	char path[128];

	need_root();
	a = fake_map("libec_a.so.1");
	wait_and_read();
	assert_int_equal(seen.n, 1);
	fake_path(path, sizeof(path), "libec_a.so.1");
	assert_string_equal(seen.v[0].path, path);
	assert_int_equal(seen.v[0].pid, getpid());
	assert_ptr_equal(seen.v[0].module, &fake_one);
	assert_true(seen.v[0].readable);
	/*
	 * Once; and other names not at all. The address of the one that is gone is now
	 * that of another file: it must not be taken for it.
	 */
	b = fake_map("libec_a.so.1");
	fake_unmap(b);
	assert_ptr_equal(fake_map("libother.so.1"), b);
	wait_and_read();
	assert_int_equal(seen.n, 1);
	assert_int_equal(ec_watch_lost(watch), 0);
	fake_unmap(a), fake_unmap(b);
}

/* The scan before and the watch after know of each other. */
static void set_is_shared(void **state)
{
	pid_t pid = getpid();
	void *a, *b;

	need_root();
	a = fake_map("libec_a.so.1");
	assert_int_equal(ec_scan_processes(scan, &pid, 1, fake_see, &seen), 0);
	assert_int_equal(seen.n, 1);
	wait_and_read();
	assert_int_equal(seen.n, 1);
	b = fake_map("libec_b.so.1");
	wait_and_read();
	assert_int_equal(seen.n, 2);
	assert_int_equal(ec_scan_processes(scan, &pid, 1, fake_see, &seen), 0);
	assert_int_equal(seen.n, 2);
	fake_unmap(a), fake_unmap(b);
}

static void other_processes(void **state)
{
	int ready[2], hold[2], status;
	char c = 'y';
	pid_t pid;

	need_root();
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(hold), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(hold[1]);
		fake_map("libec_a.so.1");
		_exit(write(ready[1], &c, 1) != 1 || read(hold[0], &c, 1) != 0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	wait_and_read();
	close(hold[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.v[0].pid, pid);
	close(hold[0]), close(ready[0]), close(ready[1]);
}

/* Deleted between mapping and looking: the file is still there behind the mapping. */
static void deleted_file(void **state)
{
	char path[128];
	struct stat st;
	void *a;

	need_root();
	seen.keep = true;
	a = fake_map("libec_a.so.1");
	fake_path(path, sizeof(path), "libec_a.so.1");
	assert_int_equal(unlink(path), 0);
	wait_and_read();
	assert_int_equal(seen.n, 1);
	assert_int_equal(fstat(seen.v[0].fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	close(seen.v[0].fd);
	fake_unmap(a);
}

/* Code that becomes executable later, of a file without a name: the kernel marks it. */
static void deleted_before(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char path[128];
	void *a;
	int fd;

	need_root();
	fake_unmap(fake_map("libec_b.so.1"));
	assert_int_equal(ec_watch_read(watch), 0);
	fake_path(path, sizeof(path), "libec_b.so.1");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	a = mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(a != MAP_FAILED);
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mprotect(a, page, PROT_READ | PROT_EXEC), 0);
	wait_and_read();
	assert_true(seen.n >= 1);
	assert_string_equal(seen.v[seen.n - 1].path, path);
	fake_unmap(a);
}

/* Gone before we look: nothing to hand on, and not taken for seen. */
static void gone_mapping(void **state)
{
	char path[128];
	void *a;

	need_root();
	a = fake_map("libec_a.so.1");
	fake_unmap(a);
	fake_path(path, sizeof(path), "libec_a.so.1");
	assert_int_equal(unlink(path), 0);
	wait_and_read();
	assert_int_equal(seen.n, 0);
	a = fake_map("libec_a.so.1");
	wait_and_read();
	assert_int_equal(seen.n, 1);
	fake_unmap(a);
}

/* Many times around the ring, records across its end among them. */
static void ring_goes_round(void **state)
{
	char name[64];

	need_root();
	for (int round = 0; round < 12; round++) {
		void *a;

		for (int i = 0; i < 300; i++)
			fake_unmap(fake_map("libother_with_a_rather_long_name.so.1"));
		snprintf(name, sizeof(name), "libec_%d.so", round);
		a = fake_map(name);
		wait_and_read();
		fake_unmap(a);
		assert_int_equal(seen.n, round + 1);
		assert_string_equal(seen.v[round].base, name);
	}
	assert_int_equal(ec_watch_lost(watch), 0);
}

static void loss_is_counted(void **state)
{
	void *a;

	need_root();
	/* Some 8 times what all rings hold on a host of 8 CPUs; we run on few of them. */
	for (int i = 0; i < 60000; i++)
		fake_unmap(fake_map("libother.so.1"));
	for (int i = 0; i < 1000 && !ec_watch_lost(watch); i++) {
		assert_int_equal(ec_watch_read(watch), 0);
		/* The kernel tells of the loss before the next record. */
		fake_unmap(fake_map("libother.so.1"));
	}
	assert_true(ec_watch_lost(watch) > 0);
	a = fake_map("libec_a.so.1");
	wait_and_read();
	assert_int_equal(seen.n, 1); /* and goes on */
	fake_unmap(a);
}

static void callback_ends_it(void **state)
{
	void *a, *b;

	need_root();
	a = fake_map("libec_a.so.1");
	b = fake_map("libec_b.so.1");
	seen.ret = 42;
	assert_int_equal(ec_watch_read(watch), 42);
	assert_int_equal(seen.n, 1);
	seen.ret = 0;
	assert_int_equal(ec_watch_read(watch), 0); /* the rest was not dropped */
	assert_int_equal(seen.n, 2);
	fake_unmap(a), fake_unmap(b);
}

static void cpus_that_came(void **state)
{
	size_t n;
	void *a;
	int files;

	need_root();
	n = ec_watch_count(watch);
	files = open_files();
	/* none came: nothing is opened twice, nothing is closed */
	assert_int_equal(ec_watch_cpus(watch), 0);
	assert_int_equal(ec_watch_count(watch), n);
	assert_int_equal(open_files(), files);
	a = fake_map("libec_a.so.1");
	wait_and_read();
	assert_int_equal(seen.n, 1);
	fake_unmap(a);
}

static void descriptors_are_closed(void **state)
{
	struct ec_watch *w;
	int before;

	need_root();
	before = open_files();
	assert_int_equal(ec_watch_new(scan, fake_see, &seen, &w), 0);
	assert_int_equal(ec_watch_count(w), sysconf(_SC_NPROCESSORS_ONLN));
	assert_true(ec_watch_fd(w) >= 0);
	ec_watch_free(w);
	assert_int_equal(open_files(), before);
}

static void refused(void **state)
{
	struct ec_watch *w = (void *)1;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		int err;

		if (!geteuid() && (setgid(1234) || setuid(1234)))
			_exit(20);
		err = ec_watch_new(scan, fake_see, &seen, &w);
		_exit((err == -EACCES || err == -EPERM) && w == (void *)1 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define ONE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		// clang-format off
		ONE(new_mapping_is_seen),
		ONE(set_is_shared),
		ONE(other_processes),
		ONE(deleted_file),
		ONE(deleted_before),
		ONE(gone_mapping),
		ONE(ring_goes_round),
		ONE(loss_is_counted),
		ONE(callback_ends_it),
		ONE(cpus_that_came),
		ONE(descriptors_are_closed),
		ONE(refused),
		// clang-format on
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
