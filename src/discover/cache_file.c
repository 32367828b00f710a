// SPDX-License-Identifier: GPL-2.0-only
#include "discover/cache_file.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "modules/module.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC "ecplans1"

/* For what no one hostile makes: our own build, and damage. */
static const struct ec_hash_key open_key = {{0x6563617074757265, 1}};

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	struct ec_hash_key k = {{open_key.k[0], h}};

	return ec_hash(&k, p, n);
}

/* Notes of the program and its libraries, their build ids among them: the disassembler's
 * too, whose word plans are made by. */
static int add_notes(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uint64_t *h = ctx;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		*h = mix(*h, &ph->p_memsz, sizeof(ph->p_memsz));
		if (ph->p_type == PT_NOTE)
			*h = mix(*h, (const void *)(info->dlpi_addr + ph->p_vaddr),
				 ph->p_memsz);
	}
	return 0;
}

static uint64_t modules_hash(void)
{
	uint64_t h = 0;

	for (unsigned int i = 0; i < ec_modules_count; i++) {
		const struct ec_module *m = ec_modules[i].module;

		h = mix(h, m->name, strlen(m->name));
		for (const char *const *p = m->progs; p && *p; p++)
			h = mix(h, *p, strlen(*p));
	}
	return h;
}

/* All but key, counts, length and sum. */
static struct ec_cache_head head_of_build(void)
{
	struct ec_cache_head h;

	memset(&h, 0, sizeof(h));
	memcpy(h.magic, MAGIC, sizeof(h.magic));
	snprintf(h.version, sizeof(h.version), "%s", EC_VERSION);
	snprintf(h.rev, sizeof(h.rev), "%s", EC_REV);
	h.sizes[0] = sizeof(struct ec_cache_head);
	h.sizes[1] = sizeof(struct ec_answer);
	h.sizes[2] = sizeof(struct ec_known);
	h.sizes[3] = sizeof(struct ec_plan);
	h.sizes[4] = sizeof(struct ec_point);
	h.sizes[5] = sizeof(struct ec_target);
	dl_iterate_phdr(add_notes, &h.build);
	h.modules = modules_hash();
	return h;
}

uint64_t ec_cache_sum(const uint8_t *p, size_t n)
{
	struct ec_cache_head h;

	memcpy(&h, p, sizeof(h));
	h.sum = ec_hash_long(&open_key, p + sizeof(h), n - sizeof(h));
	return mix(h.sum, &h, offsetof(struct ec_cache_head, sum));
}

/* Ours, and nobody else writes there. */
static const char *distrust(int fd, mode_t type)
{
	struct stat st;

	if (fstat(fd, &st))
		return strerror(errno);
	if ((st.st_mode & S_IFMT) != type)
		return type == S_IFDIR ? "its folder is none" : "it is no regular file";
	if (st.st_uid != geteuid())
		return type == S_IFDIR ? "its folder is another user's"
				       : "it is another user's";
	if (type == S_IFDIR && st.st_mode & (S_IWGRP | S_IWOTH))
		return "others can write to its folder";
	/* its key is a secret */
	if (type == S_IFREG && st.st_mode & (S_IRWXG | S_IRWXO))
		return "others can read or write it";
	return NULL;
}

/* The folder of `path`, which must be one itself. -errno with *why */
static int open_folder(const char *path, bool make, const char **base, const char **why)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? slash - path : 0;
	char dir[4096] = ".";
	int fd, err;

	*base = slash ? slash + 1 : path;
	if (!**base || n >= sizeof(dir)) {
		*why = strerror(ENOENT);
		return -ENOENT;
	}
	if (slash) {
		memcpy(dir, n ? path : "/", n ? n : 1);
		dir[n ? n : 1] = 0;
	}
	if (make && mkdir(dir, 0700) && errno != EEXIST) {
		err = -errno;
		*why = strerror(-err);
		return err;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		*why = strerror(-err);
		return err;
	}
	*why = distrust(fd, S_IFDIR);
	if (!*why)
		return fd;
	close(fd);
	return -EPERM;
}

static const char *read_all(const char *path, uint8_t **p, size_t *n)
{
	_ec_close_ int dir = -1, fd = -1;
	const char *base, *why;
	struct stat st;

	dir = open_folder(path, false, &base, &why);
	if (dir < 0)
		return dir == -ENOENT ? NULL : why;
	fd = openat(dir, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? NULL : strerror(errno);
	why = distrust(fd, S_IFREG);
	if (why)
		return why;
	if (fstat(fd, &st) || st.st_size > EC_CACHE_FILE_MAX)
		return "it is too big";
	*n = st.st_size;
	*p = malloc(*n + 1);
	if (!*p)
		return strerror(ENOMEM);
	for (size_t got = 0; got < *n;) {
		ssize_t r = read(fd, *p + got, *n - got);

		if (r <= 0)
			return r ? strerror(errno) : "it is truncated";
		got += r;
	}
	return NULL;
}

static const char *check_head(struct ec_cache_head *h, const uint8_t *p, size_t n)
{
	struct ec_cache_head own = head_of_build();

	if (n < sizeof(*h))
		return "it is truncated";
	memcpy(h, p, sizeof(*h));
	if (memcmp(h->magic, own.magic, sizeof(own.magic)))
		return "it is no plan cache";
	if (memcmp(h, &own, offsetof(struct ec_cache_head, key)))
		return "another build of ecapture wrote it";
	if (h->length != n)
		return "it is truncated";
	if (h->sum != ec_cache_sum(p, n))
		return "its checksum is wrong";
	if (h->nanswers > EC_CACHE_PLANS + EC_CACHE_NOTHINGS ||
	    h->nfiles > EC_CACHE_FILES)
		return "it holds too much";
	return NULL;
}

static bool load_answer(struct ec_cache *c, struct ec_cursor *in)
{
	struct ec_answer head, *a;
	uint64_t hash;

	if (!ec_cursor_copy(in, &head, sizeof(head)) || head.size > ec_cursor_left(in) ||
	    head.size > sizeof(struct ec_plan))
		return false;
	a = malloc(sizeof(head) + head.size);
	if (!a)
		return false;
	*a = head;
	ec_cursor_copy(in, a->plan, head.size);
	if (!ec_answer_ok(a, head.size)) {
		free(a);
		return false;
	}
	ec_cache_add_answer(c, a, &hash);
	return true;
}

static bool load_known(struct ec_cache *c, struct ec_cursor *in)
{
	struct ec_known *k = malloc(sizeof(*k));

	if (!k)
		return false;
	if (!ec_cursor_copy(in, k, sizeof(*k)) || k->module >= ec_modules_count ||
	    k->nothing > 1 || k->id.usable != 1) {
		free(k);
		return false;
	}
	if (ec_map_peek(c->answers[k->nothing], &k->answer))
		ec_cache_add_known(c, k);
	else
		free(k);
	return true;
}

const char *ec_cache_load(struct ec_cache *c)
{
	_ec_free_ uint8_t *p = NULL;
	struct ec_cache_head h;
	struct ec_cursor in;
	size_t n = 0;
	const char *why = read_all(c->path, &p, &n);

	if (why || !p)
		return why;
	why = check_head(&h, p, n);
	if (why)
		return why;
	c->key = h.key;
	ec_cursor_init(&in, p + sizeof(h), n - sizeof(h));
	for (uint32_t i = 0; i < h.nanswers; i++)
		if (!load_answer(c, &in))
			return "an answer in it is damaged";
	for (uint32_t i = 0; i < h.nfiles; i++)
		if (!load_known(c, &in))
			return "a file in it is damaged";
	return ec_cursor_left(&in) ? "something is behind its end" : NULL;
}

static bool add_answer(void *ctx, const void *key, void *value)
{
	const struct ec_answer *a = value;

	ec_buf_add(ctx, a, sizeof(*a) + a->size);
	return true;
}

static bool add_known(void *ctx, const void *key, void *value)
{
	ec_buf_add(ctx, value, sizeof(struct ec_known));
	return true;
}

static int make(struct ec_cache *c, struct ec_buf *b)
{
	struct ec_cache_head h = head_of_build();

	h.key = c->key;
	h.nanswers = ec_map_count(c->answers[0]) + ec_map_count(c->answers[1]);
	h.nfiles = ec_map_count(c->files);
	ec_buf_add(b, &h, sizeof(h));
	ec_map_each(c->answers[0], add_answer, b);
	ec_map_each(c->answers[1], add_answer, b);
	ec_map_each(c->files, add_known, b);
	if (b->err)
		return b->err;
	h.length = b->len;
	memcpy(b->data, &h, sizeof(h));
	h.sum = ec_cache_sum((const uint8_t *)b->data, b->len);
	memcpy(b->data, &h, sizeof(h));
	return 0;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return w ? -errno : -EIO;
		p += w;
		n -= w;
	}
	return 0;
}

/* A name that no other process writes to; what has it already was left by a dead one. */
static int open_new(int dir, const char *name)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags, 0600);

	if (fd < 0 && errno == EEXIST && !unlinkat(dir, name, 0))
		fd = openat(dir, name, flags, 0600);
	return fd < 0 ? -errno : fd;
}

static int put_in_place(const char *path, const struct ec_buf *b, bool sync)
{
	_ec_close_ int dir = -1, fd = -1;
	const char *base, *why;
	char name[256];
	int err;

	dir = open_folder(path, true, &base, &why);
	if (dir < 0)
		return dir;
	if (snprintf(name, sizeof(name), "%s.%d", base, (int)getpid()) >=
	    (int)sizeof(name))
		return -ENAMETOOLONG;
	fd = open_new(dir, name);
	if (fd < 0)
		return fd;
	err = write_all(fd, b->data, b->len);
	if (!err && sync && fsync(fd))
		err = -errno;
	if (!err && renameat(dir, name, dir, base))
		err = -errno;
	if (err)
		unlinkat(dir, name, 0);
	return err;
}

int ec_cache_write(struct ec_cache *c, bool sync)
{
	struct ec_buf b;
	int err;

	ec_buf_init(&b, EC_CACHE_FILE_MAX);
	err = make(c, &b);
	if (!err)
		err = put_in_place(c->path, &b, sync);
	ec_buf_free(&b);
	return err;
}
