// SPDX-License-Identifier: GPL-2.0-only
/* What is kept, for which file, and for how many. On the disk: test_cache_file.c. */
#include "base/clock.h"
#include "discover/cache.h"
#include "modules/module.h"
#include "real.h"
#include "unit/discover/caches.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

static int setup(void **state)
{
	struct ec_cache *c = NULL;
	int err = ec_cache_open(NULL, &c);

	*state = c;
	return err;
}

static int teardown(void **state)
{
	ec_cache_free(*state);
	return 0;
}

/* Over bytes that must stay as long as it. */
static struct ec_file *file_of(const struct real *r)
{
	struct ec_file *f = NULL;

	assert_int_equal(ec_file_from_memory(r->p, r->n, true, &f), 0);
	return f;
}

static void by_file(void **state)
{
	struct ec_cache *c = *state;
	struct ec_file_id id = caches_id(7), other;
	struct ec_plan p = caches_plan(1), q;
	int err = 1;

	assert_int_equal(ec_cache_by_file(c, &id, 0, &q, &err), EC_CACHE_MISS);
	ec_cache_put(c, &id, 0, 0, &p);
	assert_int_equal(ec_cache_by_file(c, &id, 0, &q, &err), EC_CACHE_PLAN);
	assert_int_equal(err, 0);
	assert_memory_equal(&p, &q, sizeof(p));
	assert_int_equal(ec_cache_by_file(c, NULL, 0, &q, &err), EC_CACHE_MISS);
	assert_int_equal(ec_cache_by_file(c, &id, 1, &q, &err), EC_CACHE_MISS);
	/* whatever has changed, it is not that file */
	for (size_t i = 0; i < sizeof(id) / 8; i++) {
		other = id;
		((uint64_t *)&other)[i] ^= 1;
		assert_int_equal(ec_cache_by_file(c, &other, 0, &q, &err), EC_CACHE_MISS);
	}
	/* written to: what was known of it before is forgotten */
	other = id;
	other.ctime++;
	p = caches_plan(2);
	ec_cache_put(c, &other, 0, 0, &p);
	assert_int_equal(ec_cache_by_file(c, &id, 0, &q, &err), EC_CACHE_MISS);
	assert_int_equal(ec_cache_by_file(c, &other, 0, &q, &err), EC_CACHE_PLAN);
	assert_memory_equal(&p, &q, sizeof(p));
	assert_int_equal(ec_cache_files(c), 1);
}

static void nothing_to_probe(void **state)
{
	static const int kept[] = {-ENOENT, -ENOEXEC, -EBADMSG, -ENOTSUP, -EFBIG};
	static const int passing[] = {-ENOMEM, -EIO, -EINTR, -EACCES, 1};
	struct ec_cache *c = *state;
	struct ec_plan p = {.library = "BoringSSL", .why = "BoringSSL is not"}, q;
	struct ec_file_id id = caches_id(1);
	int err = 1;

	for (size_t i = 0; i < EC_ARRAY_SIZE(passing); i++)
		ec_cache_put(c, &id, 0, passing[i], &p);
	ec_cache_put(c, &id, 0, 0, &p); /* a plan of no points is none */
	assert_int_equal(ec_cache_by_file(c, &id, 0, &q, &err), EC_CACHE_MISS);
	for (size_t i = 0; i < EC_ARRAY_SIZE(kept); i++) {
		id = caches_id(i);
		ec_cache_put(c, &id, 0, kept[i], &p);
		assert_int_equal(ec_cache_by_file(c, &id, 0, &q, &err), EC_CACHE_NOTHING);
		assert_int_equal(err, kept[i]);
		assert_string_equal(q.why, "BoringSSL is not");
		assert_string_equal(q.library, "BoringSSL");
		assert_int_equal(q.npoints, 0);
	}
	/* points of a file that was given up half way do not come back */
	p = caches_plan(3);
	id = caches_id(99);
	ec_cache_put(c, &id, 0, -ENOENT, &p);
	assert_int_equal(ec_cache_by_file(c, &id, 0, &q, &err), EC_CACHE_NOTHING);
	assert_int_equal(q.npoints, 0);
	assert_int_equal(ec_cache_plans(c), 0);
}

/* From a planner that was taken over. */
static void bad_answers(void **state)
{
	struct ec_cache *c = *state;
	struct ec_file_id id = caches_id(1);
	struct ec_plan p, q;
	int err;

	for (int i = 0; i < 5; i++) {
		unsigned int module = i == 4 ? ec_modules_count : 0;

		p = caches_plan(1);
		if (i == 0)
			p.npoints = EC_PLAN_POINTS + 1;
		else if (i == 1)
			p.points[0].prog = 1000;
		else if (i == 2)
			memset(p.why, 'x', sizeof(p.why));
		else if (i == 3)
			p.build_id_len = UINT32_MAX;
		ec_cache_put(c, &id, module, 0, &p);
		ec_cache_put(c, NULL, module, 0, &p);
		assert_int_equal(ec_cache_by_file(c, &id, module, &q, &err),
				 EC_CACHE_MISS);
	}
	id.usable = 0;
	p = caches_plan(1);
	p.build_id_len = 0;
	ec_cache_put(c, &id, 0, 0, &p);
	assert_int_equal(ec_cache_by_file(c, &id, 0, &q, &err), EC_CACHE_MISS);
	assert_int_equal(ec_cache_plans(c) + ec_cache_files(c), 0);
}

static void bounds(void **state)
{
	struct ec_cache *c = *state;
	struct ec_file_id id, first = caches_id(0), last;
	struct ec_plan p, q;
	char why[32];
	int err;

	for (unsigned int i = 0; i < EC_CACHE_FILES + 100; i++) {
		p = caches_plan(i % 3);
		id = caches_id(i);
		ec_cache_put(c, &id, 0, 0, &p);
		assert_int_equal(ec_cache_by_file(c, &first, 0, &q, &err), EC_CACHE_PLAN);
	}
	last = id;
	assert_int_equal(ec_cache_files(c), EC_CACHE_FILES);
	assert_int_equal(ec_cache_plans(c), 3);
	id = caches_id(1); /* unused longest */
	assert_int_equal(ec_cache_by_file(c, &id, 0, &q, &err), EC_CACHE_MISS);
	assert_int_equal(ec_cache_by_file(c, &last, 0, &q, &err), EC_CACHE_PLAN);
	for (unsigned int i = 0; i < EC_CACHE_PLANS; i++) {
		p = caches_plan(10 + i);
		id = caches_id(i);
		ec_cache_put(c, &id, 0, 0, &p);
		p.npoints = 0;
		snprintf(why, sizeof(why), "%u", i);
		strcpy(p.why, why);
		id = caches_id(10000 + i);
		ec_cache_put(c, &id, 0, -ENOENT, &p);
	}
	assert_int_equal(ec_cache_plans(c), EC_CACHE_PLANS);
	/* the file is known, its plan had to go */
	assert_int_equal(ec_cache_by_file(c, &last, 0, &q, &err), EC_CACHE_MISS);
	id = caches_id(10000);
	assert_int_equal(ec_cache_by_file(c, &id, 0, &q, &err), EC_CACHE_MISS);
	id = caches_id(10000 + EC_CACHE_PLANS - 1);
	assert_int_equal(ec_cache_by_file(c, &id, 0, &q, &err), EC_CACHE_NOTHING);
	assert_string_equal(q.why, why);
}

static void by_build_id(void **state)
{
	struct real lib = real_read(real_libssl());
	struct ec_file *f = file_of(&lib), *again;
	struct ec_cache *c = *state, *other = NULL;
	struct ec_plan p, q, plain;
	uint8_t id[20];

	if (!ec_file_build_id(f, id)) {
		print_message("skipped: the system's libssl has no build id\n");
		skip();
	}
	assert_int_equal(ec_modules[0].module->plan(f, &plain), 0);
	assert_false(ec_cache_by_build_id(c, f, 0, &q));
	assert_int_equal(ec_cache_plan(c, f, 0, &p), 0);
	assert_int_equal(p.build_id_len, ec_file_build_id(f, id));
	assert_memory_equal(p.build_id, id, p.build_id_len);
	assert_int_equal(p.file_size, lib.n);
	assert_int_equal(p.npoints, plain.npoints);
	assert_memory_equal(p.points, plain.points, sizeof(p.points));
	/* a copy somewhere else */
	again = file_of(&lib);
	assert_true(ec_cache_by_build_id(c, again, 0, &q));
	assert_memory_equal(&p, &q, sizeof(p));
	assert_false(ec_cache_by_build_id(c, again, 1, &q));
	/* what was found is what is answered: the plan is not made again */
	ec_map_each(c->answers[0], caches_mark, NULL);
	assert_int_equal(ec_cache_plan(c, again, 0, &q), 0);
	assert_string_equal(q.how, CACHES_MARK);
	/* no check without the cache's key */
	assert_int_equal(ec_cache_open(NULL, &other), 0);
	assert_int_equal(ec_cache_plan(other, f, 0, &q), 0);
	assert_true(q.check != p.check);
	ec_cache_free(other);
	ec_file_free(again);
	ec_file_free(f);
	free(lib.p);
}

/* The build id of one and the contents of another, in both orders, wherever they differ:
 * in code that is probed, in code that was only read, or in a name. */
static void forged_build_id(void **state)
{
	struct ec_cache *c = *state;
	struct real lib = real_read(real_libssl()), bad = real_read(real_libssl());
	struct ec_file *f = file_of(&lib), *g;
	struct ec_plan p, q;
	uint64_t seed = 11;
	uint8_t id[20];

	if (!ec_file_build_id(f, id))
		skip();
	assert_int_equal(ec_cache_plan(c, f, 0, &p), 0);
	for (int i = 0; i < 300; i++) {
		size_t at = i < 8 ? p.points[i % p.npoints].offset + i
				  : 4096 + real_random(&seed) % (lib.n - 4096);

		bad.p[at] ^= 1u << i % 8;
		g = file_of(&bad);
		if (ec_cache_by_build_id(c, g, 0, &q))
			fail_msg("byte %zu is another's, the plan is not", at);
		ec_file_free(g);
		bad.p[at] ^= 1u << i % 8;
	}
	/* longer, as if something had been appended */
	bad.p = realloc(bad.p, bad.n + 1);
	bad.p[bad.n++] = 0;
	g = file_of(&bad);
	assert_false(ec_cache_by_build_id(c, g, 0, &q));
	assert_int_equal(ec_cache_plan(c, g, 0, &q), 0);
	ec_file_free(g);
	/* both are known now, by one build id */
	assert_int_equal(ec_cache_plans(c), 2);
	assert_true(ec_cache_by_build_id(c, f, 0, &q));
	assert_memory_equal(&p, &q, sizeof(p));
	ec_file_free(f);
	free(lib.p);
	free(bad.p);
}

/* A copy does not change with what it was made of. */
static void snapshot(void **state)
{
	struct real lib = real_read(real_libssl());
	struct ec_file *f = file_of(&lib), *copy = NULL;
	struct ec_hash_key key = {{1, 2}};
	uint64_t before = ec_file_digest(f, &key);
	struct ec_sym s;

	assert_int_equal(ec_file_snapshot(f, &copy), 0);
	assert_true(ec_file_digest(copy, &key) == before);
	memset(lib.p, 0, lib.n);
	assert_true(ec_file_digest(copy, &key) == before);
	assert_true(ec_file_digest(f, &key) != before);
	assert_int_equal(ec_file_symbol(copy, "SSL_read", &s), 0);
	ec_file_free(f);
	ec_file_free(copy);
	free(lib.p);
}

/*
 * Someone's file that becomes another one and back while it is planned for: the check is
 * of the very bytes that the plan is of.
 */
static void changing_file(void **state)
{
	struct real lib = real_read(real_libssl());
	struct ec_file *f = file_of(&lib), *now = NULL;
	struct ec_cache *c = *state;
	uint8_t *name = memmem(lib.p, lib.n, "\0SSL_clear", 11), *map;
	uint64_t checks[2];
	struct ec_plan plans[2], p;
	char path[256];
	int fd, seen[2] = {0};
	pid_t pid;

	assert_non_null(name);
	name++;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ec_modules[0].module->plan(f, &plans[i]), 0);
		checks[i] = ec_file_digest(f, &c->key);
		*name ^= 1;
		ec_file_free(f); /* it keeps an index of names */
		f = file_of(&lib);
	}
	assert_int_equal(plans[0].npoints, plans[1].npoints + 1);
	caches_dir_make();
	caches_path(path, "libssl.so.3");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, lib.p, lib.n), lib.n);
	map = mmap(NULL, lib.n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!pid) {
		struct timespec nap = {0, 100000};

		*(volatile uint8_t *)(map + (name - lib.p)) ^= 1;
		nanosleep(&nap, NULL);
	}
	for (int i = 0; i < 400; i++) {
		struct ec_cache *one = NULL;

		assert_int_equal(ec_cache_open(NULL, &one), 0);
		one->key = c->key;
		assert_int_equal(ec_file_open(fd, &now), 0);
		if (!ec_cache_plan(one, now, 0, &p) && p.build_id_len) {
			int which = p.check == checks[1];

			assert_true(p.check == checks[which]);
			assert_int_equal(p.npoints, plans[which].npoints);
			seen[which]++;
		}
		ec_file_free(now);
		ec_cache_free(one);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(seen[0] && seen[1]);
	munmap(map, lib.n);
	close(fd);
	caches_dir_remove();
	ec_file_free(f);
	free(lib.p);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void file_ids(void **state)
{
	struct timespec nap = {2, 100000000}, old[2] = {{1000, 0}, {1000, 0}};
	struct ec_file_id a, b, now;
	char path[256], path2[256];
	int fd, fd2, pipes[2];

	caches_dir_make();
	caches_path(path, "one");
	caches_path(path2, "two");
	fd = write_file(path, "same size");
	assert_int_equal(ec_file_id_get(fd, &a), 0);
	assert_int_equal(a.usable, 0); /* it may be written to at this moment */
	assert_int_equal(futimens(fd, old), 0);
	assert_int_equal(ec_file_id_get(fd, &a), 0);
	assert_int_equal(a.usable, 0); /* whatever it says of itself */
	nanosleep(&nap, NULL);
	assert_int_equal(ec_file_id_get(fd, &a), 0);
	if (!a.usable) {
		close(fd);
		caches_dir_remove();
		print_message("skipped: no identity on this file system (%#llx)\n",
			      (unsigned long long)a.fs);
		skip();
	}
	fd2 = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(ec_file_id_get(fd2, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	close(fd2);
	/* other contents, the same size, its times set back */
	assert_int_equal(pwrite(fd, "SAME", 4, 0), 4);
	assert_int_equal(futimens(fd, old), 0);
	assert_int_equal(ec_file_id_get(fd, &now), 0);
	assert_int_equal(now.mtime, a.mtime);
	assert_int_equal(now.size, a.size);
	assert_int_not_equal(now.ctime, a.ctime);
	assert_int_equal(now.usable, 0);
	/* replaced by another one of the same size */
	fd2 = write_file(path2, "same SIZE");
	assert_int_equal(rename(path2, path), 0);
	assert_int_equal(ec_file_id_get(fd2, &b), 0);
	assert_int_not_equal(b.ino, a.ino);
	close(fd2);
	close(fd);
	caches_dir_remove();
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(ec_file_id_get(pipes[0], &a), 0);
	assert_int_equal(a.usable, 0);
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(ec_file_id_get(pipes[0], &a), -EBADF);
}

static double ms(uint64_t since)
{
	return (double)(ec_clock_mono() - since) / 1e6;
}

/* Printed for people; only what holds on every machine is asserted. */
static void time_it(void **state)
{
	static const char *const big[] = {"/usr/bin/node", "/usr/lib/*/libLLVM*.so*",
					  "/usr/lib/*/libicudata.so*",
					  "/usr/lib/*/libcrypto.so.3", NULL};
	const char *paths[2];
	char path[4096];

	snprintf(path, sizeof(path), "%s", real_path(big) ? real_path(big) : "");
	paths[0] = path;
	paths[1] = NULL;
	for (int i = 0; i < 2; i++) {
		const char *name = i ? real_libssl() : paths[0];
		int fd = open(name, O_RDONLY | O_CLOEXEC), err = 0, rc;
		double disk = 0, cold = 0, made, build, known = 1e9;
		struct ec_cache *c = NULL;
		struct ec_file *f = NULL;
		struct ec_file_id id;
		struct ec_plan p, q;
		uint64_t t;
		struct stat st;

		assert_true(fd >= 0 && !fstat(fd, &st));
		assert_int_equal(ec_cache_open(NULL, &c), 0);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		for (int k = 0; k < 2; k++) {
			t = ec_clock_mono();
			assert_int_equal(ec_file_open(fd, &f), 0);
			err = ec_modules[0].module->plan(f, &p);
			cold = ms(t);
			if (!k)
				disk = cold;
			ec_file_free(f);
		}
		t = ec_clock_mono();
		assert_int_equal(ec_file_open(fd, &f), 0);
		assert_int_equal(ec_cache_plan(c, f, 0, &p), err);
		made = ms(t);
		ec_file_free(f);
		t = ec_clock_mono();
		assert_int_equal(ec_file_open(fd, &f), 0);
		ec_cache_by_build_id(c, f, 0, &q);
		build = ms(t);
		ec_file_free(f);
		assert_int_equal(ec_file_id_get(fd, &id), 0);
		id.usable = 1;
		ec_cache_put(c, &id, 0, err, &p);
		for (int k = 0; k < 5; k++) {
			t = ec_clock_mono();
			assert_int_equal(ec_file_id_get(fd, &id), 0);
			id.usable = 1;
			assert_int_not_equal(ec_cache_by_file(c, &id, 0, &q, &rc),
					     EC_CACHE_MISS);
			known = EC_MIN(known, ms(t));
		}
		print_message("%s, %.1f MB, %u points: plan %.2f ms (from disk %.2f), "
			      "with copy %.2f, by build id %.2f, by file %.4f\n",
			      name, (double)st.st_size / 1e6, p.npoints, cold, disk, made,
			      build, known);
		assert_true(known < 20);
		ec_cache_free(c);
		close(fd);
	}
}

#define ONE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		// clang-format off
		ONE(by_file),
		ONE(nothing_to_probe),
		ONE(bad_answers),
		ONE(bounds),
		ONE(by_build_id),
		ONE(forged_build_id),
		ONE(changing_file),
		cmocka_unit_test(snapshot),
		cmocka_unit_test(file_ids),
		cmocka_unit_test(time_it),
		// clang-format on
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
