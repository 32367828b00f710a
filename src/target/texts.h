/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every string of a file's loaded segments that ends as one of some texts does; not of
 * those with code, where others are only read.
 */
#ifndef EC_TARGET_TEXTS_H
#define EC_TARGET_TEXTS_H

#include "target/file.h"

#define EC_TEXTS_BEFORE 256 /* bytes of a string before the text that are looked at */

struct ec_text {
	unsigned int which; /* number of the text */
	uint64_t va;	    /* of the text itself, which a NUL ends … */
	uint64_t start;	    /* … and of the string: the same where they are equal */
};

/*
 * In one pass (texts are 7 bytes at least, 64 at most of them). The number found, which
 * may be more than `max`: the first ones are in `out`. -ENOMEM.
 */
int ec_texts_find(const struct ec_file *f, const char *const *texts, unsigned int n,
		  struct ec_text *out, unsigned int max);

/*
 * Is `text` anywhere in them, whatever stands around it? Seven times as fast:
 * what most files lack is to be asked for first.
 */
bool ec_texts_any(const struct ec_file *f, const char *text);

#endif
