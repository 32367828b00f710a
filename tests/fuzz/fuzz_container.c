// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as the text of /proc/PID/cgroup, and as one path. */
#include "host/container.h"
#include "seed.h"
#include <string.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void look(bool (*parse)(const char *, struct ec_container *), const char *text)
{
	struct ec_container c, old, again;
	size_t n;

	memset(&old, 0xa5, sizeof(old));
	c = old;
	if (!parse(text, &c)) {
		if (memcmp(&c, &old, sizeof(c)))
			abort();
		return;
	}
	if (!memchr(c.runtime, 0, sizeof(c.runtime)) || !*c.runtime)
		abort();
	n = strnlen(c.id, sizeof(c.id));
	if (!n || n == sizeof(c.id))
		abort();
	for (size_t i = 0; i < n; i++)
		if (c.id[i] <= ' ' || c.id[i] > '~')
			abort();
	if (!ec_container_matches(&c, c.id) || ec_container_matches(&c, ""))
		abort();
	if (!parse(text, &again) || strcmp(again.id, c.id) ||
	    strcmp(again.runtime, c.runtime))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text =
		malloc(size + 1); /* of its size, so that reading behind it is seen */

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	look(ec_container_parse, text);
	look(ec_container_parse_path, text);
	free(text);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const seeds[] = {
		"4:cpu,cpuacct:/docker/" ID "\n1:name=systemd:/docker/" ID "\n0::/\n",
		"0::/system.slice/docker-" ID ".scope (deleted)\n",
		"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope\n",
		"9:pids:/kubepods-pod1.slice:cri-containerd:" ID "\n",
		"0::/kubepods/burstable/pod1/" ID "/libpod_parent/libpod-" ID
		"/supervisor\n",
		"0::/ecs/t/0123456789abcdef0123456789abcdef-1234567890\n",
		"0::/lxc/101/ns/lxc.payload.a/lxc.monitor.b/default/c\n",
		"0::/machine.slice/machine-a\\x2db.scope/systemd-nspawn@a.service/supervisor\n",
		"0::/../../crun-a.scope/runc-b.scope/machine-lxc\\x2d1\\x2da.scope\n",
		"/docker/" ID,
	};
	const char *dir = getenv("EC_FUZZ_SEED");
	char name[16];

	if (!dir)
		return 0;
	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		snprintf(name, sizeof(name), "cgroup%zu", i);
		seed_write(dir, name, seeds[i], strlen(seeds[i]));
	}
	exit(0);
}
