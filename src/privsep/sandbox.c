// SPDX-License-Identifier: GPL-2.0-only
#include "privsep/child.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

/* What libc and the rooms need once everything is open. No open, no socket, no exec. */
static const int common[] = {
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fcntl),
	SCMP_SYS(lseek),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getrandom),
	SCMP_SYS(sched_yield),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(tgkill),
};

static const int worker_only[] = {
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(dup3),
	SCMP_SYS(ftruncate),
	/* the first steps of a thread that was just started */
	SCMP_SYS(rseq),
	SCMP_SYS(set_robust_list),
};

static const int planner_only[] = {
	SCMP_SYS(setitimer), /* of the time that a file may take */
};

static int filter_load(const int *more, size_t nmore)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = 0;

	if (!f)
		return -ENOMEM;
	/* threads that run already are held to it too */
	err = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	for (size_t i = 0; !err && i < sizeof(common) / sizeof(common[0]); i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, common[i], 0);
	for (size_t i = 0; !err && i < nmore; i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, more[i], 0);
	if (!err)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				       SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	if (!err)
		err = seccomp_load(f);
	seccomp_release(f);
	return err;
}

int ec_sandbox_planner(void)
{
	return filter_load(planner_only, sizeof(planner_only) / sizeof(planner_only[0]));
}

int ec_sandbox_worker(void)
{
	return filter_load(worker_only, sizeof(worker_only) / sizeof(worker_only[0]));
}
