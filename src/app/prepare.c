// SPDX-License-Identifier: GPL-2.0-only
#include "app/prepare.h"
#include "base/fail.h"
#include "base/log.h"
#include "capture/peek.h"
#include "capture/uretprobe_trial.h"
#include "host/koffs.h"
#include "host/ns.h"
#include "host/proc.h"
#include "host/rights.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

static int check_kernel(uint32_t *version)
{
	struct utsname u;
	char detail[160];

	uname(&u);
	*version = ec_features_version(u.release);
	if (*version >= ec_features_oldest())
		return 0;
	snprintf(detail, sizeof(detail), "this is %.64s, %u.%u is needed", u.release,
		 ec_features_oldest() >> 16, ec_features_oldest() >> 8 & 0xff);
	return ec_fail(EC_FAIL_KERNEL_OLD, u.machine, detail);
}

static int check_pids(const struct ec_options *o)
{
	for (size_t i = 0; i < o->pids.n; i++) {
		char name[24];

		if (ec_proc_exists(o->pids.v[i]))
			continue;
		snprintf(name, sizeof(name), "%llu", (unsigned long long)o->pids.v[i]);
		return ec_fail(EC_FAIL_PROCESS_MISSING, name, NULL);
	}
	return 0;
}

bool ec_host_numbers(void)
{
	return ec_ns_is_host("pid") != 0; /* not known: as if it were */
}

/* Which option needs the host's process numbers; NULL: none does, or we have them. */
static const char *numbers_needed(const struct ec_options *o, const struct ec_features *f)
{
	if (ec_host_numbers())
		return NULL;
	if (o->command)
		return "-- COMMAND";
	if (o->follow)
		return "--follow";
	/* probes are bound by the kernel, which knows whom we mean */
	if (o->pids.n && f->uprobe_multi && !f->multi_pid)
		return "--pid";
	return o->exes.n	 ? "--exe"
	       : o->not_exes.n	 ? "--exclude-exe"
	       : o->containers.n ? "--container"
	       : o->netnses.n	 ? "--netns"
	       : o->cgroups.n	 ? "--cgroup_path"
				 : NULL;
}

/* A named file is looked at before anything else: its own message is the clearest. */
int ec_prepare_host(const struct ec_options *o, struct ec_features *f)
{
	struct ec_rights rights;
	const char *option;
	char detail[200];
	uint32_t version;
	int rc = check_pids(o), err;

	if (!rc)
		rc = check_kernel(&version);
	if (rc)
		return rc;
	ec_rights_get(&rights);
	/* first for what every way needs, then for the way that this kernel has */
	if (ec_rights_missing(&rights, version, true, detail, sizeof(detail)))
		return ec_fail(EC_FAIL_RIGHTS, "bpf", detail);
	err = ec_features_probe(f);
	if (err == -ENOSYS)
		return ec_fail(EC_FAIL_KERNEL_LACKS, "bpf",
			       "it takes no BPF programs for probes");
	if (err)
		return ec_fail(EC_FAIL_RIGHTS, "bpf", strerror(EPERM));
	if (!f->read_memory)
		return ec_fail(EC_FAIL_LOCKDOWN, "bpf", NULL);
	if (ec_rights_missing(&rights, version, f->uprobe_multi, detail, sizeof(detail)))
		return ec_fail(EC_FAIL_RIGHTS, "perf_event_open", detail);
	if (!f->uprobe_multi && f->perf_type < 0)
		return ec_fail(EC_FAIL_KERNEL_LACKS, "uprobes",
			       "no uprobe events, or /sys is not mounted");
	option = numbers_needed(o, f);
	return option ? ec_fail(EC_FAIL_PID_NAMESPACE, option, NULL) : 0;
}

/* Many probes are many descriptors; below 5.11 maps count as locked memory. Refusal is no
 * failure: what comes after says what it lacks. */
void ec_prepare_limits(void)
{
	struct rlimit r;

	if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	r.rlim_cur = r.rlim_max = RLIM_INFINITY;
	setrlimit(RLIMIT_MEMLOCK, &r);
}

static uint32_t ways_of(const struct ec_options *o)
{
	switch (o->ways) {
	case EC_WAY_SOCK:
		return 1u << EC_HOW_SOCK;
	case EC_WAY_FD:
		return 1u << EC_HOW_FD;
	case EC_WAY_SYSCALL:
		return 1u << EC_HOW_SYSCALL | 1u << EC_HOW_BYTES;
	case EC_WAY_USER:
		return 1u << EC_HOW_USER | 1u << EC_HOW_FD | 1u << EC_HOW_SYSCALL |
		       1u << EC_HOW_BYTES;
	default:
		return ~0u;
	}
}

static void config_fill(const struct ec_options *o, const struct ec_finder *finder,
			struct ec_config *c)
{
	memset(c, 0, sizeof(*c));
	c->truncate = o->truncate;
	c->quiet = ec_options_keys_only(o);
	c->ways = ways_of(o);
	c->filters = ec_finder_filters(finder);
	/* in another pid namespace numbers would not match; probes are bound there */
	if ((o->pids.n && ec_host_numbers()) || o->command)
		c->filters |= EC_FILTER_PID;
	if (o->follow || o->command)
		c->filters |= EC_FILTER_FOLLOW;
	if (o->uids.given)
		c->filters |= EC_FILTER_UID;
	if (o->comm) {
		c->filters |= EC_FILTER_COMM;
		snprintf(c->comm, sizeof(c->comm), "%s", o->comm);
	}
	if (o->ports.n)
		c->filters |= EC_FILTER_PORT;
	c->nports = o->ports.n;
	for (size_t i = 0; i < o->ports.n && i < EC_PORTS_MAX; i++)
		c->ports[i] = o->ports.v[i];
	ec_koffs_clear(&c->koffs);
}

/* Offsets are looked for while the verifier reads our programs: a sixth of the start. */
struct koffs_job {
	pthread_t thread;
	const struct ec_options *o;
	const struct ec_features *f;
	struct ec_koffs koffs;
	bool started;
	int err;
};

static void *koffs_read(void *arg)
{
	struct koffs_job *j = arg;

	j->err = -ENOENT;
	if (j->o->ways == EC_WAY_USER)
		return NULL;
	if (j->o->btf != EC_BTF_NONE)
		j->err = ec_koffs_from_btf(&j->koffs, NULL);
	if (!j->err && (!ec_koffs_can_walk(&j->koffs) || !ec_koffs_can_sock(&j->koffs)))
		j->err = -EBADMSG;
	if (j->err && j->o->btf != EC_BTF_KERNEL)
		j->err = ec_peek_koffs(j->f, &j->koffs);
	return NULL;
}

static void koffs_start(struct koffs_job *j, const struct ec_options *o,
			const struct ec_features *f)
{
	j->o = o;
	j->f = f;
	ec_koffs_clear(&j->koffs);
	j->started = !pthread_create(&j->thread, NULL, koffs_read, j);
	if (!j->started)
		koffs_read(j);
}

static void koffs_wait(struct koffs_job *j)
{
	if (j->started)
		pthread_join(j->thread, NULL);
	if (j->err)
		ec_warn("kernel offsets are not known (%s): addresses come from user space, "
			"where a connection lives long enough",
			strerror(-j->err));
	if ((j->o->follow || j->o->command) && j->koffs.task_tgid == EC_KOFF_NONE)
		ec_warn("children are not followed: the kernel's offsets are not known");
}

/* The best shape that this kernel may take: the verifier has the last word. */
static enum ec_bpf_shape shape_of(const struct ec_options *o, const struct ec_features *f)
{
	switch (o->shape) {
	case EC_SHAPES_LOOP:
		return EC_BPF_LOOP;
	case EC_SHAPES_RING:
		return EC_BPF_RING;
	case EC_SHAPES_PERF:
		return EC_BPF_PERF;
	default:
		return f->loop && f->cookie ? EC_BPF_LOOP
		       : f->ringbuf	    ? EC_BPF_RING
					    : EC_BPF_PERF;
	}
}

/* KERNEL_VERSION(6, 13, 0): only shape `loop` is safe from private stacks, bpf/maps.h */
#define PRIVATE_STACKS (6u << 16 | 13u << 8)
#define MAPSIZE	       (5120ull << 10)
#define PERF_TOTAL     (128ull << 20)

/* One ring has room for a whole burst of all CPUs; perf buffers are as many as CPUs, and
 * memory that nobody asked for is bounded. */
static uint64_t buffer_bytes(const struct ec_options *o, enum ec_bpf_shape shape)
{
	uint64_t given = o->mapsize << 10;
	uint64_t cpus = EC_MAX(sysconf(_SC_NPROCESSORS_CONF), 1);

	if (shape != EC_BPF_PERF)
		return 4 * (given ? given : MAPSIZE);
	return given ? given : EC_MIN(MAPSIZE, PERF_TOTAL / 2 / cpus);
}

int ec_prepare_programs(const struct ec_options *o, struct ec_session_opts *so,
			struct ec_session **out, char why[160])
{
	static const char *const names[EC_BPF__N] = {"loop", "ring", "perf"};

	so->shape = shape_of(o, so->features);
	for (;;) {
		int err;

		so->ring_bytes = buffer_bytes(o, so->shape);
		err = ec_session_open(so, out, why);
		ec_debug("BPF objects of shape %s: %s", names[so->shape],
			 err ? strerror(-err) : "loaded");
		/* what the verifier refuses in one shape it may take in an older one */
		if (!err || o->shape != EC_SHAPES_AUTO || so->shape + 1 == EC_BPF__N ||
		    so->features->version >= PRIVATE_STACKS ||
		    (err != -EINVAL && err != -EACCES && err != -E2BIG))
			return err;
		so->shape++;
	}
}

/*
 * From 6.11 on the way back from a return probe is a system call on x86_64 (kernel
 * ff474a78cef5), which a program's seccomp filter may refuse or kill it for. 6.14 lets it
 * pass (cf6cb56ef244), and so do later kernels of 6.12 and 6.13; those of distributions
 * vary. What cannot be tried is taken for harm: probes may be dear, but never kill.
 */
#define RETURN_CALL_FROM  (6u << 16 | 11u << 8)
#define RETURN_CALL_UNTIL (6u << 16 | 15u << 8)

static bool returns_hurt(const struct ec_features *f)
{
#if defined(__x86_64__)
	if (f->version >= RETURN_CALL_FROM && f->version < RETURN_CALL_UNTIL) {
		int rc = ec_uretprobe_trial(f);

		ec_debug("return probes on a program under seccomp: %s",
			 rc < 0 ? strerror(-rc)
			 : rc	? "safe"
				: "it was killed");
		return rc <= 0;
	}
#endif
	return false;
}

static bool returns_on_insns(const struct ec_options *o, const struct ec_features *f)
{
	if (o->returns != EC_RETURNS_AUTO)
		return o->returns == EC_RETURNS_INSN;
	if (!returns_hurt(f))
		return false;
	ec_info("this kernel's return probes may kill programs under seccomp: probes stand "
		"on instructions instead, which costs more");
	return true;
}

int ec_prepare_session(const struct ec_options *o, const struct ec_features *f,
		       struct ec_finder *finder, struct ec_session **out)
{
	struct ec_config config;
	struct ec_session_opts so = {
		.features = f,
		.config = &config,
		.floor = o->floor,
		.perf = o->probes == EC_PROBE_PERF,
		.insn = returns_on_insns(o, f),
		.uses = ec_options_uses(o),
	};
	struct koffs_job job = {0};
	char why[160] = "";
	char detail[256];
	int err;

	ec_prepare_limits();
	config_fill(o, finder, &config);
	koffs_start(&job, o, f);
	err = ec_prepare_programs(o, &so, out, why);
	koffs_wait(&job);
	if (!err)
		err = ec_session_koffs(*out, &job.koffs);
	if (err) {
		snprintf(detail, sizeof(detail), "%s: %.80s", strerror(-err), why);
		return ec_fail(EC_FAIL_BPF_LOAD, o->module->name, detail);
	}
	for (size_t i = 0; !err && i < o->pids.n; i++)
		err = ec_session_pid_add(*out, o->pids.v[i]);
	for (size_t i = 0; !err && i < o->uids.n; i++)
		err = ec_session_uid_add(*out, o->uids.v[i]);
	if (!err)
		err = ec_finder_session(finder, *out);
	if (!err)
		err = ec_session_host(*out);
	if (err)
		return ec_fail(EC_FAIL_ATTACH, "process events", strerror(-err));
	return 0;
}
