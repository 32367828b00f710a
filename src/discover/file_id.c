// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a file is known by. Its device, inode and times were given by the kernel, unless
 * someone without rights could bring a file system that says what he likes: then a file
 * of his would be taken for one of a container that comes later.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "discover/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define MOMENT_NS  ((int64_t)(2 * EC_NSEC))
#define LOOP_MAJOR 7 /* kernel include/uapi/linux/major.h */
#define FS_FUSE	   0x65735546
#define FS_CIFS	   0xff534d42
#define FS_SMB2	   0xfe534d42
#define FS_CEPH	   0x00c36400
#define FS_KAFS	   0x6b414653
#define MNT_UNIQUE 0x4000u /* since 6.8: never given again while the kernel runs */

/* A server says what the times are. */
static bool is_served(uint64_t fs)
{
	return fs == FS_FUSE || fs == NFS_SUPER_MAGIC || fs == SMB_SUPER_MAGIC ||
	       fs == FS_CIFS || fs == FS_SMB2 || fs == V9FS_MAGIC || fs == FS_CEPH ||
	       fs == AFS_SUPER_MAGIC || fs == FS_KAFS || fs == CODA_SUPER_MAGIC;
}

static uint64_t boot(void)
{
	static const struct ec_hash_key key = {{1, 2}};
	static uint64_t id;
	char text[64];
	_ec_close_ int fd = -1;
	ssize_t n;

	if (id)
		return id;
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (n > 0)
		id = ec_hash(&key, text, n) | 1;
	return id;
}

/*
 * Users may mount an overlay, in a namespace of their own and above FUSE; its device
 * number is another mount's after it. 0 when the kernel has nothing better.
 */
static uint64_t mount_of(const struct statx *x)
{
#ifdef STATX_MNT_ID
	struct ec_hash_key key = {{boot(), x->stx_mnt_id}};

	if (x->stx_mask & MNT_UNIQUE && boot())
		return ec_hash(&key, "", 0) | 1;
#endif
	return 0;
}

static int64_t ns_of(const struct statx_timestamp *t)
{
	return (int64_t)((uint64_t)t->tv_sec * EC_NSEC + t->tv_nsec);
}

/*
 * It may be in the middle of being written, and a change within the same tick of the
 * kernel's clock would not show. A time of change to come: the clock was set.
 */
static bool is_fresh(const struct ec_file_id *id)
{
	int64_t now = (int64_t)ec_clock_wall();

	return id->ctime > now - MOMENT_NS ||
	       (id->mtime > now - MOMENT_NS && id->mtime < now + MOMENT_NS);
}

int ec_file_id_get(int fd, struct ec_file_id *out)
{
	struct statx x;
	struct statfs fs;

	memset(out, 0, sizeof(*out));
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME | MNT_UNIQUE,
		  &x) ||
	    fstatfs(fd, &fs))
		return -errno;
	out->dev = makedev(x.stx_dev_major, x.stx_dev_minor);
	out->ino = x.stx_ino;
	out->size = x.stx_size;
	out->mtime = ns_of(&x.stx_mtime);
	out->ctime = ns_of(&x.stx_ctime);
	if (x.stx_mask & STATX_BTIME)
		out->btime = ns_of(&x.stx_btime);
	out->fs = (uint32_t)fs.f_type;
	if (out->fs == OVERLAYFS_SUPER_MAGIC)
		out->mount = mount_of(&x);
	out->usable = S_ISREG(x.stx_mode) && !is_served(out->fs) &&
		      x.stx_dev_major != LOOP_MAJOR &&
		      (out->fs != OVERLAYFS_SUPER_MAGIC || out->mount) && !is_fresh(out);
	return 0;
}
