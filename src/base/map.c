// SPDX-License-Identifier: GPL-2.0-only
#include "base/map.h"
#include "base/hash.h"

#include <errno.h>
#include <string.h>

#define KEY_MAX	    32
#define FIRST_SLOTS 16

/* In order of use, oldest first. The map's own node closes the ring. */
struct node {
	struct node *older, *newer;
};

struct entry {
	struct node order; /* first: a node is its entry */
	struct entry *chain;
	uint64_t hash;
	void *value;
	uint8_t key[];
};

struct ec_map {
	struct entry **slots;
	size_t nslots; /* a power of two */
	size_t count;
	size_t max;
	size_t key_size;
	struct ec_hash_key seed;
	struct node order; /* newer: the oldest entry; older: the newest one */
	ec_map_evict_fn *evict;
	void *ctx;
};

/*
 * A plain multiply-and-mix hash would be a little faster, but pointers and ports in our
 * keys are chosen by traced programs.
 */
static uint64_t hash_key(const struct ec_map *m, const void *key)
{
	return ec_hash(&m->seed, key, m->key_size);
}

static void order_del(struct node *n)
{
	n->older->newer = n->newer;
	n->newer->older = n->older;
}

static void order_add_newest(struct ec_map *m, struct node *n)
{
	n->older = m->order.older;
	n->newer = &m->order;
	n->older->newer = n;
	m->order.older = n;
}

int ec_map_new(struct ec_map **out, size_t key_size, size_t max, ec_map_evict_fn *evict,
	       void *ctx)
{
	struct ec_map *m;

	if (!key_size || key_size > KEY_MAX || !max)
		return -EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->nslots = FIRST_SLOTS;
	m->slots = calloc(m->nslots, sizeof(*m->slots));
	if (!m->slots) {
		free(m);
		return -ENOMEM;
	}
	m->key_size = key_size;
	m->max = max;
	m->evict = evict;
	m->ctx = ctx;
	m->order.older = m->order.newer = &m->order;
	ec_hash_key_random(&m->seed);
	*out = m;
	return 0;
}

/* The link that points to the entry, or the end of its chain. */
static struct entry **find(struct ec_map *m, const void *key, uint64_t hash)
{
	struct entry **at = &m->slots[hash & (m->nslots - 1)];

	while (*at && ((*at)->hash != hash || memcmp((*at)->key, key, m->key_size)))
		at = &(*at)->chain;
	return at;
}

void *ec_map_get(struct ec_map *m, const void *key)
{
	struct entry *e = *find(m, key, hash_key(m, key));

	if (!e)
		return NULL;
	order_del(&e->order);
	order_add_newest(m, &e->order);
	return e->value;
}

void *ec_map_peek(struct ec_map *m, const void *key)
{
	struct entry *e = *find(m, key, hash_key(m, key));

	return e ? e->value : NULL;
}

/* Out of memory here only means longer chains. */
static void grow(struct ec_map *m)
{
	size_t n = m->nslots * 2, i;
	struct entry **slots, *e, *next;

	if (n < m->nslots)
		return;
	slots = calloc(n, sizeof(*slots));
	if (!slots)
		return;
	for (i = 0; i < m->nslots; i++) {
		for (e = m->slots[i]; e; e = next) {
			next = e->chain;
			e->chain = slots[e->hash & (n - 1)];
			slots[e->hash & (n - 1)] = e;
		}
	}
	free(m->slots);
	m->slots = slots;
	m->nslots = n;
}

/* Takes out the entry at the link, whose memory is then the caller's. */
static struct entry *unlink_entry(struct ec_map *m, struct entry **at)
{
	struct entry *e = *at;

	*at = e->chain;
	order_del(&e->order);
	m->count--;
	return e;
}

static void evict_oldest(struct ec_map *m)
{
	struct entry *e = (struct entry *)m->order.newer;

	e = unlink_entry(m, find(m, e->key, e->hash));
	/* The map is whole again here: the callback may use it. */
	if (m->evict)
		m->evict(m->ctx, e->key, e->value);
	free(e);
}

int ec_map_put(struct ec_map *m, const void *key, void *value)
{
	uint64_t hash = hash_key(m, key);
	struct entry *e, **at;

	if (*find(m, key, hash))
		return -EEXIST;
	e = malloc(sizeof(*e) + m->key_size);
	if (!e)
		return -ENOMEM;
	if (m->count >= m->nslots)
		grow(m);
	e->hash = hash;
	e->value = value;
	memcpy(e->key, key, m->key_size);
	at = &m->slots[hash & (m->nslots - 1)];
	e->chain = *at;
	*at = e;
	order_add_newest(m, &e->order);
	m->count++;
	if (m->count > m->max)
		evict_oldest(m);
	return 0;
}

void *ec_map_del(struct ec_map *m, const void *key)
{
	struct entry **at = find(m, key, hash_key(m, key)), *e;
	void *value;

	if (!*at)
		return NULL;
	e = unlink_entry(m, at);
	value = e->value;
	free(e);
	return value;
}

size_t ec_map_count(const struct ec_map *m)
{
	return m->count;
}

void ec_map_each(struct ec_map *m, ec_map_each_fn *fn, void *ctx)
{
	struct node *n = m->order.newer, *next;
	size_t left = m->count; /* a callback that uses entries moves them to the end */

	for (; left && n != &m->order; left--, n = next) {
		struct entry *e = (struct entry *)n;

		next = n->newer;
		if (!fn(ctx, e->key, e->value))
			return;
	}
}

void ec_map_clear(struct ec_map *m)
{
	while (m->count)
		evict_oldest(m);
}

void ec_map_free(struct ec_map *m)
{
	if (!m)
		return;
	ec_map_clear(m);
	free(m->slots);
	free(m);
}
