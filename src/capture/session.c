// SPDX-License-Identifier: GPL-2.0-only
#include "capture/session_impl.h"
#include "base/log.h"
#include "base/util.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#define RETIRE_MS 100 /* few probes are gone when we are */

/* libbpf's own words, only when something fails. */
static char last_print[512];
static int on_libbpf_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[512];
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	while (n > 0 && n < (int)sizeof(line) && line[n - 1] == '\n')
		line[--n] = 0;
	if (level == LIBBPF_WARN)
		snprintf(last_print, sizeof(last_print), "%.500s", line);
	if (level != LIBBPF_DEBUG)
		ec_debug("%s", line);
	return n;
}

/* Power of two of pages, as the ring buffer wants it (kernel/bpf/ringbuf.c). */
static uint64_t ring_round(uint64_t bytes)
{
	uint64_t n = sysconf(_SC_PAGESIZE);

	while (n < bytes && n < 1ull << 31)
		n <<= 1;
	return n;
}

/* Is this program wanted on this kernel and by these options? */
static bool program_wanted(const struct ec_session *s, const char *name)
{
	if (!strcmp(name, "ec_sock_send") || !strcmp(name, "ec_sock_recv"))
		return s->features.sock_events && !s->wire;
	if (!strcmp(name, "ec_wire_send") || !strcmp(name, "ec_wire_recv"))
		return s->wire;
	return true;
}

/* Of a module: is it for anything that was asked for? The verifier reads all that is
 * loaded, at every start. */
static bool use_wanted(const struct ec_session *s, const struct ec_module *m,
		       const char *name)
{
	unsigned int uses = 0;

	for (unsigned int i = 0; m->progs[i]; i++)
		if (!strcmp(m->progs[i], name))
			uses |= m->prog_uses[i];
	return uses & s->uses;
}

static int object_prepare(struct ec_session *s, struct bpf_object *o,
			  const struct ec_module *module)
{
	struct bpf_program *p;
	struct bpf_map *m;

	bpf_object__for_each_program(p, o)
	{
		const char *name = bpf_program__name(p);

		if (!program_wanted(s, name) || (module && !use_wanted(s, module, name)))
			bpf_program__set_autoload(p, false);
		if (bpf_program__type(p) == BPF_PROG_TYPE_KPROBE && s->multi)
			bpf_program__set_expected_attach_type(p, EC_ATTACH_UPROBE_MULTI);
	}
	bpf_object__for_each_map(m, o)
	{
		int err;

		if (o == s->host) {
			if (!strcmp(bpf_map__name(m), "ec_ring") &&
			    s->shape != EC_BPF_PERF)
				bpf_map__set_max_entries(m, s->ring_bytes);
			continue;
		}
		/* .rodata and the like stay the object's own */
		if (ec_session_map(s, bpf_map__name(m)) < 0)
			continue;
		err = bpf_map__reuse_fd(m, ec_session_map(s, bpf_map__name(m)));
		if (err)
			return err;
	}
	return 0;
}

/* module NULL: what serves all. */
static int object_load(struct ec_session *s, const struct ec_blob *b,
		       const struct ec_module *module, struct bpf_object **out)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts,
		    .object_name = module ? module->name : "ec_host");
	struct bpf_object *o;
	int err;

	o = bpf_object__open_mem(b->start, b->end - b->start, &opts);
	if (!o)
		return -errno;
	*out = o; /* before anything fails: ec_session_free() closes it */
	/* libbpf before 1.2 does not know where Debian hides it */
	bpf_object__set_kversion(o, ec_features_code());
	err = object_prepare(s, o, module);
	return err ? err : bpf_object__load(o);
}

static int memory_map(struct ec_session *s)
{
	size_t page = sysconf(_SC_PAGESIZE);

	s->counts_bytes =
		(EC_CPUS_MAX * sizeof(struct ec_counts) + page - 1) & ~(page - 1);
	if (s->shape == EC_BPF_PERF) {
		s->counts = mmap(NULL, s->counts_bytes, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (s->counts != MAP_FAILED)
			return 0;
		s->counts = NULL;
		return -errno;
	}
	s->shared = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED,
			 ec_session_map(s, "ec_shared"), 0);
	if (s->shared == MAP_FAILED) {
		s->shared = NULL;
		return -errno;
	}
	s->counts = mmap(NULL, s->counts_bytes, PROT_READ, MAP_SHARED,
			 ec_session_map(s, "ec_counts"), 0);
	if (s->counts == MAP_FAILED) {
		s->counts = NULL;
		return -errno;
	}
	return 0;
}

static int on_ask(void *ctx, void *data, size_t n)
{
	struct ec_session *s = ctx;
	const struct ec_ask *a = data;

	if (n < sizeof(*a))
		return 0;
	if (a->kind == EC_ASK_ADDRS)
		s->asked = true;
	else if (s->ask_fn)
		s->ask_fn(s->ask_ctx, a);
	return 0;
}

static void on_perf_ask(void *ctx, int cpu, void *data, __u32 n)
{
	on_ask(ctx, data, n);
}

static int asks_open(struct ec_session *s)
{
	int fd = ec_session_map(s, "ec_asks");

	if (s->shape == EC_BPF_PERF)
		s->perf_asks = perf_buffer__new(fd, 1, on_perf_ask, NULL, s, NULL);
	else
		s->asks = ring_buffer__new(fd, on_ask, s, NULL);
	return s->asks || s->perf_asks ? 0 : -errno;
}

static int config_write(struct ec_session *s)
{
	uint32_t zero = 0;

	return bpf_map_update_elem(ec_session_map(s, "ec_config"), &zero, &s->config,
				   BPF_ANY);
}

static int open_steps(struct ec_session *s, const struct ec_session_opts *o, char *why)
{
	int err;

	snprintf(why, 160, "programs for processes and sockets");
	err = object_load(s, &ec_host_bpf[s->shape], NULL, &s->host);
	for (unsigned int i = 0; !err && i < ec_modules_count && i < EC_SESSION_MODULES;
	     i++) {
		snprintf(why, 160, "programs of module %s", ec_modules[i].module->name);
		s->nmodules = i + 1;
		err = object_load(s, &ec_modules[i].bpf[s->shape], ec_modules[i].module,
				  &s->module[i]);
	}
	if (err) {
		size_t n = strlen(why);

		if (last_print[0])
			snprintf(why + n, 160 - n, ": %.100s", last_print);
		return err;
	}
	snprintf(why, 160, "shared memory");
	err = memory_map(s);
	if (!err)
		err = config_write(s);
	if (err)
		return err;
	return asks_open(s);
}

int ec_session_open(const struct ec_session_opts *o, struct ec_session **out,
		    char why[160])
{
	struct ec_session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	libbpf_set_print(on_libbpf_print);
	s->config = *o->config;
	s->features = *o->features;
	s->shape = o->shape;
	s->floor = o->floor;
	s->wire = s->shape == EC_BPF_LOOP && s->features.sock_events &&
		  s->features.task_regs;
	s->multi = o->features->uprobe_multi && !o->perf;
	s->insn = o->insn;
	s->uses = o->uses;
	s->ring_bytes = ring_round(o->ring_bytes);
	s->config.wake = EC_RING_WAKE(s->ring_bytes);
	s->next_target = 1;
	err = open_steps(s, o, why);
	if (err) {
		ec_session_free(s);
		return err;
	}
	*out = s;
	return 0;
}

int ec_session_koffs(struct ec_session *s, const struct ec_koffs *k)
{
	s->config.koffs = *k;
	return config_write(s);
}

int ec_session_ring(const struct ec_session *s, struct ec_ring **out)
{
	int fd = ec_session_map(s, "ec_ring");

	if (s->shape == EC_BPF_PERF)
		return ec_ring_new_perf(fd, s->ring_bytes, out);
	return ec_ring_new(fd, s->shared, out);
}

const struct ec_counts *ec_session_counts(const struct ec_session *s)
{
	return s->counts;
}

void ec_session_counts_sync(struct ec_session *s)
{
	int n = libbpf_num_possible_cpus();

	if (s->shape != EC_BPF_PERF)
		return;
	for (int i = 0; i < EC_CPUS_MAX && i < n; i++)
		bpf_map_lookup_elem(ec_session_map(s, "ec_counts"), &i, &s->counts[i]);
}

int ec_session_pid_add(struct ec_session *s, pid_t pid)
{
	uint32_t key = pid, one = 1;

	return bpf_map_update_elem(ec_session_map(s, "ec_pids"), &key, &one, BPF_ANY);
}

int ec_session_pid_del(struct ec_session *s, pid_t pid)
{
	uint32_t key = pid;

	return bpf_map_delete_elem(ec_session_map(s, "ec_pids"), &key);
}

bool ec_session_pid_known(const struct ec_session *s, pid_t pid)
{
	uint32_t key = pid, v;

	return !bpf_map_lookup_elem(ec_session_map(s, "ec_pids"), &key, &v);
}

bool ec_session_pids_prune(struct ec_session *s, bool (*alive)(pid_t pid))
{
	int fd = ec_session_map(s, "ec_pids");
	uint32_t key, next;
	bool left = false;
	int err = bpf_map_get_next_key(fd, NULL, &key);

	while (!err) {
		err = bpf_map_get_next_key(fd, &key, &next);
		if (alive((pid_t)key))
			left = true;
		else
			bpf_map_delete_elem(fd, &key);
		key = next;
	}
	return left;
}

int ec_session_uid_add(struct ec_session *s, uid_t uid)
{
	uint32_t key = uid, one = 1;

	return bpf_map_update_elem(ec_session_map(s, "ec_uids"), &key, &one, BPF_ANY);
}

int ec_session_cgroup(struct ec_session *s, unsigned int i, int fd)
{
	uint32_t key = i;

	if (i >= EC_CGROUPS_MAX || i > s->config.ncgroups)
		return -ENOSPC;
	if (bpf_map_update_elem(ec_session_map(s, "ec_cgroups"), &key, &fd, BPF_ANY))
		return -errno;
	if (i < s->config.ncgroups)
		return 0;
	s->config.ncgroups++;
	return config_write(s);
}

int ec_session_verdict(struct ec_session *s, uint64_t process, enum ec_verdict v)
{
	uint32_t value = v;

	return bpf_map_update_elem(ec_session_map(s, "ec_verdicts"), &process, &value,
				   BPF_ANY)
		       ? -errno
		       : 0;
}

static struct bpf_link *raw_attach(struct ec_session *s, const char *program)
{
	struct bpf_program *p = bpf_object__find_program_by_name(s->host, program);
	struct bpf_link *l;

	if (!p || bpf_program__fd(p) < 0) {
		errno = ENOENT;
		return NULL;
	}
	l = bpf_program__attach(p);
	return l;
}

int ec_session_host(struct ec_session *s)
{
	static const char *const names[] = {"ec_fork", "ec_exec", "ec_exit"};

	for (size_t i = 0; i < EC_ARRAY_SIZE(names); i++) {
		s->process_links[i] = raw_attach(s, names[i]);
		if (!s->process_links[i])
			return -errno;
	}
	return 0;
}

/*
 * The sockets' own tracepoints, which cost only those that use sockets; where they do not
 * tell the bytes, or there are none, all system calls.
 */
static int lookup_attach(struct ec_session *s)
{
	bool sock = s->features.sock_events && s->config.ways & 1u << EC_HOW_SOCK &&
		    s->config.koffs.sk_family != EC_KOFF_NONE;
	bool call = s->config.ways & 1u << EC_HOW_SYSCALL;

	if (sock && (s->wire || !call)) {
		s->lookup[0] = raw_attach(s, s->wire ? "ec_wire_send" : "ec_sock_send");
		s->lookup[1] = raw_attach(s, s->wire ? "ec_wire_recv" : "ec_sock_recv");
	} else if (call) {
		s->lookup[0] = raw_attach(s, "ec_sys_exit");
	} else {
		return 0;
	}
	return s->lookup[0] ? 0 : -errno;
}

int ec_session_lookup(struct ec_session *s, bool on)
{
	if (!on) {
		bool was = s->lookup[0];

		for (size_t i = 0; i < EC_SESSION_LOOKUPS; i++) {
			bpf_link__destroy(s->lookup[i]);
			s->lookup[i] = NULL;
		}
		/*
		 * A tracepoint that was just left waits for a grace period before it is
		 * taken again (kernel: tp_rcu_cond_sync()), and on an idle machine none
		 * may have passed for long: 5 to 14 ms, too late for a handshake. So
		 * have it now, when nobody waits.
		 */
		if (was && !s->config.stop)
			syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
		return 0;
	}
	return s->lookup[0] ? 0 : lookup_attach(s);
}

bool ec_session_lookup_on(const struct ec_session *s)
{
	return s->lookup[0];
}

int ec_session_asks_fd(const struct ec_session *s)
{
	return s->asks ? ring_buffer__epoll_fd(s->asks)
		       : perf_buffer__epoll_fd(s->perf_asks);
}

int ec_session_answer(struct ec_session *s, uint64_t conn, const struct ec_addrs *a)
{
	return bpf_map_update_elem(ec_session_map(s, "ec_found"), &conn, a, BPF_ANY)
		       ? -errno
		       : 0;
}

bool ec_session_asks(struct ec_session *s, ec_session_ask_fn *fn, void *ctx)
{
	s->asked = false;
	s->ask_fn = fn;
	s->ask_ctx = ctx;
	if (s->asks)
		ring_buffer__consume(s->asks);
	else /* not poll: that a buffer is ready was told, and forgotten, by our loop */
		perf_buffer__consume(s->perf_asks);
	return s->asked;
}

void ec_session_stop(struct ec_session *s)
{
	struct timespec settle = {0, 5000000};

	s->config.stop = 1;
	config_write(s);
	/*
	 * A program that had passed its look at `stop` is done in microseconds unless its
	 * thread was preempted; give it the time to be scheduled again.
	 */
	nanosleep(&settle, NULL);
}

void ec_session_each_conn(struct ec_session *s, ec_session_conn_fn *fn, void *ctx)
{
	int fd = ec_session_map(s, "ec_conns");
	struct ec_conn_key key, next;
	struct ec_conn c;
	bool first = true;

	/* Bounded: the table is LRU, a key that went while we looked starts it anew. */
	for (int i = 0; i < 4 * EC_CONNS_MAX; i++) {
		if (bpf_map_get_next_key(fd, first ? NULL : &key, &next))
			break;
		first = false;
		key = next;
		if (!bpf_map_lookup_elem(fd, &key, &c))
			fn(ctx, &key, &c);
	}
}

void ec_session_free(struct ec_session *s)
{
	if (!s)
		return;
	ec_session_lookup(s, false);
	for (size_t i = 0; i < EC_ARRAY_SIZE(s->process_links); i++)
		bpf_link__destroy(s->process_links[i]);
	ec_session_probes_free(s, RETIRE_MS);
	ring_buffer__free(s->asks);
	perf_buffer__free(s->perf_asks);
	if (s->shared)
		munmap(s->shared, sysconf(_SC_PAGESIZE));
	if (s->counts)
		munmap(s->counts, s->counts_bytes);
	for (unsigned int i = 0; i < s->nmodules; i++)
		bpf_object__close(s->module[i]);
	bpf_object__close(s->host);
	free(s);
}
