/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of the room: where in a file's loaded segments each of many strings stands
 * first, in one pass (Wu and Manber, "A fast algorithm for multi-pattern searching",
 * 1994): a table of two-byte pairs says how far the window may be moved on.
 */
#ifndef EC_TARGET_NEEDLES_H
#define EC_TARGET_NEEDLES_H

#include "target/file.h"

#define EC_NEEDLES_MAX 64
#define EC_NEEDLES_MIN 7 /* bytes of the shortest needle: the window */

enum ec_needle_kind {
	EC_NEEDLE_PLAIN,
	EC_NEEDLE_VERSION, /* a number with `dots` dots or more must follow */
	EC_NEEDLE_ALIGNED, /* at a multiple of 16 in the file */
};

struct ec_needle {
	const char *text; /* its end by NUL; EC_NEEDLES_MIN bytes at least */
	enum ec_needle_kind kind;
	unsigned int dots;
};

#define EC_NEEDLE_NONE UINT64_MAX

/*
 * hits[i]: offset in the file of the first place of v[i], EC_NEEDLE_NONE if none. The
 * first GiB of segments is read: about 0.2 s there.
 */
void ec_needles_find(const struct ec_file *f, const struct ec_needle *v, unsigned int n,
		     uint64_t *hits);
/*
 * Each place of each of them, by their order in the segments that have none of the flags
 * `skip`: until `hit`, which gets the needle's number, returns something else than 0.
 * What that was, or -ENOMEM.
 */
int ec_needles_each(const struct ec_file *f, const struct ec_needle *v, unsigned int n,
		    uint32_t skip, int (*hit)(void *ctx, unsigned int i, uint64_t off),
		    void *ctx);
/*
 * The version that begins at a file offset: digits, dots, letters, '+', '-', '_' as far
 * as they go. Length, 0 if no digit stands there; out is ended by NUL.
 */
size_t ec_needle_version(const struct ec_file *f, uint64_t off, char *out, size_t n);

#endif
