/* SPDX-License-Identifier: GPL-2.0-only */
/* Recordings: the raw record stream in a file (docs/FORMATS.md). */
#ifndef EC_CAPTURE_RECORDING_H
#define EC_CAPTURE_RECORDING_H

#include "abi/record.h"
#include <stddef.h>
#include <stdint.h>

struct ec_recorder;
/* The descriptor becomes the recorder's. Writes the head. 0 or -errno */
int ec_recorder_new(int fd, struct ec_recorder **out);
/* One record. 0 or -errno of the write that failed first; nothing is written after it. */
int ec_recorder_add(struct ec_recorder *r, const void *rec, size_t n);
int ec_recorder_flush(struct ec_recorder *r);
int ec_recorder_free(struct ec_recorder *r); /* flushes and closes */

struct ec_player;
/* The descriptor becomes the player's. -EBADMSG: no recording, or of another version or
 * byte order. */
int ec_player_new(int fd, struct ec_player **out);
/* The next record, valid until the next call. 1; 0 at the end; -EBADMSG when damaged or
 * cut off; -errno of read. */
int ec_player_next(struct ec_player *p, const void **rec, size_t *n);
/* Name of a module by its index in the recording, NULL if none. */
const char *ec_player_module(const struct ec_player *p, uint16_t index);
void ec_player_free(struct ec_player *p);

#endif
