// SPDX-License-Identifier: GPL-2.0-only
/*
 * The planner's work on any bytes. Input that begins like an ELF file is taken as one;
 * other input is machine code, put into a sound small file whose symbols name it.
 */
#include "modules/module.h"
#include "modules/openssl/find.h"
#include "target/code.h"
#include "target/known.h"
#include "target/reads.h"
#include "target/told.h"
#include "seed.h"
#include "../unit/target/code_bytes.h"
#include "../unit/target/mini_elf.h"

extern const struct ec_module ec_module_openssl;

static void mini(uint8_t elf[MINI_SIZE], const uint8_t *code, size_t n)
{
	static const struct mini_symbol syms[] = {
		{"SSL_write", MINI_CODE + 0 * SLOT, 4 * SLOT},
		{"SSL_write_ex", MINI_CODE + 4 * SLOT, 4 * SLOT},
		{"SSL_read", MINI_CODE + 8 * SLOT, 4 * SLOT},
		{"SSL_read_ex", MINI_CODE + 12 * SLOT, 4 * SLOT},
		{"SSL_get_rbio", MINI_CODE + 16 * SLOT, 2 * SLOT},
		{"SSL_get_wbio", MINI_CODE + 18 * SLOT, 2 * SLOT},
		{"SSL_free", MINI_CODE + 20 * SLOT, 2 * SLOT},
		{"SSL_do_handshake", MINI_CODE + 22 * SLOT, 2 * SLOT},
		{"SSL_get_session", MINI_CODE + 24 * SLOT, 2 * SLOT},
		{"SSL_get_state", MINI_CODE + 26 * SLOT, 2 * SLOT},
		{"ssl_log_secret", MINI_CODE + 28 * SLOT, 0xf00 - 28 * SLOT},
		{NULL, 0, 0}};

	if (n > MINI_SIZE - MINI_CODE)
		n = MINI_SIZE - MINI_CODE;
	mini_elf(elf, *code & 1 ? EM_AARCH64 : EM_X86_64, "libssl.so.3", syms, code + 1,
		 n - 1);
}

static void plan(const struct ec_file *f, size_t size)
{
	struct ec_plan p;
	int err;

	memset(&p, 0xa5, sizeof(p));
	err = ec_module_openssl.plan(f, &p);
	if (ec_plan_check(&p, 16) || (!err) != (p.npoints > 0))
		abort();
	for (uint32_t i = 0; i < p.npoints; i++)
		if (p.points[i].offset >= size)
			abort();
}

/* Where secrets are: what is found lies within the file and within a structure. */
static void keys(const struct ec_file *f, struct ec_sym fn)
{
	static const char *const labels[] = {"CLIENT_RANDOM", "EXPORTER_SECRET"};
	static const struct ec_passed passed[] = {{2, 1}, {3, 5}};
	struct ec_told told[4];
	struct ec_chain c;
	uint64_t va, at[2];
	uint32_t off;

	if (!ec_code_passed(f, fn, passed, 2, &va) && !ec_file_is_code(f, va))
		abort();
	if (!ec_code_bytes(f, fn, 1, 32, &c) &&
	    (c.n < 1 || c.n > 2 || c.off[c.n - 1] < 32 || c.off[c.n - 1] > 65535 ||
	     (c.n == 2 && c.off[0] > 65535)))
		abort();
	if (!ec_code_number(f, fn, &off) && off > 65535)
		abort();
	if (ec_told_find(f, labels, 2, at, told, 4) > 4)
		abort();
}

static void look(const struct ec_file *f)
{
	static const char *const names[] = {"SSL_write", "SSL_read", "SSL_get_state",
					    "main",	 "_start",   ""};
	struct ec_sym s, whole;
	struct ec_openssl_found found;
	struct ec_known k;
	uint8_t id[20];
	uint64_t va, many[8];
	int arg;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (ec_file_symbol(f, names[i], &s))
			continue;
		whole = (struct ec_sym){s.va, UINT32_MAX};
		ec_code_callee(f, whole, &va);
		ec_code_count_arg(f, whole, s.va, &arg);
		ec_code_entry(f, s, false, 3);
		ec_code_step(f, s.va);
		keys(f, s);
		if (ec_code_returns(f, s, many, 8) > 8 ||
		    ec_code_return_sites(f, s.va, many, 8) > 8)
			abort();
	}
	ec_file_imports(f, "SSL_write");
	ec_file_needs(f, "libcrypto.so.3");
	if (strlen(ec_file_soname(f)) == SIZE_MAX || ec_file_build_id(f, id) > 20)
		abort();
	ec_file_find_string(f, "OpenSSL ");
	if (!ec_openssl_find(f, &found) != (found.n + found.methods.tables > 0) ||
	    !(found.n + found.methods.tables) != (found.family == EC_OPENSSL_NONE))
		abort();
	if (!ec_known_look(f, &k) && (!k.library[0] || !k.evidence[0] || !k.why[0]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t elf[MINI_SIZE];
	struct ec_file *f;

	if (!size)
		return 0;
	if (size < SELFMAG || memcmp(data, ELFMAG, SELFMAG)) {
		mini(elf, data, size);
		data = elf;
		size = sizeof(elf);
	}
	if (ec_file_from_memory(data, size, true, &f))
		return 0;
	look(f);
	plan(f, size);
	ec_file_free(f);
	return 0;
}

/* Go's build information in both of its forms, beside words of TLS. */
static void seed_go(const char *dir)
{
	uint8_t b[256] = "\xff Go buildinf:\x08\x02", elf[MINI_SIZE];
	uint64_t string[3] = {MINI_CODE + 64, MINI_CODE + 96, 6};

	memcpy(b + 32, "\x08go1.26.8", 9);
	memcpy(b + 128, "crypto/tls.(*Conn).Write OpenSSL 3.5.9 /rustls-0.23.7/", 54);
	mini_elf(elf, EM_X86_64, "", NULL, b, sizeof(b));
	seed_write(dir, "go.elf", elf, sizeof(elf));
	b[15] = 0;
	memcpy(b + 16, string, 8);
	memcpy(b + 64, string + 1, 16);
	memcpy(b + 96, "go1.17", 6);
	mini_elf(elf, EM_X86_64, "", NULL, b, sizeof(b));
	seed_write(dir, "go-old.elf", elf, sizeof(elf));
}

/*
 * Functions that report errors as BoringSSL's do: lea text(%rip),%rcx; mov $reason,%edx
 * and so on; ret. They call each other.
 */
static void seed_errors(const char *dir)
{
	static const uint8_t reasons[3][4] = {{66, 215, 226}, {215, 226}, {134}};
	uint8_t code[0x900] = "0", *p;

	for (int i = 0; i < 4; i++) {
		int32_t text = 0x800 - (0x100 + i * 0x80 + 7), call = -0x80 - 12;

		p = code + 1 + 0x100 + i * 0x80;
		memcpy(p, "\x48\x8d\x0d", 3);
		memcpy(p + 3, &text, sizeof(text));
		p[7] = 0xe8; /* the one before */
		memcpy(p + 8, &call, sizeof(call));
		p += 12;
		for (int k = 0; i < 3 && k < 4 && reasons[i][k]; k++, p += 5) {
			p[0] = 0xba;
			p[1] = reasons[i][k];
		}
		memcpy(p, "\x89\x47\x08\xc3", 4); /* mov %eax,8(%rdi); ret */
	}
	memcpy(code + 1 + 0x800, "ssl/ssl_lib.cc", 15);
	seed_write(dir, "errors.code", code, sizeof(code));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *dir = getenv("EC_FUZZ_SEED");
	uint8_t code[1 + AT_END], elf[MINI_SIZE];

	if (!dir)
		return 0;
	for (int arm = 0; arm < 2; arm++) {
		code[0] = '0' + arm;
		memcpy(code + 1, arm ? code_arm64 : code_x86, AT_END);
		seed_write(dir, arm ? "arm64.code" : "x86.code", code, sizeof(code));
		mini(elf, code, sizeof(code));
		seed_write(dir, arm ? "arm64.elf" : "x86.elf", elf, sizeof(elf));
	}
	seed_go(dir);
	seed_errors(dir);
	exit(0);
}
