// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "waiting_child.h"
#include "host/ns.h"
#include "base/util.h"
#include "unit/need_root.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NO_PID 0x3ffffff0 /* above the kernel's PID_MAX_LIMIT */

static const char *const names[] = {"net", "mnt", "pid", "user", "cgroup", "uts", "ipc"};

/* The number as the kernel writes it. */
static uint64_t by_link(pid_t pid, const char *name)
{
	char path[64], text[64], form[32];
	unsigned long long v = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	n = readlink(path, text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = 0;
	snprintf(form, sizeof(form), "%s:[", name);
	assert_memory_equal(text, form, strlen(form));
	assert_int_equal(sscanf(text + strlen(form), "%llu", &v), 1);
	return v;
}

static bool leave_ours(const void *flags)
{
	return !unshare(*(const int *)flags);
}

/* A child with these namespaces, until ended(). In a new pid namespace it is pid 1. */
static pid_t child_in(int flags)
{
	return waiting_child(leave_ours, &flags);
}

static void ended(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void own(void **state)
{
	for (size_t i = 0; i < EC_ARRAY_SIZE(names); i++) {
		uint64_t ino = 0;

		assert_int_equal(ec_ns_id(getpid(), names[i], &ino), 0);
		assert_true(ino == by_link(getpid(), names[i]));
	}
}

static void other(void **state)
{
	uint64_t ours, theirs;
	pid_t pid;

	need_root();
	pid = child_in(CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWCGROUP);
	for (size_t i = 0; i < EC_ARRAY_SIZE(names); i++) {
		bool differ = !strcmp(names[i], "net") || !strcmp(names[i], "uts") ||
			      !strcmp(names[i], "cgroup");

		assert_int_equal(ec_ns_id(getpid(), names[i], &ours), 0);
		assert_int_equal(ec_ns_id(pid, names[i], &theirs), 0);
		assert_int_equal(ours != theirs, differ);
		assert_true(theirs == by_link(pid, names[i]));
	}
	ended(pid);
}

static void none(void **state)
{
	uint64_t ino = 77;
	siginfo_t si;
	pid_t pid;

	assert_int_equal(ec_ns_id(NO_PID, "net", &ino), -ESRCH);
	assert_int_equal(ec_ns_id(getpid(), "", &ino), -EINVAL);
	assert_int_equal(ec_ns_id(getpid(), "no", &ino), -EINVAL);
	assert_int_equal(ec_ns_id(getpid(), "../exe", &ino), -EINVAL);
	assert_int_equal(ec_ns_id(getpid(), "pid_for_children", &ino), -EINVAL);
	/* ended, but not waited for */
	pid = fork();
	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	assert_int_equal(ec_ns_id(pid, "net", &ino), -ESRCH);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(ec_ns_id(pid, "net", &ino), -ESRCH);
	assert_int_equal(ino, 77);
}

static void refused_to_others(void **state)
{
	pid_t ours = getpid(), pid;
	int status;

	need_root();
	pid = fork();
	if (!pid) {
		char exe[64];
		uint64_t ino;

		if (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
		    setresuid(65534, 65534, 65534))
			_exit(1);
		if (ec_ns_id(ours, "net", &ino) != -EACCES)
			_exit(2);
		_exit(ec_proc_exe(ours, exe, sizeof(exe)) == -EACCES ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void words(void **state)
{
	static const char *const bad[] = {
		"",	   "0",	       "-1",	   "net",	"net:", "net:[]",
		"net:[0]", "net:[1",   "[1]",	   "1x",	"0x10", ".",
		"..",	   "net:[1]x", "net:[x]",  "net:[-1]",	"/",	" 1",
		"1 ",	   "+1",       "mnt:[77]", "net:[ 77]",
	};
	uint64_t ino = 5;
	char word[64];

	assert_int_equal(ec_ns_parse("4026531840", "net", &ino), 0);
	assert_true(ino == 4026531840);
	assert_int_equal(ec_ns_parse("18446744073709551615", "net", &ino), 0);
	assert_true(ino == UINT64_MAX);
	assert_int_equal(ec_ns_parse("net:[77]", "net", &ino), 0);
	assert_true(ino == 77);
	assert_int_equal(ec_ns_parse("user:[78]", "user", &ino), 0);
	assert_true(ino == 78);
	ino = 5;
	for (size_t i = 0; i < EC_ARRAY_SIZE(bad); i++) {
		int err = ec_ns_parse(bad[i], "net", &ino);

		if (err != -EINVAL && err != -ENOENT)
			fail_msg("%s: %d", bad[i], err);
	}
	assert_int_equal(ec_ns_parse("18446744073709551616", "net", &ino), -EINVAL);
	assert_int_equal(ec_ns_parse("1844674407370955161500000", "net", &ino), -EINVAL);
	assert_int_equal(ec_ns_parse("77", "no", &ino), -EINVAL);
	assert_int_equal(ec_ns_parse("no-such-netns", "net", &ino), -ENOENT);
	assert_int_equal(ec_ns_parse("no-such-netns", "mnt", &ino), -EINVAL);
	assert_int_equal(ino, 5);
	snprintf(word, sizeof(word), "/proc/%d/ns/net", getpid());
	assert_int_equal(ec_ns_parse(word, "net", &ino), 0);
	assert_true(ino == by_link(getpid(), "net"));
}

static void wrong_paths(void **state)
{
	char fifo[] = "/tmp/ec-ns-XXXXXX/fifo", word[64];
	uint64_t ino = 5;

	snprintf(word, sizeof(word), "/proc/%d/ns/mnt", getpid());
	assert_int_equal(ec_ns_parse(word, "net", &ino), -EINVAL); /* of another kind */
	assert_int_equal(ec_ns_parse("/no/such", "net", &ino), -ENOENT);
	assert_int_equal(ec_ns_parse("/dev/null/x", "net", &ino), -ENOENT);
	assert_int_equal(ec_ns_parse("/dev/null", "net", &ino), -EINVAL);
	assert_int_equal(ec_ns_parse("/proc/self/status", "net", &ino), -EINVAL);
	/* a pipe must not keep us waiting */
	fifo[strlen("/tmp/ec-ns-XXXXXX")] = 0;
	assert_non_null(mkdtemp(fifo));
	fifo[strlen(fifo)] = '/';
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(ec_ns_parse(fifo, "net", &ino), -EINVAL);
	unlink(fifo);
	*strrchr(fifo, '/') = 0;
	rmdir(fifo);
	assert_int_equal(ino, 5);
}

/* As `ip netns add` does it: the namespace mounted on a file. */
static void by_name(void **state)
{
	char name[48], path[80], from[64];
	uint64_t ino = 0;
	int fd, made;
	pid_t pid;

	need_root();
	made = mkdir("/run/netns", 0755);
	snprintf(name, sizeof(name), "ec-test-%d", getpid());
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	pid = child_in(CLONE_NEWNET);
	snprintf(from, sizeof(from), "/proc/%d/ns/net", pid);
	fd = open(path, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(ec_ns_parse(name, "net", &ino), -EINVAL); /* not mounted yet */
	assert_int_equal(mount(from, path, NULL, MS_BIND, NULL), 0);
	assert_int_equal(ec_ns_parse(name, "net", &ino), 0);
	assert_true(ino == by_link(pid, "net"));
	assert_int_equal(ec_ns_parse(path, "net", &ino), 0);
	assert_int_equal(ec_ns_parse(path, "user", &ino), -EINVAL);
	umount2(path, MNT_DETACH);
	unlink(path);
	if (!made)
		rmdir("/run/netns");
	ended(pid);
}

static void same_pid(void **state)
{
	gid_t groups[3000];
	pid_t inner = 0, pid;
	int status;

	assert_int_equal(ec_proc_ns_pid(getpid(), &inner), 0);
	assert_int_equal(inner, getpid());
	inner = 5;
	assert_int_equal(ec_proc_ns_pid(NO_PID, &inner), -ESRCH);
	assert_int_equal(inner, 5);
	need_root();
	/* the line stands behind a long list of groups */
	for (size_t i = 0; i < EC_ARRAY_SIZE(groups); i++)
		groups[i] = (gid_t)(1000000 + i);
	pid = fork();
	if (!pid) {
		if (setgroups(EC_ARRAY_SIZE(groups), groups))
			_exit(1);
		_exit(ec_proc_ns_pid(getpid(), &inner) || inner != getpid() ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void inner_pid(void **state)
{
	pid_t pid, inner = 0;
	int up[2], status;
	pid_t seen;

	need_root();
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		pid_t p;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWPID))
			_exit(1);
		p = fork();
		if (!p) {
			pause();
			_exit(0);
		}
		if (write(up[1], &p, sizeof(p)) != sizeof(p))
			_exit(1);
		waitpid(p, &status, 0);
		_exit(0);
	}
	close(up[1]);
	assert_int_equal(read(up[0], &seen, sizeof(seen)), sizeof(seen));
	close(up[0]);
	assert_int_equal(ec_proc_ns_pid(seen, &inner), 0);
	assert_int_equal(inner, 1);
	assert_int_not_equal(seen, 1);
	assert_int_equal(ec_proc_ns_pid(pid, &inner), 0);
	assert_int_equal(inner, pid);
	kill(seen, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void copy(const char *from, const char *to)
{
	char cmd[300];

	snprintf(cmd, sizeof(cmd), "cp %s '%s'", from, to);
	assert_int_equal(system(cmd), 0);
}

/* A sleeping process of that program. */
static pid_t run(const char *path)
{
	pid_t pid = fork();
	char exe[128];

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, "sleep", "60", NULL);
		_exit(1);
	}
	for (int i = 0; i < 500; i++) {
		if (ec_proc_exe(pid, exe, sizeof(exe)) >= 0 && strstr(exe, "ec-exe"))
			return pid;
		usleep(10000);
	}
	fail_msg("%s does not run", path);
	return 0;
}

static void exe(void **state)
{
	char dir[] = "/tmp/ec-exe-XXXXXX", path[64], odd[64], out[64] = "x";
	pid_t a, b;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	snprintf(path, sizeof(path), "%s/prog", dir);
	snprintf(odd, sizeof(odd), "%s/prog (deleted)", dir);
	copy("/bin/sleep", path);
	copy("/bin/sleep", odd);
	a = run(path);
	b = run(odd);
	assert_int_equal(ec_proc_exe(a, out, strlen(path)), -ENAMETOOLONG);
	assert_string_equal(out, "x");
	assert_int_equal(ec_proc_exe(a, out, strlen(path) + 1), 0);
	assert_string_equal(out, path);
	/* a name that only looks so */
	assert_int_equal(ec_proc_exe(b, out, sizeof(out)), 0);
	assert_string_equal(out, odd);
	/* removed, and another file in its place */
	unlink(path);
	copy("/bin/sleep", path);
	assert_int_equal(ec_proc_exe(a, out, sizeof(out)), 1);
	assert_string_equal(out, path);
	unlink(path);
	unlink(odd);
	assert_int_equal(ec_proc_exe(b, out, sizeof(out)), 1);
	assert_string_equal(out, odd);
	ended(a);
	ended(b);
	rmdir(dir);
	assert_int_equal(ec_proc_exe(a, out, sizeof(out)), -ESRCH);
	/* a kernel thread, where we see one */
	if (!access("/proc/2/stat", R_OK) && !geteuid() &&
	    readlink("/proc/2/exe", out, sizeof(out)) < 0 && errno == ENOENT)
		assert_int_equal(ec_proc_exe(2, out, sizeof(out)), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own),	     cmocka_unit_test(other),
		cmocka_unit_test(none),	     cmocka_unit_test(refused_to_others),
		cmocka_unit_test(words),     cmocka_unit_test(wrong_paths),
		cmocka_unit_test(by_name),   cmocka_unit_test(same_pid),
		cmocka_unit_test(inner_pid), cmocka_unit_test(exe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
