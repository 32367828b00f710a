// SPDX-License-Identifier: GPL-2.0-only
/* Checks of `doctor`: what the kernel does when it is asked to. */
#include "app/doctor_checks.h"
#include "app/prepare.h"
#include "base/clock.h"
#include "capture/own.h"
#include "capture/peek.h"
#include "capture/uretprobe_trial.h"
#include "discover/scan.h"
#include "host/koffs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#define MAJOR(v)   ((v) >> 16)
#define MINOR(v)   ((v) >> 8 & 0xff)
#define TRIES	   3
#define KOFFS	   (sizeof(struct ec_koffs) / sizeof(uint16_t))
#define SMALL_RING (16u << 10)

static void kernel_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	uint32_t oldest = ec_features_oldest();
	struct utsname u;
	uint32_t version;

	uname(&u);
	version = ec_features_version(u.release);
	ec_doctor_say(r, version >= oldest ? EC_DOCTOR_OK : EC_DOCTOR_FAIL,
		      "Linux %s; %u.%u or newer is needed", u.release, MAJOR(oldest),
		      MINOR(oldest));
	if (version < oldest)
		ec_doctor_as(r, EC_FAIL_KERNEL_OLD);
}

static void architecture_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	struct utsname u;

	uname(&u);
	if (!strcmp(u.machine, "x86_64")) {
		ec_doctor_say(r, EC_DOCTOR_OK, "x86_64");
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_WARN, "%s", u.machine);
	ec_doctor_so(r, "ecapture is written for this machine but was not tested on it");
	ec_doctor_do(r, "try it, and report what you see");
}

static void rights_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	char missing[200];
	struct utsname u;
	uint32_t version;

	uname(&u);
	version = ec_features_version(u.release);
	ec_rights_get(&d->rights);
	if (ec_rights_missing(&d->rights, version, true, missing, sizeof(missing))) {
		ec_doctor_say(r, EC_DOCTOR_FAIL, "%s", missing);
		ec_doctor_so(r, "%s: programs and probes are refused",
			     ec_failures[EC_FAIL_RIGHTS].what);
		ec_doctor_do(r,
			     "run as root, or grant what is missing: `setcap "
			     "cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep "
			     "ecapture` (below Linux 5.8, and without uprobe_multi: "
			     "cap_sys_admin+ep)");
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_OK, "uid %u, with %s", (unsigned int)geteuid(),
		      d->rights.sys_admin ? "CAP_SYS_ADMIN" : "CAP_BPF and CAP_PERFMON");
}

static void bpf_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	char missing[200];

	ec_prepare_limits();
	d->probed = ec_features_probe(&d->f);
	if (!d->probed) {
		ec_doctor_say(r, EC_DOCTOR_OK, "the kernel takes programs for probes");
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_FAIL, "a program for probes is refused: %s",
		      strerror(-d->probed));
	if (d->probed == -ENOSYS) {
		ec_doctor_as(r, EC_FAIL_KERNEL_LACKS);
		return;
	}
	ec_doctor_so(r, "%s", ec_failures[EC_FAIL_RIGHTS].what);
	if (ec_rights_missing(&d->rights, ec_features_code(), true, missing,
			      sizeof(missing))) {
		ec_doctor_so(r, ": %s", missing);
		ec_doctor_do(r, "run as root or grant it");
	} else {
		ec_doctor_so(r, " although the capabilities are there");
		ec_doctor_do(r, "look at sandbox, user-namespace and lockdown below: run "
				"outside of the container, or give it these rights");
	}
}

static void read_memory_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	if (ec_doctor_untried(d, r))
		return;
	if (d->f.read_memory) {
		ec_doctor_say(r, EC_DOCTOR_OK, "programs may read memory");
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_FAIL, "bpf_probe_read is refused");
	ec_doctor_as(r, EC_FAIL_LOCKDOWN);
}

/* Makes one and closes it. 0 or -errno */
static int perf_buffer_try(void)
{
	_ec_close_ int map = bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "ec_try", 4, 4,
					    EC_CPUS_MAX, NULL);
	struct ec_ring *ring;
	int err;

	if (map < 0)
		return -errno;
	err = ec_ring_new_perf(map, SMALL_RING, &ring);
	if (!err)
		ec_ring_free(ring);
	return err;
}

static void transport_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	int perf;

	if (ec_doctor_untried(d, r))
		return;
	perf = perf_buffer_try();
	ec_doctor_say(r, EC_DOCTOR_OK, "ring buffer: %s", d->f.ringbuf ? "yes" : "no");
	ec_doctor_say(r, EC_DOCTOR_OK, "perf buffers: %s",
		      perf ? strerror(-perf) : "yes");
	ec_doctor_say(r, EC_DOCTOR_OK, "bpf_loop: %s", d->f.loop ? "yes" : "no");
	if (d->f.ringbuf || !perf)
		return;
	r->state = EC_DOCTOR_FAIL;
	ec_doctor_as(r, perf == -EPERM || perf == -EACCES ? EC_FAIL_RIGHTS
							  : EC_FAIL_KERNEL_LACKS);
}

static void probes_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	char missing[200];

	if (ec_doctor_untried(d, r))
		return;
	ec_doctor_say(r, EC_DOCTOR_OK, "uprobe_multi: %s",
		      !d->f.uprobe_multi ? "no"
		      : d->f.multi_pid	 ? "yes, bound to processes"
					 : "yes, not bound to processes");
	if (d->f.perf_type >= 0)
		ec_doctor_say(r, EC_DOCTOR_OK, "perf-event uprobes: type %d",
			      d->f.perf_type);
	else
		ec_doctor_say(r, EC_DOCTOR_OK, "perf-event uprobes: no");
	ec_doctor_say(r, EC_DOCTOR_OK, "attach cookies: %s", d->f.cookie ? "yes" : "no");
	if (ec_rights_missing(&d->rights, d->f.version, d->f.uprobe_multi, missing,
			      sizeof(missing))) {
		ec_doctor_say(r, EC_DOCTOR_FAIL, "%s", missing);
		ec_doctor_so(r, "%s: probes by perf event are refused",
			     ec_failures[EC_FAIL_RIGHTS].what);
		ec_doctor_do(r, "run as root, or grant CAP_SYS_ADMIN");
	}
	if (d->f.uprobe_multi || d->f.perf_type >= 0)
		return;
	if (r->state == EC_DOCTOR_FAIL)
		return; /* one thing after the other */
	r->state = EC_DOCTOR_FAIL;
	ec_doctor_so(r, "%s: no uprobe events, or /sys is not mounted",
		     ec_failures[EC_FAIL_KERNEL_LACKS].what);
	ec_doctor_do(r, "mount sysfs on /sys, or %s",
		     ec_failures[EC_FAIL_KERNEL_LACKS].todo);
}

/* Adds what the probes of one kind did; true if all is well. */
static bool hits_say(struct ec_doctor *d, struct ec_doctor_result *r, bool multi)
{
	int in = ec_own_try(&d->f, multi, false, TRIES);
	int out = in < 0 ? in : ec_own_try(&d->f, multi, true, TRIES);
	const char *kind = multi ? "uprobe_multi" : "perf event";

	if (in < 0 || out < 0)
		ec_doctor_say(r, EC_DOCTOR_OK, "by %s: %s", kind,
			      strerror(in < 0 ? -in : -out));
	else
		ec_doctor_say(r, EC_DOCTOR_OK,
			      "by %s: entry hit %d of %d, return %d of %d", kind, in,
			      TRIES, out, TRIES);
	return in > 0 && out > 0;
}

static void self_test_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	bool multi = false, perf = false;

	if (ec_doctor_untried(d, r))
		return;
	if (d->f.uprobe_multi)
		multi = hits_say(d, r, true);
	if (d->f.perf_type >= 0)
		perf = hits_say(d, r, false);
	if (d->f.uprobe_multi ? multi : perf)
		return;
	r->state = EC_DOCTOR_FAIL;
	if (!r->finding[0])
		ec_doctor_say(r, EC_DOCTOR_FAIL, "there is no kind of probe to try");
	ec_doctor_so(r, "%s: a probe on a function of our own does not work",
		     ec_failures[EC_FAIL_ATTACH].what);
	if (access("/proc/self/exe", R_OK))
		ec_doctor_do(r, "mount proc on /proc");
	else if (!d->rights.sys_admin && !d->f.uprobe_multi)
		ec_doctor_do(r, "grant CAP_SYS_ADMIN: probes by perf event need it");
	else
		ec_doctor_do(r, "look at rights, lockdown and sandbox");
}

static void programs_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	static const char *const shapes[EC_BPF__N] = {"loop", "ring", "perf"};
	struct ec_config config = {.stop = 1}; /* they are to be there, not to work */
	struct ec_session_opts so = {
		.features = &d->f, .config = &config, .uses = EC_USE__ALL};
	struct ec_options o = *d->o;
	char why[160] = "";
	uint64_t begun = ec_clock_mono();
	int err;

	if (ec_doctor_untried(d, r))
		return;
	ec_koffs_clear(&config.koffs);
	o.shape = EC_SHAPES_AUTO;
	o.mapsize = 0;
	err = ec_prepare_programs(&o, &so, &d->session, why);
	if (!err) {
		ec_doctor_say(r, EC_DOCTOR_OK, "those of shape %s are loaded, in %u ms",
			      shapes[so.shape],
			      (unsigned int)((ec_clock_mono() - begun) / 1000000));
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_FAIL, "%s: %s: %s", ec_failures[EC_FAIL_BPF_LOAD].what,
		      strerror(-err), why);
	ec_doctor_so(r, "nothing can be captured");
	ec_doctor_do(r, "%s",
		     err == -EPERM || err == -EACCES
			     ? ec_failures[EC_FAIL_RIGHTS].todo
			     : "report it with the output of `ecapture doctor -d`");
}

static void process_events_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	int err;

	if (ec_doctor_untried(d, r))
		return;
	if (!d->session) {
		ec_doctor_say(r, EC_DOCTOR_INFO, "not tried: no programs, see above");
		return;
	}
	err = ec_session_host(d->session);
	if (!err) {
		ec_doctor_say(r, EC_DOCTOR_OK, "fork, exec and exit can be followed");
		return;
	}
	ec_doctor_say(r, EC_DOCTOR_FAIL, "tracepoints are refused: %s", strerror(-err));
	ec_doctor_as(r, EC_FAIL_ATTACH);
}

static unsigned int koffs_known(const struct ec_koffs *k)
{
	const uint16_t *v = (const uint16_t *)k;
	unsigned int n = 0;

	for (size_t i = 0; i < KOFFS; i++)
		n += v[i] != EC_KOFF_NONE;
	return n;
}

static bool koffs_do(const struct ec_koffs *k)
{
	return ec_koffs_can_walk(k) && ec_koffs_can_sock(k);
}

static void offsets_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	struct ec_koffs k;
	int err;

	ec_koffs_clear(&k);
	err = ec_koffs_from_btf(&k, NULL);
	if (err)
		ec_doctor_say(r, EC_DOCTOR_OK, "no BTF (%s)", strerror(-err));
	else
		ec_doctor_say(r, EC_DOCTOR_OK, "BTF: %u of %zu fields", koffs_known(&k),
			      KOFFS);
	if (!err && koffs_do(&k))
		return;
	if (ec_doctor_untried(d, r))
		return;
	ec_koffs_clear(&k);
	err = ec_peek_koffs(&d->f, &k);
	if (err)
		ec_doctor_say(r, EC_DOCTOR_WARN, "calibration: %s", strerror(-err));
	else
		ec_doctor_say(r, EC_DOCTOR_OK, "calibration: %u of %zu fields",
			      koffs_known(&k), KOFFS);
	if (!err && koffs_do(&k))
		return;
	r->state = EC_DOCTOR_WARN;
	ec_doctor_so(r, "addresses come from user space, where a connection lives long "
			"enough; --follow does not work");
	ec_doctor_do(r, "boot a kernel with CONFIG_DEBUG_INFO_BTF; a loopback interface "
			"that is up helps the calibration");
}

static void addresses_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	if (ec_doctor_untried(d, r))
		return;
	if (d->f.sock_events)
		ec_doctor_say(r, EC_DOCTOR_OK,
			      "the sockets' own tracepoints (sock_send_length)");
	else
		ec_doctor_say(r, EC_DOCTOR_INFO,
			      "no sock_send_length (Linux 6.3): system calls are looked "
			      "at while connections lack addresses");
}

static int on_candidate(void *ctx, struct ec_candidate *c)
{
	return 0;
}

static void new_mappings_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	struct ec_scan *scan = NULL;
	struct ec_watch *watch = NULL;
	int err = ec_scan_new(&scan);

	if (!err)
		err = ec_watch_new(scan, on_candidate, NULL, &watch);
	if (!err) {
		ec_doctor_say(r, EC_DOCTOR_OK, "mapping events of %zu CPUs can be read",
			      ec_watch_count(watch));
	} else {
		ec_doctor_say(r, EC_DOCTOR_WARN, "perf_event_open: %s", strerror(-err));
		ec_doctor_so(r, "libraries that are loaded later are not noticed");
		ec_doctor_do(r, "grant CAP_PERFMON (below Linux 5.8 CAP_SYS_ADMIN), or "
				"start ecapture after the program");
	}
	ec_watch_free(watch);
	if (scan)
		ec_scan_free(scan);
}

static void return_probes_run(struct ec_doctor *d, struct ec_doctor_result *r)
{
	int rc;

	if (ec_doctor_untried(d, r))
		return;
	rc = ec_uretprobe_trial(&d->f);
	if (rc == 1) {
		ec_doctor_say(r, EC_DOCTOR_OK,
			      "a process under a strict seccomp filter survives one");
	} else if (rc < 0) {
		ec_doctor_say(r, EC_DOCTOR_INFO, "not tried: %s", strerror(-rc));
	} else {
		ec_doctor_say(r, EC_DOCTOR_WARN,
			      "a process under a seccomp filter dies of one");
		ec_doctor_so(r,
			     "ecapture probes return instructions instead, which costs "
			     "more; others' return probes can crash sandboxed programs: "
			     "containers, systemd services, browsers");
		ec_doctor_do(r, "boot Linux 6.14, or a stable 6.12 or 6.13 of February "
				"2025 or later");
	}
}

static const struct ec_doctor_check rows[] = {
	{"kernel", "the kernel's version", true, kernel_run},
	{"architecture", "the machine", true, architecture_run},
	{"rights", "the capabilities that capturing needs", true, rights_run},
	{"bpf", "whether the kernel takes BPF programs from us", true, bpf_run},
	{"read-memory", "whether these may read memory", true, read_memory_run},
	{"transport", "ways for data from the kernel to us", true, transport_run},
	{"probes", "kinds of probes", true, probes_run},
	{"self-test", "probes on a function of our own: do they hit?", true,
	 self_test_run},
	{"programs", "our BPF programs: does the verifier take them?", true,
	 programs_run},
	{"process-events", "events of processes", true, process_events_run},
	{"offsets", "offsets of kernel fields, for addresses", false, offsets_run},
	{"addresses", "events of sockets, for addresses", false, addresses_run},
	{"new-mappings", "events of libraries that are loaded later", false,
	 new_mappings_run},
	{"return-probes", "whether return probes hurt processes under seccomp", false,
	 return_probes_run},
};

const struct ec_doctor_table ec_doctor_kernel = {rows, EC_ARRAY_SIZE(rows)};
