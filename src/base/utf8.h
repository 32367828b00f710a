/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_BASE_UTF8_H
#define EC_BASE_UTF8_H

#include "base/util.h"

/* Length of the longest valid UTF-8 prefix (RFC 3629: no surrogates, no overlong). */
size_t ec_utf8_valid(const void *p, size_t n);
/*
 * Bytes at the end of p[0..n) that begin a character which is not whole yet: 0 to 3.
 * Only the tail is looked at.
 */
size_t ec_utf8_tail(const void *p, size_t n);
/*
 * Length of the prefix that a terminal shows as it stands: printable ASCII, \t, \n, and
 * \r before \n. Fast: meant for megabytes.
 */
size_t ec_utf8_plain(const void *p, size_t n);

#endif
