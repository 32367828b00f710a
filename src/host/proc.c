// SPDX-License-Identifier: GPL-2.0-only
/* One process: its state, its names, its parents. Mappings are in maps.c. */
#include "host/proc.h"
#include "base/util.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PF_KTHREAD   0x00200000u /* include/linux/sched.h, shown in the stat file */
#define NAME_BUF_MAX (1u << 20)	 /* for one entry of the user database */

static bool parse_u32(const char *s, uint32_t *v)
{
	uint64_t n = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		n = n * 10 + (uint64_t)(*s - '0');
		if (n > UINT32_MAX)
			return false;
	}
	*v = n;
	return true;
}

ssize_t ec_proc_text(pid_t pid, const char *name, char *out, size_t n)
{
	char path[64];
	_ec_close_ int fd = -1;
	ssize_t got;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	else
		snprintf(path, sizeof(path), "/proc/self/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, out, n - 1);
	if (got < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	out[got] = 0;
	return got;
}

/* A newline in a name is written as \n there, so no name can forge a line. */
int64_t ec_proc_status_number(const char *status, const char *key, int base)
{
	size_t n = strlen(key);

	for (const char *p = status; (p = strchr(p, '\n'));) {
		char *end;
		int64_t v;

		p++;
		if (strncmp(p, key, n) || p[n] != ':')
			continue;
		v = strtoll(p + n + 1, &end, base);
		return end == p + n + 1 ? -1 : v;
	}
	return -1;
}

struct stat_line {
	char state;
	pid_t ppid;
	unsigned int flags, threads;
};

/* proc_pid_stat(5). The name may hold blanks and brackets: the last ')' ends it. */
static int read_stat(pid_t pid, struct stat_line *st)
{
	char text[1024];
	ssize_t n = ec_proc_text(pid, "stat", text, sizeof(text));
	const char *p;

	if (n < 0)
		return n;
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1,
			 " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d"
			 " %*d %u",
			 &st->state, &st->ppid, &st->flags, &st->threads) != 4)
		return -ESRCH;
	return 0;
}

/* The number behind `key` at the start of a line of /proc/PID/status. */
static int read_status(pid_t pid, const char *key, uint32_t *v)
{
	char text[2048]; /* Tgid and Uid are among the first lines */
	ssize_t n = ec_proc_text(pid, "status", text, sizeof(text));
	int64_t number;

	if (n < 0)
		return n;
	number = ec_proc_status_number(text, key, 10);
	if (number < 0)
		return -ESRCH;
	*v = number;
	return 0;
}

bool ec_file_is(const char *word, const char *path, uint64_t dev, uint64_t ino)
{
	struct stat st;

	return !strcmp(word, path) ||
	       (!stat(word, &st) && st.st_dev == dev && st.st_ino == ino);
}

bool ec_proc_is_kernel_thread(pid_t pid)
{
	struct stat_line st;

	return !read_stat(pid, &st) && st.flags & PF_KTHREAD;
}

int ec_proc_each(ec_proc_pid_fn *fn, void *ctx)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	uint32_t pid;
	int err = 0;

	if (!d)
		return -errno;
	while (!err && (e = readdir(d))) {
		if (parse_u32(e->d_name, &pid) && pid && pid <= INT32_MAX)
			err = fn(ctx, (pid_t)pid);
	}
	closedir(d);
	return err;
}

/* A leader that has ended is shown as a zombie while its other threads run on. */
bool ec_proc_exists(pid_t pid)
{
	struct stat_line st;

	if (pid <= 0 || read_stat(pid, &st))
		return false;
	return (st.state != 'Z' && st.state != 'X') || st.threads > 1;
}

pid_t ec_proc_parent(pid_t pid)
{
	struct stat_line st;

	return pid <= 0 || read_stat(pid, &st) ? 0 : st.ppid;
}

pid_t ec_proc_thread_group(pid_t tid)
{
	uint32_t tgid;

	return tid <= 0 || read_status(tid, "Tgid", &tgid) ? 0 : (pid_t)tgid;
}

int ec_proc_comm(pid_t pid, char out[16])
{
	char text[80]; /* kernel threads have longer ones */
	ssize_t n = ec_proc_text(pid, "comm", text, sizeof(text));

	if (n < 0)
		return n;
	if (n && text[n - 1] == '\n')
		text[n - 1] = 0;
	snprintf(out, 16, "%.15s", text);
	return 0;
}

/* The real one, as bpf_get_current_uid_gid() tells it. */
int ec_proc_uid(pid_t pid, uid_t *uid)
{
	uint32_t v;
	int err = read_status(pid, "Uid", &v);

	if (!err)
		*uid = v;
	return err;
}

struct kin {
	pid_t pid;
	pid_t parent;
	bool taken;
};

struct kins {
	struct kin *v;
	size_t n, cap;
};

static int add_kin(void *ctx, pid_t pid)
{
	struct kins *k = ctx;
	struct stat_line st;

	if (read_stat(pid, &st) ||
	    ((st.state == 'Z' || st.state == 'X') && st.threads <= 1))
		return 0;
	if (k->n == k->cap) {
		size_t cap = k->cap ? 2 * k->cap : 256;
		struct kin *v = reallocarray(k->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		k->v = v;
		k->cap = cap;
	}
	k->v[k->n++] = (struct kin){.pid = pid, .parent = st.ppid};
	return 0;
}

static int by_parent(const void *a, const void *b)
{
	const struct kin *x = a, *y = b;

	return x->parent < y->parent ? -1 : x->parent > y->parent;
}

/* First of the children of `parent` in the sorted list. */
static size_t first_child(const struct kins *k, pid_t parent)
{
	size_t lo = 0, hi = k->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (k->v[mid].parent < parent)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Breadth first; `taken` ends it even if the list, read over time, holds a circle. */
static size_t collect(struct kins *k, pid_t pid, pid_t *queue)
{
	size_t n = 0;

	queue[n++] = pid;
	for (size_t i = 0; i < k->n; i++)
		k->v[i].taken = k->v[i].pid == pid;
	for (size_t at = 0; at < n; at++) {
		for (size_t i = first_child(k, queue[at]);
		     i < k->n && k->v[i].parent == queue[at]; i++) {
			if (k->v[i].taken)
				continue;
			k->v[i].taken = true;
			queue[n++] = k->v[i].pid;
		}
	}
	return n;
}

int ec_proc_descendants(pid_t pid, pid_t *out, size_t max)
{
	struct kins k = {0};
	pid_t *queue = NULL;
	size_t n;
	int ret;

	if (!ec_proc_exists(pid))
		return -ESRCH;
	ret = ec_proc_each(add_kin, &k);
	if (ret)
		goto out;
	queue = calloc(k.n + 1, sizeof(*queue));
	if (!queue) {
		ret = -ENOMEM;
		goto out;
	}
	if (k.n)
		qsort(k.v, k.n, sizeof(*k.v), by_parent);
	n = collect(&k, pid, queue);
	for (size_t i = 0; i < n && i < max; i++)
		out[i] = queue[i];
	ret = (int)n;
out:
	free(queue);
	free(k.v);
	return ret;
}

int ec_proc_user(const char *name, uid_t *uid)
{
	struct passwd pw, *found = NULL;
	size_t n = 1024;
	uint32_t v;
	int err;

	if (parse_u32(name, &v)) {
		if (v == (uid_t)-1) /* means "leave as it is" to the kernel */
			return -ENOENT;
		*uid = v;
		return 0;
	}
	do {
		_ec_free_ char *buf = malloc(n);

		if (!buf)
			return -ENOMEM;
		err = getpwnam_r(name, &pw, buf, n, &found);
		if (!err && found)
			*uid = pw.pw_uid;
		n *= 2;
	} while (err == ERANGE && n <= NAME_BUF_MAX);
	return !err && found ? 0 : -ENOENT;
}
