// SPDX-License-Identifier: GPL-2.0-only
#include "base/fail.h"
#include "base/log.h"

/* The words in `what` are what people search for: the manual maps them to causes. */
const struct ec_failure ec_failures[EC_FAIL__N] = {
	[EC_FAIL_OPTION_UNKNOWN] =
		{
			"option-unknown",
			EC_EXIT_USAGE,
			"unknown option",
			NULL,
			"`ecapture COMMAND --help` lists the options",
		},
	[EC_FAIL_OPTION_VALUE] =
		{
			"option-value",
			EC_EXIT_USAGE,
			"bad value",
			NULL,
			"`ecapture COMMAND --help` says what the option takes",
		},
	[EC_FAIL_COMMAND_UNKNOWN] =
		{
			"command-unknown",
			EC_EXIT_USAGE,
			"unknown command",
			NULL,
			"`ecapture --help` lists the commands",
		},
	[EC_FAIL_OUTPUT_TWICE] =
		{
			"output-twice",
			EC_EXIT_USAGE,
			"two outputs to one file",
			"they would overwrite each other",
			"give each output a file of its own",
		},
	[EC_FAIL_USER_UNKNOWN] =
		{
			"user-unknown",
			EC_EXIT_USAGE,
			"no such user",
			NULL,
			"give a user id, or a name that `getent passwd` knows",
		},
	[EC_FAIL_CGROUP_UNKNOWN] =
		{
			"cgroup-unknown",
			EC_EXIT_TARGET,
			"no such cgroup",
			NULL,
			"give a folder below /sys/fs/cgroup, or a path that "
			"/proc/PID/cgroup shows",
		},
	[EC_FAIL_NETNS_UNKNOWN] =
		{
			"netns-unknown",
			EC_EXIT_TARGET,
			"no such network namespace",
			NULL,
			"give /proc/PID/ns/net, a name that `ip netns` shows, or the "
			"namespace's inode number",
		},
	[EC_FAIL_ANDROID_UNKNOWN] =
		{
			"android-unknown",
			EC_EXIT_USAGE,
			"Can not find Default BoringSSL version",
			"only that of Android 12 to 16 is known",
			"name one of these releases, or leave the option out: what is "
			"needed is read from the library's code",
		},
	[EC_FAIL_KERNEL_OLD] =
		{
			"kernel-old",
			EC_EXIT_HOST,
			"kernel version is too low",
			"capturing needs Linux 4.18 on x86_64, 5.5 on aarch64",
			"boot a newer kernel; `ecapture read` works on any",
		},
	[EC_FAIL_KERNEL_LACKS] =
		{
			"kernel-lacks",
			EC_EXIT_HOST,
			"this kernel lacks what capturing needs",
			NULL,
			"boot a kernel with CONFIG_BPF_SYSCALL, CONFIG_BPF_EVENTS, "
			"CONFIG_PERF_EVENTS and CONFIG_UPROBE_EVENTS",
		},
	[EC_FAIL_LOCKDOWN] =
		{
			"lockdown",
			EC_EXIT_HOST,
			"the kernel is locked down",
			"in this mode (confidentiality) BPF programs may read no memory",
			"boot with lockdown=integrity or without lockdown",
		},
	[EC_FAIL_PID_NAMESPACE] =
		{
			"pid-namespace",
			EC_EXIT_HOST,
			"not in the host's pid namespace",
			"the kernel tells the host's process numbers, so this option "
			"would find nobody",
			"use the host's pid namespace (Docker: --pid=host)",
		},
	[EC_FAIL_RIGHTS] =
		{
			"rights",
			EC_EXIT_HOST,
			"Operation not permitted",
			NULL,
			"run as root or grant what `ecapture doctor` says is missing",
		},
	[EC_FAIL_BPF_LOAD] =
		{
			"bpf-load",
			EC_EXIT_HOST,
			"failed to load BPF program",
			NULL,
			"run as root; `ecapture doctor` shows what works here",
		},
	[EC_FAIL_ATTACH] =
		{
			"attach",
			EC_EXIT_HOST,
			"cannot attach",
			NULL,
			"`ecapture doctor` shows whether tracing is allowed here",
		},
	[EC_FAIL_TARGET_MISSING] =
		{
			"target-missing",
			EC_EXIT_TARGET,
			"no such file",
			NULL,
			"check the path; inside a container it is /proc/PID/root/PATH",
		},
	[EC_FAIL_TARGET_DIR] =
		{
			"target-directory",
			EC_EXIT_TARGET,
			"is a directory",
			"a library or a program is needed",
			"name the file itself",
		},
	[EC_FAIL_TARGET_NOT_ELF] =
		{
			"target-not-elf",
			EC_EXIT_TARGET,
			"is no ELF file",
			"only programs and shared libraries can be probed",
			"name the program or library, not a script or linker script",
		},
	[EC_FAIL_TARGET_DAMAGED] =
		{
			"target-damaged",
			EC_EXIT_TARGET,
			"is truncated or damaged",
			NULL,
			"install the file again; `readelf -a FILE` shows where it breaks",
		},
	[EC_FAIL_TARGET_ARCH] =
		{
			"target-arch",
			EC_EXIT_TARGET,
			"is for another architecture",
			"probes work on this machine's code only",
			"name the file that this machine runs",
		},
	[EC_FAIL_TARGET_UNKNOWN] =
		{
			"target-unknown",
			EC_EXIT_TARGET,
			"holds nothing that we can probe",
			NULL,
			"name the file with the TLS code; see `ecapture targets`",
		},
	[EC_FAIL_TARGET_NONE] =
		{
			"target-none",
			EC_EXIT_TARGET,
			"couldn't find bpf bytecode file",
			"no library that we can probe was found",
			"name one, as in `ecapture tls --libssl PATH`",
		},
	[EC_FAIL_PROCESS_MISSING] =
		{
			"process-missing",
			EC_EXIT_TARGET,
			"no such process",
			NULL,
			"check the number with `ps`, in our own pid namespace",
		},
	[EC_FAIL_COMMAND_RUN] =
		{
			"command-run",
			EC_EXIT_RUNTIME,
			"cannot run the command",
			NULL,
			"check the name after `--`, PATH and the file's mode",
		},
	[EC_FAIL_OUTPUT_OPEN] =
		{
			"output-open",
			EC_EXIT_RUNTIME,
			"cannot open the output",
			NULL,
			"check that the folder exists and may be written",
		},
	[EC_FAIL_OUTPUT_OWNER] =
		{
			"output-owner",
			EC_EXIT_RUNTIME,
			"belongs to somebody else",
			"its owner could read the secrets",
			"name a file of your own, or remove this one",
		},
	[EC_FAIL_OUTPUT_WRITE] =
		{
			"output-write",
			EC_EXIT_RUNTIME,
			"cannot write the output",
			NULL,
			"make room for it or choose another place",
		},
	[EC_FAIL_RECORDING] =
		{
			"recording",
			EC_EXIT_TARGET,
			"is no recording, or damaged",
			NULL,
			"name a file that --record wrote",
		},
	[EC_FAIL_LOST] =
		{
			"lost",
			EC_EXIT_LOST,
			"data was lost",
			"--strict makes that an error",
			"raise --mapsize, narrow the filters or set --truncate_size",
		},
	[EC_FAIL_INTERNAL] =
		{
			"internal",
			EC_EXIT_RUNTIME,
			"a part of ecapture ended",
			NULL,
			"run again with --log-level=debug and report what it says",
		},
};

int ec_fail(enum ec_fail_id id, const char *subject, const char *detail)
{
	const struct ec_failure *f;

	if ((unsigned int)id >= EC_FAIL__N)
		id = EC_FAIL_INTERNAL;
	f = &ec_failures[id];
	if (!detail)
		detail = f->why;
	ec_error("%s%s%s%s%s; %s", subject ?: "", subject ? ": " : "", f->what,
		 detail ? ": " : "", detail ?: "", f->todo);
	return f->exit;
}
