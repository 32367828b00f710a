// SPDX-License-Identifier: GPL-2.0-only
#include "app/whos.h"
#include "base/map.h"

#include <errno.h>
#include <string.h>

#define WHOS_MAX 16384 /* as many as the programs know (EC_THREADS_MAX) */

struct ec_whos {
	struct ec_map *map; /* process → struct ec_who with its strings behind it */
};

static void forget(void *ctx, const void *key, void *value)
{
	free(value);
}

int ec_whos_new(struct ec_whos **out)
{
	struct ec_whos *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	err = ec_map_new(&w->map, sizeof(uint64_t), WHOS_MAX, forget, NULL);
	if (err) {
		free(w);
		return err;
	}
	*out = w;
	return 0;
}

static const char *keep(char **room, const char *s)
{
	size_t n = strlen(s) + 1;
	char *at = *room;

	memcpy(at, s, n);
	*room += n;
	return at;
}

int ec_whos_put(struct ec_whos *w, const struct ec_rec_who *r)
{
	uint64_t key = r->h.process;
	struct ec_who *one = malloc(sizeof(*one) + strlen(r->runtime) +
				    strlen(r->container) + strlen(r->exe) + 3);
	char *room = (char *)(one + 1);
	int err;

	if (!one)
		return -ENOMEM;
	*one = (struct ec_who){
		.verdict = r->verdict,
		.ppid = r->ppid,
		.ns_pid = r->ns_pid,
		.netns = r->netns,
	};
	one->runtime = keep(&room, r->runtime);
	one->container = keep(&room, r->container);
	one->exe = keep(&room, r->exe);
	free(ec_map_del(w->map, &key));
	err = ec_map_put(w->map, &key, one);
	if (err)
		free(one);
	return err;
}

const struct ec_who *ec_whos_get(struct ec_whos *w, uint64_t process)
{
	return ec_map_get(w->map, &process);
}

void ec_whos_free(struct ec_whos *w)
{
	if (!w)
		return;
	ec_map_free(w->map);
	free(w);
}
