/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A growing byte buffer with a ceiling. Appending never aborts: past the ceiling or out
 * of memory it sets `err` (-EFBIG, -ENOMEM), keeps what it has and takes nothing more
 * until ec_buf_reset(); so a writer may append freely and look once at the end.
 * data[len] is not terminated.
 */
#ifndef EC_BASE_BUF_H
#define EC_BASE_BUF_H

#include "base/util.h"
#include <stdarg.h>

struct ec_buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max;
	int err;
};

void ec_buf_init(struct ec_buf *b, size_t max); /* allocates nothing */
void ec_buf_free(struct ec_buf *b);
void ec_buf_reset(struct ec_buf *b); /* keeps the memory, clears len and err */
/* Room for n more bytes, NULL on failure; the caller adds what it wrote to b->len. */
char *ec_buf_room(struct ec_buf *b, size_t n);
void ec_buf_add(struct ec_buf *b, const void *p, size_t n);
void ec_buf_puts(struct ec_buf *b, const char *s);
void ec_buf_putc(struct ec_buf *b, char c);
void ec_buf_printf(struct ec_buf *b, const char *fmt, ...) EC_PRINTF(2, 3);
void ec_buf_vprintf(struct ec_buf *b, const char *fmt, va_list ap);
void ec_buf_u64(struct ec_buf *b, uint64_t v); /* decimal, without printf */
void ec_buf_base64(struct ec_buf *b, const void *p, size_t n); /* RFC 4648 section 4 */

#endif
