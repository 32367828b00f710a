// SPDX-License-Identifier: GPL-2.0-only
#include "base/clock.h"
#include "base/log.h"
#include "discover/cache_file.h"
#include "modules/module.h"

#include <errno.h>
#include <string.h>

#define SAVE_NS (30 * EC_NSEC)

/* Where a file is looked for; that it is unchanged is then compared. */
struct key {
	uint64_t dev, ino;
	uint64_t module;
};

static struct key key_of(const struct ec_file_id *id, unsigned int module)
{
	return (struct key){id->dev, id->ino, module};
}

static void free_value(void *ctx, const void *key, void *value)
{
	free(value);
}

/* What the same bytes would be answered with again. */
static bool lasting(int err)
{
	return err == -ENOENT || err == -ENOEXEC || err == -EBADMSG || err == -ENOTSUP ||
	       err == -EFBIG;
}

static void plan_of(const struct ec_answer *a, struct ec_plan *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out, a->plan, a->size);
}

bool ec_answer_ok(const struct ec_answer *a, size_t size)
{
	struct ec_plan p;

	if (a->module >= ec_modules_count || a->size > size || a->size > sizeof(p) ||
	    a->size < EC_CACHE_HEAD_LEN || a->pad)
		return false;
	plan_of(a, &p);
	return !ec_plan_check(&p, ec_module_nprogs(ec_modules[a->module].module)) &&
	       a->size == EC_CACHE_HEAD_LEN + p.npoints * sizeof(p.points[0]) &&
	       (p.npoints ? !a->err : lasting(a->err));
}

void ec_cache_add_answer(struct ec_cache *c, struct ec_answer *a, uint64_t *hash)
{
	struct ec_map *m = c->answers[a->err != 0];
	size_t n = sizeof(*a) + a->size;
	struct ec_answer *had;

	*hash = ec_hash(&c->key, a, n);
	had = ec_map_get(m, hash);
	if (!had && !ec_map_put(m, hash, a)) {
		c->changed = true;
		return;
	}
	/* Two of one hash: nobody can make them, and the first one stays. */
	if (had && (had->size != a->size || memcmp(had, a, n)))
		*hash = 0;
	free(a);
}

void ec_cache_add_known(struct ec_cache *c, struct ec_known *k)
{
	struct key key = key_of(&k->id, k->module);
	struct ec_known *had = ec_map_get(c->files, &key);

	if (!had) {
		if (ec_map_put(c->files, &key, k))
			free(k);
		else
			c->changed = true;
		return;
	}
	if (memcmp(had, k, sizeof(*k))) {
		*had = *k;
		c->changed = true;
	}
	free(k);
}

static struct ec_answer *answer_new(unsigned int module, int err,
				    const struct ec_plan *plan)
{
	size_t size =
		EC_CACHE_HEAD_LEN + (err ? 0 : plan->npoints) * sizeof(*plan->points);
	struct ec_answer *a = calloc(1, sizeof(*a) + size);

	if (!a)
		return NULL;
	a->module = module;
	a->err = err;
	a->size = size;
	memcpy(a->plan, plan, size);
	if (err)
		memset(a->plan + offsetof(struct ec_plan, npoints), 0,
		       sizeof(plan->npoints));
	return a;
}

void ec_cache_put(struct ec_cache *c, const struct ec_file_id *id, unsigned int module,
		  int err, const struct ec_plan *plan)
{
	bool by_file = id && id->usable;
	struct ec_answer *a;
	struct ec_known *k;
	uint64_t hash;

	if (plan->npoints > EC_PLAN_POINTS || (!by_file && (err || !plan->build_id_len)))
		return;
	a = answer_new(module, err, plan);
	if (!a || !ec_answer_ok(a, a->size)) {
		free(a);
		return;
	}
	ec_cache_add_answer(c, a, &hash);
	k = by_file && hash ? calloc(1, sizeof(*k)) : NULL;
	if (!k)
		return;
	k->id = *id;
	k->answer = hash;
	k->module = module;
	k->nothing = err != 0;
	ec_cache_add_known(c, k);
}

enum ec_cache_hit ec_cache_by_file(struct ec_cache *c, const struct ec_file_id *id,
				   unsigned int module, struct ec_plan *out, int *err)
{
	struct ec_answer *a;
	struct ec_known *k;
	struct key key;

	if (!id || !id->usable)
		return EC_CACHE_MISS;
	key = key_of(id, module);
	k = ec_map_get(c->files, &key);
	if (!k || memcmp(&k->id, id, sizeof(*id)))
		return EC_CACHE_MISS;
	a = ec_map_get(c->answers[k->nothing], &k->answer);
	if (!a)
		return EC_CACHE_MISS; /* it was in the way of newer ones */
	plan_of(a, out);
	*err = a->err;
	return a->err ? EC_CACHE_NOTHING : EC_CACHE_PLAN;
}

struct look {
	struct ec_cache *c;
	const struct ec_file *f;
	unsigned int module;
	struct ec_plan *out; /* what the file is known by, then the plan */
	bool hashed, found;
	uint64_t hash;
};

static bool look_at(void *ctx, const void *hash, void *value)
{
	const struct ec_answer *a = value;
	struct look *l = ctx;
	struct ec_plan p;

	memcpy(&p, a->plan, EC_CACHE_HEAD_LEN);
	if (a->module != l->module || p.build_id_len != l->out->build_id_len ||
	    p.file_size != l->out->file_size ||
	    memcmp(p.build_id, l->out->build_id, p.build_id_len))
		return true;
	if (!l->hashed)
		l->out->check = ec_file_digest(l->f, &l->c->key);
	l->hashed = true;
	if (p.check != l->out->check)
		return true; /* the same build id, and not the same file */
	l->found = true;
	memcpy(&l->hash, hash, sizeof(l->hash));
	return false;
}

bool ec_cache_by_build_id(struct ec_cache *c, const struct ec_file *f,
			  unsigned int module, struct ec_plan *out)
{
	struct ec_plan want = {.file_size = ec_file_size(f)};
	struct look l = {.c = c, .f = f, .module = module, .out = &want};

	want.build_id_len = ec_file_build_id(f, want.build_id);
	if (!want.build_id_len)
		return false;
	ec_map_each(c->answers[0], look_at, &l);
	if (l.found)
		plan_of(ec_map_get(c->answers[0], &l.hash), out);
	return l.found;
}

int ec_cache_plan(struct ec_cache *c, const struct ec_file *f, unsigned int module,
		  struct ec_plan *out)
{
	const struct ec_module *m = ec_modules[module].module;
	struct ec_file *copy = NULL;
	uint8_t id[EC_PLAN_BUILD_ID];
	int err;

	if (ec_cache_by_build_id(c, f, module, out))
		return 0;
	memset(out, 0, sizeof(*out));
	err = m->plan(f, out);
	/* Most files have nothing to probe, and are not worth a copy. */
	if (err || !ec_file_build_id(f, id) || ec_file_snapshot(f, &copy))
		return err;
	memset(out, 0, sizeof(*out));
	err = m->plan(copy, out);
	if (!err) {
		out->build_id_len = ec_file_build_id(copy, out->build_id);
		out->file_size = ec_file_size(copy);
		out->check = ec_file_digest(copy, &c->key);
		ec_cache_put(c, NULL, module, 0, out);
	}
	ec_file_free(copy);
	return err;
}

static int maps_new(struct ec_cache *c)
{
	int err = ec_map_new(&c->files, sizeof(struct key), EC_CACHE_FILES, free_value,
			     NULL);

	if (!err)
		err = ec_map_new(&c->answers[0], sizeof(uint64_t), EC_CACHE_PLANS,
				 free_value, NULL);
	if (!err)
		err = ec_map_new(&c->answers[1], sizeof(uint64_t), EC_CACHE_NOTHINGS,
				 free_value, NULL);
	return err;
}

int ec_cache_open(const char *path, struct ec_cache **out)
{
	struct ec_cache *c = calloc(1, sizeof(*c));
	const char *why;
	int err = c ? maps_new(c) : -ENOMEM;

	if (!err && path && !(c->path = strdup(path)))
		err = -ENOMEM;
	if (err) {
		ec_cache_free(c);
		return err;
	}
	ec_hash_key_random(&c->key);
	why = path ? ec_cache_load(c) : NULL;
	if (why) {
		ec_debug("plan cache %s: made anew: %s", path, why);
		ec_map_clear(c->files);
		ec_map_clear(c->answers[0]);
		ec_map_clear(c->answers[1]);
		ec_hash_key_random(&c->key);
	}
	c->changed = false;
	c->saved = ec_clock_mono();
	*out = c;
	return 0;
}

static int save(struct ec_cache *c, bool sync)
{
	int err;

	if (!c->path || !c->changed)
		return 0;
	err = ec_cache_write(c, sync);
	if (err)
		ec_debug("plan cache %s: not written: %s", c->path, strerror(-err));
	/* One that cannot be written is not tried for again and again. */
	c->changed = false;
	c->saved = ec_clock_mono();
	return err;
}

int ec_cache_save(struct ec_cache *c)
{
	return save(c, true);
}

void ec_cache_tick(struct ec_cache *c)
{
	if (c->changed && ec_clock_mono() - c->saved >= SAVE_NS)
		save(c, false);
}

size_t ec_cache_files(const struct ec_cache *c)
{
	return ec_map_count(c->files);
}

size_t ec_cache_plans(const struct ec_cache *c)
{
	return ec_map_count(c->answers[0]);
}

void ec_cache_free(struct ec_cache *c)
{
	if (!c)
		return;
	ec_map_free(c->files);
	ec_map_free(c->answers[0]);
	ec_map_free(c->answers[1]);
	free(c->path);
	free(c);
}
