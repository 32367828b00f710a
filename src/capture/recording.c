// SPDX-License-Identifier: GPL-2.0-only
#include "capture/recording.h"
#include "base/buf.h"
#include "base/util.h"
#include "modules/module.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ORDER	   0x01020304u
#define FLUSH_AT   (256u << 10)
#define MODULE_MAX 32

struct ec_recorder {
	int fd;
	int err;
	struct ec_buf buf;
};

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		p += k;
		n -= k;
	}
	return 0;
}

static void head_make(struct ec_recording *h)
{
	size_t at = 0;

	memset(h, 0, sizeof(*h));
	memcpy(h->magic, EC_RECORDING_MAGIC, sizeof(h->magic));
	h->order = ORDER;
	h->version = EC_REC_VERSION;
	h->head = sizeof(*h);
	snprintf(h->made_by, sizeof(h->made_by), "ecapture %s", EC_VERSION);
	for (unsigned int i = 0; i < ec_modules_count && at < sizeof(h->modules) - 1; i++)
		at += snprintf(h->modules + at, sizeof(h->modules) - at, "%s%s",
			       i ? " " : "", ec_modules[i].module->name);
}

int ec_recorder_new(int fd, struct ec_recorder **out)
{
	struct ec_recorder *r = calloc(1, sizeof(*r));
	struct ec_recording head;

	if (!r)
		return -ENOMEM;
	r->fd = fd;
	ec_buf_init(&r->buf, 2 * FLUSH_AT);
	head_make(&head);
	ec_buf_add(&r->buf, &head, sizeof(head));
	*out = r;
	return 0;
}

int ec_recorder_flush(struct ec_recorder *r)
{
	if (!r->err)
		r->err = r->buf.err ? r->buf.err
				    : write_all(r->fd, r->buf.data, r->buf.len);
	ec_buf_reset(&r->buf);
	return r->err;
}

int ec_recorder_add(struct ec_recorder *r, const void *rec, size_t n)
{
	static const char zeros[8];

	if (r->err)
		return r->err;
	ec_buf_add(&r->buf, rec, n);
	ec_buf_add(&r->buf, zeros, -n & 7);
	return r->buf.len >= FLUSH_AT ? ec_recorder_flush(r) : 0;
}

int ec_recorder_free(struct ec_recorder *r)
{
	int err;

	if (!r)
		return 0;
	err = ec_recorder_flush(r);
	if (close(r->fd) && !err)
		err = -errno;
	ec_buf_free(&r->buf);
	free(r);
	return err;
}

struct ec_player {
	int fd;
	struct ec_recording head;
	char *module[MODULE_MAX];
	uint8_t rec[EC_REC_MAX + 8];
	uint8_t buf[64 << 10];
	size_t at, len;
};

/* 1 all n bytes; 0 clean end before the first; -EBADMSG cut off; -errno */
static int take(struct ec_player *p, void *to, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t k;

		if (p->at == p->len) {
			ssize_t r = read(p->fd, p->buf, sizeof(p->buf));

			if (r < 0 && errno == EINTR)
				continue;
			if (r < 0)
				return -errno;
			if (r == 0)
				return done ? -EBADMSG : 0;
			p->at = 0;
			p->len = r;
		}
		k = EC_MIN(n - done, p->len - p->at);
		memcpy((uint8_t *)to + done, p->buf + p->at, k);
		p->at += k;
		done += k;
	}
	return 1;
}

static int head_read(struct ec_player *p)
{
	char *save = NULL, *w;
	int n = take(p, &p->head, sizeof(p->head));

	if (n < 0)
		return n;
	if (n == 0 || memcmp(p->head.magic, EC_RECORDING_MAGIC, sizeof(p->head.magic)) ||
	    p->head.order != ORDER || p->head.version != EC_REC_VERSION ||
	    p->head.head != sizeof(p->head))
		return -EBADMSG;
	p->head.modules[sizeof(p->head.modules) - 1] = 0;
	w = strtok_r(p->head.modules, " ", &save);
	for (int i = 0; w && i < MODULE_MAX; i++, w = strtok_r(NULL, " ", &save))
		p->module[i] = w;
	return 0;
}

int ec_player_new(int fd, struct ec_player **out)
{
	struct ec_player *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->fd = fd;
	err = head_read(p);
	if (err) {
		free(p);
		return err;
	}
	*out = p;
	return 0;
}

int ec_player_next(struct ec_player *p, const void **rec, size_t *n)
{
	uint32_t size;
	int k = take(p, &size, sizeof(size));

	if (k <= 0)
		return k;
	if (size < sizeof(struct ec_rec) || size > EC_REC_MAX)
		return -EBADMSG;
	memcpy(p->rec, &size, sizeof(size));
	k = take(p, p->rec + sizeof(size), ((size + 7) & ~7u) - sizeof(size));
	if (k <= 0)
		return k ? k : -EBADMSG;
	*rec = p->rec;
	*n = size;
	return 1;
}

const char *ec_player_module(const struct ec_player *p, uint16_t index)
{
	return index < MODULE_MAX ? p->module[index] : NULL;
}

void ec_player_free(struct ec_player *p)
{
	if (!p)
		return;
	close(p->fd);
	free(p);
}
