// SPDX-License-Identifier: GPL-2.0-only
/* Checks of `doctor`: what else is on this host. */
#include "app/doctor_checks.h"
#include "host/cgroup_mounts.h"
#include "host/proc.h"

#include <dirent.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <mntent.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define MEMLOCK_FREE	 (5u << 16 | 11u << 8) /* BPF memory is counted by cgroup: 5.11 */
#define FILES_ENOUGH	 1024
#define WATCH_KB	 132 /* discover/watch.c: a CPU's buffer */
#define CAP_IPC_LOCK_BIT 14

static int no_mapping(void *ctx, pid_t pid, const struct ec_mapping *m)
{
	return 1; /* that it may be read is enough */
}

static int on_process(void *ctx, pid_t pid)
{
	struct ec_doctor *d = ctx;
	size_t n = strlen(d->traced_by);
	char comm[16], text[8192] = "";
	pid_t tracer;

	d->processes++;
	d->denied += ec_proc_maps(pid, no_mapping, NULL) == -EACCES;
	ec_proc_text(pid, "status", text, sizeof(text)); /* gone: all is -1 */
	d->filtered += ec_proc_status_number(text, "Seccomp", 10) > 0;
	tracer = ec_proc_status_number(text, "TracerPid", 10);
	if (tracer <= 0)
		return 0;
	d->traced++;
	if (ec_proc_comm(tracer, comm))
		snprintf(comm, sizeof(comm), "?");
	snprintf(d->traced_by + n, sizeof(d->traced_by) - n, "%s%d by %s (%d)",
		 n ? ", " : "", pid, comm, tracer);
	return 0;
}

/* The options of what is mounted on `dir`, by its last line; "" if nothing is. */
static void mount_options(const char *dir, char *out, size_t n)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	out[0] = 0;
	while (f && (m = getmntent(f)))
		if (!strcmp(m->mnt_dir, dir))
			snprintf(out, n, "%s", m->mnt_opts);
	if (f)
		endmntent(f);
}

static void processes_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	char options[512];
	const char *hide;

	if (access("/proc/self/status", R_OK)) {
		ec_doctor_say(r, EC_DOCTOR_WARN, "/proc is not mounted, or another's");
		ec_doctor_so(r, "no running program is found");
		ec_doctor_do(r, "mount proc on /proc");
		return;
	}
	ec_proc_each(on_process, d);
	mount_options("/proc", options, sizeof(options));
	hide = strstr(options, "hidepid=");
	ec_doctor_say(r, EC_DOCTOR_OK, "%u seen, %u of them under a seccomp filter",
		      d->processes, d->filtered);
	if (hide)
		ec_doctor_say(r, EC_DOCTOR_OK, "/proc is mounted with %.*s",
			      (int)strcspn(hide, ","), hide);
	if (!d->denied && !(hide && !d->rights.ptrace))
		return;
	ec_doctor_say(r, EC_DOCTOR_WARN, "%u may not be looked at", d->denied);
	ec_doctor_so(r, "libraries that only they use are not found");
	if (d->rights.ptrace && d->rights.read_all)
		ec_doctor_do(r,
			     "nothing: a policy of this system protects them, name their "
			     "libraries with --libssl if you need them");
	else
		ec_doctor_do(
			r,
			"run as root, or grant CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH");
}

static void tracefs_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	while (f && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "tracefs"))
			ec_doctor_say(r, EC_DOCTOR_INFO, "on %s", m->mnt_dir);
	if (f)
		endmntent(f);
	if (!r->finding[0])
		ec_doctor_say(r, EC_DOCTOR_INFO, "not mounted");
	ec_doctor_say(r, EC_DOCTOR_INFO, "ecapture does not need it");
}

struct hierarchies {
	unsigned int v1;
	char v2[128];
};

static int on_hierarchy(void *ctx, const struct ec_cgroup_mnt *m)
{
	struct hierarchies *h = ctx;

	if (m->version == 1)
		h->v1++;
	else if (!h->v2[0])
		snprintf(h->v2, sizeof(h->v2), "%.100s", m->point);
	return 0;
}

static void cgroups_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	struct hierarchies h = {0};

	ec_cgroup_mnt_each(on_hierarchy, &h);
	if (!h.v1 && !h.v2[0])
		ec_doctor_say(r, EC_DOCTOR_INFO, "none mounted");
	else if (!h.v2[0])
		ec_doctor_say(r, EC_DOCTOR_INFO, "v1 (%u hierarchies)", h.v1);
	else if (!h.v1)
		ec_doctor_say(r, EC_DOCTOR_INFO, "v2 on %s", h.v2);
	else
		ec_doctor_say(r, EC_DOCTOR_INFO, "hybrid: v2 on %s, %u hierarchies of v1",
			      h.v2, h.v1);
}

static void memlock_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	struct rlimit l = {0};

	getrlimit(RLIMIT_MEMLOCK, &l);
	if (l.rlim_cur == RLIM_INFINITY)
		ec_doctor_say(r, EC_DOCTOR_OK, "unlimited");
	else
		ec_doctor_say(r, EC_DOCTOR_OK, "%llu KiB",
			      (unsigned long long)l.rlim_cur >> 10);
	if (ec_features_code() >= MEMLOCK_FREE) {
		ec_doctor_say(r, EC_DOCTOR_OK,
			      "BPF memory does not count as locked since Linux 5.11");
	} else if (l.rlim_cur != RLIM_INFINITY) {
		ec_doctor_say(r, EC_DOCTOR_WARN, "it could not be raised");
		ec_doctor_so(r,
			     "below Linux 5.11 BPF memory counts as locked: buffers may "
			     "be refused");
		ec_doctor_do(r,
			     "run as root, grant CAP_SYS_RESOURCE, or raise `ulimit -l`");
	}
}

static void open_files_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	struct rlimit l = {0};

	getrlimit(RLIMIT_NOFILE, &l);
	ec_doctor_say(r, EC_DOCTOR_OK, "%llu descriptors",
		      (unsigned long long)l.rlim_cur);
	if (l.rlim_cur >= FILES_ENOUGH)
		return;
	r->state = EC_DOCTOR_WARN;
	ec_doctor_so(r, "each probe takes one: a host with many libraries needs more");
	ec_doctor_do(r, "raise the hard limit, `ulimit -Hn`");
}

static void perf_memory_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	char text[64];
	int err = ec_doctor_read("/proc/sys/kernel/perf_event_mlock_kb", text,
				 sizeof(text));

	if (err) {
		ec_doctor_say(r, EC_DOCTOR_INFO, "not known: %s", strerror(-err));
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_OK, "%s KiB a CPU, %d are needed", text, WATCH_KB);
	if (d->caps >> CAP_IPC_LOCK_BIT & 1)
		ec_doctor_say(r, EC_DOCTOR_OK, "CAP_IPC_LOCK lifts it");
	if (d->caps >> CAP_IPC_LOCK_BIT & 1 || atoi(text) >= WATCH_KB)
		return;
	r->state = EC_DOCTOR_WARN;
	ec_doctor_so(r, "libraries that are loaded later may not be noticed");
	ec_doctor_do(r, "`sysctl kernel.perf_event_mlock_kb=516`, or grant CAP_IPC_LOCK");
}

/* The interface of the default route of IPv4, else of IPv6; "" if there is none. */
static void default_route(char *out)
{
	char line[256], name[IFNAMSIZ];
	unsigned int dest, mask;
	FILE *f = fopen("/proc/net/route", "re");

	out[0] = 0;
	while (f && !out[0] && fgets(line, sizeof(line), f))
		if (sscanf(line, "%15s %x %*x %*x %*d %*d %*d %x", name, &dest, &mask) ==
			    3 &&
		    !dest && !mask)
			memcpy(out, name, sizeof(name));
	if (f)
		fclose(f);
	f = out[0] ? NULL : fopen("/proc/net/ipv6_route", "re");
	while (f && !out[0] && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*32[0] 00 %*s %*s %*s %*s %*s %*s %*s %15s", name) ==
			    1 &&
		    strcmp(name, "lo"))
			memcpy(out, name, sizeof(name));
	if (f)
		fclose(f);
}

static const char *link_type(unsigned int hatype)
{
	switch (hatype) {
	case ARPHRD_ETHER:
		return "Ethernet";
	case ARPHRD_LOOPBACK:
		return "loopback";
	case ARPHRD_NONE:
		return "raw IP";
	case ARPHRD_PPP:
		return "PPP";
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
		return "tunnel";
	default:
		return "other";
	}
}

static void interfaces_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	struct ifaddrs *all = NULL;
	char route[IFNAMSIZ];

	if (getifaddrs(&all)) {
		ec_doctor_say(r, EC_DOCTOR_INFO, "not known: %s", strerror(errno));
		return;
	}
	default_route(route);
	for (struct ifaddrs *a = all; a; a = a->ifa_next) {
		const struct sockaddr_ll *ll = (const void *)a->ifa_addr;

		if (!ll || ll->sll_family != AF_PACKET)
			continue;
		ec_doctor_say(r, EC_DOCTOR_INFO, "%s (%s, %s%s)", a->ifa_name,
			      a->ifa_flags & IFF_UP ? "up" : "down",
			      link_type(ll->sll_hatype),
			      strcmp(a->ifa_name, route) ? "" : ", default route");
	}
	if (!r->finding[0])
		ec_doctor_say(r, EC_DOCTOR_INFO, "none");
	freeifaddrs(all);
}

static const struct ec_doctor_check rows[] = {
	{"processes", "running processes and who may look at them", false, processes_run},
	{"tracefs", "where tracefs is", false, tracefs_run},
	{"cgroups", "which versions of cgroups are here", false, cgroups_run},
	{"memlock", "limit of locked memory", false, memlock_run},
	{"open-files", "limit of open files", false, open_files_run},
	{"perf-memory", "limit of memory for perf events", false, perf_memory_run},
	{"interfaces", "network interfaces", false, interfaces_run},
	{"tracers", "others who trace here now", false, ec_doctor_tracers_run},
};

const struct ec_doctor_table ec_doctor_host = {rows, EC_ARRAY_SIZE(rows)};
