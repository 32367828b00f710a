// SPDX-License-Identifier: GPL-2.0-only
#include "app/read.h"
#include "app/pipeline.h"
#include "base/fail.h"
#include "base/log.h"
#include "host/rights.h"
#include "privsep/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static int play(const struct ec_options *o, struct ec_player *player,
		struct ec_pipeline *p)
{
	const struct ec_rec *head;
	const void *rec;
	size_t n;
	int rc = 1;

	while (!ec_pipeline_broken(p) && !ec_pipeline_enough(p)) {
		rc = ec_player_next(player, &rec, &n);
		if (rc <= 0)
			break;
		head = rec; /* the player's memory is aligned */
		ec_pipeline_tick(p, head->time);
		ec_pipeline_push(p, rec, n);
	}
	ec_pipeline_finish(p);
	ec_pipeline_log(p);
	if (rc == -EBADMSG)
		return ec_fail(EC_FAIL_RECORDING, o->recording,
			       "it is cut off or damaged; shown up to there");
	return rc < 0 ? ec_fail(EC_FAIL_RECORDING, o->recording, strerror(-rc)) : 0;
}

static int open_recording(const struct ec_options *o, struct ec_player **player)
{
	int fd = strcmp(o->recording, "-") ? open(o->recording, O_RDONLY | O_CLOEXEC)
					   : dup(STDIN_FILENO);
	int err;

	if (fd < 0)
		return ec_fail(EC_FAIL_RECORDING, o->recording, strerror(errno));
	err = ec_player_new(fd, player);
	if (!err)
		return 0;
	close(fd);
	return ec_fail(EC_FAIL_RECORDING, o->recording,
		       err == -EBADMSG ? NULL : strerror(-err));
}

int ec_read_run(const struct ec_options *o)
{
	struct ec_outputs outputs;
	struct ec_player *player = NULL;
	struct ec_pipeline_opts po = {.outputs = &outputs, .options = o};
	struct ec_pipeline *p = NULL;
	struct ec_account a;
	const char *which = NULL;
	int rc = open_recording(o, &player);
	int err;

	signal(SIGPIPE, SIG_IGN);
	if (!rc)
		rc = ec_outputs_open(&outputs, o);
	if (rc)
		return rc;
	po.player = player;
	err = ec_pipeline_new(&po, &p);
	tzset();
	/* a recording is hostile bytes: no rights from here */
	if (!err)
		err = ec_rights_drop();
	if (!err)
		err = ec_sandbox_worker();
	if (err && err != -ENOSYS)
		return ec_fail(EC_FAIL_INTERNAL, "read", strerror(-err));
	rc = play(o, player, p);
	ec_pipeline_account(p, &a);
	err = ec_pipeline_broken(p);
	if (err && err != -EPIPE)
		rc = EC_EXIT_RUNTIME;
	err = ec_outputs_close(&outputs, &which);
	if (err && err != -EPIPE && !ec_pipeline_broken(p))
		rc = ec_fail(EC_FAIL_OUTPUT_WRITE, which, strerror(-err));
	if (!rc && o->strict && (ec_account_lost(&a) || ec_account_lost_records(&a)))
		rc = ec_fail(EC_FAIL_LOST, "--strict", NULL);
	ec_pipeline_free(p);
	ec_player_free(player);
	return rc;
}
