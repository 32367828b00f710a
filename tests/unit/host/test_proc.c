// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "host/proc.h"
#include "base/util.h"
#include "unit/need_root.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NO_PID 0x3ffffff0 /* above the kernel's PID_MAX_LIMIT */

static char dir[64];

static int make_dir(void **state)
{
	strcpy(dir, "/tmp/ec proc XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	return rmdir(dir);
}

/* A page of zeros under this name, mapped as code. */
static void *map_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	void *p;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sysconf(_SC_PAGESIZE)), 0);
	p = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_true(p != MAP_FAILED);
	close(fd);
	return p;
}

struct search {
	const void *at;
	struct ec_mapping m;
	char path[512];
	int all, found;
};

static int keep_mapping(void *ctx, pid_t pid, const struct ec_mapping *m)
{
	struct search *s = ctx;

	s->all++;
	if (m->start <= (uintptr_t)s->at && (uintptr_t)s->at < m->end) {
		s->found++;
		s->m = *m;
		snprintf(s->path, sizeof(s->path), "%s", m->path);
		s->m.path = s->path;
	}
	return 0;
}

static int stop_at_once(void *ctx, pid_t pid, const struct ec_mapping *m)
{
	++*(int *)ctx;
	return 77;
}

static void own_code(void **state)
{
	struct search s = {.at = (void *)own_code};
	struct stat a, b;
	int fd, n = 0;

	assert_int_equal(ec_proc_maps(getpid(), keep_mapping, &s), 0);
	assert_int_equal(s.found, 1);
	assert_true(s.all >= 3); /* the program, libc, ld.so; the stack is no file */
	assert_false(s.m.deleted);
	assert_int_equal(stat("/proc/self/exe", &a), 0);
	fd = ec_proc_open_mapping(getpid(), &s.m);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &b), 0);
	assert_true(a.st_dev == b.st_dev && a.st_ino == b.st_ino);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	assert_int_equal(ec_proc_maps(getpid(), stop_at_once, &n), 77);
	assert_int_equal(n, 1);
	assert_int_equal(ec_proc_maps(NO_PID, keep_mapping, &s), -ESRCH);
}

static void data_is_left_out(void **state)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct search s = {0};
	char path[128];
	void *p;

	snprintf(path, sizeof(path), "%s/data", dir);
	p = map_file(path);
	assert_int_equal(mprotect(p, page, PROT_READ), 0);
	s.at = p;
	assert_int_equal(ec_proc_maps(getpid(), keep_mapping, &s), 0);
	assert_int_equal(s.found, 0);
	munmap(p, page);
	unlink(path);
	p = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(p != MAP_FAILED);
	s.at = p;
	assert_int_equal(ec_proc_maps(getpid(), keep_mapping, &s), 0);
	assert_int_equal(s.found, 0);
	munmap(p, page);
}

/* Names long enough that lines cross the kernel's pages, and with blanks in them. */
static void many_long_names(void **state)
{
	enum { N = 200 };
	size_t page = sysconf(_SC_PAGESIZE);
	void *at[N];
	char path[400], tail[220];

	memset(tail, 'x', sizeof(tail));
	tail[sizeof(tail) - 1] = 0;
	for (int i = 0; i < N; i++) {
		snprintf(path, sizeof(path), "%s/%d a b %.*s", dir, i, i, tail);
		at[i] = map_file(path);
	}
	for (int i = 0; i < N; i++) {
		struct search s = {.at = at[i]};

		snprintf(path, sizeof(path), "%s/%d a b %.*s", dir, i, i, tail);
		assert_int_equal(ec_proc_maps(getpid(), keep_mapping, &s), 0);
		assert_int_equal(s.found, 1);
		assert_string_equal(s.path, path);
	}
	for (int i = 0; i < N; i++) {
		munmap(at[i], page);
		snprintf(path, sizeof(path), "%s/%d a b %.*s", dir, i, i, tail);
		unlink(path);
	}
}

/* Deeper than PATH_MAX, and than our buffer: left out, and hides nothing behind it. */
static void endless_names(void **state)
{
	enum { DEEP = 90 };
	size_t page = sysconf(_SC_PAGESIZE);
	char name[251], cwd[128], path[128];
	struct search low = {0}, long_one = {0}, high = {0};
	char *p;
	int fd;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	/* Three neighbours whose order is ours. */
	p = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(p != MAP_FAILED);
	snprintf(path, sizeof(path), "%s/short", dir);
	fd = open(path, O_RDWR | O_CREAT, 0700);
	assert_true(fd >= 0);
	for (int i = 0; i <= 2; i += 2)
		assert_ptr_equal(mmap(p + i * page, page, PROT_READ | PROT_EXEC,
				      MAP_PRIVATE | MAP_FIXED, fd, 0),
				 p + i * page);
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(chdir(dir), 0);
	for (int i = 0; i < DEEP; i++)
		assert_true(!mkdir(name, 0700) && !chdir(name));
	fd = open("file", O_RDWR | O_CREAT, 0700);
	assert_true(fd >= 0);
	assert_ptr_equal(mmap(p + page, page, PROT_READ | PROT_EXEC,
			      MAP_PRIVATE | MAP_FIXED, fd, 0),
			 p + page);
	close(fd);
	low.at = p;
	long_one.at = p + page;
	high.at = p + 2 * page;
	assert_int_equal(ec_proc_maps(getpid(), keep_mapping, &low), 0);
	assert_int_equal(ec_proc_maps(getpid(), keep_mapping, &long_one), 0);
	assert_int_equal(ec_proc_maps(getpid(), keep_mapping, &high), 0);
	munmap(p, 3 * page);
	assert_int_equal(unlink("file"), 0);
	for (int i = 0; i < DEEP; i++)
		assert_true(!chdir("..") && !rmdir(name));
	assert_int_equal(chdir(cwd), 0);
	assert_int_equal(low.found, 1);
	assert_int_equal(long_one.found, 0);
	assert_int_equal(high.found, 1);
	assert_string_equal(high.path, path);
}

/* Another file now has the name: it must not be taken for the mapped one. */
static void replaced_file(void **state)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct search s = {0};
	struct stat was, now;
	char path[128], *p;
	int fd;

	snprintf(path, sizeof(path), "%s/lib.so", dir);
	p = map_file(path);
	s.at = p;
	assert_int_equal(stat(path, &was), 0);
	assert_int_equal(ec_proc_maps(getpid(), keep_mapping, &s), 0);
	assert_int_equal(s.found, 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* opening it would wait for ever */
	fd = ec_proc_open_mapping(getpid(), &s.m);
	assert_int_equal(unlink(path), 0);
	if (fd >= 0) { /* through map_files, which needs rights */
		assert_int_equal(fstat(fd, &now), 0);
		assert_true(was.st_ino == now.st_ino && was.st_dev == now.st_dev);
		close(fd);
	} else {
		assert_true(geteuid() != 0);
	}
	s.found = 0;
	assert_int_equal(ec_proc_maps(getpid(), keep_mapping, &s), 0);
	assert_int_equal(s.found, 1);
	assert_true(s.m.deleted);
	assert_string_equal(s.path, path);
	munmap(p, page);
	assert_true(ec_proc_open_mapping(getpid(), &s.m) < 0);
}

/* Without map_files (an address that is not mapped) the name serves, if it is the file.
 */
static void fallback_is_checked(void **state)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct search s = {0};
	char path[128];
	void *p;
	int fd;

	snprintf(path, sizeof(path), "%s/lib.so", dir);
	p = map_file(path);
	s.at = p;
	assert_int_equal(ec_proc_maps(getpid(), keep_mapping, &s), 0);
	munmap(p, page);
	fd = ec_proc_open_mapping(getpid(), &s.m);
	assert_true(fd >= 0);
	close(fd);
	s.m.ino++;
	assert_true(ec_proc_open_mapping(getpid(), &s.m) < 0);
	unlink(path);
}

static pid_t child_in_state(int (*fn)(int), int *hold)
{
	int fds[2], ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(fds[1]);
		close(ready[0]);
		dup2(ready[1], 100);
		close(ready[1]);
		_exit(fn(fds[0]));
	}
	close(fds[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*hold = fds[1];
	return pid;
}

static void wait_for_end(int fd)
{
	char c;

	while (read(fd, &c, 1) < 0 && errno == EINTR)
		;
}

/* A child and a grandchild below it; both end when the test lets go of the pipe. */
static int family(int fd)
{
	prctl(PR_SET_NAME, "a) R 1\nUid: 7 (", 0, 0, 0);
	if (!fork()) {
		if (write(100, "y", 1) != 1)
			return 1;
		wait_for_end(fd);
		return 0;
	}
	wait_for_end(fd);
	return 0;
}

static int count_pid(void *ctx, pid_t pid)
{
	pid_t *want = ctx;

	if (pid == want[0])
		want[1]++;
	return 0;
}

static int stop_each(void *ctx, pid_t pid)
{
	return 5;
}

static void kin_and_names(void **state)
{
	pid_t kin[8] = {0}, both[2] = {0}, few[1] = {0};
	uid_t uid = 4711;
	char comm[16];
	int hold;
	pid_t pid = child_in_state(family, &hold);

	assert_int_equal(ec_proc_comm(pid, comm), 0);
	assert_string_equal(comm, "a) R 1\nUid: 7 (");
	assert_int_equal(ec_proc_uid(pid, &uid), 0);
	assert_int_equal(uid, getuid());
	assert_int_equal(ec_proc_parent(pid), getpid());
	assert_int_equal(ec_proc_thread_group(pid), pid);
	assert_true(ec_proc_exists(pid));
	assert_int_equal(ec_proc_descendants(pid, kin, EC_ARRAY_SIZE(kin)), 2);
	assert_int_equal(kin[0], pid);
	assert_int_equal(ec_proc_parent(kin[1]), pid);
	assert_int_equal(ec_proc_descendants(pid, few, 1), 2);
	assert_int_equal(few[0], pid);
	assert_int_equal(ec_proc_descendants(getpid(), kin, EC_ARRAY_SIZE(kin)), 3);
	assert_int_equal(kin[0], getpid());
	assert_int_equal(kin[1], pid);
	both[0] = pid;
	assert_int_equal(ec_proc_each(count_pid, both), 0);
	assert_int_equal(both[1], 1);
	assert_int_equal(ec_proc_each(stop_each, NULL), 5);
	close(hold);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(ec_proc_exists(pid));
}

static void nobody_there(void **state)
{
	pid_t out[2];
	uid_t uid = 4711;
	char comm[16] = "kept";

	assert_false(ec_proc_exists(NO_PID));
	assert_false(ec_proc_exists(0));
	assert_false(ec_proc_exists(-1));
	assert_int_equal(ec_proc_parent(NO_PID), 0);
	assert_int_equal(ec_proc_thread_group(NO_PID), 0);
	assert_int_equal(ec_proc_comm(NO_PID, comm), -ESRCH);
	assert_string_equal(comm, "kept");
	assert_int_equal(ec_proc_uid(NO_PID, &uid), -ESRCH);
	assert_int_equal(uid, 4711);
	assert_int_equal(ec_proc_descendants(NO_PID, out, 2), -ESRCH);
}

static void *stay(void *arg)
{
	pid_t leader = getpid();
	char c = 'z';

	/* Until the leader is shown as a zombie. */
	while (c != 'Z') {
		char path[64], text[256] = "", *p;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", leader, leader);
		f = fopen(path, "r");
		if (f && fgets(text, sizeof(text), f) && (p = strrchr(text, ')')))
			c = p[2];
		if (f)
			fclose(f);
		usleep(1000);
	}
	if (write(100, "y", 1) == 1)
		wait_for_end(*(int *)arg);
	_exit(0);
}

static int leader_ends(int fd)
{
	static int hold;
	pthread_t t;

	hold = fd;
	if (pthread_create(&t, NULL, stay, &hold))
		return 1;
	syscall(SYS_exit, 0); /* this thread alone */
	return 2;
}

static void zombies(void **state)
{
	int hold;
	siginfo_t si;
	pid_t pid = child_in_state(leader_ends, &hold);

	assert_true(ec_proc_exists(pid));
	close(hold);
	assert_int_equal(waitid(P_PID, pid, &si, WEXITED | WNOWAIT), 0);
	assert_false(ec_proc_exists(pid)); /* there, and ended */
	assert_int_equal(ec_proc_parent(pid), getpid());
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(ec_proc_parent(pid), 0);
}

static void *own_tid(void *arg)
{
	pid_t tid = gettid();

	return (void *)(intptr_t)(ec_proc_thread_group(tid) == getpid() &&
				  tid != getpid());
}

static void threads(void **state)
{
	pthread_t t;
	void *ok = NULL;

	assert_int_equal(pthread_create(&t, NULL, own_tid, NULL), 0);
	pthread_join(t, &ok);
	assert_non_null(ok);
}

static void users(void **state)
{
	uid_t uid = 4711;

	assert_int_equal(ec_proc_user("no such user", &uid), -ENOENT);
	assert_int_equal(ec_proc_user("", &uid), -ENOENT);
	assert_int_equal(ec_proc_user("-1", &uid), -ENOENT);
	assert_int_equal(ec_proc_user("4294967295", &uid), -ENOENT);
	assert_int_equal(ec_proc_user("4294967296", &uid), -ENOENT);
	assert_int_equal(ec_proc_user("12x", &uid), -ENOENT);
	assert_int_equal(uid, 4711);
	assert_int_equal(ec_proc_user("root", &uid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(ec_proc_user("4294967294", &uid), 0);
	assert_int_equal(uid, 4294967294u);
	assert_int_equal(ec_proc_user("0", &uid), 0);
	assert_int_equal(uid, 0);
}

static int look_at_parent(int fd)
{
	struct search s = {0};

	if (setgid(1234) || setuid(1234))
		return 20;
	if (ec_proc_maps(getppid(), keep_mapping, &s) != -EACCES)
		return 21;
	/* The kernel's own thread has none, which is no refusal. */
	if (ec_proc_maps(2, keep_mapping, &s) && ec_proc_parent(2) == 0 &&
	    !ec_proc_comm(2, s.path) && !strcmp(s.path, "kthreadd"))
		return 22;
	return s.all ? 23 : 0;
}

static void refusal_is_told(void **state)
{
	int status;
	pid_t pid;

	need_root();
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(look_at_parent(-1));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* As on kernels before 6.11, where maps are text alone. */
static int refuse_ioctl(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = EC_ARRAY_SIZE(code), .filter = code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_code),	   cmocka_unit_test(data_is_left_out),
		cmocka_unit_test(many_long_names), cmocka_unit_test(endless_names),
		cmocka_unit_test(replaced_file),   cmocka_unit_test(fallback_is_checked),
		cmocka_unit_test(kin_and_names),   cmocka_unit_test(nobody_there),
		cmocka_unit_test(zombies),	   cmocka_unit_test(threads),
		cmocka_unit_test(users),	   cmocka_unit_test(refusal_is_told),
	};
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		return refuse_ioctl() ||
		       cmocka_run_group_tests_name("maps as text", tests, make_dir,
						   remove_dir);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return 1;
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
