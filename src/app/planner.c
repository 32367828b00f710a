// SPDX-License-Identifier: GPL-2.0-only
#include "app/planner.h"
#include "base/log.h"
#include "base/util.h"
#include "host/rights.h"
#include "modules/module.h"
#include "privsep/msg.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

static void answer(int sock, uint32_t id, int err, const struct ec_plan *plan)
{
	struct ec_msg m = {
		.type = EC_MSG_PLANNED, .id = id, .err = err, .len = sizeof(*plan)};

	if (ec_msg_send(sock, &m, plan, -1))
		_exit(0); /* the attacher is gone */
}

static int plan_file(struct ec_cache *cache, int fd, unsigned int module,
		     struct ec_plan *plan)
{
	struct ec_file *f = NULL;
	int err = ec_file_open(fd, &f);

	if (err)
		return err;
	err = cache ? ec_cache_plan(cache, f, module, plan)
		    : ec_modules[module].module->plan(f, plan);
	ec_file_free(f);
	return err;
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
		if (m.type != EC_MSG_PLAN || fd < 0 || m.arg >= ec_modules_count)
			err = -EINVAL;
		else
			err = plan_file(cache, fd, m.arg, &plan);
		if (fd >= 0)
			close(fd);
		answer(sock, m.id, err, &plan);
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
