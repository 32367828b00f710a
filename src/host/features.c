// SPDX-License-Identifier: GPL-2.0-only
#include "host/features.h"
#include "base/util.h"
#include "host/bpf_insn.h"
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

/*
 * Numbers of the kernel's ABI, by ourselves: the headers that we are built with may be
 * older than the kernel that we run on.
 */
#define MAP_RINGBUF	    27
#define HELPER_READ	    4
#define HELPER_CURRENT_TASK 158
#define HELPER_GET_COOKIE   174
#define HELPER_TASK_REGS    175
#define HELPER_LOOP	    181
#define PSEUDO_FUNC	    4 /* src_reg of ld_imm64: address of a subprogram */
#define ATTACH_PERF_EVENT   41
#define ATTACH_UPROBE_MULTI 48
#define CMD_LINK_CREATE	    28
#define VERSION(a, b, c)    ((uint32_t)(a) << 16 | (uint32_t)(b) << 8 | (uint32_t)(c))
#define UPROBE_PMU	    "/sys/bus/event_source/devices/uprobe/"

/* The parts of union bpf_attr for BPF_LINK_CREATE that we use. */
struct link_attr {
	uint32_t prog_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	union {
		struct {
			uint64_t bpf_cookie;
		} perf_event;
		struct {
			uint64_t path;
			uint64_t offsets;
			uint64_t ref_ctr_offsets;
			uint64_t cookies;
			uint32_t cnt;
			uint32_t flags;
			int32_t pid;
			uint32_t pad;
		} multi;
	};
};

static const struct bpf_insn prog_nothing[] = {EC_INSN_MOV(BPF_REG_0, 0), EC_INSN_EXIT()};

uint32_t ec_features_version(const char *release)
{
	unsigned int a, b, c = 0;
	int n = 0;

	if (!release || *release < '0' || *release > '9' ||
	    sscanf(release, "%3u.%3u%n", &a, &b, &n) != 2)
		return 0;
	if (release[n] == '.')
		sscanf(release + n, ".%6u", &c);
	if (a > 255 || b > 255)
		return 0;
	/* Like the kernel's LINUX_VERSION_CODE since 4.4.256. */
	return VERSION(a, b, EC_MIN(c, 255u));
}

uint32_t ec_features_code(void)
{
	FILE *f = fopen("/proc/version_signature", "re"); /* Ubuntu */
	unsigned int a, b, c;
	struct utsname u;
	bool found = false;
	const char *p;

	if (f) {
		found = fscanf(f, "%*s %*s %3u.%3u.%6u", &a, &b, &c) == 3;
		fclose(f);
	}
	if (!found && !uname(&u)) {
		p = strstr(u.version, "Debian "); /* "#1 SMP Debian 4.19.304-1 (…)" */
		found = p && sscanf(p, "Debian %3u.%3u.%6u", &a, &b, &c) == 3;
	}
	if (found)
		return VERSION(a, b, EC_MIN(c, 255u));
	return uname(&u) ? 0 : ec_features_version(u.release);
}

uint32_t ec_features_oldest(void)
{
#if defined(__aarch64__)
	return VERSION(5, 5, 0);
#else
	return VERSION(4, 18, 0);
#endif
}

/* A descriptor or -errno. */
static int load(enum bpf_prog_type type, unsigned int attach,
		const struct bpf_insn *insns, size_t n)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = attach,
		    .kern_version = ec_features_code());

	return bpf_prog_load(type, "ec_try", "GPL", insns, n, &o);
}

static int link_create(const struct link_attr *a)
{
	int fd = syscall(SYS_bpf, CMD_LINK_CREATE, a, sizeof(*a));

	return fd < 0 ? -errno : fd;
}

static bool try_read_memory(void)
{
	static const struct bpf_insn insns[] = {
		EC_INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0),
		EC_INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -8),
		EC_INSN_MOV(BPF_REG_2, 8),
		EC_INSN_MOV(BPF_REG_3, 0),
		EC_INSN_CALL(HELPER_READ),
		EC_INSN_MOV(BPF_REG_0, 0),
		EC_INSN_EXIT(),
	};
	_ec_close_ int prog = load(BPF_PROG_TYPE_KPROBE, 0, insns, EC_ARRAY_SIZE(insns));

	return prog >= 0;
}

static bool try_ringbuf(void)
{
	_ec_close_ int fd =
		bpf_map_create(MAP_RINGBUF, "ec_try", 0, 0, sysconf(_SC_PAGESIZE), NULL);

	return fd >= 0;
}

/*
 * A function whose address is taken must be static by its BTF (kernel commit
 * 69c087ba6225), so the program brings types: int main(void), static int body(int, int).
 */
static struct btf *loop_types(int *main_id, int *body_id)
{
	struct btf *btf = btf__new_empty();
	int i, proto, proto2;

	if (libbpf_get_error(btf))
		return NULL;
	i = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	proto = btf__add_func_proto(btf, i);
	*main_id = btf__add_func(btf, "main", BTF_FUNC_GLOBAL, proto);
	proto2 = btf__add_func_proto(btf, i);
	if (i < 0 || proto < 0 || proto2 < 0 || btf__add_func_param(btf, "n", i) ||
	    btf__add_func_param(btf, "ctx", i))
		goto fail;
	*body_id = btf__add_func(btf, "body", BTF_FUNC_STATIC, proto2);
	if (*main_id < 0 || *body_id < 0)
		goto fail;
	return btf;
fail:
	btf__free(btf);
	return NULL;
}

static bool try_loop(void)
{
	static const struct bpf_insn insns[] = {
		EC_INSN_MOV(BPF_REG_1, 1),
		EC_INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_2, PSEUDO_FUNC, 0, 6),
		EC_INSN(0, 0, 0, 0, 0),
		EC_INSN_MOV(BPF_REG_3, 0),
		EC_INSN_MOV(BPF_REG_4, 0),
		EC_INSN_CALL(HELPER_LOOP),
		EC_INSN_MOV(BPF_REG_0, 0),
		EC_INSN_EXIT(),
		EC_INSN_MOV(BPF_REG_0,
			    0), /* the body, 6 behind the instruction that names it */
		EC_INSN_EXIT(),
	};
	struct bpf_func_info info[2] = {{.insn_off = 0}, {.insn_off = 8}};
	_ec_close_ int types = -1, prog = -1;
	int main_id = 0, body_id = 0;
	struct btf *btf = loop_types(&main_id, &body_id);
	const void *raw;
	__u32 n = 0;

	if (!btf)
		return false;
	raw = btf__raw_data(btf, &n);
	/* Not btf__load_into_kernel(): it prints where the kernel takes no BTF. */
	types = raw ? bpf_btf_load(raw, n, NULL) : -1;
	btf__free(btf);
	if (types < 0)
		return false;
	info[0].type_id = main_id;
	info[1].type_id = body_id;
	LIBBPF_OPTS(bpf_prog_load_opts, o, .prog_btf_fd = types, .func_info = info,
		    .func_info_cnt = EC_ARRAY_SIZE(info),
		    .func_info_rec_size = sizeof(info[0]));
	prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "ec_try", "GPL", insns,
			     EC_ARRAY_SIZE(insns), &o);
	return prog >= 0;
}

/* The helper in a uprobe program, and a link that carries one. */
static bool try_cookie(void)
{
	static const struct bpf_insn insns[] = {EC_INSN_CALL(HELPER_GET_COOKIE),
						EC_INSN_MOV(BPF_REG_0, 0),
						EC_INSN_EXIT()};
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_period = 1,
		.disabled = 1,
		.exclude_kernel = 1,
	};
	struct link_attr la = {.attach_type = ATTACH_PERF_EVENT,
			       .perf_event.bpf_cookie = 1};
	_ec_close_ int helper = -1, prog = -1, event = -1, link = -1;

	helper = load(BPF_PROG_TYPE_KPROBE, 0, insns, EC_ARRAY_SIZE(insns));
	if (helper < 0)
		return false;
	prog = load(BPF_PROG_TYPE_PERF_EVENT, 0, prog_nothing,
		    EC_ARRAY_SIZE(prog_nothing));
	/*
	 * Of a CPU, not of this thread: the first event of a thread waits for an RCU
	 * grace period, 11 ms (kernel/events/core.c, account_event()).
	 */
	event = syscall(SYS_perf_event_open, &attr, -1, sched_getcpu(), -1,
			PERF_FLAG_FD_CLOEXEC);
	if (prog < 0 || event < 0)
		return false;
	la.prog_fd = prog;
	la.target_fd = event;
	link = link_create(&la);
	return link >= 0;
}

/*
 * A directory can hold no probe: a kernel that knows the link says EBADF, one that does
 * not EINVAL. Since kernel commit 46ba0e49b642 (6.10, 6.9.5, 6.6.35), which made the
 * filter take processes, a negative pid is EINVAL before the path is looked at.
 */
static void try_multi(struct ec_features *f)
{
	const uint64_t offset = 0;
	struct link_attr la = {
		.attach_type = ATTACH_UPROBE_MULTI,
		.multi.path = (uintptr_t) "/",
		.multi.offsets = (uintptr_t)&offset,
		.multi.cnt = 1,
	};
	_ec_close_ int prog = -1;
	_ec_close_ int link = -1;

	prog = load(BPF_PROG_TYPE_KPROBE, ATTACH_UPROBE_MULTI, prog_nothing,
		    EC_ARRAY_SIZE(prog_nothing));
	if (prog < 0)
		return;
	la.prog_fd = prog;
	link = link_create(&la);
	f->uprobe_multi = link == -EBADF;
	if (!f->uprobe_multi)
		return;
	la.multi.pid = -1;
	link = link_create(&la);
	f->multi_pid = link == -EINVAL;
}

static bool try_sock_events(void)
{
	_ec_close_ int prog = load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, prog_nothing,
				   EC_ARRAY_SIZE(prog_nothing));
	_ec_close_ int out = -1;
	_ec_close_ int in = -1;

	if (prog < 0)
		return false;
	out = bpf_raw_tracepoint_open("sock_send_length", prog);
	if (out < 0)
		return false;
	in = bpf_raw_tracepoint_open("sock_recv_length", prog);
	return in >= 0;
}

/* The kernel knows the type of what the first helper returns from its own BTF only. */
static bool try_task_regs(void)
{
	static const struct bpf_insn insns[] = {
		EC_INSN_CALL(HELPER_CURRENT_TASK),
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1},
		EC_INSN_CALL(HELPER_TASK_REGS),
		EC_INSN_MOV(BPF_REG_0, 0),
		EC_INSN_EXIT()};
	_ec_close_ int prog =
		load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, insns, EC_ARRAY_SIZE(insns));

	return prog >= 0;
}

/* The number behind `prefix` in a small file of sysfs, -1 if there is none. */
static int read_number(const char *path, const char *prefix)
{
	_ec_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t skip = strlen(prefix);
	char text[64];
	ssize_t n;
	int v;

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = 0;
	if (strncmp(text, prefix, skip) || sscanf(text + skip, "%9d", &v) != 1 || v < 0)
		return -1;
	return v;
}

int ec_features_probe(struct ec_features *f)
{
	struct ec_features got = {.perf_type = -1, .perf_ret_bit = -1};
	_ec_close_ int prog = -1;
	struct utsname u;

	prog = load(BPF_PROG_TYPE_KPROBE, 0, prog_nothing, EC_ARRAY_SIZE(prog_nothing));
	if (prog == -EPERM || prog == -EACCES)
		return -EPERM;
	if (prog < 0) /* a kernel without CONFIG_BPF_EVENTS says EINVAL */
		return -ENOSYS;
	got.read_memory = try_read_memory();
	if (!uname(&u))
		got.version = ec_features_version(u.release);
	got.ringbuf = try_ringbuf();
	got.loop = try_loop();
	got.cookie = try_cookie();
	try_multi(&got);
	got.sock_events = try_sock_events();
	got.task_regs = try_task_regs();
	got.perf_type = read_number(UPROBE_PMU "type", "");
	if (got.perf_type >= 0)
		got.perf_ret_bit = read_number(UPROBE_PMU "format/retprobe", "config:");
	*f = got;
	return 0;
}
