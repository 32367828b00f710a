// SPDX-License-Identifier: GPL-2.0-only
#include "app/explain_impl.h"
#include "app/options.h"
#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OUT_MAX (64u << 20)

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

static void json_children(struct ec_json *j, const struct ec_explain *e)
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

static void json_process(struct ec_json *j, const struct ec_explain *e)
{
	static const char *const seccomp[] = {"none", "strict", "filter"};
	const struct ec_survey_process *p = ec_explain_process(e);
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

static void print_json(struct ec_explain *e, struct ec_buf *b)
{
	const struct ec_survey_process *p = ec_explain_process(e);
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

static void print_text(struct ec_explain *e, struct ec_buf *b)
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

int ec_explain_print(struct ec_explain *e)
{
	struct ec_buf b;
	int rc = e->captured ? EC_EXIT_OK : EC_EXIT_TARGET;

	ec_buf_init(&b, OUT_MAX);
	if (e->o->format == EC_FORMAT_JSON)
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
