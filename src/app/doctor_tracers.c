// SPDX-License-Identifier: GPL-2.0-only
/* Who else traces on this host: by the kernel's list of BPF objects, and by names. */
#include "app/doctor_checks.h"
#include "base/clock.h"
#include "host/proc.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

/* enum bpf_link_type of newer kernels than some headers: ABI */
#define LINK_PERF_EVENT	  7
#define LINK_KPROBE_MULTI 8
#define LINK_UPROBE_MULTI 12
#define NAMES_ROOM	  200
#define OBJECTS_MAX	  20000 /* a bound; a host has some hundreds */

/* The kernel's 15 characters. */
static const char *const tools[] = {
	"ecapture", "bpftrace", "gdb",	  "strace",   "ltrace",	      "perf", "sysdig",
	"falco",    "tetragon", "tracee", "sslsniff", "frida-server", "stap", "trace-cmd",
};

struct others {
	pid_t self;
	uint64_t started; /* on the clock of load_time: since boot, without sleep */
	unsigned int programs, links;
	char names[NAMES_ROOM], tools[NAMES_ROOM];
};

static bool name_in(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; (p = strstr(p, name)); p += n)
		if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ','))
			return true;
	return false;
}

static void name_add(char *list, const char *name)
{
	size_t n = strlen(list);

	if (n + strlen(name) + 3 > NAMES_ROOM || name_in(list, name))
		return;
	sprintf(list + n, "%s%s", n ? ", " : "", name);
}

/* Programs for probes that were there before us. -errno when the list is not for us. */
static int programs_count(struct others *o)
{
	uint32_t id = 0;

	for (int i = 0; i < OBJECTS_MAX; i++) {
		struct bpf_prog_info info = {0};
		uint32_t n = sizeof(info);
		_ec_close_ int fd = -1;

		if (bpf_prog_get_next_id(id, &id))
			return errno == ENOENT ? 0 : -errno;
		fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &n))
			continue;
		if (info.type != BPF_PROG_TYPE_KPROBE || info.load_time >= o->started)
			continue;
		o->programs++;
		info.name[sizeof(info.name) - 1] = 0;
		name_add(o->names, info.name[0] ? info.name : "(no name)");
	}
	return 0;
}

static void links_count(struct others *o)
{
	uint32_t id = 0;

	for (int i = 0; i < OBJECTS_MAX && !bpf_link_get_next_id(id, &id); i++) {
		struct bpf_link_info info = {0};
		uint32_t n = sizeof(info);
		_ec_close_ int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &n))
			continue;
		o->links += info.type == LINK_PERF_EVENT ||
			    info.type == LINK_KPROBE_MULTI ||
			    info.type == LINK_UPROBE_MULTI;
	}
}

static int on_process(void *ctx, pid_t pid)
{
	struct others *o = ctx;
	char comm[16], text[40];

	if (pid == o->self || ec_proc_comm(pid, comm))
		return 0;
	for (size_t i = 0; i < EC_ARRAY_SIZE(tools); i++) {
		if (strcmp(comm, tools[i]))
			continue;
		snprintf(text, sizeof(text), "%s (%d)", comm, pid);
		name_add(o->tools, text);
	}
	return 0;
}

void ec_doctor_tracers_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	struct others o = {.self = getpid(), .started = d->started};
	int err = programs_count(&o);

	/* ours would be among the links: they have no time */
	ec_session_free(d->session);
	d->session = NULL;
	if (err) {
		ec_doctor_say(
			r, EC_DOCTOR_INFO,
			"BPF programs of others: not known, %s (CAP_SYS_ADMIN lists "
			"them)",
			strerror(-err));
	} else {
		links_count(&o);
		ec_doctor_say(r, EC_DOCTOR_INFO,
			      "BPF programs of others for probes: %u%s%s%s, %u links",
			      o.programs, o.names[0] ? " (" : "", o.names,
			      o.names[0] ? ")" : "", o.links);
	}
	ec_proc_each(on_process, &o);
	if (o.tools[0])
		ec_doctor_say(r, EC_DOCTOR_INFO, "running: %s", o.tools);
	if (d->traced)
		ec_doctor_say(r, EC_DOCTOR_INFO, "stopped and watched by a debugger: %s",
			      d->traced_by);
}
