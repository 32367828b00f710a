// SPDX-License-Identifier: GPL-2.0-only
/* /proc/PID/maps and the files behind it: proc_pid_maps(5), proc_pid_map_files(5). */
#include "host/proc.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define DELETED	    " (deleted)"
#define BUF_BYTES   (16u << 10) /* the kernel gives a page at a time */
#define EXEC_COLUMN 2		/* in "r-xp" */

static bool get_hex(const char **p, const char *end, char stop, uint64_t *v)
{
	const char *s = *p;
	uint64_t n = 0;

	for (; s < end && *s != stop; s++) {
		unsigned int d = (unsigned char)*s;

		if (d - '0' <= 9)
			d -= '0';
		else if (d - 'a' <= 5)
			d -= 'a' - 10;
		else
			return false;
		if (n >> 60)
			return false;
		n = n << 4 | d;
	}
	if (s == end || s == *p)
		return false;
	*p = s + 1;
	*v = n;
	return true;
}

static bool get_dec(const char **p, const char *end, uint64_t *v)
{
	const char *s = *p;
	uint64_t n = 0;

	for (; s < end && *s >= '0' && *s <= '9'; s++) {
		if (n > UINT64_MAX / 10 - 1)
			return false;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	if (s == *p)
		return false;
	*p = s;
	*v = n;
	return true;
}

/* A newline in a name is shown as \012, and nothing else is (kernel: show_map_vma()). */
static void newlines_back(char *path)
{
	for (char *p = path; (p = strstr(p, "\\012")); p++) {
		*p = '\n';
		memmove(p + 1, p + 4, strlen(p + 4) + 1);
	}
}

/*
 * One line without its newline, which becomes a NUL here. True if it is an executable
 * mapping of a file: "7f0-7f1 r-xp 00001000 08:01 1234        /usr/lib/libssl.so.3".
 */
static bool parse_line(char *line, char *end, struct ec_mapping *m)
{
	const char *p = memchr(line, ' ', (size_t)(end - line));
	const size_t cut = strlen(DELETED);
	uint64_t major, minor;
	char *path;

	/* Most lines end here: not executable, or nothing behind that is a path. */
	if (!p || end - p < 6 || p[1 + EXEC_COLUMN] != 'x')
		return false;
	path = memchr(p, '/', (size_t)(end - p));
	if (!path)
		return false;
	p = line;
	if (!get_hex(&p, end, '-', &m->start) || !get_hex(&p, end, ' ', &m->end))
		return false;
	p += 5; /* the rights; there are at least 5 more bytes, seen above */
	if (!get_hex(&p, end, ' ', &m->offset) || !get_hex(&p, end, ':', &major) ||
	    !get_hex(&p, end, ' ', &minor) || !get_dec(&p, end, &m->ino))
		return false;
	while (p < end && *p == ' ')
		p++;
	if (p != path || !m->ino)
		return false;
	m->dev = major << 32 | minor;
	m->deleted = (size_t)(end - path) > cut && !memcmp(end - cut, DELETED, cut);
	*(m->deleted ? end - cut : end) = 0;
	newlines_back(path);
	m->path = path;
	return true;
}

struct text {
	size_t have;
	bool cut; /* the head of a line longer than the buffer was dropped */
	char buf[BUF_BYTES];
};

/* Hands on the whole lines; what is left over moves to the front. */
static int take_lines(pid_t pid, struct text *t, ec_proc_map_fn *fn, void *ctx)
{
	char *p = t->buf, *end = t->buf + t->have, *nl;
	struct ec_mapping m;

	while ((nl = memchr(p, '\n', (size_t)(end - p)))) {
		int ret = !t->cut && parse_line(p, nl, &m) ? fn(ctx, pid, &m) : 0;

		if (ret)
			return ret;
		t->cut = false;
		p = nl + 1;
	}
	t->have = (size_t)(end - p);
	memmove(t->buf, p, t->have);
	if (t->have == sizeof(t->buf)) {
		t->have = 0;
		t->cut = true;
	}
	return 0;
}

/*
 * PROCMAP_QUERY, since 6.11 (kernel commit ed5d583a88a9): executable mappings of files
 * alone, as numbers. A third of the time that the text takes. Our own definitions,
 * because system headers may be older.
 */
struct map_query {
	uint64_t size;
	uint64_t query_flags; /* in */
	uint64_t query_addr;  /* in */
	uint64_t start, end;
	uint64_t flags, page_size;
	uint64_t offset, inode;
	uint32_t dev_major, dev_minor;
	uint32_t name_size; /* in: of the buffer; out: with its NUL, 0: none */
	uint32_t build_id_size;
	uint64_t name_addr, build_id_addr; /* in */
};
#define MAP_QUERY	   _IOWR('f', 17, struct map_query)
#define MAP_QUERY_EXEC	   0x04
#define MAP_QUERY_OR_NEXT  0x10
#define MAP_QUERY_OF_FILES 0x20

/* The first mapping from `at` on. 0; -ENOENT none. A name too long for us is "". */
static int query(int fd, uint64_t at, struct map_query *q, char name[PATH_MAX])
{
	for (uint32_t room = PATH_MAX;; room = 0) {
		*q = (struct map_query){
			.size = sizeof(*q),
			.query_flags =
				MAP_QUERY_EXEC | MAP_QUERY_OR_NEXT | MAP_QUERY_OF_FILES,
			.query_addr = at,
			.name_addr = room ? (uintptr_t)name : 0,
			.name_size = room,
		};
		if (!ioctl(fd, MAP_QUERY, q)) {
			name[room && q->name_size ? PATH_MAX - 1 : 0] = 0;
			return 0;
		}
		if (errno != ENAMETOOLONG || !room)
			return -errno;
	}
}

/* *known is false when this kernel, or this process, has no such answer. */
static int query_all(int fd, pid_t pid, ec_proc_map_fn *fn, void *ctx, bool *known)
{
	const size_t cut = strlen(DELETED);
	char name[PATH_MAX];
	struct map_query q;
	uint64_t at = 0;
	int err;

	while (!(err = query(fd, at, &q, name)) && q.end > at) {
		struct ec_mapping m = {
			.start = q.start,
			.end = q.end,
			.offset = q.offset,
			.dev = (uint64_t)q.dev_major << 32 | q.dev_minor,
			.ino = q.inode,
			.path = name,
		};
		size_t len = strlen(name);

		*known = true;
		at = q.end;
		m.deleted = len > cut && !strcmp(name + len - cut, DELETED);
		if (m.deleted)
			name[len - cut] = 0;
		err = *name == '/' && m.ino ? fn(ctx, pid, &m) : 0;
		if (err)
			return err;
	}
	*known |= err == -ENOENT;
	return err == -ENOENT ? 0 : err;
}

/* Kernel threads have no maps, but refuse to say so to who may not look. */
static int refused(pid_t pid, int err)
{
	switch (err) {
	case ENOENT:
	case ESRCH:
		return -ESRCH;
	case EACCES:
	case EPERM:
		return ec_proc_is_kernel_thread(pid) ? 0 : -EACCES;
	default:
		return -err;
	}
}

int ec_proc_maps(pid_t pid, ec_proc_map_fn *fn, void *ctx)
{
	_ec_close_ int fd = -1;
	struct text t;
	bool known = false;
	ssize_t n;
	int ret;

	snprintf(t.buf, sizeof(t.buf), "/proc/%d/maps", pid);
	fd = open(t.buf, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return refused(pid, errno);
	ret = query_all(fd, pid, fn, ctx, &known);
	if (known)
		return ret;
	t.have = 0;
	t.cut = false;
	while ((n = read(fd, t.buf + t.have, sizeof(t.buf) - t.have)) > 0) {
		t.have += (size_t)n;
		ret = take_lines(pid, &t, fn, ctx);
		if (ret)
			return ret;
	}
	return n < 0 ? refused(pid, errno) : 0;
}

/*
 * The maps file shows the device of the file system, fstat(2) on btrfs and overlayfs one
 * made up for the subvolume or mount: those have major 0, and there the inode decides.
 */
static bool same_file(const struct stat *st, const struct ec_mapping *m)
{
	uint64_t dev = (uint64_t)major(st->st_dev) << 32 | minor(st->st_dev);

	if (st->st_ino != m->ino)
		return false;
	return dev == m->dev || !major(st->st_dev) || !(m->dev >> 32);
}

/*
 * First by O_PATH, which has no effect on a device or a pipe that somebody put in the
 * place of the file. `m` NULL: whatever regular file is there.
 */
static int open_regular(const char *path, const struct ec_mapping *m)
{
	_ec_close_ int at = open(path, O_PATH | O_CLOEXEC);
	char link[40];
	struct stat st;
	int fd;

	if (at < 0 || fstat(at, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (m && !same_file(&st, m)))
		return -ENOENT;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
	fd = open(link, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * Another file may be mapped there by now. The inode tells, but not on every overlayfs
 * (whose layers are on several file systems), so the same name will do too; folders do
 * not count, for they are seen from different roots.
 */
static bool is_mapped_file(const char *link, int fd, const struct ec_mapping *m)
{
	const size_t cut = strlen(DELETED);
	char name[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (!fstat(fd, &st) && st.st_ino == m->ino)
		return true;
	n = readlink(link, name, sizeof(name) - 1);
	if (n <= 0 || !m->path)
		return false;
	if ((size_t)n > cut && !memcmp(name + n - cut, DELETED, cut))
		n -= (ssize_t)cut;
	name[n] = 0;
	return !strcmp(ec_base_name(name), ec_base_name(m->path));
}

static void map_file(char out[80], pid_t pid, const struct ec_mapping *m)
{
	snprintf(out, 80, "/proc/%d/map_files/%llx-%llx", pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
}

int ec_proc_statx_mapping(pid_t pid, const struct ec_mapping *m, unsigned int mask,
			  struct statx *out)
{
	char path[80];

	map_file(path, pid, m);
	return statx(AT_FDCWD, path, 0, mask, out) ? -errno : 0;
}

static int open_map_file(pid_t pid, const struct ec_mapping *m)
{
	_ec_close_ int fd = -1;
	char path[80];

	map_file(path, pid, m);
	fd = open_regular(path, NULL);
	if (fd >= 0 && !is_mapped_file(path, fd, m))
		return -ENOENT;
	return EC_TAKE_FD(fd);
}

int ec_proc_open_mapping(pid_t pid, const struct ec_mapping *m)
{
	int fd = open_map_file(pid, m), fd2;
	char path[PATH_MAX + 32];

	if (fd >= 0 || m->deleted || !m->path)
		return fd;
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, m->path);
	fd2 = open_regular(path, m);
	/* What hindered the better way says more than "no such file". */
	return fd2 == -ENOENT ? fd : fd2;
}
