// SPDX-License-Identifier: GPL-2.0-only
/* What comes of a file that was planned: it is probed or refused, and told. */
#include "app/targets_impl.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void ec_targets_file_free(struct ec_tfile *f)
{
	close(f->fd);
	free(f->of);
	free(f);
}

static void describe(const struct ec_tfile *f, uint32_t id, enum ec_target_state state,
		     const struct ec_plan *plan, const char *why, struct ec_rec_target *r)
{
	*r = (struct ec_rec_target){
		.h = {.size = sizeof(*r), .kind = EC_REC_TARGET, .module = f->module},
		.dev = f->dev,
		.ino = f->ino,
		.state = state,
	};
	r->h.time = ec_clock_mono();
	r->h.target = id;
	if (plan) {
		r->points = plan->npoints;
		memcpy(r->library, plan->library, sizeof(r->library) - 1);
		memcpy(r->version, plan->version, sizeof(r->version) - 1);
		memcpy(r->how, plan->how, sizeof(r->how) - 1);
	}
	snprintf(r->why, sizeof(r->why), "%s", why ? why : "");
	snprintf(r->path, sizeof(r->path), "%s", f->path);
}

static void tell_refused(struct ec_targets *t, const struct ec_tfile *f,
			 const struct ec_plan *plan, const char *why)
{
	struct ec_rec_target r;

	describe(f, 0, EC_TARGET_REFUSED, plan, why, &r);
	t->o.record(t->o.ctx, &r);
}

static enum ec_fail_id fail_of(int err)
{
	switch (err) {
	case -ENOEXEC:
		return EC_FAIL_TARGET_NOT_ELF;
	case -EBADMSG:
		return EC_FAIL_TARGET_DAMAGED;
	case -ENOTSUP:
		return EC_FAIL_TARGET_ARCH;
	case -EISDIR:
		return EC_FAIL_TARGET_DIR;
	case -ENOENT:
		return EC_FAIL_TARGET_UNKNOWN;
	default:
		return EC_FAIL_TARGET_UNKNOWN;
	}
}

/* What the library beside a target says of its version; NULL: nothing. */
static void told_beside(struct ec_targets *t, struct ec_beside *b,
			const struct ec_plan *plan)
{
	const char *version = plan ? plan->version : "";

	if (!ec_probed_version(t->probed, b->rec.h.target, version))
		return;
	if (version[0])
		snprintf(b->rec.version, sizeof(b->rec.version), "%s", version);
	ec_remarks_say(&t->remarks, b->rec.path, &b->plan, !version[0]);
	t->o.record(t->o.ctx, &b->rec);
}

/* Is it on its way? */
static bool ask_beside(struct ec_targets *t, const struct ec_tfile *f,
		       const struct ec_plan *plan, const struct ec_rec_target *rec)
{
	struct ec_beside *b;
	struct ec_tfile *c;
	struct stat st;
	int fd;

	if (!plan->beside[0] || t->o.options->ask.version[0])
		return false;
	fd = ec_beside_open(f->path, f->pid, f->dev, f->ino, plan->beside);
	if (fd < 0 || fstat(fd, &st)) {
		ec_debug("%s: no %s beside it: %s", f->path, plan->beside,
			 strerror(fd < 0 ? -fd : errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	b = malloc(sizeof(*b));
	c = b ? ec_targets_file_add(t, fd, plan->beside, st.st_dev, st.st_ino) : NULL;
	if (!c) {
		free(b);
		return false;
	}
	b->rec = *rec;
	b->plan = *plan;
	c->of = b;
	ec_targets_begin(t, c);
	return true;
}

static void refuse(struct ec_targets *t, const struct ec_tfile *f, int err,
		   const struct ec_plan *plan)
{
	const char *why = plan && plan->why[0] ? plan->why : NULL;

	if (f->of) {
		told_beside(t, f->of, err == -ENOENT ? plan : NULL);
		return;
	}
	if (!why && err != -ENOEXEC && err != -EBADMSG && err != -ENOTSUP &&
	    err != -ENOENT)
		why = strerror(-err);
	if (f->named)
		t->failed = ec_fail(fail_of(err), f->path, why);
	if (!why)
		why = ec_failures[fail_of(err)].what;
	/* most files are none of the module's, and nobody expects that they are */
	if (!f->named && !f->by_name && !(plan && plan->library[0]))
		return;
	if (!f->named)
		ec_debug("%s: not probed: %s", f->path, why);
	tell_refused(t, f, plan, why);
}

static void attached(struct ec_targets *t, const struct ec_tfile *f,
		     const struct ec_plan *plan, uint32_t id, unsigned int probes)
{
	struct ec_rec_target r;
	struct ec_probed_file p = {.rec = &r,
				   .plan = plan,
				   .pid = f->pid,
				   .keep = f->named,
				   .probes = probes};

	describe(f, id, EC_TARGET_PROBED, plan, NULL, &r);
	r.points = ec_session_points(t->o.session, plan);
	ec_debug("%s: %s %s, %u probes (%s)", f->path, plan->library, plan->version,
		 probes, plan->how);
	if (ec_probed_add(t->probed, &p))
		ec_warn("%s: its end will not be noticed: out of memory", f->path);
	if (ec_options_uses(t->o.options) & EC_USE_SECRET &&
	    !ec_plan_has(plan, EC_USE_SECRET))
		ec_remarks_keys(&t->remarks, f->path, plan);
	if (ask_beside(t, f, plan, &r))
		return;
	ec_remarks_say(&t->remarks, f->path, plan, true);
	t->o.record(t->o.ctx, &r);
}

static void attach(struct ec_targets *t, const struct ec_tfile *f,
		   const struct ec_plan *plan)
{
	bool bind = t->npids && !t->o.options->follow && !t->o.options->command;
	unsigned int probes = 0;
	uint32_t id = 0;
	int err = ec_session_attach(t->o.session, f->fd, f->module, plan, t->pids,
				    bind ? t->npids : 0, &id, &probes);

	if (!err) {
		attached(t, f, plan, id, probes);
		return;
	}
	/* a bound process that ended between is no fault of the file */
	if (err != -ESRCH) {
		int rc = ec_fail(EC_FAIL_ATTACH, f->path, strerror(-err));

		if (f->named)
			t->failed = rc;
	}
	tell_refused(t, f, plan, strerror(-err));
}

void ec_targets_answered(struct ec_targets *t, struct ec_tfile *f, int err,
			 struct ec_plan *plan)
{
	if (!err && !plan->npoints)
		err = -ENOENT;
	if (!err && ec_session_insn(t->o.session) && plan->no_insn[0] &&
	    ec_options_uses(t->o.options) & EC_USE_DATA) {
		memcpy(plan->why, plan->no_insn, sizeof(plan->no_insn));
		plan->npoints = 0;
		err = -ENOENT;
	}
	if (!err && ec_options_keys_only(t->o.options) &&
	    !ec_plan_has(plan, EC_USE_SECRET)) {
		snprintf(plan->why, sizeof(plan->why), "no key log: %s", plan->keys);
		err = -ENOENT;
	}
	if (err || f->of)
		refuse(t, f, err ? err : -ENOENT, plan);
	else if (!ec_probed_has(t->probed, f->dev, f->ino))
		attach(t, f, plan);
	ec_targets_file_free(f);
}
