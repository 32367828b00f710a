// SPDX-License-Identifier: GPL-2.0-only
/* On the hierarchies of this host, with folders of our own, mounts in a mount namespace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "host/cgroup.h"
#include "base/util.h"
#include "unit/need_root.h"
#include "in_cgroup.h"
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mount.h>

#define NO_PID 0x3ffffff0 /* above the kernel's PID_MAX_LIMIT */

static char v2[PATH_MAX]; /* where v2 is mounted */
static char top[PATH_MAX + 64], a[PATH_MAX + 80], b[PATH_MAX + 80], ab[PATH_MAX + 80];
/* Two v1 hierarchies of our own, without controllers, where the kernel has them. */
static bool has_v1;
static char v1[64], v1_a[128], other_v1[64], other_a[128];
static char tmp[64], bind_at[64];

static bool mount_v1(char folder[64], const char *name)
{
	char options[64];

	snprintf(options, sizeof(options), "none,name=ec_%d_%s", getpid(), name);
	snprintf(folder, 64, "%.40s/%s", tmp, name);
	return (!mkdir(folder, 0755) || errno == EEXIST) &&
	       !mount("none", folder, "cgroup", 0, options);
}

static bool hierarchy_gone(const char *name)
{
	char line[32];

	snprintf(line, sizeof(line), ":name=ec_%d_%s:", getpid(), name);
	for (int i = 0; i < 50; i++) {
		_ec_free_ char *text = NULL;

		if (ec_cgroup_text(getpid(), &text) || !strstr(text, line))
			return true;
		usleep(10000);
	}
	return false;
}

/* A hierarchy outlives its last mount if one of its folders is not quite gone by then. */
static void unmount_v1(char folder[64], const char *name)
{
	for (int i = 0; i < 4; i++) {
		umount(folder);
		if (hierarchy_gone(name) || !mount_v1(folder, name))
			break;
	}
	rmdir(folder);
}

static void need_v1(void)
{
	if (!has_v1) {
		print_message("skipped: this kernel has no v1 hierarchies\n");
		skip();
	}
}

static int set_up(void **state)
{
	if (geteuid())
		return 0;
	strcpy(tmp, "/tmp/ec cgroup XXXXXX");
	if (!mkdtemp(tmp) || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    ec_cgroup_mount(v2, sizeof(v2)))
		return -1;
	snprintf(bind_at, sizeof(bind_at), "%.40s/a b", tmp);
	if (mkdir(bind_at, 0755))
		return -1;
	/* the first one's name begins like the second's */
	has_v1 = mount_v1(v1, "v1") && mount_v1(other_v1, "v1x");
	snprintf(top, sizeof(top), "%s/ec-unit-%d", v2, getpid());
	snprintf(a, sizeof(a), "%s/a", top);
	snprintf(b, sizeof(b), "%s/b", top);
	snprintf(ab, sizeof(ab), "%s/ab", top);
	snprintf(v1_a, sizeof(v1_a), "%s/ec-unit-v1", v1);
	snprintf(other_a, sizeof(other_a), "%s/ec-unit-v1", other_v1);
	return mkdir(top, 0755) || mkdir(a, 0755) || mkdir(b, 0755) || mkdir(ab, 0755) ||
	       (has_v1 && (mkdir(v1_a, 0755) || mkdir(other_a, 0755)));
}

static int tear_down(void **state)
{
	if (geteuid())
		return 0;
	cgroup_leave_all();
	cgroup_remove(a);
	cgroup_remove(b);
	cgroup_remove(ab);
	cgroup_remove(top);
	cgroup_remove(v1_a);
	cgroup_remove(other_a);
	unmount_v1(v1, "v1");
	unmount_v1(other_v1, "v1x");
	rmdir(bind_at);
	return rmdir(tmp);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static void versions(void **state)
{
	char path[PATH_MAX + 32], small[4];

	need_root();
	snprintf(path, sizeof(path), "%s/cgroup.procs", v2);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(ec_cgroup_version(v2), 2);
	assert_int_equal(ec_cgroup_version(a), 2);
	if (has_v1)
		assert_int_equal(ec_cgroup_version(v1), 1);
	assert_int_equal(ec_cgroup_version("/proc"), 0);
	assert_int_equal(ec_cgroup_version("/no/such"), -ENOENT);
	strcpy(small, "abc");
	assert_int_equal(ec_cgroup_mount(small, sizeof(small)), -ENAMETOOLONG);
	assert_string_equal(small, "abc");
}

static void lines(void **state)
{
	const char *text = "12:cpu,cpuacct:/a\nno line\n1:name=systemd:/b:c (deleted)\n"
			   "3:\n4:x:\n5:x:rel\n0::/d (deleted)\n0::/";
	struct ec_cgroup_line l;

	assert_true(ec_cgroup_next(&text, &l));
	assert_true(l.nnames == 11 && !memcmp(l.names, "cpu,cpuacct", 11));
	assert_true(l.npath == 2 && !memcmp(l.path, "/a", 2) && !l.deleted);
	assert_true(ec_cgroup_next(&text, &l));
	assert_true(l.nnames == 12 && l.npath == 14 && !l.deleted);
	assert_true(ec_cgroup_next(&text, &l));
	assert_true(!l.nnames && l.npath == 2 && !memcmp(l.path, "/d", 2) && l.deleted);
	assert_true(ec_cgroup_next(&text, &l));
	assert_true(!l.nnames && l.npath == 1 && !l.deleted);
	assert_false(ec_cgroup_next(&text, &l));
	assert_false(ec_cgroup_next(&text, &l));
	assert_string_equal(text, "");
}

static void paths(void **state)
{
	char path[PATH_MAX], again[PATH_MAX], small[4] = "xyz";
	uint64_t id;
	pid_t pid;

	need_root();
	pid = cgroup_fork(a);
	assert_int_equal(ec_cgroup_path(pid, true, path, sizeof(path)), 0);
	assert_true(ends_with(path, a + strlen(v2)));
	assert_int_equal(ec_cgroup_path(pid, true, small, sizeof(small)), -ENAMETOOLONG);
	assert_string_equal(small, "xyz");
	assert_int_equal(ec_cgroup_id(a, &id), 0);
	assert_int_equal(ec_cgroup_of_id(id, again, sizeof(again)), 0);
	assert_string_equal(path, again);
	assert_int_equal(ec_cgroup_find(path, again, sizeof(again)), 2);
	assert_string_equal(again, a);
	cgroup_leave(pid);
	assert_int_equal(ec_cgroup_path(pid, true, path, sizeof(path)), -ESRCH);
	assert_int_equal(ec_cgroup_path(NO_PID, false, path, sizeof(path)), -ESRCH);
}

/* Of the v1 hierarchies, all but ours have the process where this test is. */
static void paths_v1(void **state)
{
	char path[PATH_MAX], folder[PATH_MAX];
	_ec_free_ char *text = NULL;
	pid_t pid;

	need_root();
	need_v1();
	pid = cgroup_fork(v1_a);
	assert_int_equal(ec_cgroup_text(pid, &text), 0);
	assert_non_null(strstr(text, ":/ec-unit-v1\n"));
	assert_int_equal(ec_cgroup_path(pid, false, path, sizeof(path)), 0);
	assert_true(*path == '/');
	assert_true(ec_cgroup_holds(v1_a, pid));
	assert_true(ec_cgroup_holds(v1, pid));
	assert_true(ec_cgroup_holds(v2, pid));
	assert_false(ec_cgroup_holds(a, pid));
	assert_false(ec_cgroup_holds(v1_a, getpid()));
	assert_true(ec_cgroup_holds("/ec-unit-v1", pid));
	assert_false(ec_cgroup_holds("/ec-unit-v1", getpid()));
	/* the same path in another hierarchy */
	assert_false(ec_cgroup_holds(other_a, pid));
	assert_int_equal(ec_cgroup_find(v1_a, folder, sizeof(folder)), 1);
	assert_string_equal(folder, v1_a);
	assert_int_equal(ec_cgroup_find("/ec-unit-v1", folder, sizeof(folder)), 1);
	assert_string_equal(folder, v1_a);
	cgroup_leave(pid);
}

static void holds(void **state)
{
	char word[PATH_MAX], link[128];
	pid_t in_a, in_ab;

	need_root();
	in_a = cgroup_fork(a);
	in_ab = cgroup_fork(ab);
	assert_true(ec_cgroup_holds(a, in_a));
	assert_true(ec_cgroup_holds(top, in_a));
	assert_true(ec_cgroup_holds(v2, in_a));
	assert_true(ec_cgroup_holds("/", in_a));
	assert_false(ec_cgroup_holds(b, in_a));
	assert_false(ec_cgroup_holds(a, in_ab)); /* a name that begins the same */
	assert_false(ec_cgroup_holds(ab, in_a));
	assert_false(ec_cgroup_holds(a, getpid()));
	/* paths, with and without slashes around; one that is not there */
	assert_int_equal(ec_cgroup_path(in_a, true, word, sizeof(word)), 0);
	assert_true(ec_cgroup_holds(word, in_a));
	assert_true(ec_cgroup_holds(word + 1, in_a));
	assert_false(ec_cgroup_holds(word, in_ab));
	word[strlen(word) - 2] = 0;
	assert_true(ec_cgroup_holds(word, in_ab));
	strcat(word, "/");
	assert_true(ec_cgroup_holds(word, in_a));
	strcat(word, "nothing");
	assert_false(ec_cgroup_holds(word, in_a));
	assert_false(ec_cgroup_holds("/no/such", in_a));
	assert_false(ec_cgroup_holds("", in_a));
	/* by a link, and through another mount with a blank in its name */
	snprintf(link, sizeof(link), "%s/link", tmp);
	assert_int_equal(symlink(a, link), 0);
	assert_true(ec_cgroup_holds(link, in_a));
	assert_false(ec_cgroup_holds(link, in_ab));
	unlink(link);
	assert_int_equal(mount(a, bind_at, NULL, MS_BIND, NULL), 0);
	assert_true(ec_cgroup_holds(bind_at, in_a));
	assert_false(ec_cgroup_holds(bind_at, in_ab));
	umount(bind_at);
	cgroup_leave(in_a);
	cgroup_leave(in_ab);
	assert_false(ec_cgroup_holds(a, in_a));
	assert_false(ec_cgroup_holds("/", NO_PID));
}

static void find(void **state)
{
	char out[PATH_MAX], word[PATH_MAX + 128];

	need_root();
	assert_int_equal(ec_cgroup_find(a, out, sizeof(out)), 2);
	assert_string_equal(out, a);
	snprintf(word, sizeof(word), "%s/../b/", a);
	assert_int_equal(ec_cgroup_find(word, out, sizeof(out)), 2);
	assert_string_equal(out, b);
	assert_int_equal(ec_cgroup_find("/", out, sizeof(out)), 2);
	assert_string_equal(out, v2);
	assert_int_equal(ec_cgroup_find("", out, sizeof(out)), -ENOENT);
	assert_int_equal(ec_cgroup_find("/tmp", out, sizeof(out)), -ENOENT);
	assert_int_equal(ec_cgroup_find("/..", out, sizeof(out)), -ENOENT);
	snprintf(word, sizeof(word), "%s/cgroup.procs", a);
	assert_int_equal(ec_cgroup_find(word, out, sizeof(out)), -ENOENT);
	strcpy(out, "x");
	assert_int_equal(ec_cgroup_find(a, out, 4), -ENAMETOOLONG);
	assert_string_equal(out, "x");
}

/* A mount that another one hides is no place to look. */
static void hidden_mount(void **state)
{
	char out[PATH_MAX];

	need_root();
	assert_int_equal(mount(a, bind_at, NULL, MS_BIND, NULL), 0);
	assert_int_equal(ec_cgroup_find(bind_at, out, sizeof(out)), 2);
	assert_int_equal(mount("none", bind_at, "tmpfs", 0, NULL), 0);
	assert_int_equal(ec_cgroup_find(bind_at, out, sizeof(out)), -ENOENT);
	assert_int_equal(ec_cgroup_mount(out, sizeof(out)), 0);
	assert_string_equal(out, v2);
	umount(bind_at);
	umount(bind_at);
	assert_int_equal(mount("none", v2, "tmpfs", 0, NULL), 0);
	if (!ec_cgroup_mount(out, sizeof(out)))
		assert_string_not_equal(out, v2);
	umount(v2);
}

/* What a BPF program in that process is told. */
static int id_by_bpf(void)
{
	const struct bpf_insn code[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_cgroup_id},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_test_run_opts, run);
	uint64_t id;
	int fd;

	WANT(cgroup_enter(b));
	fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL, "GPL", code,
			   EC_ARRAY_SIZE(code), NULL);
	WANT(fd >= 0);
	WANT(!bpf_prog_test_run_opts(fd, &run)); /* since 5.10 */
	WANT(!ec_cgroup_id(b, &id));
	WANT((uint32_t)id == run.retval); /* that much of it is told */
	return 0;
}

static void ids(void **state)
{
	char path[PATH_MAX], file[PATH_MAX + 128], sub[PATH_MAX + 128];
	struct stat st;
	uint64_t id, other;

	need_root();
	in_child(id_by_bpf);
	assert_int_equal(ec_cgroup_id(a, &id), 0);
	assert_int_equal(stat(a, &st), 0);
	assert_int_equal((uint32_t)id, (uint32_t)st.st_ino);
	assert_int_equal(ec_cgroup_id(b, &other), 0);
	assert_int_not_equal(id, other);
	if (has_v1)
		assert_int_equal(ec_cgroup_id(v1_a, &id), -EINVAL);
	assert_int_equal(ec_cgroup_id("/tmp", &id), -EINVAL);
	assert_int_equal(ec_cgroup_id("/no/such", &id), -ENOENT);
	/* the root; a file's; one that is gone; none */
	assert_int_equal(ec_cgroup_id(v2, &id), 0);
	assert_int_equal(ec_cgroup_of_id(id, path, 2), 0);
	assert_string_equal(path, "/");
	assert_int_equal(ec_cgroup_of_id(id, path, 1), -ENAMETOOLONG);
	snprintf(file, sizeof(file), "%s/cgroup.procs", a);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(ec_cgroup_of_id(st.st_ino, path, sizeof(path)), -ENOENT);
	snprintf(sub, sizeof(sub), "%s/sub", a);
	assert_int_equal(mkdir(sub, 0755), 0);
	assert_int_equal(ec_cgroup_id(sub, &id), 0);
	assert_int_equal(ec_cgroup_of_id(id, path, sizeof(path)), 0);
	assert_true(ends_with(path, "/a/sub"));
	assert_int_equal(ec_cgroup_of_id(id, path, strlen(path)), -ENAMETOOLONG);
	cgroup_remove(sub);
	assert_int_equal(ec_cgroup_of_id(id, path, sizeof(path)), -ENOENT);
	assert_int_equal(ec_cgroup_of_id(0, path, sizeof(path)), -ENOENT);
	assert_int_equal(ec_cgroup_of_id(UINT64_MAX, path, sizeof(path)), -ENOENT);
}

/* Handles are opened with CAP_DAC_READ_SEARCH only. */
static int search_without_rights(void)
{
	cap_value_t none[] = {CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN};
	cap_t caps = cap_get_proc();
	char path[PATH_MAX], hidden[PATH_MAX + 128];
	uint64_t id;

	snprintf(hidden, sizeof(hidden), "%s/.x", b); /* as systemd's ".control" */
	WANT(!mkdir(hidden, 0755));
	WANT(!ec_cgroup_id(hidden, &id));
	cap_set_flag(caps, CAP_EFFECTIVE, 2, none, CAP_CLEAR);
	WANT(!cap_set_proc(caps));
	cap_free(caps);
	WANT(!ec_cgroup_of_id(id, path, sizeof(path)));
	WANT(ends_with(path, hidden + strlen(v2)));
	WANT(ec_cgroup_of_id(UINT64_MAX, path, sizeof(path)) == -ENOENT);
	cgroup_remove(hidden);
	return 0;
}

static void ids_without_rights(void **state)
{
	need_root();
	in_child(search_without_rights);
}

static pid_t outside;

/* Mounted before, so the mounts show more than the namespace does. */
static int in_namespace(void)
{
	char path[PATH_MAX], sub[PATH_MAX + 128];
	uint64_t id;

	WANT(cgroup_enter(a));
	WANT(!unshare(CLONE_NEWCGROUP));
	WANT(!ec_cgroup_path(getpid(), true, path, sizeof(path)));
	WANT(!strcmp(path, "/"));
	WANT(!ec_cgroup_path(outside, true, path, sizeof(path)));
	WANT(!strcmp(path, "/../b"));
	WANT(ec_cgroup_holds("/../b", outside));
	WANT(ec_cgroup_holds("/..", outside));
	WANT(ec_cgroup_holds("/..", getpid()));
	WANT(!ec_cgroup_holds("/../b", getpid()));
	WANT(!ec_cgroup_holds("/b", outside));
	WANT(ec_cgroup_holds(a, getpid()));
	WANT(ec_cgroup_holds(top, getpid()));
	WANT(ec_cgroup_holds(v2, getpid()));
	WANT(!ec_cgroup_holds(b, getpid()));
	WANT(!ec_cgroup_holds(ab, getpid()));
	WANT(ec_cgroup_holds(b, outside));
	WANT(ec_cgroup_holds(top, outside));
	WANT(!ec_cgroup_holds(a, outside));
	snprintf(sub, sizeof(sub), "%s/sub", a);
	WANT(!mkdir(sub, 0755));
	WANT(cgroup_enter(sub));
	WANT(ec_cgroup_holds("/sub", getpid()));
	WANT(ec_cgroup_holds(sub, getpid()));
	WANT(ec_cgroup_holds(a, getpid()));
	WANT(!ec_cgroup_id(a, &id));
	WANT(!ec_cgroup_of_id(id, path, sizeof(path)));
	WANT(cgroup_enter(a));
	cgroup_remove(sub);
	return 0;
}

static void namespaces(void **state)
{
	need_root();
	outside = cgroup_fork(b);
	in_child(in_namespace);
	cgroup_leave(outside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),
		cmocka_unit_test(lines),
		cmocka_unit_test(paths),
		cmocka_unit_test(paths_v1),
		cmocka_unit_test(holds),
		cmocka_unit_test(find),
		cmocka_unit_test(hidden_mount),
		cmocka_unit_test(ids),
		cmocka_unit_test(ids_without_rights),
		cmocka_unit_test(namespaces),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
