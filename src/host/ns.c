// SPDX-License-Identifier: GPL-2.0-only
#include "host/ns.h"
#include "base/opt.h"
#include "base/util.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define DELETED	   " (deleted)"
#define IP_NETNS   "/run/netns" /* ip-netns(8) */
#define NEWTIME	   0x80		/* linux/sched.h since 5.6 */
#define INO_DIGITS 20		/* of 64 bits */

static const struct {
	const char *name;
	int type; /* ioctl_ns(2), NS_GET_NSTYPE */
} kinds[] = {
	{"net", CLONE_NEWNET},	 {"mnt", CLONE_NEWNS},	      {"pid", CLONE_NEWPID},
	{"user", CLONE_NEWUSER}, {"uts", CLONE_NEWUTS},	      {"ipc", CLONE_NEWIPC},
	{"time", NEWTIME},	 {"cgroup", CLONE_NEWCGROUP},
};

static int kind_of(const char *name)
{
	for (size_t i = 0; i < EC_ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i].name, name))
			return kinds[i].type;
	}
	return 0;
}

/* What a failure under /proc/PID means; a file may be missing there, or the process. */
static int refused(pid_t pid, int err)
{
	char dir[32];

	switch (err) {
	case EPERM:
		return -EACCES;
	case ENOENT:
		snprintf(dir, sizeof(dir), "/proc/%d", pid);
		return access(dir, F_OK) ? -ESRCH : -ENOENT;
	default:
		return -err;
	}
}

int ec_ns_id(pid_t pid, const char *name, uint64_t *ino)
{
	char path[64];
	struct stat st;

	if (!kind_of(name))
		return -EINVAL;
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	if (!stat(path, &st)) {
		*ino = st.st_ino;
		return 0;
	}
	/* A process that has ended keeps the names, but they lead nowhere. */
	if (errno == ENOENT && !faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
		return -ESRCH;
	return refused(pid, errno);
}

int ec_ns_is_host(const char *name)
{
	/* kernel: PROC_PID_INIT_INO, PROC_USER_INIT_INO in include/linux/proc_ns.h */
	ino_t host = !strcmp(name, "pid")    ? 0xEFFFFFFC
		     : !strcmp(name, "user") ? 0xEFFFFFFD
					     : 0;
	char path[64];
	struct stat st;

	if (!host)
		return -EINVAL;
	/* not by our number: the /proc that is mounted may be another namespace's */
	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return stat(path, &st) ? -errno : st.st_ino == host;
}

/* First by O_PATH: a device or a pipe at that path is not touched. */
static int from_path(const char *path, int kind, uint64_t *ino)
{
	_ec_close_ int at = open(path, O_PATH | O_CLOEXEC);
	_ec_close_ int fd = -1;
	struct statfs fs;
	struct stat st;
	char link[40];
	int type;

	if (at < 0)
		return errno == EPERM ? -EACCES : errno == ENOTDIR ? -ENOENT : -errno;
	if (fstatfs(at, &fs) || fs.f_type != NSFS_MAGIC || fstat(at, &st))
		return -EINVAL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", at);
	fd = open(link, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == EPERM ? -EACCES : -errno;
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type != kind)
		return -EINVAL;
	*ino = st.st_ino;
	return 0;
}

static int from_number(const char *s, size_t len, uint64_t *ino)
{
	char digits[INO_DIGITS + 1];

	if (!len || len >= sizeof(digits) || strspn(s, "0123456789") < len)
		return -EINVAL;
	memcpy(digits, s, len);
	digits[len] = 0;
	return ec_opt_number(digits, 1, UINT64_MAX, ino) ? -EINVAL : 0;
}

int ec_ns_parse(const char *word, const char *name, uint64_t *ino)
{
	size_t len = strlen(word), n = strlen(name);
	int kind = kind_of(name);
	char path[PATH_MAX];

	if (!kind || !len)
		return -EINVAL;
	if (strspn(word, "0123456789") == len)
		return from_number(word, len, ino);
	if (strchr(word, '/'))
		return from_path(word, kind, ino);
	if (word[len - 1] == ']' && len > n + 3 && !memcmp(word, name, n) &&
	    !memcmp(word + n, ":[", 2))
		return from_number(word + n + 2, len - n - 3, ino);
	if (kind != CLONE_NEWNET || !strcmp(word, ".") || !strcmp(word, ".."))
		return -EINVAL;
	if (snprintf(path, sizeof(path), IP_NETNS "/%s", word) >= (int)sizeof(path))
		return -EINVAL;
	return from_path(path, kind, ino);
}

int ec_proc_ns_pid(pid_t pid, pid_t *inner)
{
	const char key[] = "NSpid:";
	_ec_free_ char *line = NULL;
	int found = 0, v = pid;
	char path[48];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : refused(pid, errno);
	/* It stands behind the groups, of which there may be 65536. */
	while (!found && getline(&line, &n, f) > 0)
		found = !strncmp(line, key, sizeof(key) - 1);
	if (found) {
		/* The first is in our namespace, the last in its own. */
		const char *last = strrchr(line, '\t');

		if (!last || sscanf(last + 1, "%d", &v) != 1 || v <= 0)
			v = pid;
	}
	found |= !ferror(f);
	fclose(f);
	if (!found)
		return -ESRCH;
	*inner = v;
	return 0;
}

/* A file may really have such a name: then it is there under it. */
static bool is_named_so(pid_t pid, const char *link, const char *name)
{
	char path[PATH_MAX + 32];
	struct stat a, b;

	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, name);
	return !stat(link, &a) && !lstat(path, &b) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

int ec_proc_exe(pid_t pid, char *out, size_t n)
{
	const size_t cut = strlen(DELETED);
	char link[48], name[PATH_MAX];
	bool deleted;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	len = readlink(link, name, sizeof(name) - 1);
	if (len < 0)
		return refused(pid, errno);
	name[len] = 0;
	deleted = (size_t)len > cut && !strcmp(name + len - cut, DELETED) &&
		  !is_named_so(pid, link, name);
	if (deleted)
		name[len -= (ssize_t)cut] = 0;
	if ((size_t)len >= n)
		return -ENAMETOOLONG;
	memcpy(out, name, (size_t)len + 1);
	return deleted;
}
