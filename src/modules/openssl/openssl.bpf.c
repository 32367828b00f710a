// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenSSL. Which function a program stands on, and how that function tells the number of
 * bytes, is the plan's business (openssl.c); the shape comes with the attach cookie.
 */
#include "bpf/call.h"
#include "bpf/late.h"

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

/*
 * What the library's key log is told: ssl_log_secret, or what it calls; before 1.1.1 the
 * keys of a connection are made, from a master secret that is new or resumed.
 */
SEC("uprobe")
int ec_ssl_secret(struct pt_regs *ctx)
{
	volatile __u64 arg2 = PT_REGS_PARM2(ctx);
	volatile __u64 arg3 = PT_REGS_PARM3(ctx);
	volatile __u64 arg4 = PT_REGS_PARM4(ctx);
	volatile __u64 arg5 = PT_REGS_PARM5(ctx);
	volatile __u64 arg6 = ARG6(ctx);
	__u64 cookie = cookie_get(ctx);
	__u32 shape = EC_COOKIE_SHAPE(cookie);
	struct told t = {};

	no_private_stack(ctx);
	t.handle = PT_REGS_PARM1(ctx);
	t.secret = arg3;
	t.len = arg4;
	if (shape == EC_SHAPE_SECRET) {
		t.label = arg2;
	} else if (shape == EC_SHAPE_LABELLED) {
		t.label = t.handle;
		t.handle = arg2;
		t.id = arg3;
		t.id_len = arg4;
		t.secret = arg5;
		t.len = arg6;
	} else if (shape == EC_SHAPE_LABELLED_32) {
		t.label = t.handle;
		t.handle = arg2;
		t.id = arg3;
		t.id_len = RANDOM_LEN;
		t.secret = arg4;
		t.len = arg5;
	} else if (shape == EC_SHAPE_RSA) {
		t.label_id = EC_LABEL_RSA;
		t.id = arg2;
		t.id_len = arg3 < RSA_ID_LEN ? 0 : RSA_ID_LEN;
		t.secret = arg4;
		t.len = arg5;
	}
	return secret_told(ctx, cookie, &t);
}

/* Entry of a function that moves plaintext: is its connection older than we are? */
SEC("uprobe")
int ec_ssl_late(struct pt_regs *ctx)
{
	no_private_stack(ctx);
	return secret_late(ctx, cookie_get(ctx), PT_REGS_PARM1(ctx));
}
