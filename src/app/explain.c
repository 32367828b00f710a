// SPDX-License-Identifier: GPL-2.0-only
#include "app/explain.h"
#include "app/options.h"
#include "app/report.h"
#include "base/fail.h"
#include "base/log.h"
#include "host/status.h"
#include "sink/show.h"
#include "target/known.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PIDMAX	   4194304 /* kernel include/linux/threads.h PID_MAX_LIMIT */
#define OUT_MAX	   (64u << 20)
#define FAMILY_MAX 256 /* the process and its descendants that are looked at */
#define SHOWN_MAX  10  /* descendants that are named */

struct explain {
	struct ec_report_options o;
	pid_t asked;
	struct ec_status st;
	struct ec_survey s;
	struct ec_buf steps;   /* lines */
	struct ec_buf verdict; /* one line */
	struct ec_buf todo;    /* one line, may be empty */
	bool captured;
	unsigned int children; /* descendants looked at */
	unsigned int working;  /* of them: with something to capture */
	pid_t working_pid;
};

static void help(void)
{
	struct ec_buf b;

	ec_buf_init(&b, 1 << 20);
	ec_buf_puts(&b, "Usage: ecapture explain PID [OPTIONS]\n\n"
			"What would be captured of one process and why the rest is not, "
			"step by step.\n\n");
	ec_opt_help(&b, &ec_report_table);
	fwrite(b.data, 1, b.len, stdout);
	ec_buf_free(&b);
}

static const struct ec_survey_process *main_process(const struct explain *e)
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

static void step_identity(struct explain *e)
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

static void put_file(struct ec_buf *b, const struct ec_survey_file *f)
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

static void step_file(struct explain *e, const struct ec_survey_file *f)
{
	enum ec_report_state state = ec_report_state(f);
	struct ec_buf *b = &e->steps;
	const char *todo = ec_report_todo(f);

	ec_buf_puts(b, "  ");
	put_file(b, f);
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

static void step_files(struct explain *e, const struct ec_survey_process *p)
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

static bool met(const struct explain *e, const struct ec_survey_process *p,
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

static void step_missing(struct explain *e, const struct ec_survey_process *p)
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

/* What the process and its program are, when that says more than the files do. */
static const struct ec_interpreter *interpreter(const struct explain *e)
{
	return e->st.exe[0] ? ec_report_interpreter(e->st.exe) : NULL;
}

/* Which libssl does Python's _ssl call? By the files that it maps. */
static void step_interpreter(struct explain *e, const struct ec_survey_process *p,
			     const struct ec_survey_file *best)
{
	const struct ec_interpreter *in = interpreter(e);
	const struct ec_survey_file *uses = NULL;
	struct ec_buf *b = &e->steps;

	if (!in)
		return;
	for (unsigned int i = 0; i < p->nfiles && !uses; i++) {
		const struct ec_survey_file *f = &e->s.files[p->files[i]];

		if (ec_report_state(f) == EC_REPORT_USES &&
		    strstr(strrchr(f->path, '/') ?: f->path, "ssl"))
			uses = f;
	}
	ec_buf_printf(b, "The program is %s%s: it runs other programs' text", in->name,
		      strstr(in->name, "shell") ? "" : ", an interpreter");
	if (uses && best && ec_report_capturable(best)) {
		ec_buf_puts(b, "; its TLS module ");
		put_file(b, uses);
		ec_buf_puts(b, " calls ");
		put_file(b, best);
	} else if (!best) {
		ec_buf_printf(b, "; %s", in->hint);
	}
	ec_buf_puts(b, ".\n");
}

static void step_children(struct explain *e)
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
				put_file(b, f);
				ec_buf_puts(b, ".\n");
			}
			break;
		}
	}
	if (e->children && !e->working)
		ec_buf_printf(b, "None of its %u descendants has anything to capture.\n",
			      e->children);
}

/* The file that decides: captured, else capturable, else recognised. */
static const struct ec_survey_file *best_file(const struct explain *e,
					      const struct ec_survey_process *p)
{
	static const int worth[] = {
		[EC_REPORT_CAPTURED] = 6,  [EC_REPORT_IF_NAMED] = 5,
		[EC_REPORT_NOT_YET] = 4,   [EC_REPORT_CANNOT] = 3,
		[EC_REPORT_ELSEWHERE] = 2, [EC_REPORT_UNREADABLE] = 1,
	};
	const struct ec_survey_file *best = NULL;
	int most = 0;

	for (unsigned int i = 0; i < p->nfiles; i++) {
		const struct ec_survey_file *f = &e->s.files[p->files[i]];
		int w = ec_report_listed(&e->s, p, f) ? worth[ec_report_state(f)] : 0;

		if (w > most) {
			most = w;
			best = f;
		}
	}
	return best;
}

static void put_library(struct ec_buf *b, const struct ec_survey_file *f)
{
	if (!f->plan) {
		put_file(b, f);
		return;
	}
	ec_show_name(b, f->plan->library);
	if (f->plan->version[0]) {
		ec_buf_putc(b, ' ');
		ec_show_name(b, f->plan->version);
	}
}

static void verdict_captured(struct explain *e, const struct ec_survey_file *f)
{
	e->captured = true;
	ec_buf_puts(&e->verdict, "captured: ");
	put_library(&e->verdict, f);
	ec_buf_puts(&e->verdict, " in ");
	put_file(&e->verdict, f);
	ec_buf_printf(&e->todo, "ecapture %s --pid %d",
		      ec_modules[f->module].module->name, e->st.pid);
	if (ec_report_state(f) == EC_REPORT_CAPTURED)
		return;
	ec_buf_puts(&e->verdict, ", if the file is named");
	ec_buf_printf(&e->todo, " --%s ", ec_modules[f->module].module->file_option);
	if (strstr(e->st.other_ns, "mnt"))
		ec_buf_printf(&e->todo, "/proc/%d/root", e->st.pid);
	ec_show_name(&e->todo, f->path);
}

/* TLS in the process that does not come along. */
static void verdict_rest(struct explain *e, const struct ec_survey_process *p)
{
	const char *between = "; not captured: ";

	for (unsigned int i = 0; i < p->nfiles; i++) {
		const struct ec_survey_file *f = &e->s.files[p->files[i]];
		enum ec_report_state state = ec_report_state(f);

		if (state != EC_REPORT_NOT_YET && state != EC_REPORT_CANNOT)
			continue;
		ec_buf_puts(&e->verdict, between);
		put_library(&e->verdict, f);
		between = ", ";
	}
}

static void verdict(struct explain *e, const struct ec_survey_process *p,
		    const struct ec_survey_file *best)
{
	const struct ec_interpreter *in = interpreter(e);

	if (best && ec_report_capturable(best)) {
		verdict_captured(e, best);
		verdict_rest(e, p);
		return;
	}
	ec_buf_puts(&e->verdict, "not captured, because ");
	if (e->working) {
		ec_buf_puts(&e->verdict,
			    "it has nothing to capture, but a descendant has");
		ec_buf_printf(&e->todo, "ecapture tls --pid %d --follow", e->st.pid);
		return;
	}
	if (best) {
		put_library(&e->verdict, best);
		ec_buf_puts(&e->verdict, ": ");
		ec_show_name(&e->verdict, ec_report_why(best));
		ec_show_name(&e->todo, ec_report_todo(best));
	} else if (in) {
		ec_buf_printf(&e->verdict, "nothing of TLS is loaded: %s", in->hint);
		ec_buf_printf(&e->todo, "ecapture tls --pid %d --follow, and wait",
			      e->st.pid);
	} else {
		ec_buf_puts(&e->verdict,
			    "nothing of TLS that we know is in its files: it uses none, "
			    "has not loaded it yet, or holds it without any trace");
		ec_buf_printf(&e->todo,
			      "if it loads a library later, `ecapture tls --pid %d` "
			      "captures it from then on",
			      e->st.pid);
	}
}

/* Processes that have no files to look at. true: the verdict stands. */
static bool no_process(struct explain *e)
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

static void explain_files(struct explain *e)
{
	const struct ec_survey_process *p = main_process(e);
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
	best = best_file(e, p);
	step_files(e, p);
	step_missing(e, p);
	step_interpreter(e, p, best);
	step_children(e);
	verdict(e, p, best);
}

static void json_lines(struct ec_json *j, const char *key, const struct ec_buf *b)
{
	const char *p = b->data, *end = b->data + b->len;

	ec_json_begin_array(j, key);
	while (p < end) {
		const char *nl = memchr(p, '\n', end - p) ?: end;
		_ec_free_ char *one = strndup(p, nl - p);

		ec_json_str(j, NULL, one);
		p = nl + 1;
	}
	ec_json_end_array(j);
}

static void json_children(struct ec_json *j, const struct explain *e)
{
	ec_json_begin_array(j, "descendants");
	for (unsigned int i = 1; i < e->s.nprocesses; i++) {
		const struct ec_survey_process *p = &e->s.processes[i];
		bool any = false;

		for (unsigned int k = 0; k < p->nfiles; k++)
			any |= ec_report_capturable(&e->s.files[p->files[k]]);
		ec_json_begin_object(j, NULL);
		ec_json_u64(j, "pid", p->pid);
		ec_json_str(j, "comm", p->comm);
		ec_json_bool(j, "capturable", any);
		ec_json_end_object(j);
	}
	ec_json_end_array(j);
}

static void json_process(struct ec_json *j, const struct explain *e)
{
	static const char *const seccomp[] = {"none", "strict", "filter"};
	const struct ec_survey_process *p = main_process(e);
	const struct ec_status *st = &e->st;
	char state[2] = {st->state, 0};

	ec_json_str(j, "kind", "explanation");
	ec_json_u64(j, "pid", st->pid);
	ec_json_u64(j, "asked", e->asked);
	ec_json_str(j, "comm", st->comm);
	ec_report_container(j, p);
	ec_json_str(j, "exe", st->exe);
	ec_json_u64(j, "uid", st->uid);
	ec_json_u64(j, "ppid", st->ppid);
	ec_json_u64(j, "threads", st->threads);
	ec_json_str(j, "process_state", state);
	ec_json_bool(j, "kernel_thread", st->kernel_thread);
	ec_json_u64(j, "tracer", st->tracer);
	ec_json_str(j, "seccomp",
		    st->seccomp >= 0 && st->seccomp < 3 ? seccomp[st->seccomp]
							: "unknown");
	ec_json_str(j, "other_namespaces", st->other_ns);
	ec_json_bool(j, "readable", p && !p->err);
	ec_json_u64(j, "mapped_files", p ? p->nfiles : 0);
	ec_json_u64(j, "unopened_files", p ? p->unopened : 0);
}

static void print_json(struct explain *e, struct ec_buf *b)
{
	const struct ec_survey_process *p = main_process(e);
	struct ec_json j;

	ec_json_init(&j, b);
	ec_json_begin_object(&j, NULL);
	json_process(&j, e);
	ec_json_begin_array(&j, "files");
	for (unsigned int i = 0; p && i < p->nfiles; i++) {
		const struct ec_survey_file *f = &e->s.files[p->files[i]];

		if (ec_report_state(f) == EC_REPORT_NOTHING)
			continue;
		ec_json_begin_object(&j, NULL);
		ec_report_json(&j, f);
		ec_json_end_object(&j);
	}
	ec_json_end_array(&j);
	json_children(&j, e);
	json_lines(&j, "steps", &e->steps);
	ec_json_bool(&j, "captured", e->captured);
	ec_buf_putc(&e->verdict, 0);
	ec_buf_putc(&e->todo, 0);
	ec_json_str(&j, "verdict", e->verdict.data);
	ec_json_str(&j, "todo", e->todo.data);
	ec_json_end_object(&j);
	ec_buf_putc(b, '\n');
}

static void print_text(struct explain *e, struct ec_buf *b)
{
	ec_buf_add(b, e->steps.data, e->steps.len);
	ec_buf_puts(b, "verdict: ");
	ec_buf_add(b, e->verdict.data, e->verdict.len);
	ec_buf_putc(b, '\n');
	if (!e->todo.len)
		return;
	ec_buf_puts(b, "what to do: ");
	ec_buf_add(b, e->todo.data, e->todo.len);
	ec_buf_putc(b, '\n');
}

static int print(struct explain *e)
{
	struct ec_buf b;
	int rc = e->captured ? EC_EXIT_OK : EC_EXIT_TARGET;

	ec_buf_init(&b, OUT_MAX);
	if (e->o.format == EC_FORMAT_JSON)
		print_json(e, &b);
	else
		print_text(e, &b);
	if (b.err || e->steps.err || e->verdict.err || e->todo.err)
		rc = ec_fail(EC_FAIL_INTERNAL, "explain", strerror(ENOMEM));
	else if (fwrite(b.data, 1, b.len, stdout) < b.len || fflush(stdout))
		rc = ec_fail(EC_FAIL_OUTPUT_WRITE, "stdout", strerror(errno));
	ec_buf_free(&b);
	return rc;
}

static int explain(struct explain *e)
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
	return print(e);
}

static int parse(struct explain *e, int argc, char **argv)
{
	_ec_free_ char **rest = calloc(argc + 1, sizeof(*rest));
	uint64_t pid;
	int nrest = 0, rc;

	if (!rest)
		return EC_EXIT_RUNTIME;
	rc = ec_report_parse(&e->o, argc, argv, NULL, rest, &nrest);
	if (rc || e->o.help)
		return rc;
	if (nrest != 1)
		return ec_fail(EC_FAIL_OPTION_VALUE, "explain",
			       "it takes one process id");
	if (ec_opt_number(rest[0], 1, PIDMAX, &pid))
		return ec_fail(EC_FAIL_OPTION_VALUE, rest[0], "no process id");
	e->asked = pid;
	return 0;
}

int ec_explain_run(int argc, char **argv)
{
	struct explain e = {.s.planner.sock = -1};
	int rc = parse(&e, argc, argv);

	if (rc)
		return rc;
	if (e.o.help) {
		help();
		return 0;
	}
	ec_buf_init(&e.steps, OUT_MAX);
	ec_buf_init(&e.verdict, 1 << 16);
	ec_buf_init(&e.todo, 1 << 16);
	rc = explain(&e);
	ec_buf_free(&e.steps);
	ec_buf_free(&e.verdict);
	ec_buf_free(&e.todo);
	ec_survey_free(&e.s);
	return rc;
}
