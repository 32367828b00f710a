/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes on a terminal: what is text, and what must not get through as it is. Private to
 * this room.
 */
#ifndef EC_SINK_SHOW_H
#define EC_SINK_SHOW_H

#include "sink/out.h"

/*
 * Length of the prefix that can be shown as it stands: printable ASCII and Unicode, tab,
 * newline, and carriage return before newline. Not: other C0, DEL, C1 (U+0080 to U+009F),
 * the characters that turn the direction of writing (U+202A to U+202E, U+2066 to
 * U+2069), and what is no UTF-8.
 */
size_t ec_show_plain(const uint8_t *p, size_t n);

/* What a run of bytes is made of. */
struct ec_show_kind {
	size_t plain;	   /* ec_show_plain() of it */
	uint64_t controls; /* characters to be escaped */
	bool invalid;	   /* it holds bytes that are no UTF-8: then look no further */
	/* At its edges: pieces of a character that was cut off there. */
	uint8_t head, tail;
};
void ec_show_judge(const uint8_t *p, size_t n, struct ec_show_kind *k);

/* Writes p, escaping what ec_show_plain() refuses: \x1b for bytes, \u202e for
 * characters. 0 or -errno */
int ec_show_text(struct ec_out *o, const uint8_t *p, size_t n);
/* A name from outside in one line: tab and newline are escaped too. */
void ec_show_name(struct ec_buf *b, const char *s);

#endif
