// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "host/container.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define NO_PID 0x3ffffff0 /* above the kernel's PID_MAX_LIMIT */

#define A16  "0123456789abcdef"
#define A    A16 A16 A16 A16
#define B16  "fedcba9876543210"
#define B    B16 B16 B16 B16
#define POD  "pod7d4424e6_bb13_42f4_a47a_45a4828bf54d"
#define UID  "pod4d067662-b250-46f6-b1d1-82195608c00f"
#define KUBE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" POD ".slice"
#define USER "/user.slice/user-1000.slice/user@1000.service"
#define N32  "0123456789abcdef0123456789abcdef"

struct text {
	const char *text, *runtime, *id;
};

static const struct text docker[] = {
	/* v1, its own driver: all hierarchies */
	{"11:memory:/docker/" A "\n10:cpu,cpuacct:/docker/" A
	 "\n1:name=systemd:/docker/" A "\n0::/system.slice/containerd.service\n",
	 "docker", A},
	/* v1, systemd's driver */
	{"9:blkio:/system.slice/docker-" A
	 ".scope\n1:name=systemd:/system.slice/docker-" A ".scope\n",
	 "docker", A},
	/* v2 */
	{"0::/system.slice/docker-" A ".scope\n", "docker", A},
	{"0::/docker/" A "\n", "docker", A},
	/* rootless */
	{"0::" USER "/user.slice/docker-" A ".scope\n", "docker", A},
	/* another parent: a slice, a folder, CI services */
	{"0::/ci.slice/docker-" A ".scope\n", "docker", A},
	{"4:memory:/builds/" A "\n", "unknown", A},
	{"4:memory:/actions_job/" A "\n", "docker", A},
	/* as the first versions did it */
	{"8:blkio:/" A "\n", "unknown", A},
	/* in a pod, by the kubelet of old */
	{"11:freezer:" KUBE "/docker-" A ".scope\n", "docker", A},
	/* a service manager in it */
	{"0::/system.slice/docker-" A ".scope/init.scope\n", "docker", A},
	{"0::/docker/" A "/system.slice/nginx.service\n", "docker", A},
	/* removed while its last process ends */
	{"0::/system.slice/docker-" A ".scope (deleted)\n", "docker", A},
	/* hierarchies that only one of the parties knows */
	{"5:misc:/\n4:rdma:/\n3:memory:/docker/" A "\n1:name=systemd:/\n0::/\n", "docker",
	 A},
	/* no newline at the end */
	{"0::/docker/" A, "docker", A},
	/* Amazon's tasks: EC2 and Fargate */
	{"9:perf_event:/ecs/55091c13-b8cf-4801-b527-f4601742204d/" A "\n", "docker", A},
	{"9:perf_event:/ecs/" N32 "/" N32 "-1234567890\n", "containerd",
	 N32 "-1234567890"},
	{"0::/ecstasks.slice/ecstasks-" N32 ".slice/docker-" A ".scope\n", "docker", A},
};

static const struct text containerd[] = {
	{"0::" KUBE "/cri-containerd-" A ".scope\n", "containerd", A},
	{"0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
	 "kubelet-kubepods-besteffort-" POD ".slice/cri-containerd-" A ".scope\n",
	 "containerd", A},
	/* the two sides disagree on the driver */
	{"10:pids:/system.slice/containerd.service/kubepods-burstable-" POD
	 ".slice:cri-containerd:" A "\n",
	 "containerd", A},
	{"0::/kubepods-besteffort-" POD ".slice:cri-containerd:" A "\n", "containerd", A},
	/* guaranteed pods have no class */
	{"0::/kubepods.slice/kubepods-" POD ".slice/cri-containerd-" A ".scope\n",
	 "containerd", A},
	/* nerdctl, ctr */
	{"0::/system.slice/nerdctl-" A ".scope\n", "containerd", A},
	{"0::" USER "/user.slice/nerdctl-" A ".scope\n", "containerd", A},
	{"0::/default/" A "\n", "containerd", A},
	{"6:cpu:/default/redis\n", "containerd", "redis"},
	{"6:cpu:/k8s.io/" A "\n", "containerd", A},
	/* pods of the kubelet's own driver: the folder does not tell whose */
	{"5:cpuset:/kubepods/burstable/" UID "/" A "\n", "kubernetes", A},
	{"0::/kubepods/" UID "/" A "\n", "kubernetes", A},
	{"11:devices:/kubepods/besteffort/pod" N32 "/" A "\n", "kubernetes", A},
	{"0::/kubelet.slice/kubelet-kubepods.slice/x/" A "\n", "kubernetes", A},
};

static const struct text crio_podman[] = {
	{"0::" KUBE "/crio-" A ".scope\n", "cri-o", A},
	{"0::" KUBE "/crio-" A ".scope/container\n", "cri-o", A},
	{"4:cpu:/kubepods/besteffort/" UID "/crio-" A "\n", "cri-o", A},
	{"0::/machine.slice/libpod-" A ".scope\n", "podman", A},
	{"0::/machine.slice/libpod-" A ".scope/container\n", "podman", A},
	{"0::" USER "/user.slice/libpod-" A ".scope/container\n", "podman", A},
	{"0::/machine.slice/machine-libpod_pod_" B ".slice/libpod-" A ".scope\n",
	 "podman", A},
	{"0::/libpod_parent/" B "/libpod-" A "\n", "podman", A},
	/* podman 4.3 with runc, hybrid: its monitor is beside it */
	{"9:name=systemd:/libpod_parent/libpod-" A "\n4:memory:/libpod_parent/libpod-" A
	 "\n0::/libpod_parent/libpod-" A "\n",
	 "podman", A},
	{"9:name=systemd:/\n4:memory:/libpod_parent/conmon\n0::/\n", NULL, NULL},
	{"4:cpu:/libpod_parent/libpod-" A "/ctr\n", "podman", A},
	{"4:cpu:/libpod_parent/libpod-" A "/supervisor\n", NULL, NULL},
	/* --cgroups=split, quadlets */
	{"0::/system.slice/nginx.service/libpod-payload-" A "\n", "podman", A},
	{"0::/system.slice/nginx.service/runtime\n", NULL, NULL},
	{"0::" USER "/user.slice/libpod-conmon-" A ".scope\n", NULL, NULL},
	{"0::" KUBE "/crio-conmon-" A ".scope\n", NULL, NULL},
	{"4:cpu:/kubepods/besteffort/" UID "/crio-conmon-" A "\n", NULL, NULL},
	{"0::/user.slice/crun-my_box.scope\n", "crun", "my_box"},
	{"0::/system.slice/runc-web.1.scope\n", "runc", "web.1"},
};

static const struct text whole_systems[] = {
	{"0::/lxc.payload.web1/init.scope\n", "lxc", "web1"},
	{"12:rdma:/lxc.payload/web1\n1:name=systemd:/lxc.payload/web1/init.scope\n",
	 "lxc", "web1"},
	{"9:memory:/lxc/101/ns/system.slice/ssh.service\n", "lxc", "101"},
	{"0::" USER "/app.slice/lxc.payload.dev-box\n", "lxc", "dev-box"},
	{"0::/lxc.monitor.web1\n", NULL, NULL},
	{"0::/lxc.monitor/101\n", NULL, NULL},
	{"0::/lxc.pivot\n", NULL, NULL},
	{"0::/machine.slice/machine-debian.scope/payload/system.slice/cron.service\n",
	 "systemd-nspawn", "debian"},
	{"1:name=systemd:/machine.slice/machine-my\\x2dbox.scope\n", "systemd-nspawn",
	 "my-box"},
	{"0::/machine.slice/systemd-nspawn@my-box.service/payload/init.scope\n",
	 "systemd-nspawn", "my-box"},
	{"0::/machine.slice/systemd-nspawn@my-box.service/supervisor\n", NULL, NULL},
	{"0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator\n", NULL,
	 NULL},
	{"4:cpu:/machine.slice/machine-lxc\\x2d77\\x2dbox.scope\n", "libvirt-lxc",
	 "lxc-77-box"},
	{"4:cpu:/garden/6f265890-5165-7fab-6b52-18d1\n", "garden",
	 "6f265890-5165-7fab-6b52-18d1"},
};

static const struct text in_each_other[] = {
	/* docker in docker, pods in docker (kind), docker in a pod */
	{"4:cpu:/docker/" A "/docker/" B "\n", "docker", B},
	{"0::/docker/" A "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-" POD
	 ".slice/cri-containerd-" B ".scope\n",
	 "containerd", B},
	{"4:cpu:/kubepods/burstable/" UID "/" A "/docker/" B "\n", "docker", B},
	{"0::/lxc/101/ns/system.slice/docker-" B ".scope\n", "docker", B},
	{"0::/machine.slice/machine-box.scope/payload/machine.slice/libpod-" B ".scope\n",
	 "podman", B},
	/* whose the inner one is, is not told by what is around the outer one */
	{"4:cpu:/kubepods/" UID "/" A "/" B "\n", "unknown", B},
	{"4:cpu:/ecs/task/" A "/" B "\n", "unknown", B},
	/* what stands beside the inner one is in the outer one */
	{"0::/docker/" A "/machine.slice/libpod-conmon-" B ".scope\n", "docker", A},
	{"0::/docker/" A "/libpod_parent/libpod-" B "/supervisor\n", "docker", A},
	{"0::/docker/" A "/lxc.monitor.x\n", "docker", A},
	/* supervisors of other kinds are in the container */
	{"0::/docker/" A "/supervisor\n", "docker", A},
	{"0::/machine.slice/libpod-" A ".scope/init.scope/supervisor\n", "podman", A},
	/* only one of the hierarchies shows the inner one */
	{"4:cpu:/docker/" A "/docker/" B "\n1:name=systemd:/docker/" A "\n0::/docker/" A
	 "\n",
	 "docker", B},
	/* equal ones: v2 before systemd's before others */
	{"4:cpu:/docker/" A "\n1:name=systemd:/default/" B "\n", "containerd", B},
	{"1:name=systemd:/docker/" A "\n0::/default/" B "\n", "containerd", B},
	/* seen from another cgroup namespace */
	{"0::/../docker-" A ".scope\n", "docker", A},
	{"0::/../../system.slice/docker-" A ".scope/init.scope\n", "docker", A},
	{"4:cpu:/../" A "\n", "unknown", A},
	{"0::/..\n", NULL, NULL},
};

static const struct text of_the_host[] = {
	{"0::/\n", NULL, NULL},
	{"", NULL, NULL},
	{"0::/init.scope\n", NULL, NULL},
	{"0::/user.slice/user-1000.slice/session-3.scope\n", NULL, NULL},
	{"0::/system.slice/docker.service\n", NULL, NULL},
	{"0::/system.slice/docker.socket\n", NULL, NULL},
	{"0::/system.slice/containerd.service\n", NULL, NULL},
	{"0::/system.slice/lxc.service\n", NULL, NULL},
	{"0::/system.slice/system-getty.slice/getty@tty1.service\n", NULL, NULL},
	{"0::/machine.slice\n", NULL, NULL},
	{"0::/docker\n", NULL, NULL},
	{"0::/docker/buildx\n", NULL, NULL},
	{KUBE "\n", NULL, NULL},
	{"0::" KUBE "\n", NULL, NULL},
	{"4:cpu:/kubepods/burstable/" UID "\n", NULL, NULL},
	{"0::/machine.slice/machine-libpod_pod_" A ".slice\n", NULL, NULL},
	{"0::/kata_overhead/" A "\n", NULL, NULL},
	{"0::/services/default/redis\n", NULL, NULL},
	{"0::" USER "/app.slice/app-flatpak-org.x.Y-1234.scope\n", NULL, NULL},
	{"4:memory:/process/e13b62dbb556ff3ba9e5bcfa05502a95\n", NULL, NULL},
};

#define TEN    "aaaaaaaaaa"
#define LONG71 TEN TEN TEN TEN TEN TEN TEN "a"

static const struct text hostile[] = {
	/* nearly an id */
	{"0::/docker/" A "0\n", NULL, NULL},
	{"0::/docker/" A16 A16 A16 "0123456789abcde\n", NULL, NULL},
	{"0::/docker/" A16 A16 A16 "0123456789ABCDEF\n", NULL, NULL},
	{"0::/docker/" A16 A16 A16 "0123456789abcdeg\n", NULL, NULL},
	{"0::/system.slice/docker-" A ".scope.d\n", NULL, NULL},
	{"0::/system.slice/docker-" A ".service\n", NULL, NULL},
	{"0::/system.slice/mydocker-" A ".scope\n", NULL, NULL},
	{"0::/system.slice/-" A ".scope\n", NULL, NULL},
	{"0::/system.slice/docker-.scope\n", NULL, NULL},
	{"0::/:docker:" A16 "\n", NULL, NULL},
	{"0::/x:docker:\n", NULL, NULL},
	{"0::/docker:" A "\n", NULL, NULL},
	{"0::/::" A "\n", NULL, NULL},
	/* names that are too long, or not printable, or none */
	{"0::/lxc/" LONG71 "\n", "lxc", LONG71},
	{"0::/lxc/" LONG71 "a\n", NULL, NULL},
	{"0::/lxc/a b\n", NULL, NULL},
	{"0::/lxc/a\033[2J\n", NULL, NULL},
	{"0::/lxc/\303\244\n", NULL, NULL},
	{"0::/lxc/a\177\n", NULL, NULL},
	{"0::/lxc/\n", NULL, NULL},
	{"0::/lxc/..\n", NULL, NULL},
	{"0::/lxc.payload.\n", NULL, NULL},
	{"0::/machine-.scope\n", NULL, NULL},
	{"0::/machine-a\\x0ab.scope\n", NULL, NULL},
	{"0::/machine-a\\x00.scope\n", NULL, NULL},
	{"0::/machine-a\\x2.scope\n", NULL, NULL},
	{"0::/machine-a\\.scope\n", NULL, NULL},
	{"0::/machine-a\\xzz.scope\n", NULL, NULL},
	{"0::/machine-" LONG71 "\\x2d.scope\n", NULL, NULL},
	{"0::/machine-" LONG71 LONG71 LONG71 LONG71 ".scope\n", NULL, NULL},
	{"0::/systemd-nspawn@.service\n", NULL, NULL},
	{"0::/ecs/x/" N32 "-\n", NULL, NULL},
	{"0::/ecs/x/" N32 "-12x\n", NULL, NULL},
	/* no lines, or odd ones */
	{"\n\n\n", NULL, NULL},
	{":::::", NULL, NULL},
	{"0:", NULL, NULL},
	{"0::", NULL, NULL},
	{"/docker/" A, NULL, NULL},
	{"0:/docker/" A "\n", NULL, NULL},
	{"0::docker/" A "\n", NULL, NULL},
	{"0:::/docker/" A "\n", NULL, NULL},
	{"0::" A "\n", NULL, NULL},
	/* folders without names change nothing */
	{"0:://///docker///" A "///\n", "docker", A},
	{"0::/docker/./" A "\n", "docker", A},
	/* a colon in a name is not a colon of the line */
	{"0::/a:b/docker/" A "\n", "docker", A},
};

static void check(const struct text *t, size_t n)
{
	struct ec_container old, c;
	int bad = 0;

	memset(&old, 0x5a, sizeof(old));
	for (; n--; t++) {
		bool yes;

		c = old;
		yes = ec_container_parse(t->text, &c);
		if (yes != !!t->runtime ||
		    (yes && (strcmp(c.runtime, t->runtime) || strcmp(c.id, t->id)))) {
			print_error("%s: %s %s\n", t->text, yes ? c.runtime : "none",
				    yes ? c.id : "");
			bad++;
		}
		if (!yes)
			assert_memory_equal(&c, &old, sizeof(c));
	}
	assert_int_equal(bad, 0);
}

static void texts_docker(void **state)
{
	check(docker, EC_ARRAY_SIZE(docker));
}

static void texts_containerd(void **state)
{
	check(containerd, EC_ARRAY_SIZE(containerd));
}

static void texts_crio_and_podman(void **state)
{
	check(crio_podman, EC_ARRAY_SIZE(crio_podman));
}

static void texts_whole_systems(void **state)
{
	check(whole_systems, EC_ARRAY_SIZE(whole_systems));
}

static void texts_in_each_other(void **state)
{
	check(in_each_other, EC_ARRAY_SIZE(in_each_other));
}

static void texts_of_the_host(void **state)
{
	check(of_the_host, EC_ARRAY_SIZE(of_the_host));
}

static void texts_hostile(void **state)
{
	check(hostile, EC_ARRAY_SIZE(hostile));
}

/* As deep and as long as the kernel lets a path become, and longer. */
static void long_paths(void **state)
{
	enum { DEEP = 100000 };
	const char tail[] = "/docker/" A "\n";
	_ec_free_ char *s = malloc(3 + 2 * DEEP + sizeof(tail));
	struct ec_container c;

	assert_non_null(s);
	memcpy(s, "0::", 3);
	for (size_t i = 0; i < DEEP; i++)
		memcpy(s + 3 + 2 * i, "/a", 2);
	memcpy(s + 3 + 2 * DEEP, tail, sizeof(tail));
	assert_true(ec_container_parse(s, &c));
	assert_string_equal(c.id, A);
	memset(s + 3, '/', 2 * DEEP);
	assert_true(ec_container_parse(s, &c));
	memset(s + 4, 'x', 2 * DEEP - 1);
	assert_true(ec_container_parse(s, &c));
	memset(s, ':', 3 + 2 * DEEP);
	assert_false(ec_container_parse(s, &c));
}

static void path_alone(void **state)
{
	struct ec_container c;

	assert_true(ec_container_parse_path("/system.slice/docker-" A ".scope", &c));
	assert_string_equal(c.runtime, "docker");
	assert_string_equal(c.id, A);
	assert_false(ec_container_parse_path("/", &c));
	assert_false(ec_container_parse_path("", &c));
}

static void words(void **state)
{
	const struct ec_container c = {"docker", A}, lxc = {"lxc", "101"},
				  none = {"", ""};
	const struct ec_container named = {"lxc", "Web-1"};

	assert_true(ec_container_matches(&c, A));
	assert_true(ec_container_matches(&c, "0123456789ab"));
	assert_true(ec_container_matches(&c, "0123"));
	assert_false(ec_container_matches(&c, "012"));
	assert_false(ec_container_matches(&c, ""));
	assert_false(ec_container_matches(&c, "0123456789AB"));
	assert_false(ec_container_matches(&c, "1234"));
	assert_false(ec_container_matches(&c, A "0"));
	assert_false(ec_container_matches(&c, "docker"));
	assert_true(ec_container_matches(&lxc, "101"));
	assert_false(ec_container_matches(&lxc, "10"));
	assert_false(ec_container_matches(&lxc, "1010"));
	assert_true(ec_container_matches(&named, "Web-1"));
	assert_false(ec_container_matches(&named, "Web-"));
	assert_false(ec_container_matches(&named, "web-1"));
	assert_false(ec_container_matches(&none, ""));
	assert_false(ec_container_matches(&none, A));
}

static void of_processes(void **state)
{
	struct ec_container c;
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	assert_int_equal(ec_container_of(NO_PID, &c), -ESRCH);
	assert_int_equal(ec_container_of(-1, &c), -ESRCH);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(ec_container_of(pid, &c), -ESRCH);
	/* kernel threads are in none, wherever we are ourselves */
	if (!access("/proc/2/cgroup", R_OK))
		assert_true(ec_container_of(2, &c) <= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_docker),
		cmocka_unit_test(texts_containerd),
		cmocka_unit_test(texts_crio_and_podman),
		cmocka_unit_test(texts_whole_systems),
		cmocka_unit_test(texts_in_each_other),
		cmocka_unit_test(texts_of_the_host),
		cmocka_unit_test(texts_hostile),
		cmocka_unit_test(long_paths),
		cmocka_unit_test(path_alone),
		cmocka_unit_test(words),
		cmocka_unit_test(of_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
