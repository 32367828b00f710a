/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A plan: where in one file to probe, and with what. Made by a module in the planner
 * process, sent to the attacher as these bytes, so: no pointers, and the receiver checks
 * every count, index and string (ec_plan_check), because the planner reads hostile files.
 */
#ifndef EC_MODEL_PLAN_H
#define EC_MODEL_PLAN_H

#include "abi/maps.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EC_PLAN_BUILD_ID 20 /* bytes of a build id at most */
#define EC_PLAN_POINTS	 128

/*
 * Returns are seen in one of two ways, and a plan has both: by a return probe
 * (`is_return`), or, where those harm programs, by probes on instructions.
 */
enum ec_point_ret {
	EC_POINT_RET_NO = 0,
	EC_POINT_RET_INSN, /* a return instruction: the stack is as at entry */
	EC_POINT_RET_SITE, /* behind a call of the function: as after its return */
	EC_POINT_RET__N,
};

/* What a point is for: those that nobody asked for are not probed. */
enum ec_use {
	EC_USE_DATA = 1u << 0,	 /* plaintext */
	EC_USE_SECRET = 1u << 1, /* secrets for a key log */
	EC_USE_LATE = 1u << 2,	 /* the same of connections older than the capture */
	EC_USE__ALL = EC_USE_DATA | EC_USE_SECRET | EC_USE_LATE,
};

struct ec_point {
	uint64_t offset;   /* in the file */
	uint16_t prog;	   /* index in the module's progs[] */
	uint8_t is_return; /* runs when the function that starts at `offset` returns */
	uint8_t shape;	   /* enum ec_shape */
	uint8_t stepped;   /* the kernel single-steps the instruction there (dear) */
	uint8_t dir;	   /* enum ec_dir */
	uint8_t ret;	   /* enum ec_point_ret; never together with is_return */
	uint8_t use;	   /* enum ec_use, bits */
	char name[40];	   /* function, for people */
};

/* Of a file that is not probed: what stands in the way. */
enum ec_obstacle {
	EC_OBSTACLE_NONE,
	EC_OBSTACLE_LATER,     /* not supported yet */
	EC_OBSTACLE_NEVER,     /* cannot be: no file holds its code */
	EC_OBSTACLE_ELSEWHERE, /* its TLS is in another file, looked at by itself */
	EC_OBSTACLE_USES,      /* calls a library, holds none */
	EC_OBSTACLE__N,
};

/* What a plan had to do without. */
enum ec_plan_warn {
	EC_PLAN_WARN_VERSION, /* which version it is */
	EC_PLAN_WARN_LAYOUT,  /* where its structures have what we need */
	EC_PLAN_WARN__N,
};

/* What the user said of a file, for the module that plans it. */
struct ec_plan_ask {
	char version[32]; /* as an option of the module has it, "": not said */
	uint8_t named;	  /* the user named this file */
	uint8_t pad[7];
};

struct ec_plan {
	uint32_t npoints; /* 0: nothing to probe, `why` says the reason */
	/*
	 * Which file it was made for, by its contents (discover/cache.h): the build id
	 * says where to look, `check` is a keyed hash of the whole file. Length 0: not
	 * told.
	 */
	uint32_t build_id_len;
	uint8_t build_id[EC_PLAN_BUILD_ID];
	uint16_t obstacle; /* enum ec_obstacle */
	uint16_t symbols;  /* the file has a symbol table (told by a survey) */
	uint64_t file_size;
	uint64_t check;
	struct ec_target params; /* goes to ec_targets[id]; .module set by the attacher */
	char library[24];	 /* "OpenSSL" */
	char version[32];	 /* "3.0.19", "3.0 or 3.1", "" when not known */
	char how[96];		 /* "symbols; internal functions by call target" */
	char keys[96];		 /* how secrets are seen, or why not; "" no word of it */
	char why[160];
	char todo[160];			 /* what to do instead */
	char warn[EC_PLAN_WARN__N][192]; /* to be said once, "" not */
	char note[160];			 /* the same, less urgent */
	/* Library in the same folder that has the version which this one lacks, "": none.
	 * Its own plan says it. */
	char beside[48];
	char no_insn[96]; /* why returns cannot be seen without return probes; "": can */
	struct ec_point points[EC_PLAN_POINTS];
};

/* Bytes of a plan that say something: what a message holds. */
size_t ec_plan_size(const struct ec_plan *p);
/* Takes a plan out of a message of `n` bytes. 0; -EBADMSG, *out zeroed then. */
int ec_plan_take(const void *body, size_t n, unsigned int nprogs, struct ec_plan *out);
/* 0, or -EBADMSG when a count, index or string is out of bounds. Terminates nothing. */
int ec_plan_check(const struct ec_plan *p, unsigned int nprogs);

/* Is the point probed for `uses` when returns are seen on instructions (insn), or not? */
static inline bool ec_point_used(const struct ec_point *p, unsigned int uses, bool insn)
{
	return p->use & uses && (insn ? !p->is_return : !p->ret);
}

/* Has it points that serve this alone? */
bool ec_plan_has(const struct ec_plan *p, enum ec_use use);
/* How many points are probed. */
unsigned int ec_plan_used(const struct ec_plan *p, unsigned int uses, bool insn);

#endif
