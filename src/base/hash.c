// SPDX-License-Identifier: GPL-2.0-only
#include "base/hash.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

#define BLOCK_WORDS 128
#define BLOCK	    (BLOCK_WORDS * sizeof(uint64_t))

void ec_hash_key_random(struct ec_hash_key *key)
{
	const void *given;

	memset(key, 0, sizeof(*key));
	if (getrandom(key, sizeof(*key), GRND_NONBLOCK) == sizeof(*key))
		return;
	/* Before the kernel's pool is ready, or in a sandbox: 16 bytes that execve gave.
	 */
	given = (const void *)getauxval(AT_RANDOM);
	if (given)
		memcpy(key, given, sizeof(*key));
}

/* SipHash-1-3 (Aumasson, Bernstein: SipHash, 2012). */
struct sip {
	uint64_t v[4];
};

static inline uint64_t rotl(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static inline struct sip sip_begin(const struct ec_hash_key *key)
{
	return (struct sip){{
		key->k[0] ^ 0x736f6d6570736575ull,
		key->k[1] ^ 0x646f72616e646f6dull,
		key->k[0] ^ 0x6c7967656e657261ull,
		key->k[1] ^ 0x7465646279746573ull,
	}};
}

static inline void sip_word(struct sip *s, uint64_t w)
{
	s->v[3] ^= w;
	sip_round(s->v);
	s->v[0] ^= w;
}

static inline uint64_t sip_end(struct sip *s)
{
	s->v[2] ^= 0xff;
	sip_round(s->v);
	sip_round(s->v);
	sip_round(s->v);
	return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

uint64_t ec_hash(const struct ec_hash_key *key, const void *p, size_t n)
{
	const uint8_t *b = p;
	struct sip s = sip_begin(key);
	uint64_t w;
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		memcpy(&w, b + i, 8);
		sip_word(&s, w);
	}
	w = 0;
	if (i < n)
		memcpy(&w, b + i, n - i);
	sip_word(&s, w ^ (uint64_t)n << 56);
	return sip_end(&s);
}

/* NH: a sum of products of pairs, each word with a key word of its own added. */
static inline unsigned __int128 nh(const uint64_t *key, const uint8_t *p)
{
	unsigned __int128 sum = 0;

	for (int i = 0; i < BLOCK_WORDS; i += 2) {
		uint64_t a, b;

		memcpy(&a, p + i * 8, 8);
		memcpy(&b, p + i * 8 + 8, 8);
		sum += (unsigned __int128)(a + key[i]) * (b + key[i + 1]);
	}
	return sum;
}

/*
 * NH over blocks of 1 KiB, which makes 16 bytes of each, and SipHash over those and the
 * length: the construction of VMAC (Krovetz, Dai 2007), where two texts of one length
 * have one sum with a chance of 2^-64 for who does not know the key.
 */
uint64_t ec_hash_long(const struct ec_hash_key *key, const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t words[BLOCK_WORDS];
	uint8_t last[BLOCK] = {0};
	struct sip s = sip_begin(key);
	unsigned __int128 sum;
	size_t left = n;

	for (uint64_t i = 0; i < BLOCK_WORDS; i++)
		words[i] = ec_hash(key, &i, sizeof(i));
	for (; left >= BLOCK; left -= BLOCK, b += BLOCK) {
		sum = nh(words, b);
		sip_word(&s, sum);
		sip_word(&s, sum >> 64);
	}
	if (left) {
		memcpy(last, b, left);
		sum = nh(words, last);
		sip_word(&s, sum);
		sip_word(&s, sum >> 64);
	}
	sip_word(&s, n);
	return sip_end(&s);
}
