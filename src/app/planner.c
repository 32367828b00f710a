// SPDX-License-Identifier: GPL-2.0-only
#include "app/planner.h"
#include "base/log.h"
#include "base/util.h"
#include "host/rights.h"
#include "modules/module.h"
#include "privsep/msg.h"
#include "target/known.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

static void answer(int sock, uint32_t id, uint32_t module, int err,
		   const struct ec_plan *plan)
{
	struct ec_msg m = {.type = EC_MSG_PLANNED,
			   .id = id,
			   .arg = module,
			   .err = err,
			   .len = ec_plan_size(plan)};

	if (ec_msg_send(sock, &m, plan, -1))
		_exit(0); /* the attacher is gone */
}

static int plan_file(struct ec_cache *cache, int fd, unsigned int module,
		     const struct ec_plan_ask *ask, struct ec_plan *plan)
{
	const struct ec_module *m = ec_modules[module].module;
	struct ec_file *f = NULL;
	int err = ec_file_open(fd, &f);

	if (err)
		return err;
	/* What is planned as the user says is not kept: it holds for this run. */
	if (ask && m->plan_as)
		err = m->plan_as(f, ask, plan);
	else
		err = cache ? ec_cache_plan(cache, f, module, plan) : m->plan(f, plan);
	ec_file_free(f);
	return err;
}

/* What a file holds by known.h, put where `plan` says nothing yet. */
static int plan_known(const struct ec_file *f, struct ec_plan *plan)
{
	static const uint16_t obstacles[] = {
		[EC_KNOWN_LATER] = EC_OBSTACLE_LATER,
		[EC_KNOWN_NEVER] = EC_OBSTACLE_NEVER,
		[EC_KNOWN_ELSEWHERE] = EC_OBSTACLE_ELSEWHERE,
		[EC_KNOWN_USES] = EC_OBSTACLE_USES,
	};
	struct ec_known k;
	int err = ec_known_look(f, &k);

	if (err)
		return err;
	plan->symbols = k.symbols;
	memcpy(plan->how, k.evidence, sizeof(plan->how));
	memcpy(plan->todo, k.todo, sizeof(plan->todo));
	if (plan->library[0])
		return 0;
	plan->obstacle = obstacles[k.state];
	memcpy(plan->library, k.library, sizeof(plan->library));
	memcpy(plan->version, k.version, sizeof(plan->version));
	memcpy(plan->why, k.why, sizeof(plan->why));
	return 0;
}

/* -ENOENT with plan->library: recognised, not to be probed. */
static int plan_any(const struct ec_file *f, struct ec_plan *plan, uint32_t *module)
{
	static struct ec_plan one, named;

	memset(&named, 0, sizeof(named));
	*module = EC_PLAN_ANY;
	for (unsigned int i = 0; i < ec_modules_count; i++) {
		memset(&one, 0, sizeof(one));
		if (!ec_modules[i].module->plan(f, &one) && one.npoints) {
			*module = i;
			*plan = one;
			return 0;
		}
		if (one.library[0] && !named.library[0]) {
			*module = i;
			named = one;
			named.npoints = 0;
			named.obstacle = EC_OBSTACLE_LATER;
		} else if (one.version[0] && !named.library[0]) {
			/* for the library beside it */
			memcpy(named.version, one.version, sizeof(named.version));
		}
	}
	*plan = named;
	plan_known(f, plan);
	return -ENOENT;
}

static int survey_file(int fd, struct ec_plan *plan, uint32_t *module)
{
	struct ec_file *f = NULL;
	int err = ec_file_open(fd, &f);

	if (err)
		return err;
	err = plan_any(f, plan, module);
	ec_file_free(f);
	return err;
}

static const struct ec_plan_ask *ask_of(const struct ec_msg *m, const char *body)
{
	static struct ec_plan_ask ask;

	if (m->len != sizeof(ask))
		return NULL;
	memcpy(&ask, body, sizeof(ask));
	ask.version[sizeof(ask.version) - 1] = 0;
	return &ask;
}

/*
 * A file that takes too long ends us, which costs that file. By the time of the
 * processor: a slow disk is no fault of it.
 */
static void time_limit(time_t seconds)
{
	struct itimerval t = {.it_value.tv_sec = seconds};

	setitimer(ITIMER_PROF, &t, NULL);
}

static int planner_main(void *ctx, int sock)
{
	struct ec_cache *cache = ctx; /* our copy: nothing of it goes back */
	static struct ec_plan plan;
	struct rlimit memory = {EC_PLANNER_MEMORY, EC_PLANNER_MEMORY};
	struct rlimit none = {0, 0};
	_ec_free_ char *body = malloc(EC_MSG_BODY_MAX);
	int err;

	setpriority(PRIO_PROCESS, 0, 0); /* one started again would have the attacher's */
	setrlimit(RLIMIT_AS, &memory);
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_FSIZE, &none);
	err = body ? ec_rights_drop() : -ENOMEM;
	if (!err)
		err = ec_sandbox_planner();
	if (err && err != -ENOSYS) {
		ec_error("planner: cannot give up its rights: %s", strerror(-err));
		return 1;
	}
	for (;;) {
		struct ec_msg m;
		int fd = -1;

		err = ec_msg_recv(sock, &m, body, &fd);
		if (err)
			return 0;
		memset(&plan, 0, sizeof(plan));
		time_limit(EC_PLANNER_TIME);
		if (m.type == EC_MSG_PLAN && fd >= 0 && m.arg == EC_PLAN_ANY)
			err = survey_file(fd, &plan, &m.arg);
		else if (m.type != EC_MSG_PLAN || fd < 0 || m.arg >= ec_modules_count)
			err = -EINVAL;
		else
			err = plan_file(cache, fd, m.arg, ask_of(&m, body), &plan);
		time_limit(0);
		if (fd >= 0)
			close(fd);
		answer(sock, m.id, m.arg, err, &plan);
	}
}

int ec_planner_spawn_with(struct ec_cache *cache, struct ec_child *out)
{
	int keep = ec_log_fd();

	return ec_child_spawn("ec-planner", planner_main, cache, &keep, 1, out);
}

int ec_planner_spawn(struct ec_child *out)
{
	return ec_planner_spawn_with(NULL, out);
}
