/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_BASE_CLOCK_H
#define EC_BASE_CLOCK_H

#include "base/util.h"

#define EC_NSEC 1000000000ull

uint64_t ec_clock_mono(void); /* ns, CLOCK_MONOTONIC: what BPF stamps */
uint64_t ec_clock_wall(void); /* ns since 1970 */

/* Longest result of ec_clock_format: 2026-01-02T03:04:05.123456789+01:00 and NUL. */
#define EC_CLOCK_LEN 40
/*
 * RFC 3339 with `digits` (0, 6 or 9) of fraction. Local time, "Z" when `utc`. Keeps the
 * last second's text, so that a stream of nearby times costs no localtime_r each; not
 * for use by several threads on one cache.
 */
struct ec_clock_cache {
	int64_t sec;
	bool utc;
	bool filled;
	char head[20]; /* 2026-01-02T03:04:05 */
	char zone[8];
};
size_t ec_clock_format(struct ec_clock_cache *c, uint64_t wall, int digits, bool utc,
		       char out[EC_CLOCK_LEN]);
/* "10s", "5m", "2h", "250ms", plain seconds, fractions → ns; 0 or -EINVAL, -ERANGE */
int ec_clock_parse_duration(const char *s, uint64_t *ns);

#endif
