// SPDX-License-Identifier: GPL-2.0-only
/* The planner process, without rights, and what it takes from the cache. */
#include "app/planner.h"
#include "modules/module.h"
#include "privsep/msg.h"
#include "real.h"
#include "unit/discover/caches.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct ec_child planner = {.sock = -1};

static int ask_fd(int fd, unsigned int module, struct ec_plan *plan)
{
	static uint32_t id;
	static char body[EC_MSG_BODY_MAX];
	struct ec_msg m = {.type = EC_MSG_PLAN, .id = ++id, .arg = module}, a;
	unsigned int nprogs;
	int got = -1, err;

	assert_int_equal(ec_msg_send(planner.sock, &m, NULL, fd), 0);
	do
		err = ec_msg_recv(planner.sock, &a, body, &got);
	while (err == -EAGAIN);
	assert_int_equal(err, 0);
	assert_int_equal(got, -1);
	assert_int_equal(a.type, EC_MSG_PLANNED);
	assert_int_equal(a.id, id);
	nprogs = module < ec_modules_count ? ec_module_nprogs(ec_modules[module].module)
					   : 0;
	assert_int_equal(ec_plan_take(body, a.len, nprogs, plan), 0);
	return a.err;
}

static int ask(const char *path, unsigned int module, struct ec_plan *plan)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	assert_true(fd >= 0);
	err = ask_fd(fd, module, plan);
	close(fd);
	return err;
}

static void copy_to(const char *path, const struct real *r)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, r->p, r->n), r->n);
	close(fd);
}

static void without_a_cache(void **state)
{
	struct ec_plan p;

	assert_int_equal(ec_planner_spawn(&planner), 0);
	assert_int_equal(ask(real_libssl(), 0, &p), 0);
	assert_true(p.npoints > 0);
	assert_int_equal(p.build_id_len, 0);
	assert_int_equal(ask("/bin/ls", 0, &p), -ENOENT);
	assert_string_not_equal(p.why, "");
	assert_int_equal(ask(real_libssl(), ec_modules_count, &p), -EINVAL);
	assert_int_equal(ask("/dev/null", 0, &p), -ENOEXEC);
	ec_child_end(&planner, 0);
}

static void with_one(void **state)
{
	struct real lib = real_read(real_libssl());
	struct ec_cache *c = NULL;
	struct ec_file *f = NULL;
	struct ec_plan p, forged;
	char path[256];
	uint8_t id[20];

	assert_int_equal(ec_file_from_memory(lib.p, lib.n, true, &f), 0);
	if (!ec_file_build_id(f, id)) {
		print_message("skipped: the system's libssl has no build id\n");
		skip();
	}
	assert_int_equal(ec_cache_open(NULL, &c), 0);
	assert_int_equal(ec_cache_plan(c, f, 0, &p), 0);
	ec_map_each(c->answers[0], caches_mark, NULL);
	assert_int_equal(ec_planner_spawn_with(c, &planner), 0);
	caches_dir_make();
	caches_path(path, "libssl.so.3");
	/* a copy, as in another container */
	copy_to(path, &lib);
	assert_int_equal(ask(path, 0, &p), 0);
	assert_string_equal(p.how, CACHES_MARK);
	/* the same build id, another byte of code */
	lib.p[p.points[0].offset + 40] ^= 1;
	copy_to(path, &lib);
	assert_int_equal(ask(path, 0, &forged), 0);
	assert_string_not_equal(forged.how, CACHES_MARK);
	assert_memory_equal(forged.build_id, p.build_id, sizeof(p.build_id));
	assert_true(forged.check != p.check);
	/* both are known to it now, and each is told from the other */
	assert_int_equal(ask(path, 0, &forged), 0);
	assert_string_not_equal(forged.how, CACHES_MARK);
	assert_int_equal(ask(real_libssl(), 0, &p), 0);
	assert_string_equal(p.how, CACHES_MARK);
	/* its copy, not ours */
	assert_int_equal(ec_cache_plans(c), 1);
	ec_cache_put(c, NULL, 0, 0, &forged);
	assert_int_equal(ec_cache_plans(c), 2);
	ec_child_end(&planner, 0);
	caches_dir_remove();
	ec_cache_free(c);
	ec_file_free(f);
	free(lib.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_cache),
		cmocka_unit_test(with_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
