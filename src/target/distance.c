// SPDX-License-Identifier: GPL-2.0-only
#include "target/distance.h"
#include "base/util.h"
#include <stdbool.h>
#include <string.h>

/*
 * Most code leads elsewhere, and a program may have 200 MB of it: places are looked at by
 * sixteen, with what every x86-64 and arm64 has.
 */
#define BLOCK 16

typedef uint32_t lanes __attribute__((vector_size(16)));

/* By the low halves of addresses: what is elsewhere in them is elsewhere. */
static bool some_near(const uint8_t *p, uint32_t at, uint32_t span)
{
	lanes near = {0}, place = {0, 4, 8, 12};
	uint64_t any[2];

	place += at;
	for (int k = 0; k < 4; k++) {
		lanes distance;

		memcpy(&distance, p + k, sizeof(distance));
		near |= (lanes)(distance + place <= span);
		place += 1;
	}
	memcpy(any, &near, sizeof(any));
	return any[0] | any[1];
}

uint64_t ec_distance_next(const uint8_t *p, uint64_t n, uint64_t i, uint64_t low,
			  uint64_t span)
{
	uint64_t last = n >= 4 ? n - 3 : 0; /* behind the last place */

	while (i < last) {
		uint64_t end = EC_MIN(i + BLOCK, last);

		if (end - i == BLOCK && span <= UINT32_MAX &&
		    !some_near(p + i, (uint32_t)(i + 4 - low), (uint32_t)span)) {
			i = end;
			continue;
		}
		for (; i < end; i++) {
			int32_t d;

			memcpy(&d, p + i, sizeof(d));
			if (i + 4 + (uint64_t)(int64_t)d - low <= span)
				return i;
		}
	}
	return n;
}
