// SPDX-License-Identifier: GPL-2.0-only
#include "app/explain_impl.h"
#include "sink/show.h"

#include <string.h>

const struct ec_interpreter *ec_explain_interpreter(const struct ec_explain *e)
{
	return e->st.exe[0] ? ec_report_interpreter(e->st.exe) : NULL;
}

const struct ec_survey_file *ec_explain_best(const struct ec_explain *e,
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
		ec_explain_put_file(b, f);
		return;
	}
	ec_show_name(b, f->plan->library);
	if (f->plan->version[0]) {
		ec_buf_putc(b, ' ');
		ec_show_name(b, f->plan->version);
	}
}

static void verdict_captured(struct ec_explain *e, const struct ec_survey_file *f)
{
	e->captured = true;
	ec_buf_puts(&e->verdict, "captured: ");
	put_library(&e->verdict, f);
	ec_buf_puts(&e->verdict, " in ");
	ec_explain_put_file(&e->verdict, f);
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
static void verdict_rest(struct ec_explain *e, const struct ec_survey_process *p)
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

void ec_explain_verdict(struct ec_explain *e, const struct ec_survey_process *p,
			const struct ec_survey_file *best)
{
	const struct ec_interpreter *in = ec_explain_interpreter(e);

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
