/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A module is a library family: how its files are known, where they are probed, and with
 * which BPF programs. A module's folder holds everything about it; the build finds the
 * folders and makes the table (ec_modules). In life order:
 *
 *   wants()  attacher: may the file of this name be one of ours? Reads nothing. Not asked
 *            where the library may be anywhere.
 *   plan()   planner (no rights, hostile file): fills a plan.
 *   progs    attacher: programs of the module's BPF object that plan points name.
 */
#ifndef EC_MODULES_MODULE_H
#define EC_MODULES_MODULE_H

#include "model/plan.h"
#include "target/file.h"
#include <stdbool.h>

/* An option that only this module has. */
struct ec_module_option {
	const char *name; /* NULL: behind the last */
	const char *value, *help;
	/* Puts what it means into `ask`. 0, or an exit code after its message. */
	int (*parse)(const char *value, struct ec_plan_ask *ask);
};

struct ec_module {
	const char *name;	    /* as on the command line: "tls" */
	const char *const *aliases; /* NULL-ended */
	const char *tag;	    /* of its BPF programs: "ssl" */
	const char *summary;	    /* one line for help */
	/* Option that names one file ("libssl"), and its help. */
	const char *file_option;
	const char *file_help;
	const struct ec_module_option *options; /* NULL: none */
	/* Base names to look for in the library search path: fnmatch(3), NULL-ended. */
	const char *const *search;
	bool (*wants)(const char *base_name);
	/* It may be linked into any program: every file that is mapped is planned. */
	bool anywhere;
	/*
	 * 0 with plan->npoints > 0; -ENOENT with plan->why when the file holds nothing to
	 * probe; other -errno when it could not be read through.
	 */
	int (*plan)(const struct ec_file *f, struct ec_plan *plan);
	/* The same for what the options say; NULL where there are none. */
	int (*plan_as)(const struct ec_file *f, const struct ec_plan_ask *ask,
		       struct ec_plan *plan);
	const char *const *progs; /* NULL-ended */
	const uint8_t *prog_uses; /* enum ec_use of each: what it is loaded for */
	/* Where a key log goes if the user names no file; NULL: it has no secrets. */
	const char *keylog;
};

/* How many programs a module's plan points may name. */
static inline unsigned int ec_module_nprogs(const struct ec_module *m)
{
	unsigned int n = 0;

	while (m->progs && m->progs[n])
		n++;
	return n;
}

/* A BPF object in this binary. */
struct ec_blob {
	const unsigned char *start;
	const unsigned char *end;
};

/* Shapes of BPF objects: the same source for kernels of different age. */
enum ec_bpf_shape {
	EC_BPF_LOOP, /* ring buffer, bpf_loop: calls of any length (≥ 5.17) */
	EC_BPF_RING, /* ring buffer, 64 chunks a call (≥ 5.8) */
	EC_BPF_PERF, /* perf buffers, 64 chunks a call (≥ 4.18) */
	EC_BPF__N,
};

struct ec_module_entry {
	const struct ec_module *module;
	struct ec_blob bpf[EC_BPF__N];
};

/* Made by the build from the folders under src/modules. */
extern const struct ec_module_entry ec_modules[];
extern const unsigned int ec_modules_count;
/* Programs that serve all modules (src/bpf/host.bpf.c). */
extern const struct ec_blob ec_host_bpf[EC_BPF__N];

#endif
