// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/util.h"
#include "host/koffs.h"
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

/* A file with these bytes, which the caller unlinks. */
static void put_file(char *path, const void *p, size_t n)
{
	int fd;

	strcpy(path, "/tmp/ec_koffs_XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

/*
 * Offsets unlike any kernel's. `file` is there twice, first as one without our fields;
 * f_inode is a bit field; fdtable has no fd; the sock's fields lie behind 8 bytes.
 */
static struct btf *made_up(void)
{
	struct btf *b = btf__new_empty();
	int u32, anon, deep, deeper, common, def, n = 0;

	assert_non_null(b);
	u32 = btf__add_int(b, "unsigned int", 4, 0);
	btf__add_struct(b, "file", 8);
	n |= btf__add_field(b, "other", u32, 0, 0);
	btf__add_struct(b, "file", 64);
	n |= btf__add_field(b, "private_data", u32, 40 * 8, 0);
	n |= btf__add_field(b, "f_inode", u32, 48 * 8, 5);
	deeper = btf__add_struct(b, NULL, 8);
	n |= btf__add_field(b, "skc_num", u32, 4 * 8, 0);
	deep = btf__add_union(b, NULL, 8);
	n |= btf__add_field(b, "skc_daddr", u32, 0, 0);
	n |= btf__add_field(b, "", deeper, 0, 0);
	anon = btf__add_struct(b, NULL, 16);
	n |= btf__add_field(b, "", deep, 8 * 8, 0);
	common = btf__add_struct(b, "sock_common", 32);
	n |= btf__add_field(b, "skc_family", u32, 4 * 8, 0);
	n |= btf__add_field(b, "", anon, 8 * 8, 0);
	def = btf__add_typedef(b, "common_t", btf__add_const(b, common));
	btf__add_struct(b, "sock", 64);
	n |= btf__add_field(b, "__sk_common", def, 8 * 8, 0);
	btf__add_struct(b, "fdtable", 16);
	n |= btf__add_field(b, "max_fds", u32, 0, 0);
	btf__add_struct(b, "task_struct", 70000);
	n |= btf__add_field(b, "files", u32, 65534 * 8, 0);
	n |= btf__add_field(b, "pid", u32, 65536 * 8, 0);
	n |= btf__add_field(b, "tgid", u32, 3, 1);
	assert_int_equal(n, 0);
	return b;
}

static void members_are_found(void **state)
{
	struct btf *b = made_up();
	struct ec_koffs k;
	char path[64];
	__u32 n;
	const void *raw = btf__raw_data(b, &n);

	put_file(path, raw, n);
	btf__free(b);
	assert_int_equal(ec_koffs_from_btf(&k, path), 0);
	unlink(path);
	assert_int_equal(k.file_private, 40);
	assert_int_equal(k.file_inode, EC_KOFF_NONE);
	assert_int_equal(k.fdt_max, 0);
	assert_int_equal(k.fdt_fd, EC_KOFF_NONE);
	assert_int_equal(k.sk_family, 8 + 4);
	assert_int_equal(k.sk_raddr, 8 + 8 + 8);
	assert_int_equal(k.sk_lport, 8 + 8 + 8 + 4);
	assert_int_equal(k.sk_rport, EC_KOFF_NONE);
	assert_int_equal(k.task_files, 65534);
	assert_int_equal(k.task_pid, EC_KOFF_NONE);
	assert_int_equal(k.task_tgid, EC_KOFF_NONE);
	assert_false(ec_koffs_can_walk(&k));
	assert_false(ec_koffs_can_sock(&k));
}

static void damage_is_told(void **state)
{
	struct btf *b = made_up();
	struct ec_koffs k, before;
	char path[64], *copy;
	__u32 n;
	const void *raw = btf__raw_data(b, &n);

	memset(&k, 0x5a, sizeof(k));
	before = k;
	assert_int_equal(ec_koffs_from_btf(&k, "/nonexistent/btf"), -ENOENT);
	put_file(path, "not BTF at all, and no ELF file", 31);
	assert_int_equal(ec_koffs_from_btf(&k, path), -EBADMSG);
	unlink(path);
	put_file(path, "", 0);
	assert_int_equal(ec_koffs_from_btf(&k, path), -EBADMSG);
	unlink(path);
	put_file(path, raw, n / 2);
	assert_int_equal(ec_koffs_from_btf(&k, path), -EBADMSG);
	unlink(path);
	assert_memory_equal(&k, &before, sizeof(k));
	/* Any byte may be wrong: an answer, whichever, but no crash. */
	copy = malloc(n);
	assert_non_null(copy);
	for (__u32 i = sizeof(struct btf_header); i < n; i++) {
		int err;

		memcpy(copy, raw, n);
		copy[i] ^= 0xff;
		put_file(path, copy, n);
		err = ec_koffs_from_btf(&k, path);
		unlink(path);
		assert_true(err == 0 || err == -EBADMSG);
	}
	free(copy);
	btf__free(b);
}

static void clear_knows_nothing(void **state)
{
	struct ec_koffs k;
	const __u16 *v = (const __u16 *)&k;

	memset(&k, 0, sizeof(k));
	assert_true(ec_koffs_can_walk(&k));
	assert_true(ec_koffs_can_sock(&k));
	ec_koffs_clear(&k);
	for (size_t i = 0; i < sizeof(k) / sizeof(*v); i++)
		assert_int_equal(v[i], EC_KOFF_NONE);
	assert_false(ec_koffs_can_walk(&k));
	assert_false(ec_koffs_can_sock(&k));
}

/* Pairs that inet_hashtables.h compares as one word lie side by side in any kernel. */
static void this_kernel(void **state)
{
	struct ec_koffs k;

	if (access(KERNEL_BTF, R_OK)) {
		print_message("skipped: no %s\n", KERNEL_BTF);
		skip();
	}
	assert_int_equal(ec_koffs_from_btf(&k, NULL), 0);
	assert_true(ec_koffs_can_walk(&k));
	assert_true(ec_koffs_can_sock(&k));
	assert_int_equal(k.sk_laddr, k.sk_raddr + 4);
	assert_int_equal(k.sk_lport, k.sk_rport + 2);
	assert_int_equal(k.sk_laddr6, k.sk_raddr6 + 16);
	assert_int_equal(k.task_tgid, k.task_pid + 4);
	assert_int_equal(k.fdt_max, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found),
		cmocka_unit_test(damage_is_told),
		cmocka_unit_test(clear_knows_nothing),
		cmocka_unit_test(this_kernel),
	};

	libbpf_set_print(NULL); /* damage is meant */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
