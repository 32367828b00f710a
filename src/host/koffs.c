// SPDX-License-Identifier: GPL-2.0-only
#include "host/koffs.h"
#include "base/util.h"
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#define BTF_PATH  "/sys/kernel/btf/vmlinux"
#define MAX_DEPTH 8 /* of anonymous structs in each other; the kernel has 3 */
#define N_FIELDS  (sizeof(struct ec_koffs) / sizeof(__u16))

struct field {
	const char *type;
	const char *path; /* members separated by dots */
	size_t at;	  /* in struct ec_koffs */
};

/*
 * The socket's local port is skc_num (host order), the remote one skc_dport (network
 * order): include/net/sock.h, struct sock_common. The addresses are those that the
 * socket is bound to: inet_sport and inet_saddr are only for what it sends. But a socket
 * that was reset has given skc_num back (inet_put_port()) and still has inet_sport.
 */
static const struct field fields[] = {
	{"task_struct", "files", offsetof(struct ec_koffs, task_files)},
	{"task_struct", "tgid", offsetof(struct ec_koffs, task_tgid)},
	{"task_struct", "pid", offsetof(struct ec_koffs, task_pid)},
	{"task_struct", "signal", offsetof(struct ec_koffs, task_signal)},
	{"signal_struct", "live", offsetof(struct ec_koffs, signal_live)},
	{"files_struct", "fdt", offsetof(struct ec_koffs, files_fdt)},
	{"fdtable", "max_fds", offsetof(struct ec_koffs, fdt_max)},
	{"fdtable", "fd", offsetof(struct ec_koffs, fdt_fd)},
	{"file", "private_data", offsetof(struct ec_koffs, file_private)},
	{"file", "f_inode", offsetof(struct ec_koffs, file_inode)},
	{"inode", "i_mode", offsetof(struct ec_koffs, inode_mode)},
	{"socket", "sk", offsetof(struct ec_koffs, socket_sk)},
	{"sock", "__sk_common.skc_family", offsetof(struct ec_koffs, sk_family)},
	{"sock", "__sk_common.skc_num", offsetof(struct ec_koffs, sk_lport)},
	{"sock", "__sk_common.skc_dport", offsetof(struct ec_koffs, sk_rport)},
	{"sock", "__sk_common.skc_rcv_saddr", offsetof(struct ec_koffs, sk_laddr)},
	{"sock", "__sk_common.skc_daddr", offsetof(struct ec_koffs, sk_raddr)},
	{"sock", "__sk_common.skc_v6_rcv_saddr", offsetof(struct ec_koffs, sk_laddr6)},
	{"sock", "__sk_common.skc_v6_daddr", offsetof(struct ec_koffs, sk_raddr6)},
	/* which begins with its struct sock */
	{"inet_sock", "inet_sport", offsetof(struct ec_koffs, sk_sport)},
};

static __u16 *slot(struct ec_koffs *k, const struct field *f)
{
	return (__u16 *)((char *)k + f->at);
}

void ec_koffs_clear(struct ec_koffs *k)
{
	__u16 *v = (__u16 *)k;

	for (size_t i = 0; i < N_FIELDS; i++)
		v[i] = EC_KOFF_NONE;
}

static const struct btf_type *aggregate(const struct btf *btf, __u32 id)
{
	int real = btf__resolve_type(btf, id);
	const struct btf_type *t = real < 0 ? NULL : btf__type_by_id(btf, real);

	return t && btf_is_composite(t) ? t : NULL;
}

/* Bit offset of the member `name` (n bytes of it) in t; its type goes to *type. */
static long member(const struct btf *btf, const struct btf_type *t, const char *name,
		   size_t n, int depth, __u32 *type)
{
	const struct btf_member *m = btf_members(t);

	for (__u32 i = 0; i < btf_vlen(t); i++, m++) {
		const char *s = btf__name_by_offset(btf, m->name_off);
		const struct btf_type *in;
		long off;

		if (s && *s) {
			if (strncmp(s, name, n) || s[n])
				continue;
			if (btf_member_bitfield_size(t, i))
				return -1;
			*type = m->type;
			return btf_member_bit_offset(t, i);
		}
		in = depth < MAX_DEPTH ? aggregate(btf, m->type) : NULL;
		off = in ? member(btf, in, name, n, depth + 1, type) : -1;
		if (off >= 0)
			return off + btf_member_bit_offset(t, i);
	}
	return -1;
}

/* Byte offset of a dotted path, EC_KOFF_NONE if it is not there. */
static __u16 offset_of(const struct btf *btf, const struct btf_type *t, const char *path)
{
	unsigned long sum = 0;

	for (;;) {
		size_t n = strcspn(path, ".");
		__u32 type = 0;
		long off = member(btf, t, path, n, 0, &type);

		if (off < 0)
			return EC_KOFF_NONE;
		sum += off;
		if (!path[n])
			break;
		path += n + 1;
		t = aggregate(btf, type);
		if (!t)
			return EC_KOFF_NONE;
	}
	return sum % 8 || sum / 8 >= EC_KOFF_NONE ? EC_KOFF_NONE : sum / 8;
}

/* Fills what struct `name` gives; returns how many fields became known. */
static unsigned int fill(struct ec_koffs *k, const struct btf *btf,
			 const struct btf_type *t, const char *name)
{
	unsigned int n = 0;

	for (size_t i = 0; i < EC_ARRAY_SIZE(fields); i++) {
		const struct field *f = &fields[i];
		__u16 *v = slot(k, f);

		if (*v != EC_KOFF_NONE || strcmp(name, f->type))
			continue;
		*v = offset_of(btf, t, f->path);
		n += *v != EC_KOFF_NONE;
	}
	return n;
}

/* The initials of all names in `fields`: most of 10,000 structs end here. */
static bool may_be_ours(const char *name)
{
	return *name == 't' || *name == 'f' || *name == 'i' || *name == 's';
}

static int load_error(long err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
		return -ENOENT;
	case -ENOMEM:
	case -EACCES:
	case -EPERM:
	case -EMFILE:
	case -ENFILE:
		return err;
	default:
		return -EBADMSG;
	}
}

int ec_koffs_from_btf(struct ec_koffs *k, const char *path)
{
	struct btf *btf = btf__parse(path ? path : BTF_PATH, NULL);
	unsigned int left = EC_ARRAY_SIZE(fields);
	struct ec_koffs found;
	long err = libbpf_get_error(btf);
	__u32 n;

	if (err)
		return load_error(err);
	ec_koffs_clear(&found);
	n = btf__type_cnt(btf);
	for (__u32 id = 1; id < n && left; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name;

		if (!t || !btf_is_struct(t) || !btf_vlen(t))
			continue;
		name = btf__name_by_offset(btf, t->name_off);
		if (name && may_be_ours(name))
			left -= fill(&found, btf, t, name);
	}
	btf__free(btf);
	*k = found;
	return 0;
}

bool ec_koffs_can_walk(const struct ec_koffs *k)
{
	return k->task_files != EC_KOFF_NONE && k->files_fdt != EC_KOFF_NONE &&
	       k->fdt_max != EC_KOFF_NONE && k->fdt_fd != EC_KOFF_NONE &&
	       k->file_private != EC_KOFF_NONE && k->file_inode != EC_KOFF_NONE &&
	       k->inode_mode != EC_KOFF_NONE && k->socket_sk != EC_KOFF_NONE;
}

bool ec_koffs_can_sock(const struct ec_koffs *k)
{
	return k->sk_family != EC_KOFF_NONE && k->sk_lport != EC_KOFF_NONE &&
	       k->sk_rport != EC_KOFF_NONE && k->sk_laddr != EC_KOFF_NONE &&
	       k->sk_raddr != EC_KOFF_NONE && k->sk_laddr6 != EC_KOFF_NONE &&
	       k->sk_raddr6 != EC_KOFF_NONE;
}
