/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes → checked records. Both the ring and a recording are taken as hostile: a record
 * is handed on only when its size, kind and every length and enum in it hold.
 */
#ifndef EC_CAPTURE_DECODE_H
#define EC_CAPTURE_DECODE_H

#include "abi/record.h"
#include <stddef.h>
#include <stdint.h>

struct ec_decode_ops {
	/* Each may be NULL. Non-zero ends decoding with that value. */
	int (*chunk)(void *ctx, const struct ec_rec_chunk *c, const uint8_t *payload);
	int (*conn)(void *ctx, const struct ec_rec_conn *c);
	int (*secret)(void *ctx, const struct ec_rec_secret *r);
	int (*process)(void *ctx, const struct ec_rec_process *p);
	int (*target)(void *ctx, const struct ec_rec_target *t);
	int (*note)(void *ctx, const struct ec_rec_note *n);
	int (*clock)(void *ctx, const struct ec_rec_clock *c);
	int (*who)(void *ctx, const struct ec_rec_who *w);
	/* Kinds that this version does not know but whose frame is sound: skipped. */
};

/*
 * One record at p, n bytes available; the record may be shorter (ring slack). The bytes
 * need not be aligned: fixed parts are copied. -EBADMSG when it is not sound.
 */
int ec_decode(const void *p, size_t n, const struct ec_decode_ops *ops, void *ctx);

#endif
