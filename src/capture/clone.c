// SPDX-License-Identifier: GPL-2.0-only
#include "capture/clone.h"
#include "abi/maps.h"
#include "base/util.h"
#include "host/features.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

_Static_assert(!(EC_COOKIE_PATCHED & EC_COOKIE_RET_INSN), "see abi/maps.h");

/* Is this the two-instruction load of the constant? */
static bool is_placeholder(const struct bpf_insn *i)
{
	return i[0].code == (BPF_LD | BPF_IMM | BPF_DW) && !i[0].src_reg &&
	       (uint32_t)i[0].imm == (uint32_t)EC_COOKIE_PATCHED &&
	       (uint32_t)i[1].imm == (uint32_t)(EC_COOKIE_PATCHED >> 32);
}

int ec_clone_load(const struct bpf_program *p, uint64_t cookie)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o,
		    .expected_attach_type = bpf_program__expected_attach_type(p),
		    .kern_version = ec_features_code());
	size_t n = bpf_program__insn_cnt(p);
	const struct bpf_insn *from = bpf_program__insns(p);
	_ec_free_ struct bpf_insn *insns = NULL;
	unsigned int found = 0;
	int fd;

	if (!from || !n)
		return -EINVAL;
	insns = malloc(n * sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	memcpy(insns, from, n * sizeof(*insns));
	for (size_t i = 0; i + 1 < n; i++) {
		if (!is_placeholder(&insns[i]))
			continue;
		insns[i].imm = (uint32_t)cookie;
		insns[i + 1].imm = (uint32_t)(cookie >> 32);
		found++;
	}
	if (!found)
		return -ENOENT;
	fd = bpf_prog_load(bpf_program__type(p), bpf_program__name(p), "GPL", insns, n,
			   &o);
	return fd < 0 ? -errno : fd;
}
