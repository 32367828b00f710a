/* SPDX-License-Identifier: GPL-2.0-only */
/* Instructions of the small programs that are written by hand: linux/bpf.h, struct
 * bpf_insn. */
#ifndef EC_HOST_BPF_INSN_H
#define EC_HOST_BPF_INSN_H

#include <linux/bpf.h>

#define EC_INSN(c, d, s, o, i)                                                      \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}
#define EC_INSN_MOV(d, i)    EC_INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define EC_INSN_CALL(helper) EC_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define EC_INSN_EXIT()	     EC_INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

#endif
