/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A JSON writer into a buffer; commas are its business. Keys are trusted (our own
 * constants); values are not. Nothing is allocated but the buffer. RFC 8259.
 */
#ifndef EC_BASE_JSON_H
#define EC_BASE_JSON_H

#include "base/buf.h"

struct ec_json {
	struct ec_buf *buf;
	bool comma;
};

void ec_json_init(struct ec_json *j, struct ec_buf *b);
/* key NULL: element of an array or the top value */
void ec_json_begin_object(struct ec_json *j, const char *key);
void ec_json_end_object(struct ec_json *j);
void ec_json_begin_array(struct ec_json *j, const char *key);
void ec_json_end_array(struct ec_json *j);
void ec_json_u64(struct ec_json *j, const char *key, uint64_t v);
void ec_json_i64(struct ec_json *j, const char *key, int64_t v);
void ec_json_bool(struct ec_json *j, const char *key, bool v);
/* Any bytes up to NUL; what is not UTF-8 becomes U+FFFD: for names, never for data.
 * NULL is null. */
void ec_json_str(struct ec_json *j, const char *key, const char *s);
/* Bytes that must be exact: `text` when valid UTF-8, else `base64`, as that key. */
void ec_json_bytes(struct ec_json *j, const void *p, size_t n);
/* Escaped contents of a string, without quotes; p must be valid UTF-8. */
void ec_json_escape(struct ec_buf *b, const char *p, size_t n);

#endif
