// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenSSL. Which function a program stands on, and how that function tells the number of
 * bytes, is the plan's business (openssl.c); the shape comes with the attach cookie.
 */
#include "bpf/call.h"

char LICENSE[] SEC("license") = "GPL";

/* Both arguments are read at fixed offsets: the verifier refuses a computed one. */
static __always_inline __u64 count_at(struct pt_regs *ctx)
{
	volatile __u64 arg4 = PT_REGS_PARM4(ctx);
	volatile __u64 arg5 = PT_REGS_PARM5(ctx);
	__u32 shape = EC_COOKIE_SHAPE(bpf_get_attach_cookie(ctx));

	if (shape == EC_SHAPE_ARG4)
		return arg4;
	return shape == EC_SHAPE_ARG5 ? arg5 : 0;
}

SEC("uprobe")
int ec_ssl_write_in(struct pt_regs *ctx)
{
	return call_enter(ctx, PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), count_at(ctx),
			  EC_DIR_SENT);
}

SEC("uprobe")
int ec_ssl_read_in(struct pt_regs *ctx)
{
	return call_enter(ctx, PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), count_at(ctx),
			  EC_DIR_RECV);
}

/* For both directions: the frame says which. One program is verified once. */
SEC("uprobe")
int ec_ssl_data_out(struct pt_regs *ctx)
{
	return call_leave(ctx);
}

/*
 * The handshake moves no plaintext, but it is when a connection is first seen: time to
 * learn its socket before the first message.
 */
SEC("uprobe")
int ec_ssl_shake_in(struct pt_regs *ctx)
{
	return call_enter(ctx, PT_REGS_PARM1(ctx), 0, 0, EC_DIR_NONE);
}

SEC("uprobe")
int ec_ssl_shake_out(struct pt_regs *ctx)
{
	return call_drop(ctx);
}

SEC("uprobe")
int ec_ssl_free(struct pt_regs *ctx)
{
	return call_forget(PT_REGS_PARM1(ctx));
}

SEC("uprobe")
int ec_ssl_clear(struct pt_regs *ctx)
{
	return call_forget(PT_REGS_PARM1(ctx));
}
