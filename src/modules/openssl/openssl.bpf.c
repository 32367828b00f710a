// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenSSL. Which function a program stands on, and how that function tells the number of
 * bytes, is the plan's business (openssl.c); the shape comes with the attach cookie.
 */
#include "bpf/call.h"

char LICENSE[] SEC("license") = "GPL";

/*
 * Entry of a function that moves plaintext, or of the handshake, which moves none but is
 * when a connection is first seen: time to learn its socket before the first message.
 * One program for all, because each is verified anew at every start.
 */
SEC("uprobe")
int ec_ssl_call_in(struct pt_regs *ctx)
{
	/* read at fixed offsets: the verifier refuses a computed one */
	volatile __u64 arg4 = PT_REGS_PARM4(ctx);
	volatile __u64 arg5 = PT_REGS_PARM5(ctx);
	__u64 cookie = cookie_get(ctx);
	__u32 shape = EC_COOKIE_SHAPE(cookie);
	__u64 count_at = 0;

	no_private_stack(ctx);
	if (shape == EC_SHAPE_ARG4)
		count_at = arg4;
	else if (shape == EC_SHAPE_ARG5)
		count_at = arg5;
	return call_enter(ctx, cookie, PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), count_at);
}

/* For both directions: the frame says which. One program is verified once. */
SEC("uprobe")
int ec_ssl_data_out(struct pt_regs *ctx)
{
	no_private_stack(ctx);
	return call_leave(ctx, cookie_get(ctx));
}

SEC("uprobe")
int ec_ssl_free(struct pt_regs *ctx)
{
	no_private_stack(ctx);
	return call_forget(ctx, PT_REGS_PARM1(ctx));
}

SEC("uprobe")
int ec_ssl_clear(struct pt_regs *ctx)
{
	no_private_stack(ctx);
	return call_forget(ctx, PT_REGS_PARM1(ctx));
}
