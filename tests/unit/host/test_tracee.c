// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "host/tracee.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A program stopped at its exec, before its loader has begun. */
static pid_t exec_stopped(const char *program, const char *arg)
{
	pid_t pid = fork();
	int st;

	if (pid == 0) {
		raise(SIGSTOP);
		execlp(program, program, arg, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &st, WUNTRACED), pid);
	assert_int_equal(
		ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL),
		0);
	kill(pid, SIGCONT);
	do {
		assert_int_equal(waitpid(pid, &st, __WALL), pid);
		assert_true(WIFSTOPPED(st));
		if (st >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			ptrace(PTRACE_CONT, pid, NULL, NULL);
	} while (st >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8));
	return pid;
}

static void finish(pid_t pid, int want)
{
	int st;

	assert_int_equal(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &st, __WALL), pid);
	assert_true(WIFEXITED(st));
	assert_int_equal(WEXITSTATUS(st), want);
}

static bool maps(pid_t pid, const char *name)
{
	char path[48], line[512];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, name) != NULL;
	fclose(f);
	return found;
}

static uint64_t word(pid_t pid, uint64_t at)
{
	errno = 0;
	at = ptrace(PTRACE_PEEKTEXT, pid, (void *)at, NULL);
	assert_int_equal(errno, 0);
	return at;
}

/* There the loader has done its work; the program runs on as if nothing had been. */
static void entry_is_reached(void **state)
{
	pid_t pid = exec_stopped("false", NULL);
	uint64_t entry = 0, before, around;
	struct ec_brk b = {0};
	int st;

	assert_false(maps(pid, "libc.so"));
	assert_int_equal(ec_tracee_entry(pid, &entry), 0);
	before = word(pid, entry & ~(uint64_t)7);
	assert_int_equal(ec_tracee_brk_set(pid, entry, &b), 0);
	assert_true(b.set);
	around = word(pid, entry & ~(uint64_t)7);
	assert_int_not_equal(before, around);
	assert_false(ec_tracee_brk_hit(pid, &b));
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &st, __WALL), pid);
	assert_true(WIFSTOPPED(st) && WSTOPSIG(st) == SIGTRAP);
	assert_true(ec_tracee_brk_hit(pid, &b));
	assert_false(ec_tracee_brk_hit(pid, &b)); /* it stands there itself by now */
	assert_true(maps(pid, "libc.so"));
	assert_int_equal(ec_tracee_brk_clear(pid, &b), 0);
	assert_false(b.set);
	assert_int_equal(word(pid, entry & ~(uint64_t)7), before);
	finish(pid, 1);
}

/* What was written next to it meanwhile, as by a uprobe, stays. */
static void neighbours_stay(void **state)
{
	pid_t pid = exec_stopped("true", NULL);
	uint64_t entry = 0, at, w, was;
	struct ec_brk b = {0};
	unsigned char *bytes = (void *)&w;
	unsigned int off;

	assert_int_equal(ec_tracee_entry(pid, &entry), 0);
	at = entry & ~(uint64_t)7;
	off = entry - at ? 0 : 7;
	was = word(pid, at);
	assert_int_equal(ec_tracee_brk_set(pid, entry, &b), 0);
	w = word(pid, at);
	bytes[off] ^= 0x55;
	assert_int_equal(ptrace(PTRACE_POKETEXT, pid, (void *)at, (void *)w), 0);
	assert_int_equal(ec_tracee_brk_clear(pid, &b), 0);
	w = word(pid, at);
	bytes[off] ^= 0x55;
	assert_int_equal(w, was);
	assert_int_equal(ptrace(PTRACE_POKETEXT, pid, (void *)at, (void *)w), 0);
	finish(pid, 0);
}

static void no_loader(void **state)
{
	char path[] = "/tmp/ec_static_XXXXXX", command[256];
	int fd = mkstemp(path);
	uint64_t entry = 77;
	pid_t pid;

	assert_true(fd >= 0);
	close(fd);
	snprintf(
		command, sizeof(command),
		"echo 'int main(void) { return 5; }' | cc -x c -static -o %s - 2>/dev/null",
		path);
	if (system(command)) {
		unlink(path);
		print_message("skipped: no static libc to link with\n");
		skip();
	}
	chmod(path, 0700);
	pid = exec_stopped(path, NULL);
	unlink(path);
	assert_int_equal(ec_tracee_entry(pid, &entry), -ENOENT);
	assert_int_equal(entry, 77);
	finish(pid, 5);
}

static void refused(void **state)
{
	struct ec_brk b = {0};
	uint64_t entry = 77;
	pid_t pid = exec_stopped("true", NULL);

	assert_int_equal(ec_tracee_brk_set(pid, 8, &b), -EIO);
	assert_false(b.set);
	assert_int_equal(ec_tracee_brk_clear(pid, &b), 0);
	assert_int_equal(ec_tracee_entry(0x3ffffff0, &entry), -ESRCH);
	assert_int_equal(ec_tracee_brk_set(getppid(), 8, &b), -ESRCH);
	assert_int_equal(entry, 77);
	finish(pid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_is_reached),
		cmocka_unit_test(neighbours_stay),
		cmocka_unit_test(no_loader),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
