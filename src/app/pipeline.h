/* SPDX-License-Identifier: GPL-2.0-only */
/* The way of a byte from record to sink. pipeline.c is the one page that names all rooms.
 */
#ifndef EC_APP_PIPELINE_H
#define EC_APP_PIPELINE_H

#include "app/outputs.h"
#include "capture/recording.h"

struct ec_pipeline;

struct ec_pipeline_opts {
	struct ec_outputs *outputs;
	struct ec_recorder *recorder;	/* NULL: none */
	const struct ec_player *player; /* names of modules come from a recording */
	const struct ec_options *options;
	bool who_filters; /* processes are filtered by what user space finds out */
};

int ec_pipeline_new(const struct ec_pipeline_opts *o, struct ec_pipeline **out);
/* One record. Damaged ones are counted, never fatal. */
void ec_pipeline_push(struct ec_pipeline *p, const void *rec, size_t n);
/* Time has passed: what is held long enough goes on. */
void ec_pipeline_tick(struct ec_pipeline *p, uint64_t mono);
bool ec_pipeline_waiting(const struct ec_pipeline *p);
/* Nothing more to do for now: outputs are written out. */
void ec_pipeline_idle(struct ec_pipeline *p);
/* The end: everything held goes on, final counters go out. */
void ec_pipeline_finish(struct ec_pipeline *p);
void ec_pipeline_account(const struct ec_pipeline *p, struct ec_account *a);
/* Counters as lines of the log. */
void ec_pipeline_log(const struct ec_pipeline *p);
/* First failure of an output as -errno (-EPIPE: the reader went), 0: none. Its message
 * has been logged. */
int ec_pipeline_broken(const struct ec_pipeline *p);
bool ec_pipeline_enough(const struct ec_pipeline *p); /* -c COUNT is reached */
void ec_pipeline_free(struct ec_pipeline *p);

#endif
