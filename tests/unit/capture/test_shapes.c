// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shape perf against what kernel 4.18 has, since no such kernel is at hand: helpers, map
 * types, instructions, and how much a verifier has to look at. Objects are loaded, so
 * that programs are seen as the kernel gets them, functions included.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "abi/maps.h"
#include "base/util.h"
#include "capture/clone.h"
#include "modules/module.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define INSNS_MAX 4096 /* BPF_MAXINSNS, include/uapi/linux/bpf_common.h */
#define PROCESSED_MAX \
	131072 /* BPF_COMPLEXITY_LIMIT_INSNS of 4.18 (kernel/bpf/verifier.c) */
#define PROCESSED_OK 65536 /* our verifier prunes better than that one: half of it */
#define PERCPU_MAX   32768 /* PCPU_MIN_UNIT_SIZE, include/linux/percpu.h */
#define LOG_STATS    4	   /* BPF_LOG_STATS */
#define STACK_MAX    512   /* MAX_BPF_STACK, of all functions that are in each other */
#define STACK_ROUND  32	   /* each function's (kernel: check_max_stack_depth()) */
#define FUNCS_MAX    16
#define PSEUDO_FUNC  4 /* src_reg of ld_imm64: address of a function */

/* Number in enum bpf_func_id, kernel that programs of probes have it in, commit. */
static const struct helper {
	int id;
	const char *name, *since, *commit;
} helpers[] = {
	{1, "map_lookup_elem", "4.1", "2541517c32be"},
	{2, "map_update_elem", "4.1", "2541517c32be"},
	{3, "map_delete_elem", "4.1", "2541517c32be"},
	{4, "probe_read", "4.1", "2541517c32be"},
	{5, "ktime_get_ns", "4.1", "d9847d310ab4"},
	{8, "get_smp_processor_id", "4.1", "c04167ce2ca0"},
	{14, "get_current_pid_tgid", "4.2", "ffeedafbf023"},
	{15, "get_current_uid_gid", "4.2", "ffeedafbf023"},
	{16, "get_current_comm", "4.2", "ffeedafbf023"},
	{25, "perf_event_output", "4.4", "a43eec304259"},
	{35, "get_current_task", "4.8", "606274c5abd8"},
	{37, "current_task_under_cgroup", "4.9", "60d20f9195b2"},
	{45, "probe_read_str", "4.11", "a5e8c07059d0"},
	{80, "get_current_cgroup_id", "4.18", "bf6fa2c893c5"},
};

static const struct map_type {
	enum bpf_map_type type;
	const char *since, *commit;
} map_types[] = {
	{BPF_MAP_TYPE_CGROUP_ARRAY, "4.8", "4ed8ec521ed5"},
	{BPF_MAP_TYPE_HASH, "3.19", "0f8e4bd8a1fc"},
	{BPF_MAP_TYPE_ARRAY, "3.19", "28fbcfa08d8e"},
	{BPF_MAP_TYPE_PERF_EVENT_ARRAY, "4.3", "ea317b267e9d"},
	{BPF_MAP_TYPE_PERCPU_ARRAY, "4.6", "a10423b87a7e"},
	{BPF_MAP_TYPE_LRU_HASH, "4.10", "29ba732acbee"},
};

static const struct {
	enum bpf_prog_type type;
	const char *since, *commit;
} prog_types[] = {
	{BPF_PROG_TYPE_KPROBE, "4.1", "2541517c32be"},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, "4.17", "c4f6699dfcb8"},
};

static char logs[32][8192];

static struct bpf_object *loaded(const struct ec_blob *b)
{
	struct bpf_object *o = bpf_object__open_mem(b->start, b->end - b->start, NULL);
	struct bpf_program *p;
	size_t n = 0;

	assert_non_null(o);
	memset(logs, 0, sizeof(logs));
	bpf_object__for_each_program(p, o)
	{
		assert_true(n < EC_ARRAY_SIZE(logs));
		bpf_program__set_log_level(p, LOG_STATS);
		bpf_program__set_log_buf(p, logs[n++], sizeof(logs[0]));
	}
	assert_int_equal(bpf_object__load(o), 0);
	return o;
}

static void each_object(void (*fn)(struct bpf_object *o))
{
	for (int i = -1; i < (int)ec_modules_count; i++) {
		const struct ec_blob *b = i < 0 ? &ec_host_bpf[EC_BPF_PERF]
						: &ec_modules[i].bpf[EC_BPF_PERF];
		struct bpf_object *o = loaded(b);

		fn(o);
		bpf_object__close(o);
	}
}

static const char *insn_fault(const struct bpf_insn *i)
{
	int class = BPF_CLASS(i->code);

	switch (class) {
	case 0x06: /* BPF_JMP32: 5.1, 092ed0968bb6 */
		return "a 32-bit jump";
	case BPF_STX:
		if (BPF_MODE(i->code) != BPF_MEM &&
		    (BPF_MODE(i->code) != BPF_XADD || i->imm))
			return "an atomic operation but adding: 5.12, 5ffa25502b5a";
		return NULL;
	case BPF_LD:
		/* src 1: a map; 2: a map's value (global data): 5.2, d8eca5bbb2be */
		return BPF_MODE(i->code) == BPF_IMM && i->src_reg > BPF_PSEUDO_MAP_FD
			       ? "global data"
			       : NULL;
	default:
		return NULL;
	}
}

static bool helper_known(int id)
{
	for (size_t i = 0; i < EC_ARRAY_SIZE(helpers); i++)
		if (helpers[i].id == id)
			return true;
	return false;
}

static uint8_t seen[INSNS_MAX];

/*
 * A way from an instruction back to itself (kernel: check_cfg()); that a jump goes
 * backwards alone is no loop. Called functions are within the program.
 */
static bool loops(const struct bpf_insn *in, size_t n, size_t at)
{
	enum { NEW, OPEN, DONE };
	int op = BPF_OP(in[at].code);
	bool jump = BPF_CLASS(in[at].code) == BPF_JMP, found = false;
	bool wide = in[at].code == (BPF_LD | BPF_IMM | BPF_DW);

	if (seen[at] != NEW)
		return seen[at] == OPEN;
	seen[at] = OPEN;
	if (jump && op == BPF_CALL && in[at].src_reg == BPF_PSEUDO_CALL)
		found = loops(in, n, at + 1 + in[at].imm);
	else if (jump && op != BPF_CALL && op != BPF_EXIT)
		found = loops(in, n, at + 1 + in[at].off);
	if (!found && !(jump && (op == BPF_EXIT || op == BPF_JA)))
		found = at + 1 + wide >= n || loops(in, n, at + 1 + wide);
	seen[at] = DONE;
	return found;
}

static void check_programs(struct bpf_object *o)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, o)
	{
		const struct bpf_insn *in = bpf_program__insns(p);
		size_t n = bpf_program__insn_cnt(p);
		bool type_ok = false;

		for (size_t i = 0; i < EC_ARRAY_SIZE(prog_types); i++)
			type_ok |= bpf_program__type(p) == prog_types[i].type;
		assert_true(type_ok);
		if (n > INSNS_MAX)
			fail_msg("%s: %zu instructions", bpf_program__name(p), n);
		for (size_t i = 0; i < n; i++) {
			const char *why = insn_fault(&in[i]);

			if (why)
				fail_msg("%s: instruction %zu is %s",
					 bpf_program__name(p), i, why);
			if (in[i].code == (BPF_LD | BPF_IMM | BPF_DW))
				i++;
			else if (in[i].code == (BPF_JMP | BPF_CALL) && !in[i].src_reg &&
				 !helper_known(in[i].imm))
				fail_msg("%s: helper %d is not in 4.18",
					 bpf_program__name(p), in[i].imm);
		}
		memset(seen, 0, sizeof(seen));
		if (loops(in, n, 0))
			fail_msg("%s: a loop: 5.3, 2589726d12a1", bpf_program__name(p));
	}
}

static void check_verifier(struct bpf_object *o)
{
	struct bpf_program *p;
	size_t k = 0;

	bpf_object__for_each_program(p, o)
	{
		const char *at = strstr(logs[k++], "processed ");
		long n = at ? strtol(at + strlen("processed "), NULL, 10) : 0;

		if (n <= 0 || n > PROCESSED_OK)
			fail_msg("%s: the verifier looked at %ld instructions of %d",
				 bpf_program__name(p), n, PROCESSED_MAX);
		print_message("%-20s %5zu instructions, %6ld looked at\n",
			      bpf_program__name(p), bpf_program__insn_cnt(p), n);
	}
}

static void check_maps(struct bpf_object *o)
{
	struct bpf_map *m;

	bpf_object__for_each_map(m, o)
	{
		bool known = false;

		for (size_t i = 0; i < EC_ARRAY_SIZE(map_types); i++)
			known |= map_types[i].type == bpf_map__type(m);
		if (!known)
			fail_msg("%s: map type %d", bpf_map__name(m), bpf_map__type(m));
		/* BPF_F_MMAPABLE: 5.5, fc9702273e2e */
		assert_int_equal(bpf_map__map_flags(m), 0);
		if (bpf_map__type(m) == BPF_MAP_TYPE_PERCPU_ARRAY)
			assert_true(bpf_map__value_size(m) <= PERCPU_MAX);
	}
}

/* A program's functions, in order: where they begin, what stack they take. */
struct funcs {
	const struct bpf_insn *in;
	size_t n, count;
	size_t at[FUNCS_MAX + 1];
	long stack[FUNCS_MAX];
};

/* Of one of its functions, or such a one is handed to a helper, which calls it. */
static bool is_call(const struct bpf_insn *i)
{
	return (i->code == (BPF_JMP | BPF_CALL) && i->src_reg == BPF_PSEUDO_CALL) ||
	       (i->code == (BPF_LD | BPF_IMM | BPF_DW) && i->src_reg == PSEUDO_FUNC);
}

static int compare(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void func_add(struct funcs *f, size_t at)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->at[i] == at)
			return;
	assert_true(f->count < FUNCS_MAX);
	f->at[f->count++] = at;
}

/* The log says "stack depth 144+96+…". */
static void funcs_find(struct funcs *f, struct bpf_program *p, const char *log)
{
	const char *s = strstr(log, "stack depth ");
	char *end;

	assert_non_null(s);
	*f = (struct funcs){.in = bpf_program__insns(p), .n = bpf_program__insn_cnt(p)};
	func_add(f, 0);
	for (size_t i = 0; i < f->n; i++)
		if (is_call(&f->in[i]))
			func_add(f, i + 1 + f->in[i].imm);
	qsort(f->at, f->count, sizeof(f->at[0]), compare);
	f->at[f->count] = f->n;
	s += strlen("stack depth ") - 1;
	for (size_t i = 0; i < f->count; i++, s = end) {
		f->stack[i] = strtol(s + 1, &end, 10);
		assert_true(end > s + 1 && (i + 1 == f->count || *end == '+'));
	}
}

static long stack_from(const struct funcs *f, size_t at)
{
	long deepest = 0, own;
	size_t k = 0;

	while (f->at[k] != at)
		k++;
	for (size_t i = at; i < f->at[k + 1]; i++) {
		long in = is_call(&f->in[i]) ? stack_from(f, i + 1 + f->in[i].imm) : 0;

		deepest = EC_MAX(deepest, in);
	}
	own = EC_MAX(f->stack[k], 1L);
	return (own + STACK_ROUND - 1) / STACK_ROUND * STACK_ROUND + deepest;
}

/* Newer kernels give a program more: what is too much is told by older ones only. */
static void check_stack(struct bpf_object *o)
{
	struct bpf_program *p;
	struct funcs f;
	size_t k = 0;

	bpf_object__for_each_program(p, o)
	{
		const char *log = logs[k++];
		long n;

		if (!*log) /* not loaded */
			continue;
		funcs_find(&f, p, log);
		n = stack_from(&f, 0);
		print_message("%-20s %ld bytes of stack\n", bpf_program__name(p), n);
		if (n > STACK_MAX)
			fail_msg("%s: %ld bytes of stack", bpf_program__name(p), n);
	}
}

static void stack(void **state)
{
	for (int i = -1; i < (int)ec_modules_count; i++)
		for (int shape = 0; shape < EC_BPF__N; shape++) {
			struct bpf_object *o = loaded(i < 0 ? &ec_host_bpf[shape]
							    : &ec_modules[i].bpf[shape]);

			check_stack(o);
			bpf_object__close(o);
		}
}

static void programs(void **state)
{
	each_object(check_programs);
}

static void verifier(void **state)
{
	each_object(check_verifier);
}

static void maps(void **state)
{
	each_object(check_maps);
}

/* bpf/maps.h, no_private_stack(): from 6.13 on a probe's program without this can take
 * the kernel down. */
static void tail_calls(void **state)
{
	for (unsigned int m = 0; m < ec_modules_count; m++) {
		struct bpf_object *o = loaded(&ec_modules[m].bpf[EC_BPF_LOOP]);
		struct bpf_program *p;

		bpf_object__for_each_program(p, o)
		{
			const struct bpf_insn *in = bpf_program__insns(p);
			size_t n = bpf_program__insn_cnt(p), k = 0;

			if (bpf_program__type(p) != BPF_PROG_TYPE_KPROBE)
				continue;
			while (k < n &&
			       (in[k].code != (BPF_JMP | BPF_CALL) || in[k].src_reg ||
				in[k].imm != BPF_FUNC_tail_call))
				k++;
			if (k == n)
				fail_msg("%s: no_private_stack() is missing",
					 bpf_program__name(p));
		}
		bpf_object__close(o);
	}
}

/* No cookie below 5.15: what asks for one has a place that is written over. */
static void clones(void **state)
{
	struct bpf_object *o = loaded(&ec_modules[0].bpf[EC_BPF_PERF]);
	unsigned int with = 0, without = 0;
	struct bpf_program *p;

	bpf_object__for_each_program(p, o)
	{
		int fd = ec_clone_load(p, EC_COOKIE(7, EC_SHAPE_ARG4, 1));

		if (fd >= 0) {
			with++;
			close(fd);
		} else {
			assert_int_equal(fd, -ENOENT);
			without++;
		}
	}
	assert_true(with >= 1 && without >= 1);
	bpf_object__close(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs), cmocka_unit_test(verifier),
		cmocka_unit_test(maps),	    cmocka_unit_test(tail_calls),
		cmocka_unit_test(clones),   cmocka_unit_test(stack),
	};
	struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};

	setrlimit(RLIMIT_MEMLOCK, &r);
	if (geteuid()) {
		puts("needs root");
		return 77;
	}
	libbpf_set_print(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
