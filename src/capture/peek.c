// SPDX-License-Identifier: GPL-2.0-only
#include "capture/peek.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "host/bpf_insn.h"
#include "capture/own.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>

#define HELPER_LOOKUP	1
#define HELPER_READ	4 /* bpf_probe_read: the one that every kernel has */
#define HELPER_PID_TGID 14
#define HELPER_TASK	35
#define NOT_FIRED	1
#define TRIES		3

/* What is asked and answered, in a map of one element. */
struct request {
	uint64_t addr;
	uint32_t n;
	int32_t err;
	uint64_t id;
	uint8_t data[EC_PEEK_MAX];
};

struct ec_peek {
	int map, prog;
	struct ec_links links;
	struct request r;
};

/* The probed function: its first instruction is one that the kernel emulates. */
void ec_peek_here(void);
#if defined(__x86_64__)
asm(".text\n.globl ec_peek_here\n.type ec_peek_here,@function\n"
    "ec_peek_here:\n\tpush %rbp\n\tpop %rbp\n\tret\n"
    ".size ec_peek_here,.-ec_peek_here\n");
#else
asm(".text\n.globl ec_peek_here\n.type ec_peek_here,%function\n"
    "ec_peek_here:\n\tnop\n\tret\n"
    ".size ec_peek_here,.-ec_peek_here\n");
#endif

#define AT(m) offsetof(struct request, m)

static int program_load(int map, unsigned int attach_type)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = attach_type,
		    .kern_version = ec_features_code());
	const struct bpf_insn insns[] = {
		EC_INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		EC_INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map),
		EC_INSN(0, 0, 0, 0, 0),
		EC_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		EC_INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		EC_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, HELPER_LOOKUP),
		EC_INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 15, 0), /* → out */
		EC_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 0, 0, 0),
		EC_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, HELPER_PID_TGID),
		EC_INSN(BPF_STX | BPF_MEM | BPF_DW, 6, 0, AT(id), 0),
		EC_INSN(BPF_LDX | BPF_MEM | BPF_DW, 7, 6, AT(addr), 0),
		EC_INSN(BPF_JMP | BPF_JNE | BPF_K, 7, 0, 3, 0), /* → read */
		EC_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, HELPER_TASK),
		EC_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0),
		EC_INSN(BPF_STX | BPF_MEM | BPF_DW, 6, 7, AT(addr), 0),
		/* read: */
		EC_INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 6, AT(n), 0),
		EC_INSN(BPF_JMP | BPF_JGT | BPF_K, 2, 0, 5, EC_PEEK_MAX), /* → out */
		EC_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0),
		EC_INSN(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, AT(data)),
		EC_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 7, 0, 0),
		EC_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, HELPER_READ),
		EC_INSN(BPF_STX | BPF_MEM | BPF_W, 6, 0, AT(err), 0),
		/* out: */
		EC_INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		EC_INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "ec_peek", "GPL", insns,
			       EC_ARRAY_SIZE(insns), &o);

	return fd < 0 ? -errno : fd;
}

static int attach(struct ec_peek *p, const struct ec_features *f)
{
	struct ec_own o = {
		.function = (uintptr_t)ec_peek_here,
		.program = p->prog,
		.multi = f->uprobe_multi,
		/* a perf event and the first uprobe_multi take a thread */
		.pid = f->uprobe_multi && f->multi_pid ? getpid() : syscall(SYS_gettid),
	};

	return ec_own_attach(&p->links, &o, f);
}

int ec_peek_new(const struct ec_features *f, struct ec_peek **out)
{
	struct ec_peek *p = calloc(1, sizeof(*p));
	int err = 0;

	if (!p)
		return -ENOMEM;
	p->prog = -1;
	p->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ec_peek", 4, sizeof(struct request),
				1, NULL);
	if (p->map < 0)
		err = -errno;
	if (!err)
		p->prog = err = program_load(
			p->map, f->uprobe_multi ? EC_ATTACH_UPROBE_MULTI : 0);
	if (err >= 0)
		err = attach(p, f);
	if (err) {
		ec_peek_free(p);
		return err;
	}
	*out = p;
	return 0;
}

int ec_peek(void *ctx, uint64_t *addr, void *dst, size_t n)
{
	struct ec_peek *p = ctx;
	uint32_t zero = 0;

	if (n > EC_PEEK_MAX)
		return -EINVAL;
	p->r.addr = *addr;
	p->r.n = n;
	p->r.err = NOT_FIRED;
	/* below 6.0 a program is passed over while another one runs on its CPU */
	for (int i = 0; p->r.err == NOT_FIRED && i < TRIES; i++) {
		if (bpf_map_update_elem(p->map, &zero, &p->r, BPF_ANY))
			return -errno;
		ec_peek_here();
		if (bpf_map_lookup_elem(p->map, &zero, &p->r))
			return -errno;
	}
	if (p->r.err == NOT_FIRED)
		return -ENXIO;
	if (p->r.err)
		return -EFAULT;
	*addr = p->r.addr;
	memcpy(dst, p->r.data, n);
	return 0;
}

uint64_t ec_peek_id(const struct ec_peek *p)
{
	return p->r.id;
}

void ec_peek_free(struct ec_peek *p)
{
	if (!p)
		return;
	ec_links_close(&p->links);
	if (p->prog >= 0)
		close(p->prog);
	if (p->map >= 0)
		close(p->map);
	free(p);
}

int ec_peek_koffs(const struct ec_features *f, struct ec_koffs *k)
{
	struct ec_calibration c = {.peek = ec_peek};
	uint64_t begun = ec_clock_mono();
	struct ec_peek *p = NULL;
	uint64_t task = 0, first;
	int err = ec_peek_new(f, &p);

	if (!err)
		err = ec_peek(p, &task, &first, sizeof(first));
	if (!err) {
		c.ctx = p;
		c.id = ec_peek_id(p);
		err = ec_koffs_calibrate(k, &c);
	}
	ec_peek_free(p);
	ec_debug("kernel offsets by calibration: %s, %u reads, %u ms",
		 err ? strerror(-err) : "found", c.reads,
		 (unsigned int)((ec_clock_mono() - begun) / 1000000));
	return err;
}
