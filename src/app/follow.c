// SPDX-License-Identifier: GPL-2.0-only
#include "app/follow.h"
#include "base/log.h"
#include "host/proc.h"

#include <errno.h>

#define DESCENDANTS_MAX 4096
#define ROUNDS		20

/* How many were not known. */
static int add(struct ec_session *s, pid_t pid, pid_t *pids)
{
	int n = ec_proc_descendants(pid, pids, DESCENDANTS_MAX), fresh = 0;

	if (n > DESCENDANTS_MAX)
		ec_warn("%d descendants of %d, only %d are followed", n, pid,
			DESCENDANTS_MAX);
	for (int k = 0; k < n && k < DESCENDANTS_MAX; k++) {
		if (!ec_session_pid_known(s, pids[k]) && !ec_session_pid_add(s, pids[k]))
			fresh++;
	}
	return fresh;
}

void ec_follow_begin(const struct ec_options *o, struct ec_session *s)
{
	_ec_free_ pid_t *pids = calloc(DESCENDANTS_MAX, sizeof(*pids));

	if (!o->follow || !pids)
		return;
	/* The fork event is on, but says nothing of the children of one that was not
	 * known yet: until a round brings no new one. */
	for (size_t i = 0; i < o->pids.n; i++) {
		for (int round = 0; round < ROUNDS; round++) {
			if (!add(s, (pid_t)o->pids.v[i], pids))
				break;
		}
	}
}

/* One that was on its way to its end when it was added stays in the table: its exit had
 * been told before. */
bool ec_follow_left(struct ec_session *s)
{
	return ec_session_pids_prune(s, ec_proc_exists);
}
