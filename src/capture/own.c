// SPDX-License-Identifier: GPL-2.0-only
#include "capture/own.h"
#include "base/util.h"
#include "host/bpf_insn.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#define HELPER_LOOKUP 1
#define STRING(x)     STRING_(x)
#define STRING_(x)    #x

#if defined(__x86_64__)
asm(".text\n.globl ec_own_here\n.type ec_own_here,@function\n"
    "ec_own_here:\n\tpush %rbp\n\tmov $" STRING(
	    EC_OWN_VALUE) ", %eax\n\tpop %rbp\n\tret\n"
			  ".size ec_own_here,.-ec_own_here\n");
#else
asm(".text\n.globl ec_own_here\n.type ec_own_here,%function\n"
    "ec_own_here:\n\tnop\n\tmov w0, #" STRING(
	    EC_OWN_VALUE) "\n\tret\n"
			  ".size ec_own_here,.-ec_own_here\n");
#endif

/* Where the function lies in the file of this program. */
static int file_offset(uintptr_t addr, uint64_t *off)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int err = -ENOENT;

	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f)) {
		unsigned long long start, end, at;

		if (sscanf(line, "%llx-%llx %*s %llx", &start, &end, &at) != 3 ||
		    addr < start || addr >= end)
			continue;
		*off = addr - start + at;
		err = 0;
	}
	fclose(f);
	return err;
}

int ec_own_attach(struct ec_links *l, const struct ec_own *o, const struct ec_features *f)
{
	_ec_close_ int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct ec_attach_point a = {
		.program = o->program,
		.fd = exe,
		.is_return = o->is_return,
		.pid = o->pid,
	};
	int err;

	if (exe < 0)
		return -errno;
	err = file_offset(o->function, &a.offset);
	if (err)
		return err;
	return o->multi ? ec_attach_multi(l, &a) : ec_attach_perf(l, &a, f);
}

static int program_load(int map, bool multi)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o,
		    .expected_attach_type = multi ? EC_ATTACH_UPROBE_MULTI : 0,
		    .kern_version = ec_features_code());
	const struct bpf_insn insns[] = {
		EC_INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		EC_INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map),
		EC_INSN(0, 0, 0, 0, 0),
		EC_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		EC_INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		EC_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, HELPER_LOOKUP),
		EC_INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0),
		EC_INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1),
		EC_INSN(BPF_STX | BPF_XADD | BPF_DW, 0, 1, 0, 0),
		EC_INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		EC_INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "ec_own", "GPL", insns,
			       EC_ARRAY_SIZE(insns), &o);

	return fd < 0 ? -errno : fd;
}

int ec_own_count_new(struct ec_own_count *c, bool multi)
{
	_ec_close_ int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ec_own", 4,
					    sizeof(uint64_t), 1, NULL);
	int program;

	if (map < 0)
		return -errno;
	program = program_load(map, multi);
	if (program < 0)
		return program;
	c->program = program;
	c->map = EC_TAKE_FD(map);
	return 0;
}

int ec_own_count_get(const struct ec_own_count *c, uint64_t *n)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(c->map, &zero, n) ? -errno : 0;
}

void ec_own_count_free(struct ec_own_count *c)
{
	close(c->program);
	close(c->map);
}

int ec_own_try(const struct ec_features *f, bool multi, bool is_return, int calls)
{
	struct ec_own_count c;
	struct ec_own o = {
		.function = (uintptr_t)ec_own_here,
		.multi = multi,
		.is_return = is_return,
		/* a perf event and the first uprobe_multi take a thread */
		.pid = multi && f->multi_pid ? getpid() : syscall(SYS_gettid),
	};
	struct ec_links links = {0};
	uint64_t n = 0;
	int err = ec_own_count_new(&c, multi);

	if (err)
		return err;
	o.program = c.program;
	err = ec_own_attach(&links, &o, f);
	for (int i = 0; !err && i < calls; i++)
		if (ec_own_here() != EC_OWN_VALUE)
			err = -EIO;
	if (!err)
		err = ec_own_count_get(&c, &n);
	ec_links_close(&links);
	ec_own_count_free(&c);
	return err ? err : (int)n;
}
