// SPDX-License-Identifier: GPL-2.0-only
/*
 * `strict PROGRAM [ARG…]` runs it under a seccomp filter as strict sandboxes have them:
 * system calls that were not known when the filter was written kill the process. Those
 * are the numbers between the architecture's own ones and 424, where the kernel goes on;
 * on x86_64 uretprobe (335) is among them. `strict` alone makes such a call itself.
 */
#include <err.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#ifdef __x86_64__
#define UNKNOWN 335
#else
#define UNKNOWN 295
#endif
#define KNOWN_AGAIN 424 /* pidfd_send_signal, on every architecture */

int main(int argc, char **argv)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, UNKNOWN, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, KNOWN_AGAIN, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(insns) / sizeof(insns[0]), insns};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		err(1, "seccomp");
	if (argc < 2) {
		syscall(KNOWN_AGAIN - 1);
		return 0;
	}
	execvp(argv[1], argv + 1);
	err(127, "%s", argv[1]);
}
