/* SPDX-License-Identifier: GPL-2.0-only */
/* What `targets` and `explain` share: words for a surveyed file. */
#ifndef EC_APP_REPORT_H
#define EC_APP_REPORT_H

#include "app/survey.h"
#include "base/json.h"

enum ec_report_state {
	EC_REPORT_NOTHING,    /* nothing recognised */
	EC_REPORT_CAPTURED,   /* a capture finds it and probes it */
	EC_REPORT_IF_NAMED,   /* it can be probed, when it is named (--libssl) */
	EC_REPORT_NOT_YET,    /* recognised; not supported yet */
	EC_REPORT_CANNOT,     /* recognised; not to be had by probes */
	EC_REPORT_ELSEWHERE,  /* its TLS is in another file */
	EC_REPORT_USES,	      /* it calls a library */
	EC_REPORT_UNREADABLE, /* of another architecture, damaged */
};

enum ec_report_state ec_report_state(const struct ec_survey_file *f);
const char *ec_report_state_name(enum ec_report_state s); /* "not_yet" */
/* Is it captured, given that the user names it where that is needed? */
bool ec_report_capturable(const struct ec_survey_file *f);
/* Worth a line in a list: all but what only calls a library. */
bool ec_report_listed(const struct ec_survey *s, const struct ec_survey_process *p,
		      const struct ec_survey_file *f);
/* Why nothing comes of it, what to do: "" where there is nothing to say. */
const char *ec_report_why(const struct ec_survey_file *f);
const char *ec_report_todo(const struct ec_survey_file *f);

/* Rough cost of the probes a data call runs into, ns; *dear: one is single-stepped. */
unsigned int ec_report_cost(const struct ec_plan *p, bool *dear);
/* Of one point. */
unsigned int ec_report_point_cost(const struct ec_point *p);
/* "ssl_write_internal, SSL_free": each function once. */
void ec_report_functions(struct ec_buf *b, const struct ec_plan *p);
/* Members of an object about the file. */
void ec_report_json(struct ec_json *j, const struct ec_survey_file *f);

/* "container", where the process (may be NULL) is in one. */
void ec_report_container(struct ec_json *j, const struct ec_survey_process *p);

/* What a program of this path is when it runs other programs: words, NULL: none. */
struct ec_interpreter {
	const char *pattern; /* fnmatch(3), of the base name */
	const char *name;
	const char *hint;
};
const struct ec_interpreter *ec_report_interpreter(const char *path);

/* Why processes may not be looked at, what to do; a warning of what capturing lacks. */
const char *ec_report_denied_why(void);
const char *ec_report_denied_todo(void);
void ec_report_rights(void);

#endif
