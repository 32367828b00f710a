// SPDX-License-Identifier: GPL-2.0-only
/* Where functions return: small code, our own code below, and a real library. */
#include "target/code.h"
#include "code_bytes.h"
#include "real.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "mini_fixture.h"

#define MAX 32

/* `want`: places in the code, 0-ended. */
static void returns_of(const struct ec_file *f, int at, uint64_t size, const int *want)
{
	struct ec_sym fn = {MINI_CODE + at, size};
	uint64_t va[MAX];
	int n = ec_code_returns(f, fn, va, MAX), i = 0;

	for (; want[i]; i++) {
		assert_true(i < n);
		assert_int_equal(va[i] - MINI_CODE, want[i]);
	}
	assert_int_equal(n, i);
}

#define RETURNS(f, at, ...)                                     \
	do {                                                    \
		const int _want[] = {__VA_ARGS__, 0};           \
		returns_of(f, at, SLOT, _want);                 \
		returns_of(f, at, 0, _want); /* not a symbol */ \
	} while (0)

static int error_of(const struct ec_file *f, int at, size_t max)
{
	uint64_t va[MAX];

	return ec_code_returns(f, (struct ec_sym){MINI_CODE + at, 0}, va, max);
}

static void test_small_x86(void **state)
{
	struct fixture x;
	struct ec_file *f = fix(&x, false, code_x86, AT_END);

	RETURNS(f, AT_WRITE_PLAIN, AT_WRITE_PLAIN + 25, AT_WRITE_PLAIN + 42);
	RETURNS(f, AT_INTERNAL, AT_INTERNAL + 6);
	RETURNS(f, AT_GET_TWO, AT_GET_TWO + 8, AT_GET_TWO + 13);
	RETURNS(f, AT_FREE_BACK, AT_FREE_BACK + 10);
	/* ends with another function */
	RETURNS(f, AT_PASS_FIVE, AT_INTERNAL + 6);
	RETURNS(f, AT_LOOP, AT_INTERNAL + 6);
	RETURNS(f, AT_GET_BRANCH, AT_OTHER + 4, AT_GET_BRANCH + 28, AT_GET_BRANCH + 31);
	assert_int_equal(error_of(f, AT_PLT, MAX), -EMLINK);
	assert_int_equal(error_of(f, AT_GET_BRANCH, 2), -E2BIG);
	assert_int_equal(error_of(f, MINI_SIZE, MAX), -ENOENT);
	ec_file_free(f);
}

static void test_small_arm64(void **state)
{
	/* paciasp; retaa | svc #0; ret | brk #1 | br x1 | b.eq 2f; b plt; 2: ret */
	static const uint32_t more[] = {0xd503233f, 0xd65f0bff, 0xd4000001,
					0xd65f03c0, 0xd4200020, 0xd61f0020,
					0x54000040, 0x17ffff49, 0xd65f03c0};
	char code[AT_END + sizeof(more)];
	struct fixture x;
	struct ec_file *f;

	memcpy(code, code_arm64, AT_END);
	memcpy(code + AT_END, more, sizeof(more));
	f = fix(&x, true, code, sizeof(code));
	RETURNS(f, AT_WRITE_PLAIN, AT_WRITE_PLAIN + 28, AT_WRITE_PLAIN + 40);
	RETURNS(f, AT_GET_BRANCH, AT_OTHER + 0, AT_GET_BRANCH + 20, AT_GET_BRANCH + 28);
	RETURNS(f, AT_PASS_FIVE, AT_INTERNAL + 8);
	RETURNS(f, AT_FREE_BACK, AT_FREE_BACK + 16);
	RETURNS(f, AT_END, AT_END + 4);
	RETURNS(f, AT_END + 8, AT_END + 12);
	assert_int_equal(error_of(f, AT_PLT, MAX), -EMLINK);
	assert_int_equal(error_of(f, AT_END + 16, MAX), -ENOENT);
	assert_int_equal(error_of(f, AT_END + 20, MAX), -EMLINK);
	assert_int_equal(error_of(f, AT_END + 24, MAX), -EMLINK);
	ec_file_free(f);
}

/* Bytes without sense, and jumps to and fro: an end, and only true returns. */
static void test_noise(void **state)
{
	uint8_t code[0xf00];
	uint64_t seed = 11;

	for (int round = 0; round < 300; round++) {
		bool arm = round & 1;
		uint64_t va[MAX];
		struct fixture x;
		int n;

		for (size_t i = 0; i < sizeof(code); i++)
			code[i] = real_random(&seed);
		for (size_t i = 0; round % 3 == 0 && i + 1 < sizeof(code); i += 2)
			code[i] = real_random(&seed) % 40 ? 0x70 | (code[i] & 0xf) : 0xc3;
		fix(&x, arm, code, sizeof(code));
		n = error_of(x.f, 0, MAX);
		assert_true(n < 0 || n <= MAX);
		for (int i = 0; i < n; i++)
			assert_true(!i || va[i] > va[i - 1]);
		n = ec_code_return_sites(x.f, MINI_CODE + 0x100, va, MAX);
		assert_true(n < 0);
		ec_file_free(x.f);
	}
}

#if defined(__x86_64__)

/* Functions whose ends are known by name, each of them in the unwinder's table. */
#define CODE(name, body)                                                                \
	asm(".text\n.balign 16\n.globl " name "\n.type " name ",@function\n" name ":\n" \
	    ".cfi_startproc\n" body "\n.cfi_endproc\n.size " name ",.-" name "\n")
#define PLACE(name) extern const char name[] __attribute__((visibility("hidden")))

CODE("r_switch",
     "cmp $3,%edi; ja r_switch_1; mov %edi,%ecx; lea r_table(%rip),%rdx;"
     "push %rbx; movslq (%rdx,%rcx,4),%rax; mov %rsi,%rbx; add %rdx,%rax;"
     "notrack jmp *%rax; 1: pop %rbx; r_switch_2: ret; 2: pop %rbx; xor %eax,%eax;"
     "r_switch_3: ret; 3: pop %rbx; mov $1,%eax; r_switch_4: ret;"
     "r_switch_1: ret\n"
     ".section .rodata\n.balign 4\n"
     "r_table: .long 1b-r_table,2b-r_table,1b-r_table,3b-r_table\n.text");
/* the bound is of another register: nobody knows how long the table is */
CODE("r_unbound", "cmp $3,%esi; ja 1f; lea r_table(%rip),%rdx; movslq (%rdx,%rdi,4),%rax;"
		  "add %rdx,%rax; jmp *%rax; 1: ret");
/* a call between: rcx may be anything */
CODE("r_call_between", "cmp $3,%edi; ja 1f; mov %edi,%ecx; lea r_table(%rip),%rdx;"
		       "call r_leaf; movslq (%rdx,%rcx,4),%rax; add %rdx,%rax; jmp *%rax;"
		       "1: ret");
CODE("r_pointer", "test %edi,%edi; je 1f; mov (%rsi),%rax; jmp *%rax; 1: ret");
/* a cold part: one way comes back, one returns there */
CODE("r_cold_part", "1: test %esi,%esi; je r_back; r_cold_ret: ret; nop");
CODE("r_with_cold", "test %edi,%edi; js 1b; xor %eax,%eax; r_back: nop; r_back_ret: ret");
/* what stands behind a call that does not come back is another function */
CODE("r_noreturn",
     "test %edi,%edi; je 1f; r_nr_ret: ret; 1: call r_dies; nopw 0(%rax,%rax,1)");
CODE("r_leaf", "nop; r_leaf_ret: ret");
CODE("r_dies", "ud2");
CODE("r_odd", "test %edi,%edi; je 1f; rep ret; 1: bnd ret; ret");

/* Who calls what: r_target is called only, the others are entered in other ways too. */
CODE("r_target", "jmp *(%rdi)");
CODE("r_calls", "push %rbx; call r_target; r_site_1: mov %eax,%ebx; call r_target;"
		"r_site_2: pop %rbx; ret");
CODE("r_calls_again", "sub $8,%rsp; call r_target; r_site_3: add $8,%rsp; ret");
CODE("r_tailed", "jmp *(%rdi)");
CODE("r_tails_short", "call r_tailed; je r_tailed; ret");
CODE("r_far", "jmp *(%rdi); .skip 200,0x90");
CODE("r_tails_far", ".skip 200,0x90; call r_far; jmp r_far");
CODE("r_leaed", "jmp *(%rdi)");
CODE("r_leas", "call r_leaed; lea r_leaed(%rip),%rax; ret");
CODE("r_stored", "jmp *(%rdi)");
CODE("r_stores", "call r_stored; ret\n.section .data.rel.ro,\"aw\"\n.balign 8\n"
		 ".quad r_stored\n.text");
CODE("r_lonely", "jmp *(%rdi)");
/* a call's bytes inside of another instruction */
CODE("r_hidden", "movabs $0x1234,%rax; jmp *(%rdi)");
CODE("r_hides", "call r_hidden; r_site_4: ret; .byte 0x48,0xb8,0xe8;"
		".long r_hidden - (. + 4); .byte 0,0,0; ret");

PLACE(r_switch);
PLACE(r_switch_1);
PLACE(r_switch_2);
PLACE(r_switch_3);
PLACE(r_switch_4);
PLACE(r_unbound);
PLACE(r_call_between);
PLACE(r_pointer);
PLACE(r_cold_ret);
PLACE(r_with_cold);
PLACE(r_back_ret);
PLACE(r_noreturn);
PLACE(r_nr_ret);
PLACE(r_leaf);
PLACE(r_leaf_ret);
PLACE(r_dies);
PLACE(r_odd);
PLACE(r_site_1);
PLACE(r_site_2);
PLACE(r_site_3);
PLACE(r_site_4);
extern const char __executable_start[];

static struct ec_file *own(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct ec_file *f = NULL;

	assert_true(fd >= 0);
	assert_int_equal(ec_file_open(fd, &f), 0);
	close(fd);
	return f;
}

static uint64_t va_of(const char *p)
{
	return p - __executable_start;
}

static void check(int n, const uint64_t *va, const char *const *want)
{
	int i = 0;

	for (; want[i]; i++) {
		assert_true(i < n);
		assert_int_equal(va[i], va_of(want[i]));
	}
	assert_int_equal(n, i);
}

#define OWN(f, fn, ...)                                                                 \
	do {                                                                            \
		const char *const _want[] = {__VA_ARGS__, NULL};                        \
		uint64_t _va[MAX];                                                      \
                                                                                        \
		check(ec_code_returns(f, (struct ec_sym){va_of(fn), 0}, _va, MAX), _va, \
		      _want);                                                           \
	} while (0)

static int own_error(const struct ec_file *f, const char *fn)
{
	uint64_t va[MAX];

	return ec_code_returns(f, (struct ec_sym){va_of(fn), 0}, va, MAX);
}

static void test_own(void **state)
{
	struct ec_file *f = own();
	uint64_t va[MAX];

	OWN(f, r_switch, r_switch_2, r_switch_3, r_switch_4, r_switch_1);
	assert_int_equal(own_error(f, r_unbound), -EMLINK);
	assert_int_equal(own_error(f, r_call_between), -EMLINK);
	assert_int_equal(own_error(f, r_pointer), -EMLINK);
	OWN(f, r_with_cold, r_cold_ret, r_back_ret);
	OWN(f, r_noreturn, r_nr_ret);
	OWN(f, r_leaf, r_leaf_ret);
	assert_int_equal(own_error(f, r_dies), -ENOENT);
	/* with prefixes; the third one is never come to */
	assert_int_equal(ec_code_returns(f, (struct ec_sym){va_of(r_odd), 0}, va, MAX),
			 2);
	ec_file_free(f);
}

/* By name: an instruction of ours with its address would be a use of it. */
static int sites(const struct ec_file *f, const char *name, uint64_t *va, size_t max)
{
	struct ec_sym fn;

	assert_int_equal(ec_file_symbol(f, name, &fn), 0);
	return ec_code_return_sites(f, fn.va, va, max);
}

static void test_sites(void **state)
{
	const char *const three[] = {r_site_1, r_site_2, r_site_3, NULL};
	const char *const one[] = {r_site_4, NULL};
	struct ec_file *f = own();
	uint64_t va[MAX];

	check(sites(f, "r_target", va, MAX), va, three);
	check(sites(f, "r_hidden", va, MAX), va, one);
	assert_int_equal(sites(f, "r_tailed", va, MAX), -EMLINK);
	assert_int_equal(sites(f, "r_far", va, MAX), -EMLINK);
	assert_int_equal(sites(f, "r_leaed", va, MAX), -EMLINK);
	assert_int_equal(sites(f, "r_stored", va, MAX), -EMLINK);
	assert_int_equal(sites(f, "r_lonely", va, MAX), -ENOENT);
	assert_int_equal(sites(f, "r_target", va, 2), -E2BIG);
	assert_int_equal(ec_code_return_sites(f, UINT64_MAX, va, MAX), -ENOENT);
	ec_file_free(f);
}
#endif

/* --- a real library, and what a disassembler shows of it ------------------------------
 */

struct shown {
	uint64_t va[4096];
	size_t n;
};

/* Addresses of the return instructions in [from, to) by objdump. */
static void objdump(const char *path, uint64_t from, uint64_t to, struct shown *out)
{
	char line[4352];
	FILE *p;

	snprintf(line, sizeof(line),
		 "objdump -d --no-show-raw-insn --start-address=%#llx "
		 "--stop-address=%#llx %s",
		 (unsigned long long)from, (unsigned long long)to, path);
	p = popen(line, "re");
	assert_non_null(p);
	out->n = 0;
	while (fgets(line, sizeof(line), p)) {
		unsigned long long va;
		char name[16], next[16];
		int k = sscanf(line, " %llx: %15s %15s", &va, name, next);

		if (k >= 2 &&
		    (!strncmp(name, "ret", 3) || (k == 3 && !strncmp(next, "ret", 3))))
			out->va[out->n++] = va;
	}
	assert_int_equal(pclose(p), 0);
}

/* The functions that module openssl probes, those that it finds without symbols too. */
static void test_libssl(void **state)
{
	static const char *const names[] = {
		"SSL_write",  "SSL_write_ex",	      "SSL_write_ex2",
		"SSL_read",   "SSL_write_early_data", "SSL_read_ex",
		"SSL_free",   "SSL_read_early_data",  "SSL_clear",
		"SSL_set_bio"};
	const char *path = real_libssl();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	static struct shown shown;
	struct ec_file *f = NULL;
	unsigned int done = 0;

	assert_true(fd >= 0);
	assert_int_equal(ec_file_open(fd, &f), 0);
	close(fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t va[MAX], inside = 0;
		struct ec_sym fn;
		int n;

		if (ec_file_symbol(f, names[i], &fn))
			continue;
		n = ec_code_returns(f, fn, va, MAX);
		if (n == -EMLINK)
			continue; /* it ends with a jump through a pointer here */
		assert_true(n > 0);
		objdump(path, fn.va, fn.va + fn.size, &shown);
		for (int k = 0; k < n; k++)
			if (va[k] >= fn.va && va[k] < fn.va + fn.size)
				assert_int_equal(va[k], shown.va[inside++]);
		assert_int_equal(inside, shown.n);
		done++;
	}
	assert_true(done >= 4);
	ec_file_free(f);
}

/* The internal ones have returns, or places that their calls come back to. */
static void test_libssl_internal(void **state)
{
	int fd = open(real_libssl(), O_RDONLY | O_CLOEXEC);
	struct ec_file *f = NULL;
	struct ec_sym ex;
	uint64_t callee, va[MAX];

	assert_true(fd >= 0);
	assert_int_equal(ec_file_open(fd, &f), 0);
	close(fd);
	assert_int_equal(ec_file_symbol(f, "SSL_read_ex", &ex), 0);
	if (ec_code_callee(f, ex, &callee)) {
		ec_file_free(f);
		skip(); /* inlined in this build */
	}
	if (ec_code_returns(f, (struct ec_sym){callee, 0}, va, MAX) == -EMLINK) {
		bool in_ex = false;
		int n = ec_code_return_sites(f, callee, va, MAX);

		assert_true(n >= 2);
		for (int i = 0; i < n; i++) {
			const uint8_t *call = ec_file_at(f, va[i] - 5, 5);
			int32_t rel;

			assert_non_null(call);
			assert_int_equal(call[0], 0xe8);
			memcpy(&rel, call + 1, sizeof(rel));
			assert_int_equal(va[i] + rel, callee);
			in_ex |= va[i] >= ex.va && va[i] < ex.va + ex.size;
		}
		assert_true(in_ex);
	}
	ec_file_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_x86),
		cmocka_unit_test(test_small_arm64),
		cmocka_unit_test(test_noise),
#if defined(__x86_64__)
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_sites),
#endif
		cmocka_unit_test(test_libssl),
		cmocka_unit_test(test_libssl_internal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
