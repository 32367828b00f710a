// SPDX-License-Identifier: GPL-2.0-only
#include "base/seen.h"
#include "base/hash.h"

#include <errno.h>

#define FIRST 1024 /* slots to begin with */

/* Open addressing; at most half full. 0: free. */
struct generation {
	uint64_t *slot;
	size_t size, n;
};

/* What comes goes into `now`; when that is full it becomes `before`. */
struct ec_seen {
	struct ec_hash_key key;
	struct generation now, before;
	size_t max;
};

int ec_seen_new(size_t max, struct ec_seen **out)
{
	struct ec_seen *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->max = max;
	ec_hash_key_random(&s->key);
	*out = s;
	return 0;
}

/* Where it is, or would be. */
static uint64_t *slot_of(const struct generation *g, uint64_t h)
{
	size_t i = h & (g->size - 1);

	while (g->slot[i] && g->slot[i] != h)
		i = (i + 1) & (g->size - 1);
	return &g->slot[i];
}

static bool holds(const struct generation *g, uint64_t h)
{
	return g->size && *slot_of(g, h);
}

static bool grow(struct generation *g)
{
	struct generation to = {.size = g->size ? 2 * g->size : FIRST, .n = g->n};

	to.slot = calloc(to.size, sizeof(*to.slot));
	if (!to.slot)
		return false;
	for (size_t i = 0; i < g->size; i++)
		if (g->slot[i])
			*slot_of(&to, g->slot[i]) = g->slot[i];
	free(g->slot);
	*g = to;
	return true;
}

bool ec_seen_add(struct ec_seen *s, const void *p, size_t n)
{
	uint64_t h = ec_hash(&s->key, p, n) | 1; /* never 0 */

	if (holds(&s->now, h) || holds(&s->before, h))
		return false;
	if (s->now.n >= s->max) {
		free(s->before.slot);
		s->before = s->now;
		s->now = (struct generation){0};
	}
	if (2 * (s->now.n + 1) > s->now.size && !grow(&s->now))
		return true;
	*slot_of(&s->now, h) = h;
	s->now.n++;
	return true;
}

void ec_seen_free(struct ec_seen *s)
{
	if (!s)
		return;
	free(s->now.slot);
	free(s->before.slot);
	free(s);
}
