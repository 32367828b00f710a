// SPDX-License-Identifier: GPL-2.0-only
#include "app/explain.h"
#include "app/explain_impl.h"
#include "base/fail.h"
#include "base/log.h"
#include "sink/show.h"
#include "target/known.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STEPS_MAX  (64u << 20)
#define FAMILY_MAX 256 /* the process and its descendants that are looked at */
#define SHOWN_MAX  10  /* descendants that are named */

const struct ec_plain ec_explain_plain = {.words = 1, .needs = "it takes one process id"};

void ec_explain_help(struct ec_buf *b)
{
	ec_buf_puts(b, "Usage: ecapture explain PID [OPTIONS]\n\n"
		       "What would be captured of one process and why the rest is not, "
		       "step by step.\n\n");
	ec_options_help_plain(b, &ec_explain_plain);
}

const struct ec_survey_process *ec_explain_process(const struct ec_explain *e)
{
	return e->s.nprocesses ? &e->s.processes[0] : NULL;
}

static const char *seccomp_words(int mode)
{
	switch (mode) {
	case EC_SECCOMP_NONE:
		return "no seccomp filter";
	case EC_SECCOMP_STRICT:
		return "seccomp strict mode";
	case EC_SECCOMP_FILTER:
		return "under a seccomp filter";
	default:
		return "seccomp not known";
	}
}

static void step_identity(struct ec_explain *e)
{
	const struct ec_status *st = &e->st;
	struct ec_buf *b = &e->steps;

	if (e->asked != st->pid)
		ec_buf_printf(b,
			      "%d is a thread of process %d; the whole process is "
			      "explained.\n",
			      e->asked, st->pid);
	ec_buf_printf(b, "Process %d exists. Its name is ", st->pid);
	ec_show_name(b, st->comm);
	if (st->exe[0]) {
		ec_buf_puts(b, ", its program ");
		ec_show_name(b, st->exe);
		if (st->exe_deleted)
			ec_buf_puts(b, " (deleted since; what runs is still looked at)");
	} else if (st->exe_err == -EACCES || st->exe_err == -EPERM) {
		ec_buf_puts(b, ", its program may not be seen by us");
	}
	ec_buf_printf(b, ", its user %u.\n", st->uid);
	ec_buf_printf(b, "It has %u thread%s, parent %d, %s", st->threads,
		      st->threads == 1 ? "" : "s", st->ppid, seccomp_words(st->seccomp));
	if (st->tracer)
		ec_buf_printf(b, ", traced by process %d (that does not hinder us)",
			      st->tracer);
	if (st->other_ns[0])
		ec_buf_printf(b, ", namespaces of its own: %s", st->other_ns);
	else if (!st->ns_err)
		ec_buf_puts(b, ", in our namespaces");
	ec_buf_puts(b, ".\n");
}

void ec_explain_put_file(struct ec_buf *b, const struct ec_survey_file *f)
{
	ec_show_name(b, f->path);
	if (f->deleted)
		ec_buf_puts(b, " (deleted since)");
}

static void step_points(struct ec_buf *b, const struct ec_plan *p)
{
	unsigned int ns;
	bool dear;

	ec_buf_puts(b, "    would be hooked:\n");
	for (uint32_t i = 0; i < p->npoints; i++) {
		const struct ec_point *pt = &p->points[i];

		ns = ec_report_point_cost(pt);
		ec_buf_puts(b, "      ");
		ec_show_name(b, pt->name);
		ec_buf_printf(b, ": %s at file offset 0x%llx, %s, ~%u.%u us\n",
			      pt->is_return ? "return" : "entry",
			      (unsigned long long)pt->offset,
			      pt->stepped ? "dear (single-stepped)" : "cheap (emulated)",
			      ns / 1000, ns % 1000 / 100);
	}
	ns = ec_report_cost(p, &dear);
	ec_buf_printf(b, "    a call that sends or receives costs ~%u.%u us more (%s)\n",
		      ns / 1000, ns % 1000 / 100, dear ? "dear" : "cheap");
}

static void step_file(struct ec_explain *e, const struct ec_survey_file *f)
{
	enum ec_report_state state = ec_report_state(f);
	struct ec_buf *b = &e->steps;
	const char *todo = ec_report_todo(f);

	ec_buf_puts(b, "  ");
	ec_explain_put_file(b, f);
	ec_buf_putc(b, '\n');
	if (f->plan) {
		ec_buf_printf(b, "    %s ",
			      state == EC_REPORT_USES ? "uses" : "recognised:");
		ec_show_name(b, f->plan->library);
		if (f->plan->version[0]) {
			ec_buf_putc(b, ' ');
			ec_show_name(b, f->plan->version);
		}
		if (f->plan->how[0]) {
			ec_buf_puts(b, "\n    by: ");
			ec_show_name(b, f->plan->how);
		}
		if (f->plan->keys[0]) {
			ec_buf_puts(b, "\n    key log: ");
			ec_show_name(b, f->plan->keys);
		}
		ec_buf_putc(b, '\n');
	}
	if (ec_report_capturable(f))
		step_points(b, f->plan);
	if (state == EC_REPORT_CAPTURED || state == EC_REPORT_USES)
		return;
	ec_buf_printf(
		b, "    %s: ", ec_report_capturable(f) ? "but" : "not probed, because");
	ec_show_name(b, ec_report_why(f));
	if (*todo) {
		ec_buf_puts(b, "\n    what to do: ");
		ec_show_name(b, todo);
	}
	ec_buf_putc(b, '\n');
}

static void step_files(struct ec_explain *e, const struct ec_survey_process *p)
{
	struct ec_buf *b = &e->steps;
	unsigned int told = 0, odd = 0;

	for (unsigned int i = 0; i < p->nfiles; i++) {
		const struct ec_survey_file *f = &e->s.files[p->files[i]];

		told += ec_report_listed(&e->s, p, f) ||
			ec_report_state(f) == EC_REPORT_USES;
		odd += ec_report_state(f) == EC_REPORT_UNREADABLE;
	}
	ec_buf_printf(b, "It maps %u executable file%s; with something of TLS: %u%s\n",
		      p->nfiles, p->nfiles == 1 ? "" : "s", told, told ? ":" : ".");
	for (unsigned int i = 0; i < p->nfiles; i++) {
		const struct ec_survey_file *f = &e->s.files[p->files[i]];

		if (ec_report_listed(&e->s, p, f) || ec_report_state(f) == EC_REPORT_USES)
			step_file(e, f);
	}
	if (p->unopened)
		ec_buf_printf(b, "%u mapped files could not be opened%s.\n", p->unopened,
			      geteuid() ? "; run as root" : ": they are gone");
	if (odd)
		ec_buf_printf(b,
			      "%u files are no code of this machine, or are damaged.\n",
			      odd);
}

static bool met(const struct ec_explain *e, const struct ec_survey_process *p,
		const char *name)
{
	for (unsigned int i = 0; i < p->nfiles; i++) {
		const struct ec_plan *plan = e->s.files[p->files[i]].plan;

		if (plan && plan->obstacle != EC_OBSTACLE_USES &&
		    !strcmp(plan->library, name))
			return true;
	}
	return false;
}

static void step_missing(struct ec_explain *e, const struct ec_survey_process *p)
{
	bool first = true;
	const char *name;

	ec_buf_puts(&e->steps, "Looked for in all of them and not found: ");
	for (unsigned int i = 0; (name = ec_known_name(i)); i++) {
		if (met(e, p, name))
			continue;
		ec_buf_printf(&e->steps, "%s%s", first ? "" : ", ", name);
		first = false;
	}
	ec_buf_puts(&e->steps, ".\n");
}

/* Which libssl does Python's _ssl call? By the files that it maps. */
static void step_interpreter(struct ec_explain *e, const struct ec_survey_process *p,
			     const struct ec_survey_file *best)
{
	const struct ec_interpreter *in = ec_explain_interpreter(e);
	const struct ec_survey_file *uses = NULL;
	struct ec_buf *b = &e->steps;

	if (!in)
		return;
	for (unsigned int i = 0; i < p->nfiles && !uses; i++) {
		const struct ec_survey_file *f = &e->s.files[p->files[i]];

		if (ec_report_state(f) == EC_REPORT_USES &&
		    strstr(ec_base_name(f->path), "ssl"))
			uses = f;
	}
	ec_buf_printf(b, "The program is %s%s: it runs other programs' text", in->name,
		      strstr(in->name, "shell") ? "" : ", an interpreter");
	if (uses && best && ec_report_capturable(best)) {
		ec_buf_puts(b, "; its TLS module ");
		ec_explain_put_file(b, uses);
		ec_buf_puts(b, " calls ");
		ec_explain_put_file(b, best);
	} else if (!best) {
		ec_buf_printf(b, "; %s", in->hint);
	}
	ec_buf_puts(b, ".\n");
}

static void step_children(struct ec_explain *e)
{
	struct ec_buf *b = &e->steps;
	unsigned int shown = 0;

	for (unsigned int i = 1; i < e->s.nprocesses; i++) {
		const struct ec_survey_process *p = &e->s.processes[i];

		e->children++;
		for (unsigned int k = 0; k < p->nfiles; k++) {
			const struct ec_survey_file *f = &e->s.files[p->files[k]];

			if (!ec_report_capturable(f))
				continue;
			if (!e->working++)
				e->working_pid = p->pid;
			if (shown++ < SHOWN_MAX) {
				ec_buf_printf(b, "Its descendant %d (", p->pid);
				ec_show_name(b, p->comm);
				ec_buf_puts(b, ") has what can be captured: ");
				ec_explain_put_file(b, f);
				ec_buf_puts(b, ".\n");
			}
			break;
		}
	}
	if (e->children && !e->working)
		ec_buf_printf(b, "None of its %u descendants has anything to capture.\n",
			      e->children);
}

/* Processes that have no files to look at. true: the verdict stands. */
static bool no_process(struct ec_explain *e)
{
	if (e->st.kernel_thread) {
		ec_buf_puts(&e->verdict,
			    "not captured, because it is a kernel thread: it "
			    "runs no program");
		ec_buf_puts(&e->todo, "kernel TLS is used by processes: explain those");
		return true;
	}
	if ((e->st.state == 'Z' || e->st.state == 'X') && e->st.threads <= 1) {
		ec_buf_puts(&e->verdict,
			    "not captured, because it has ended (zombie): only its "
			    "parent's wait is missing");
		ec_buf_printf(&e->todo, "explain its parent, %d", e->st.ppid);
		return true;
	}
	return false;
}

static void explain_files(struct ec_explain *e)
{
	const struct ec_survey_process *p = ec_explain_process(e);
	const struct ec_survey_file *best;

	if (p && p->err == -EACCES) {
		ec_buf_printf(&e->steps, "We may not look at what it maps, because %s.\n",
			      ec_report_denied_why());
		ec_buf_puts(&e->verdict, "not known, because we may not look at it");
		ec_buf_puts(&e->todo, ec_report_denied_todo());
		return;
	}
	if (!p || p->err) {
		ec_buf_puts(&e->verdict, "not captured, because it ended meanwhile");
		return;
	}
	if (p->container.id[0])
		ec_buf_printf(&e->steps, "It is in the container %s (%s).\n",
			      p->container.id, p->container.runtime);
	ec_buf_puts(&e->steps, "We may look at what it maps.\n");
	best = ec_explain_best(e, p);
	step_files(e, p);
	step_missing(e, p);
	step_interpreter(e, p, best);
	step_children(e);
	ec_explain_verdict(e, p, best);
}

static int explain(struct ec_explain *e)
{
	pid_t pids[FAMILY_MAX] = {0}, tgid = ec_proc_thread_group(e->asked);
	char name[16];
	int n, err = tgid ? ec_status_read(tgid, &e->st) : -ESRCH;

	snprintf(name, sizeof(name), "%d", e->asked);
	if (err)
		return ec_fail(EC_FAIL_PROCESS_MISSING, name, NULL);
	step_identity(e);
	if (!no_process(e)) {
		n = ec_proc_descendants(tgid, pids, FAMILY_MAX);
		pids[0] = tgid;
		n = EC_MIN(EC_MAX(n, 1), FAMILY_MAX);
		err = ec_survey_run(&e->s, pids, n, false);
		if (err)
			return ec_fail(EC_FAIL_INTERNAL, "explain", strerror(-err));
		explain_files(e);
	}
	if (e->captured)
		ec_report_rights();
	return ec_explain_print(e);
}

int ec_explain_run(const struct ec_options *o)
{
	struct ec_explain e = {.o = o, .s.planner.sock = -1};
	uint64_t pid;
	int rc;

	if (ec_opt_number(o->word, 1, EC_PID_MAX, &pid))
		return ec_fail(EC_FAIL_OPTION_VALUE, o->word, "no process id");
	e.asked = pid;
	ec_buf_init(&e.steps, STEPS_MAX);
	ec_buf_init(&e.verdict, 1 << 16);
	ec_buf_init(&e.todo, 1 << 16);
	rc = explain(&e);
	ec_buf_free(&e.steps);
	ec_buf_free(&e.verdict);
	ec_buf_free(&e.todo);
	ec_survey_free(&e.s);
	return rc;
}
