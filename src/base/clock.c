// SPDX-License-Identifier: GPL-2.0-only
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t now(clockid_t id)
{
	struct timespec ts = {0};

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * EC_NSEC + (uint64_t)ts.tv_nsec;
}

uint64_t ec_clock_mono(void)
{
	return now(CLOCK_MONOTONIC);
}

uint64_t ec_clock_wall(void)
{
	return now(CLOCK_REALTIME);
}

static void fill(struct ec_clock_cache *c, int64_t sec, bool utc)
{
	char head[64], zone[32] = "Z";
	time_t t = (time_t)sec;
	struct tm tm = {0};
	long off;

	if (utc || !localtime_r(&t, &tm)) {
		gmtime_r(&t, &tm);
	} else {
		/* Seconds of historic offsets do not exist in RFC 3339 section 5.6. */
		off = tm.tm_gmtoff / 60;
		snprintf(zone, sizeof(zone), "%c%02ld:%02ld", off < 0 ? '-' : '+',
			 labs(off) / 60, labs(off) % 60);
	}
	/* 2^64 ns end in the year 2554: four digits. */
	snprintf(head, sizeof(head), "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(c->head, head, sizeof(c->head) - 1);
	c->head[sizeof(c->head) - 1] = 0;
	memcpy(c->zone, zone, sizeof(c->zone) - 1);
	c->zone[sizeof(c->zone) - 1] = 0;
	c->sec = sec;
	c->utc = utc;
	c->filled = true;
}

size_t ec_clock_format(struct ec_clock_cache *c, uint64_t wall, int digits, bool utc,
		       char out[EC_CLOCK_LEN])
{
	int64_t sec = (int64_t)(wall / EC_NSEC);
	uint32_t ns = wall % EC_NSEC;
	size_t len, zone;
	int i;

	if (!c->filled || c->sec != sec || c->utc != utc)
		fill(c, sec, utc);
	len = strlen(c->head);
	memcpy(out, c->head, len);
	digits = EC_MIN(digits, 9);
	if (digits > 0) {
		out[len] = '.';
		for (i = 9; i > 0; i--, ns /= 10) {
			if (i <= digits)
				out[len + (size_t)i] = '0' + ns % 10;
		}
		len += 1 + (size_t)digits;
	}
	zone = strlen(c->zone);
	memcpy(out + len, c->zone, zone + 1);
	return len + zone;
}

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{"", EC_NSEC},		{"s", EC_NSEC},
	{"m", 60 * EC_NSEC},	{"h", 3600 * EC_NSEC},
	{"d", 86400 * EC_NSEC}, {"ms", EC_NSEC / 1000},
	{"us", 1000},		{"ns", 1},
};

int ec_clock_parse_duration(const char *s, uint64_t *ns)
{
	uint64_t whole = 0, part = 0, scale = 1;
	unsigned __int128 sum;
	bool any = false, big = false;
	size_t i;

	for (; *s >= '0' && *s <= '9'; s++, any = true) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*s - '0'), &whole))
			big = true;
	}
	if (*s == '.') {
		s++;
		if (*s < '0' || *s > '9')
			return -EINVAL;
		for (; *s >= '0' && *s <= '9'; s++, any = true) {
			if (scale >= EC_NSEC * 1000000ull)
				continue; /* finer than a nanosecond of a day */
			part = part * 10 + (uint64_t)(*s - '0');
			scale *= 10;
		}
	}
	if (!any)
		return -EINVAL;
	for (i = 0; i < EC_ARRAY_SIZE(units); i++) {
		if (strcmp(s, units[i].name))
			continue;
		sum = (unsigned __int128)whole * units[i].ns +
		      (unsigned __int128)part * units[i].ns / scale;
		if (big || sum > UINT64_MAX)
			return -ERANGE;
		*ns = (uint64_t)sum;
		return 0;
	}
	return -EINVAL;
}
