// SPDX-License-Identifier: GPL-2.0-only
/*
 * Containers of a real runtime: runc, which the larger ones run theirs with, asked for
 * the cgroups that those ask it for. Left out where runc is not installed or may not run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "host/cgroup.h"
#include "host/container.h"
#include "host/ns.h"
#include "unit/need_root.h"
#include "in_cgroup.h"
#include <dirent.h>

static const char config[] =
	"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"cwd\":\"/\","
	"\"args\":[\"/bin/sleep\",\"60\"],\"env\":[\"PATH=/bin\"],"
	"\"user\":{\"uid\":0,\"gid\":0}},\"mounts\":["
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/usr\",\"source\":\"/usr\",\"options\":[\"rbind\",\"ro\"]},"
	"{\"destination\":\"/bin\",\"source\":\"/bin\",\"options\":[\"rbind\",\"ro\"]},"
	"{\"destination\":\"/lib\",\"source\":\"/lib\",\"options\":[\"rbind\",\"ro\"]}%s],"
	"\"linux\":{\"cgroupsPath\":\"%s\",\"namespaces\":[{\"type\":\"pid\"},"
	"{\"type\":\"mount\"},{\"type\":\"network\"},{\"type\":\"cgroup\"}]}}";
static const char lib64[] = ",{\"destination\":\"/lib64\",\"source\":\"/lib64\","
			    "\"options\":[\"rbind\",\"ro\"]}";

static char dir[32], id[65];

static void say(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int runc(const char *args)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd),
		 "cd %s && timeout 60 runc --root %s/state %s </dev/null >log 2>&1", dir,
		 dir, args);
	return system(cmd);
}

/* The container's first process, 0: this host lets none run. */
static pid_t start(const char *cgroup)
{
	char text[sizeof(config) + sizeof(lib64) + 256], path[64];
	pid_t pid = 0;
	FILE *f;

	snprintf(text, sizeof(text), config, access("/lib64", F_OK) ? "" : lib64, cgroup);
	snprintf(path, sizeof(path), "%s/config.json", dir);
	say(path, text);
	if (runc("run -d --pid-file pid ec"))
		return 0;
	snprintf(path, sizeof(path), "%s/pid", dir);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	fclose(f);
	return pid;
}

/* runc removes the container's cgroups, not what it made above them. */
static void remove_parents(const char *cgroup)
{
	char path[600], cut[256];
	struct dirent *e;
	DIR *d = opendir("/sys/fs/cgroup");

	if (!d)
		return;
	rewinddir(d);
	while ((e = readdir(d))) {
		snprintf(cut, sizeof(cut), "%s", cgroup);
		for (char *slash; (slash = strrchr(cut, '/')) && slash > cut;) {
			*slash = 0;
			snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s", e->d_name,
				 cut);
			rmdir(path);
		}
	}
	closedir(d);
}

static int set_up(void **state)
{
	char path[64];

	strcpy(dir, "/tmp/ec-runc-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/rootfs", dir);
	snprintf(id, sizeof(id), "%064x", (unsigned int)getpid());
	return mkdir(path, 0755);
}

static int tear_down(void **state)
{
	char cmd[64];

	runc("delete -f ec"); /* what a failed test left */
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

/* `above` is the cgroup without the id at its end. */
static void named(const char *above, const char *runtime)
{
	char cgroup[256], path[PATH_MAX];
	struct ec_container c;
	uint64_t ours, theirs;
	pid_t pid, inner;

	snprintf(cgroup, sizeof(cgroup), "%s%s", above, id);
	pid = start(cgroup);
	if (!pid) {
		remove_parents(cgroup);
		print_message("skipped: runc is not installed or may not run here\n");
		skip();
	}
	assert_int_equal(ec_container_of(pid, &c), 0);
	assert_string_equal(c.runtime, runtime);
	assert_string_equal(c.id, id);
	assert_true(ec_container_matches(&c, id));
	assert_true(ec_cgroup_holds(cgroup, pid));
	assert_false(ec_cgroup_holds(cgroup, getpid()));
	assert_true(ec_cgroup_find(cgroup, path, sizeof(path)) > 0);
	assert_true(ec_cgroup_holds(path, pid));
	assert_int_equal(ec_proc_ns_pid(pid, &inner), 0);
	assert_int_equal(inner, 1);
	assert_int_equal(ec_ns_id(getpid(), "net", &ours), 0);
	assert_int_equal(ec_ns_id(pid, "net", &theirs), 0);
	assert_true(ours != theirs);
	assert_int_equal(ec_proc_exe(pid, path, sizeof(path)), 0);
	assert_non_null(strrchr(path, '/'));
	assert_int_equal(runc("delete -f ec"), 0);
	remove_parents(cgroup);
}

static void as_docker(void **state)
{
	need_root();
	named("/docker/", "docker");
}

static void as_pod(void **state)
{
	need_root();
	named("/kubepods/burstable/pod4d067662-b250-46f6-b1d1-82195608c00f/",
	      "kubernetes");
}

static void as_containerd(void **state)
{
	need_root();
	named("/kubepods-besteffort-pod4d067662_b250.slice:cri-containerd:",
	      "containerd");
}

static void as_podman(void **state)
{
	need_root();
	named("/libpod_parent/libpod-", "podman");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_docker),
		cmocka_unit_test(as_pod),
		cmocka_unit_test(as_containerd),
		cmocka_unit_test(as_podman),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
