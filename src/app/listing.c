// SPDX-License-Identifier: GPL-2.0-only
#include "app/listing.h"
#include "app/options.h"
#include "app/report.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/log.h"
#include "model/who.h"
#include "sink/show.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define OUT_MAX	 (256u << 20)
#define CELL_MAX 4096
#define O(f)	 offsetof(struct ec_options, f)

enum column { PID, COMM, CONTAINER, LIBRARY, VERSION, COST, PATH, WORDS, COLUMNS };

static const char *const heads[COLUMNS] = {
	"PID",	   "COMM", "CONTAINER", "LIBRARY",
	"VERSION", "COST", "FILE",	"HOOKS, OR WHY NOT"};

/* clang-format off */
static const struct ec_opt rows[] = {
	{.name = "pid", .letter = 'p', .type = EC_OPT_LIST, .offset = O(pids), .min = 1,
	 .max = EC_PID_MAX, .value = "N[,N...]", .help = "only these processes"},
	{.name = "all", .type = EC_OPT_FLAG, .offset = O(all),
	 .help = "also libraries that no process uses, and interpreters without one"},
};
/* clang-format on */
const struct ec_plain ec_listing_plain = {
	.own = {rows, EC_ARRAY_SIZE(rows)},
	.needs = "not an option",
};

struct row {
	char *cell[COLUMNS];
};

struct listing {
	const struct ec_options *o;
	struct ec_survey s;
	struct row *rows;
	size_t nrows, room;
	struct ec_buf out;
	unsigned int capturable; /* files of processes, or of the search path */
	unsigned int idle;	 /* interpreters without a TLS library */
	bool failed;
};

void ec_listing_help(struct ec_buf *b)
{
	ec_buf_puts(b,
		    "Usage: ecapture targets [OPTIONS]\n\n"
		    "What would be captured on this host, and why the rest is not.\n\n");
	ec_options_help_plain(b, &ec_listing_plain);
}

/* As one cell: what a terminal must not get is escaped. */
static char *cell(const char *s)
{
	struct ec_buf b;

	ec_buf_init(&b, CELL_MAX);
	ec_show_name(&b, *s ? s : "-");
	ec_buf_putc(&b, 0);
	if (!b.err)
		return b.data;
	ec_buf_free(&b);
	return strdup("?");
}

static void cost_words(const struct ec_survey_file *f, char out[40])
{
	unsigned int ns;
	bool dear;

	out[0] = 0;
	if (!f || !ec_report_capturable(f))
		return;
	ns = ec_report_cost(f->plan, &dear);
	snprintf(out, 40, "%s, ~%u.%u us/call", dear ? "dear" : "cheap", ns / 1000,
		 ns % 1000 / 100);
}

static void words(struct ec_buf *b, const struct ec_survey_file *f)
{
	const char *why = ec_report_why(f), *todo = ec_report_todo(f);

	if (ec_report_capturable(f)) {
		ec_report_functions(b, f->plan);
		ec_buf_printf(b, " (%s)", f->plan->how);
	}
	if (*why)
		ec_buf_printf(b, "%s%s", b->len ? "; " : "", why);
	if (*todo)
		ec_buf_printf(b, "; %s", todo);
	if (f->plan && !ec_report_capturable(f))
		ec_buf_printf(b, " (%s)", f->plan->how);
}

static void text_row(struct listing *l, const struct ec_survey_process *p,
		     const struct ec_survey_file *f, const char *hint)
{
	char pid[16] = "-", container[EC_CONTAINER_LEN] = "", cost[40], path[4200];
	struct ec_buf b;
	struct row *r;

	if (l->nrows == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct row *v = reallocarray(l->rows, room, sizeof(*v));

		if (!v) {
			l->failed = true;
			return;
		}
		l->rows = v;
		l->room = room;
	}
	if (p) {
		snprintf(pid, sizeof(pid), "%d", p->pid);
		ec_container_short(p->container.id, container);
	}
	cost_words(hint ? NULL : f, cost);
	snprintf(path, sizeof(path), "%.4096s%s", f->path,
		 f->deleted ? " (deleted)" : "");
	ec_buf_init(&b, CELL_MAX);
	if (hint)
		ec_buf_puts(&b, hint);
	else
		words(&b, f);
	ec_buf_putc(&b, 0);
	r = &l->rows[l->nrows++];
	r->cell[PID] = cell(pid);
	r->cell[COMM] = cell(p ? p->comm : "");
	r->cell[CONTAINER] = cell(container);
	r->cell[LIBRARY] = cell(f->plan ? f->plan->library : "");
	r->cell[VERSION] = cell(f->plan ? f->plan->version : "");
	r->cell[COST] = cell(cost);
	r->cell[PATH] = cell(path);
	r->cell[WORDS] = cell(b.err ? "?" : b.data);
	ec_buf_free(&b);
}

static void json_row(struct listing *l, const struct ec_survey_process *p,
		     const struct ec_survey_file *f, const char *hint)
{
	struct ec_json j;

	ec_json_init(&j, &l->out);
	ec_json_begin_object(&j, NULL);
	ec_json_str(&j, "kind", "target");
	if (p) {
		ec_json_u64(&j, "pid", p->pid);
		ec_json_str(&j, "comm", p->comm);
		ec_report_container(&j, p);
	}
	ec_report_json(&j, f);
	if (hint)
		ec_json_str(&j, "hint", hint);
	ec_json_end_object(&j);
	ec_buf_putc(&l->out, '\n');
}

static void row(struct listing *l, const struct ec_survey_process *p,
		const struct ec_survey_file *f, const char *hint)
{
	l->capturable += !hint && ec_report_capturable(f);
	if (l->o->format == EC_FORMAT_JSON)
		json_row(l, p, f, hint);
	else
		text_row(l, p, f, hint);
}

static void process(struct listing *l, const struct ec_survey_process *p)
{
	const struct ec_interpreter *in = NULL;
	bool any = false;

	for (unsigned int i = 0; i < p->nfiles; i++) {
		const struct ec_survey_file *f = &l->s.files[p->files[i]];

		if (!ec_report_listed(&l->s, p, f))
			continue;
		any = true;
		row(l, p, f, NULL);
	}
	if (!any && p->exe)
		in = ec_report_interpreter(l->s.files[p->exe - 1].path);
	if (!in || !strcmp(in->name, "a shell"))
		return;
	l->idle++;
	if (l->o->all)
		row(l, p, &l->s.files[p->exe - 1], in->hint);
}

/* Columns on a terminal, taking each character as one wide. */
static size_t width(const char *s)
{
	size_t w = 0;

	for (; *s; s++)
		w += ((unsigned char)*s & 0xc0) != 0x80;
	return w;
}

static void line(struct listing *l, const char *const cells[COLUMNS],
		 const size_t widths[COLUMNS], size_t most)
{
	size_t at = 0;

	for (int c = 0; c < COLUMNS; c++) {
		size_t room = most > at ? most - at : 0, used = 0;

		if (!widths[c])
			continue;
		for (const char *p = cells[c]; *p; p++) {
			bool begins = ((unsigned char)*p & 0xc0) != 0x80;

			if (begins && used == room)
				break;
			ec_buf_putc(&l->out, *p);
			used += begins;
		}
		at += used;
		for (; c < COLUMNS - 1 && used < widths[c] + 2 && at < most; used++, at++)
			ec_buf_putc(&l->out, ' ');
	}
	ec_buf_putc(&l->out, '\n');
}

static void print_table(struct listing *l)
{
	size_t widths[COLUMNS], most = SIZE_MAX;
	bool containers = false;
	struct winsize w;

	for (int c = 0; c < COLUMNS; c++)
		widths[c] = width(heads[c]);
	for (size_t i = 0; i < l->nrows; i++) {
		for (int c = 0; c < COLUMNS; c++)
			widths[c] = EC_MAX(widths[c], width(l->rows[i].cell[c]));
		containers |= strcmp(l->rows[i].cell[CONTAINER], "-");
	}
	if (!containers)
		widths[CONTAINER] = 0;
	if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col)
		most = w.ws_col;
	if (l->nrows)
		line(l, heads, widths, most);
	for (size_t i = 0; i < l->nrows; i++)
		line(l, (const char *const *)l->rows[i].cell, widths, most);
}

static void summary(struct listing *l, uint64_t start)
{
	uint64_t ms = (ec_clock_mono() - start) / 1000000;
	const struct ec_survey *s = &l->s;
	struct ec_json j;

	if (l->o->format == EC_FORMAT_JSON) {
		ec_json_init(&j, &l->out);
		ec_json_begin_object(&j, NULL);
		ec_json_str(&j, "kind", "summary");
		ec_json_u64(&j, "processes", s->nprocesses);
		ec_json_u64(&j, "files", s->nfiles);
		ec_json_u64(&j, "capturable", l->capturable);
		ec_json_u64(&j, "denied", s->denied);
		ec_json_str(&j, "denied_why", s->denied ? ec_report_denied_why() : "");
		ec_json_u64(&j, "idle_interpreters", l->idle);
		ec_json_u64(&j, "planner_deaths", s->deaths);
		ec_json_u64(&j, "ms", ms);
		ec_json_end_object(&j);
		ec_buf_putc(&l->out, '\n');
	}
	ec_info("%u processes with %u files looked at in %llu ms; %u can be captured",
		s->nprocesses, s->nfiles, (unsigned long long)ms, l->capturable);
	if (s->denied)
		ec_info("%u process%s may not be looked at, because %s", s->denied,
			s->denied == 1 ? "" : "es", ec_report_denied_why());
	if (l->idle && !l->o->all)
		ec_info("interpreters without a TLS library: %u (--all lists them)",
			l->idle);
	if (!l->capturable)
		ec_info("nothing here can be captured; `ecapture explain PID` says why, "
			"step by step");
}

/* Threads stand for their processes. 0 or an exit code. */
static int survey(struct listing *l)
{
	pid_t pids[EC_OPT_LIST_MAX];
	int err;

	for (size_t i = 0; i < l->o->pids.n; i++) {
		char name[24];

		pids[i] = ec_proc_thread_group(l->o->pids.v[i]);
		if (pids[i])
			continue;
		snprintf(name, sizeof(name), "%llu", (unsigned long long)l->o->pids.v[i]);
		return ec_fail(EC_FAIL_PROCESS_MISSING, name, NULL);
	}
	err = ec_survey_run(&l->s, l->o->pids.n ? pids : NULL, l->o->pids.n, l->o->all);
	return err ? ec_fail(EC_FAIL_INTERNAL, "targets", strerror(-err)) : 0;
}

static int list(struct listing *l)
{
	uint64_t start = ec_clock_mono();
	int rc = survey(l);

	if (rc)
		return rc;
	for (unsigned int i = 0; i < l->s.nprocesses; i++)
		process(l, &l->s.processes[i]);
	for (unsigned int i = 0; l->o->all && i < l->s.nfiles; i++) {
		const struct ec_survey_file *f = &l->s.files[i];

		if (!f->users && ec_report_listed(&l->s, NULL, f))
			row(l, NULL, f, NULL);
	}
	if (l->o->format != EC_FORMAT_JSON)
		print_table(l);
	summary(l, start);
	ec_report_rights();
	if (l->failed || l->out.err)
		return ec_fail(EC_FAIL_INTERNAL, "targets", strerror(ENOMEM));
	if (fwrite(l->out.data, 1, l->out.len, stdout) < l->out.len || fflush(stdout))
		return errno == EPIPE
			       ? 0
			       : ec_fail(EC_FAIL_OUTPUT_WRITE, "stdout", strerror(errno));
	return l->capturable ? EC_EXIT_OK : EC_EXIT_TARGET;
}

int ec_listing_run(const struct ec_options *o)
{
	struct listing l = {.o = o, .s.planner.sock = -1};
	int rc;

	ec_buf_init(&l.out, OUT_MAX);
	rc = list(&l);
	for (size_t i = 0; i < l.nrows; i++)
		for (int c = 0; c < COLUMNS; c++)
			free(l.rows[i].cell[c]);
	free(l.rows);
	ec_buf_free(&l.out);
	ec_survey_free(&l.s);
	return rc;
}
