/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The checks of `doctor`: one row each, in the order in which they run. A check tries the
 * thing itself and says what it saw. What it learns stands in struct ec_doctor for those
 * after it.
 */
#ifndef EC_APP_DOCTOR_CHECKS_H
#define EC_APP_DOCTOR_CHECKS_H

#include "app/options.h"
#include "base/fail.h"
#include "capture/session.h"
#include "host/rights.h"

enum ec_doctor_state {
	EC_DOCTOR_OK,
	EC_DOCTOR_INFO, /* a fact, neither good nor bad */
	EC_DOCTOR_WARN, /* capture works, with something missing */
	EC_DOCTOR_FAIL, /* and if the check is vital, no capture works */
	EC_DOCTOR__N,
};

struct ec_doctor_result {
	enum ec_doctor_state state;
	char finding[1000];
	char so[320]; /* "" where nothing follows */
	char todo[320];
};

struct ec_doctor {
	const struct ec_options *o;
	uint64_t started; /* ec_clock_mono() */
	struct ec_rights rights;
	uint64_t caps;		    /* effective, bit n is capability n; 0: not known */
	int probed;		    /* what ec_features_probe() said */
	struct ec_features f;	    /* if that is 0 */
	struct ec_session *session; /* if the programs were loaded */
	/* of the processes that /proc shows */
	unsigned int processes, denied, filtered, traced;
	char traced_by[160];
};

struct ec_doctor_check {
	const char *name; /* the manual's anchor is "doctor-" and this */
	const char *what;
	bool vital; /* no capture without it */
	void (*run)(struct ec_doctor *d, struct ec_doctor_result *r);
};
struct ec_doctor_table {
	const struct ec_doctor_check *rows;
	size_t n;
};

extern const struct ec_doctor_table ec_doctor_kernel;
extern const struct ec_doctor_table ec_doctor_rights;
extern const struct ec_doctor_table ec_doctor_host;
/* A row of ec_doctor_host; frees the session. */
void ec_doctor_tracers_run(struct ec_doctor *d, struct ec_doctor_result *r);

/* Each adds to what is there, up to the room. */
void ec_doctor_say(struct ec_doctor_result *r, enum ec_doctor_state s, const char *fmt,
		   ...) EC_PRINTF(3, 4);
void ec_doctor_so(struct ec_doctor_result *r, const char *fmt, ...) EC_PRINTF(2, 3);
void ec_doctor_do(struct ec_doctor_result *r, const char *fmt, ...) EC_PRINTF(2, 3);
/* so and do in the words of base/fail.c. */
void ec_doctor_as(struct ec_doctor_result *r, enum ec_fail_id id);
/* Says that it was not tried; true if so. Needs bpf(2). */
bool ec_doctor_untried(const struct ec_doctor *d, struct ec_doctor_result *r);
/* First line of a small file without its end, or -errno. */
int ec_doctor_read(const char *path, char *out, size_t n);

#endif
