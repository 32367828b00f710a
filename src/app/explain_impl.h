/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of `explain`: what explain.c (steps), verdict.c and explain_print.c share. */
#ifndef EC_APP_EXPLAIN_IMPL_H
#define EC_APP_EXPLAIN_IMPL_H

#include "app/options.h"
#include "app/report.h"
#include "host/status.h"

struct ec_explain {
	const struct ec_options *o;
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

/* NULL: it was not looked at. */
const struct ec_survey_process *ec_explain_process(const struct ec_explain *e);
/* When that says more than its files do; NULL else. */
const struct ec_interpreter *ec_explain_interpreter(const struct ec_explain *e);
void ec_explain_put_file(struct ec_buf *b, const struct ec_survey_file *f);
/* The file that decides: captured, else capturable, else recognised; NULL none. */
const struct ec_survey_file *ec_explain_best(const struct ec_explain *e,
					     const struct ec_survey_process *p);
/* Fills verdict, todo and captured. */
void ec_explain_verdict(struct ec_explain *e, const struct ec_survey_process *p,
			const struct ec_survey_file *best);
/* Writes it all to stdout; the exit code. */
int ec_explain_print(struct ec_explain *e);

#endif
