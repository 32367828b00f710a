/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sink turns items into bytes of one format in one output. Sinks get items, never
 * records, and know no library and no other sink. In life order:
 *
 *   open()   allocates the state; writes nothing that depends on items
 *   item()   formats into out->buf; the caller writes it
 *   flush()  whatever is held back (text has nothing)
 *   reopened()  out->fd is another file, of the same name; NULL: no matter
 *   close()  last bytes of the format, frees the state
 *
 * Errors: 0 or -errno. -EPIPE is the reader's choice and ends quietly; others end the
 * capture with the table's words. A sink allocates nothing per item.
 */
#ifndef EC_SINK_SINK_H
#define EC_SINK_SINK_H

#include "model/item.h"
#include "sink/out.h"

struct ec_sink_opts {
	bool hex;     /* payload as a hex dump */
	bool color;   /* ANSI colour in head lines (text) */
	bool stats;   /* text: show stats items too (machines always get them) */
	bool secrets; /* json: secrets were asked for */
};

struct ec_sink {
	const struct ec_sink_ops *ops;
	struct ec_out *out; /* owned by the opener of the sink, closed after close() */
	struct ec_sink_opts opts;
	void *state;
	uint32_t kinds; /* bit per enum ec_item_kind that it wants; set by open() */
};

struct ec_sink_ops {
	const char *name;	     /* as in -o NAME:PATH and --format NAME */
	const char *const *suffixes; /* of files that get it by default, NULL-ended */
	bool appends; /* to a file that is there, which it may read before */
	int (*open)(struct ec_sink *s);
	int (*item)(struct ec_sink *s, const struct ec_item *it);
	int (*flush)(struct ec_sink *s);
	void (*reopened)(struct ec_sink *s);
	int (*close)(struct ec_sink *s);
};

extern const struct ec_sink_ops ec_sink_text;
extern const struct ec_sink_ops ec_sink_jsonl;
extern const struct ec_sink_ops ec_sink_keylog;
/* All of them, NULL-ended. */
extern const struct ec_sink_ops *const ec_sinks[];
const struct ec_sink_ops *ec_sink_find(const char *name);     /* NULL: none */
const struct ec_sink_ops *ec_sink_for_path(const char *path); /* by suffix, else text */

#endif
