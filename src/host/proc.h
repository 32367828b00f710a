/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc tells. Text from there is the kernel's, names in it are anybody's. */
#ifndef EC_HOST_PROC_H
#define EC_HOST_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One executable, file-backed mapping. */
struct ec_mapping {
	uint64_t start, end;
	uint64_t offset;
	uint64_t dev, ino; /* dev as in the maps file (major << 32 | minor) */
	const char *path;  /* " (deleted)" taken off; ends with the callback */
	bool deleted;
};

typedef int ec_proc_pid_fn(void *ctx, pid_t pid);
typedef int ec_proc_map_fn(void *ctx, pid_t pid, const struct ec_mapping *m);

/* All processes; non-zero from fn ends and is returned. */
int ec_proc_each(ec_proc_pid_fn *fn, void *ctx);
/* Executable file mappings of one process. -ESRCH, -EACCES, or fn's value. */
int ec_proc_maps(pid_t pid, ec_proc_map_fn *fn, void *ctx);
/* Opens the mapped file itself (also when replaced or in another mount namespace) by
 * map_files, else /proc/PID/root + path if that is the same file. fd or -errno. */
int ec_proc_open_mapping(pid_t pid, const struct ec_mapping *m);
/* Which file is mapped there, without opening it: st_dev and st_ino of that file. Needs
 * rights that opening does not (map_files). 0 or -errno */
struct statx;
int ec_proc_statx_mapping(pid_t pid, const struct ec_mapping *m, unsigned int mask,
			  struct statx *out);
/* The start of /proc/PID/<name> as a string; pid 0: our own. Its length; -ESRCH; -errno
 */
ssize_t ec_proc_text(pid_t pid, const char *name, char *out, size_t n);
/* The number behind a key ("TracerPid") in the text of "status"; -1: it is not there. */
int64_t ec_proc_status_number(const char *status, const char *key, int base);
/* Does the user's word name this file: by the very path, or by leading to it? */
bool ec_file_is(const char *word, const char *path, uint64_t dev, uint64_t ino);
bool ec_proc_is_kernel_thread(pid_t pid);
bool ec_proc_exists(pid_t pid);		   /* and is no zombie */
pid_t ec_proc_parent(pid_t pid);	   /* 0: not known */
pid_t ec_proc_thread_group(pid_t tid);	   /* tgid, 0: none */
int ec_proc_comm(pid_t pid, char out[16]); /* 0 or -errno */
int ec_proc_uid(pid_t pid, uid_t *uid);
/* pid and all its descendants now alive; number, or -errno. out may be too small: then
 * the rest is left out and the number says how many there are. */
int ec_proc_descendants(pid_t pid, pid_t *out, size_t max);
/* Name or number → uid; 0, -ENOENT */
int ec_proc_user(const char *name, uid_t *uid);

#endif
