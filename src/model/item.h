/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Items: what sinks get. An item and all it points to live only during the call that
 * hands it over; a sink that needs more copies it.
 */
#ifndef EC_MODEL_ITEM_H
#define EC_MODEL_ITEM_H

#include "abi/record.h"
#include "model/loss.h"
#include "model/who.h"
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

enum ec_item_kind {
	EC_ITEM_DATA = 0, /* one library call's plaintext */
	EC_ITEM_CONN,
	EC_ITEM_TARGET,
	EC_ITEM_LOSS, /* bytes that are missing where no data follows */
	EC_ITEM_STATS,
	EC_ITEM_SECRET, /* of a handshake; only where one is asked for */
	EC_ITEM_KIND__N,
};

/* A run of bytes that is there (data != NULL) or missing. */
struct ec_seg {
	const uint8_t *data;
	uint64_t len;
	enum ec_loss cause; /* of a missing run */
};

struct ec_item {
	enum ec_item_kind kind;
	uint64_t wall;	    /* ns since 1970 */
	const char *module; /* NULL: none */
	/* who; pid 0: nobody in particular */
	uint32_t pid, tid, uid;
	const char *comm;
	const struct ec_who *who; /* NULL: not known */
	/* where; 0 and family 0: not known */
	uint64_t conn_id;
	const struct ec_addrs *addrs;
	enum ec_dir dir; /* EC_DIR_NONE where it has none */

	union {
		struct {
			/* In order; a gap may stand first, between and last. */
			const struct ec_seg *segs;
			size_t nsegs;
			uint64_t total; /* bytes of the call */
			/* Where in the call this item begins: 0, unless the call was too
			 * long to keep and comes in parts; `len` + `lost` + `cut` is
			 * `total` then only over all its parts. */
			uint64_t off;
			uint64_t len;  /* bytes that are there */
			uint64_t lost; /* bytes missing inside this call */
			uint64_t cut;  /* bytes left out on purpose, at the end */
			/* bytes missing right before this call; reported here only */
			uint64_t lost_before;
			enum ec_loss lost_before_cause;
		} data;
		struct {
			enum ec_conn_state state;
			uint64_t sent, received; /* bytes, lost ones included */
		} conn;
		struct {
			enum ec_target_state state;
			const char *library, *version, *how, *why, *path;
			uint32_t id, points;
		} target;
		struct {
			enum ec_loss cause;
			uint64_t bytes, records;
		} loss;
		struct {
			const struct ec_account *account;
			bool final;
		} stats;
		struct {
			const char *label;
			const uint8_t *id; /* client random, as a rule */
			size_t id_len;
			const uint8_t *secret;
			size_t len;
		} secret;
	};
};

#endif
