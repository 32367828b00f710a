// SPDX-License-Identifier: GPL-2.0-only
/* The cache on the disk: what comes back, and what is not believed. */
#include "base/clock.h"
#include "modules/module.h"
#include "real.h"
#include "unit/discover/caches.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "unit/need_root.h"
#include "unit/open_files.h"

static char path[256];

static int setup(void **state)
{
	caches_dir_make();
	caches_path(path, "plans");
	return 0;
}

static int teardown(void **state)
{
	caches_dir_remove();
	return 0;
}

static struct ec_cache *open_it(void)
{
	struct ec_cache *c = NULL;

	assert_int_equal(ec_cache_open(path, &c), 0);
	return c;
}

static void fill(struct ec_cache *c, unsigned int nfiles, unsigned int nplans)
{
	struct ec_plan none = {.why = "no such functions"};

	for (unsigned int i = 0; i < nfiles; i++) {
		struct ec_plan p = caches_plan(i);
		struct ec_file_id id = caches_id(i);

		ec_cache_put(c, &id, 0, i < nplans ? 0 : -ENOENT,
			     i < nplans ? &p : &none);
	}
}

/* A good one, with three files. */
static void make_good(void)
{
	struct ec_cache *c;

	unlink(path);
	c = open_it();
	fill(c, 3, 2);
	assert_int_equal(ec_cache_save(c), 0);
	ec_cache_free(c);
}

/* What load says of what is there now; nothing of it may have been taken. */
static const char *why(void)
{
	struct ec_cache *c = NULL;
	const char *w;

	assert_int_equal(ec_cache_open(NULL, &c), 0);
	c->path = strdup(path);
	w = ec_cache_load(c);
	ec_cache_free(c);
	c = open_it();
	assert_int_equal(ec_cache_files(c), w ? 0 : 3);
	assert_int_equal(ec_cache_plans(c), w ? 0 : 2);
	ec_cache_free(c);
	return w ? w : "good";
}

static void comes_back(void **state)
{
	struct ec_cache *c, *d;
	struct ec_file_id id;
	struct ec_plan p, q;
	struct stat st;
	int err, fds = open_files();

	make_good();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(caches_dir_count(), 1);
	c = open_it();
	assert_int_equal(ec_cache_files(c), 3);
	for (unsigned int i = 0; i < 3; i++) {
		p = caches_plan(i);
		id = caches_id(i);
		assert_int_equal(ec_cache_by_file(c, &id, 0, &q, &err),
				 i < 2 ? EC_CACHE_PLAN : EC_CACHE_NOTHING);
		assert_int_equal(err, i < 2 ? 0 : -ENOENT);
		if (i < 2)
			assert_memory_equal(&p, &q, sizeof(p));
		else
			assert_string_equal(q.why, "no such functions");
	}
	/* what is only looked at is not written again */
	unlink(path);
	assert_int_equal(ec_cache_save(c), 0);
	assert_int_equal(access(path, F_OK), -1);
	/* the same answer again is nothing new; another one is */
	ec_cache_put(c, &id, 0, -ENOENT, &q);
	assert_int_equal(ec_cache_save(c), 0);
	assert_int_equal(access(path, F_OK), -1);
	id = caches_id(50);
	ec_cache_put(c, &id, 0, -ENOENT, &q);
	ec_cache_tick(c); /* not yet */
	assert_int_equal(access(path, F_OK), -1);
	c->saved -= 31 * EC_NSEC;
	ec_cache_tick(c);
	d = open_it();
	assert_int_equal(ec_cache_files(d), 4);
	assert_memory_equal(&c->key, &d->key, sizeof(c->key));
	ec_cache_free(d);
	ec_cache_free(c);
	assert_int_equal(open_files(), fds);
}

/* In the order of use, so that what is used stays over many runs. */
static void order_is_kept(void **state)
{
	struct ec_cache *c = open_it();
	struct ec_file_id id = caches_id(0), other;
	struct ec_plan p;
	int err;

	fill(c, EC_CACHE_FILES, EC_CACHE_PLANS);
	assert_int_equal(ec_cache_by_file(c, &id, 0, &p, &err), EC_CACHE_PLAN);
	ec_cache_save(c);
	ec_cache_free(c);
	c = open_it();
	assert_int_equal(ec_cache_files(c), EC_CACHE_FILES);
	other = caches_id(EC_CACHE_FILES);
	p = caches_plan(EC_CACHE_FILES);
	ec_cache_put(c, &other, 0, 0, &p);
	assert_int_equal(ec_cache_by_file(c, &id, 0, &p, &err), EC_CACHE_PLAN);
	other = caches_id(1);
	assert_int_equal(ec_cache_by_file(c, &other, 0, &p, &err), EC_CACHE_MISS);
	ec_cache_free(c);
}

static void full_is_small_and_fast(void **state)
{
	struct ec_cache *c = open_it();
	struct stat st;
	uint64_t best = UINT64_MAX, saved;

	for (unsigned int i = 0; i < EC_CACHE_NOTHINGS; i++) {
		struct ec_plan p = {.npoints = 0};
		struct ec_file_id id = caches_id(10000 + i);

		snprintf(p.why, sizeof(p.why), "reason %u", i);
		ec_cache_put(c, &id, 0, -ENOENT, &p);
	}
	fill(c, EC_CACHE_FILES, EC_CACHE_PLANS);
	saved = ec_clock_mono();
	assert_int_equal(ec_cache_save(c), 0);
	saved = ec_clock_mono() - saved;
	ec_cache_free(c);
	assert_int_equal(stat(path, &st), 0);
	for (int i = 0; i < 20; i++) {
		uint64_t t = ec_clock_mono();

		c = open_it();
		t = ec_clock_mono() - t;
		best = EC_MIN(best, t);
		assert_int_equal(ec_cache_files(c), EC_CACHE_FILES);
		assert_int_equal(ec_cache_plans(c), EC_CACHE_PLANS);
		ec_cache_free(c);
	}
	print_message("%d files, %d plans of 8 points: %.2f MB, read in %.2f ms, written "
		      "in %.1f ms\n",
		      EC_CACHE_FILES, EC_CACHE_PLANS, (double)st.st_size / 1e6,
		      (double)best / 1e6, (double)saved / 1e6);
	assert_true(st.st_size < 2500000);
	assert_true(best < 10000000); /* 0.8 ms where it was written */
}

static void whose_it_is(void **state)
{
	char other[256];

	make_good();
	assert_string_equal(why(), "good");
	chmod(path, 0620);
	assert_string_equal(why(), "others can read or write it");
	chmod(path, 0602);
	assert_string_equal(why(), "others can read or write it");
	chmod(path, 0640); /* the key is in it */
	assert_string_equal(why(), "others can read or write it");
	chmod(path, 0600);
	chmod(caches_dir, 0770);
	assert_string_equal(why(), "others can write to its folder");
	chmod(caches_dir, 01777);
	assert_string_equal(why(), "others can write to its folder");
	chmod(caches_dir, 0755);
	assert_string_equal(why(), "good");
	caches_path(other, "other");
	rename(path, other);
	assert_int_equal(symlink(other, path), 0);
	assert_string_equal(why(), strerror(ELOOP));
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_string_equal(why(), "it is no regular file");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_string_equal(why(), "it is no regular file");
	rmdir(path);
}

static void folder_is_a_link(void **state)
{
	char link[128], real[256];
	struct ec_cache *c;

	make_good();
	strcpy(real, path);
	snprintf(link, sizeof(link), "%s.link", caches_dir);
	assert_int_equal(symlink(caches_dir, link), 0);
	snprintf(path, sizeof(path), "%s/plans", link);
	assert_string_not_equal(why(), "good");
	c = open_it();
	fill(c, 1, 1);
	assert_true(ec_cache_save(c) < 0);
	ec_cache_free(c);
	unlink(link);
	strcpy(path, real);
	assert_string_equal(why(), "good");
}

static void another_users(void **state)
{
	struct ec_cache *c;

	need_root();
	make_good();
	assert_int_equal(chown(path, 1234, 0), 0);
	assert_string_equal(why(), "it is another user's");
	chown(path, 0, 0);
	assert_string_equal(why(), "good");
	assert_int_equal(chown(caches_dir, 1234, 0), 0);
	assert_string_equal(why(), "its folder is another user's");
	/* nor is anything written there */
	c = open_it();
	fill(c, 1, 1);
	assert_int_equal(ec_cache_save(c), -EPERM);
	assert_int_equal(ec_cache_save(c), 0); /* and not tried again */
	assert_int_equal(caches_dir_count(), 1);
	ec_cache_free(c);
	chown(caches_dir, 0, 0);
	assert_string_equal(why(), "good");
}

static void put_file(const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

static void damage(void **state)
{
	struct real good;
	uint8_t *longer;

	make_good();
	good = real_read(path);
	assert_true(good.n > 1000);
	for (size_t n = 0; n < good.n; n += n < 400 ? 1 : 41) {
		put_file(good.p, n);
		assert_string_equal(why(), "it is truncated");
	}
	for (size_t i = 0; i < good.n; i += i < sizeof(struct ec_cache_head) ? 1 : 3) {
		good.p[i] ^= 1u << i % 8;
		put_file(good.p, good.n);
		if (!strcmp(why(), "good"))
			fail_msg("byte %zu is damaged", i);
		good.p[i] ^= 1u << i % 8;
	}
	longer = calloc(1, EC_CACHE_FILE_MAX + 1);
	memcpy(longer, good.p, good.n);
	put_file(longer, good.n + 1);
	assert_string_equal(why(), "it is truncated");
	put_file(longer, EC_CACHE_FILE_MAX + 1);
	assert_string_equal(why(), "it is too big");
	put_file(good.p, good.n);
	assert_string_equal(why(), "good");
	free(longer);
	free(good.p);
}

/* With a right sum: what another build wrote, or one that means harm. */
static const char *why_with(const struct real *good, size_t at, size_t n, uint64_t value)
{
	uint8_t *p = malloc(good->n);
	struct ec_cache_head h;

	memcpy(p, good->p, good->n);
	memcpy(p + at, &value, n);
	memcpy(&h, p, sizeof(h));
	h.sum = ec_cache_sum(p, good->n);
	memcpy(p, &h, sizeof(h));
	put_file(p, good->n);
	free(p);
	return why();
}

#define HEAD(field)   offsetof(struct ec_cache_head, field)
#define ANSWER(field) (sizeof(struct ec_cache_head) + offsetof(struct ec_answer, field))
#define PLAN(field)   (ANSWER(plan) + offsetof(struct ec_plan, field))

static void another_build(void **state)
{
	static const char *const other = "another build of ecapture wrote it";
	struct real good;

	make_good();
	good = real_read(path);
	assert_string_equal(why_with(&good, HEAD(magic), 1, 'E'), "it is no plan cache");
	assert_string_equal(why_with(&good, HEAD(version), 1, '9'), other);
	assert_string_equal(why_with(&good, HEAD(rev), 1, '~'), other);
	for (int i = 0; i < 6; i++)
		assert_string_equal(why_with(&good, HEAD(sizes) + i * 4, 4, 8), other);
	assert_string_equal(why_with(&good, HEAD(build), 8, 5), other);
	assert_string_equal(why_with(&good, HEAD(modules), 8, 5), other);
	assert_string_equal(why_with(&good, HEAD(length), 8, 5), "it is truncated");
	/* the test itself: a sum made like that is a right one */
	assert_string_equal(why_with(&good, HEAD(sum), 8, 0), "good");
	free(good.p);
}

static void absurd(void **state)
{
	static const char *const answer = "an answer in it is damaged";
	static const char *const file = "a file in it is damaged";
	size_t known;
	struct real good;

	make_good();
	good = real_read(path);
	known = good.n - sizeof(struct ec_known);
	assert_string_equal(why_with(&good, HEAD(nanswers), 4, UINT32_MAX),
			    "it holds too much");
	assert_string_equal(why_with(&good, HEAD(nfiles), 4, EC_CACHE_FILES + 1),
			    "it holds too much");
	assert_string_equal(why_with(&good, HEAD(nanswers), 4, 700), answer);
	assert_string_equal(why_with(&good, HEAD(nfiles), 4, 4), file);
	assert_string_equal(why_with(&good, HEAD(nfiles), 4, 2),
			    "something is behind its end");
	assert_string_equal(why_with(&good, ANSWER(module), 4, ec_modules_count), answer);
	assert_string_equal(why_with(&good, ANSWER(err), 4, -ENOENT), answer);
	assert_string_equal(why_with(&good, ANSWER(size), 4, 0), answer);
	assert_string_equal(why_with(&good, ANSWER(size), 4, UINT32_MAX), answer);
	assert_string_equal(why_with(&good, ANSWER(pad), 4, 1), answer);
	assert_string_equal(why_with(&good, PLAN(npoints), 4, 0), answer);
	assert_string_equal(why_with(&good, PLAN(npoints), 4, EC_PLAN_POINTS), answer);
	assert_string_equal(why_with(&good, PLAN(npoints), 4, UINT32_MAX), answer);
	assert_string_equal(why_with(&good, PLAN(build_id_len), 4, 21), answer);
	assert_string_equal(why_with(&good, PLAN(points[7].prog), 2, 999), answer);
	assert_string_equal(
		why_with(&good, known + offsetof(struct ec_known, module), 4, 77), file);
	assert_string_equal(
		why_with(&good, known + offsetof(struct ec_known, nothing), 4, 2), file);
	assert_string_equal(
		why_with(&good, known + offsetof(struct ec_known, id.usable), 8, 0),
		file);
	free(good.p);
}

/* After anything of that: made anew, and good again. */
static void made_anew(void **state)
{
	struct ec_cache *c;

	put_file("nonsense", 8);
	assert_string_equal(why(), "it is truncated");
	chmod(path, 0666);
	c = open_it();
	fill(c, 3, 2);
	assert_int_equal(ec_cache_save(c), 0);
	ec_cache_free(c);
	assert_string_equal(why(), "good");
	assert_int_equal(caches_dir_count(), 1);
}

static void places(void **state)
{
	struct ec_cache *c = NULL;
	char deep[256];

	/* one folder is made, not two */
	caches_path(deep, "folder/plans");
	assert_int_equal(ec_cache_open(deep, &c), 0);
	fill(c, 1, 1);
	assert_int_equal(ec_cache_save(c), 0);
	ec_cache_free(c);
	assert_int_equal(unlink(deep), 0);
	caches_path(deep, "folder/a/b/plans");
	assert_int_equal(ec_cache_open(deep, &c), 0);
	fill(c, 1, 1);
	assert_int_equal(ec_cache_save(c), -ENOENT);
	ec_cache_free(c);
	assert_int_equal(ec_cache_open("/proc/plans", &c), 0);
	fill(c, 1, 1);
	assert_true(ec_cache_save(c) < 0);
	ec_cache_free(c);
	assert_int_equal(ec_cache_open("", &c), 0);
	fill(c, 1, 1);
	assert_true(ec_cache_save(c) < 0);
	ec_cache_free(c);
	/* in memory alone */
	assert_int_equal(ec_cache_open(NULL, &c), 0);
	fill(c, 1, 1);
	assert_int_equal(ec_cache_save(c), 0);
	ec_cache_free(c);
}

static int writer(unsigned int n)
{
	struct ec_cache *c = open_it();

	for (unsigned int i = 0; i < 60; i++) {
		struct ec_file_id id = caches_id(n * 1000 + i);
		struct ec_plan p = caches_plan(i);

		ec_cache_put(c, &id, 0, 0, &p);
		if (ec_cache_save(c))
			return 1;
	}
	ec_cache_free(c);
	return 0;
}

/* Whoever is last wins; at no time is there half of one. */
static void writers_at_once(void **state)
{
	pid_t pids[3];
	unsigned int left = 3, reads = 0;
	int status;

	make_good();
	for (unsigned int i = 0; i < 3; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (!pids[i])
			_exit(writer(i + 1));
	}
	for (; left; reads++) {
		struct ec_cache *c = NULL;
		const char *w;

		assert_int_equal(ec_cache_open(NULL, &c), 0);
		c->path = strdup(path);
		w = ec_cache_load(c);
		if (w)
			print_message("read %u: %s\n", reads, w);
		assert_null(w);
		assert_true(ec_cache_files(c) >= 3);
		ec_cache_free(c);
		for (int i = 0; i < 3; i++) {
			if (pids[i] && waitpid(pids[i], &status, WNOHANG) == pids[i]) {
				assert_int_equal(status, 0);
				pids[i] = 0;
				left--;
			}
		}
	}
	assert_int_equal(caches_dir_count(), 1);
}

#define ONE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		// clang-format off
		ONE(comes_back),
		ONE(order_is_kept),
		ONE(full_is_small_and_fast),
		ONE(whose_it_is),
		ONE(folder_is_a_link),
		ONE(another_users),
		ONE(damage),
		ONE(another_build),
		ONE(absurd),
		ONE(made_anew),
		ONE(places),
		ONE(writers_at_once),
		// clang-format on
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
