#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`-- COMMAND`: nothing of it is missed, wherever its libraries lie; it is what it would be
without us; nothing of others is seen."""
import glob
import os
import re
import shutil
import signal
import subprocess
import time

from harness import (ECAPTURE, ENV, EXTRA, HELPERS, PYTHON, SLOW, Capture, curl, main,
                     nothing_lost, ours, payload, scaled, wait_for)
from test_calls import SSLPAIR, Report
from test_ends import Group

HERE = os.path.dirname(os.path.abspath(__file__))
LIVES = os.path.join(HELPERS, "lives")
QUICK = os.path.join(HELPERS, "quick")  # talks within 2 ms: who is late misses it
# Is the end of a process told from that of its first thread? By BTF only.
LAST_THREAD = "--btf" not in EXTRA and os.path.exists("/sys/kernel/btf/vmlinux")
LIBSSL = glob.glob("/usr/lib/*/libssl.so.3")[0]


def fresh(place, name):
    """A libssl that nobody has used: another file each time."""
    folder = place / name
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return shutil.copy(LIBSSL, folder)


def build(out, source, *args):
    if "\n" in source:
        open(out + ".c", "w").write(source)
        source = out + ".c"
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-w", "-o", out, source, *args],
                   check=True)
    return out


def helper_with(place, name, *flags):
    source = os.path.join(HERE, "helpers", name + ".c")
    return build(place / f"{name}-{time.monotonic()}", source, *flags, "-lssl", "-lcrypto",
                 "-lpthread")


def whole(command, copy=None, env=None, streams=4, rc=0):
    """All that the command and its descendants said, by the library at `copy`."""
    with Capture("--format", "json", "--log-level", "debug", command=command,
                 env={**ENV, **(env or {})}) as cap:
        assert cap.wait() == rc, cap.log()
        nothing_lost(cap)
        said = Report(cap.log())
        assert len(said.streams) == streams, cap.log()
        data = cap.items("data")
        said.compare(data)
        assert {i["pid"] for i in data} == said.pids, "nothing of others"
        if copy:
            assert copy in [t["path"] for t in cap.items("target")], cap.log()
        return cap.log()


def library_by_rpath(place):
    """$ORIGIN, both tags; the library's very first user is captured from its first byte."""
    for tag, flag in (("runpath", "-Wl,--enable-new-dtags"),
                      ("rpath", "-Wl,--disable-new-dtags")):
        built = helper_with(place, "quick", "-Wl,-rpath,$ORIGIN/own", flag)
        for i in range(scaled(20)):
            copy = fresh(place, f"{tag}-{i}/own")
            program = shutil.copy(built, place / f"{tag}-{i}")
            whole([program], copy, streams=2)


def library_by_environment(place):
    """LD_LIBRARY_PATH and LD_PRELOAD, ours and that of `env`."""
    for i in range(scaled(20)):
        copy = fresh(place, f"env-{i}")
        folder = os.path.dirname(copy)
        if i % 3 == 0:
            whole([QUICK], copy, {"LD_LIBRARY_PATH": folder}, streams=2)
        elif i % 3 == 1:
            whole(["env", f"LD_LIBRARY_PATH={folder}", QUICK], copy, streams=2)
        else:
            whole(["env", f"LD_PRELOAD={copy}", QUICK], copy, streams=2)


def becomes_another(place):
    """Programs that exec what they are to start: held there again."""
    copy = fresh(place, "another-0")
    folder = os.path.dirname(copy)
    script = place / "start.sh"
    open(script, "w").write(f"#!/bin/sh\nexport LD_LIBRARY_PATH={folder}\n"
                            f"true | cat\nexec {QUICK} \"$@\"\n")
    os.chmod(script, 0o755)
    chain = ["nice", "-n", "1", "env", f"LD_LIBRARY_PATH={folder}", "setpriv", "--reuid",
             "nobody", "--clear-groups", "sh", "-c", f"exec {QUICK}"]
    for command in ([script, "100"], chain,
                    ["bash", "-c", f"LD_LIBRARY_PATH={folder} exec {QUICK}"]):
        for _ in range(scaled(8)):
            fresh(place, "another-0")
            whole(command, copy, streams=2)


def script_with_curl(place):
    script = place / "script"
    with place.nginx() as server:
        url = f"https://127.0.0.1:{server.port}"
        open(script, "w").write(f"#!/bin/sh -e\ncurl -sk {url}/hello.txt\n"
                                f"x=$(curl -sk {url}/echo); echo \"said $x\"; exit 3\n")
        os.chmod(script, 0o755)
        with Capture("--format", "json", command=[script]) as cap:
            curl(f"{url}/not-mine")
            assert cap.wait() == 3, cap.log()
            sent = [payload(i).split()[1] for i in cap.items("data") if i["dir"] == "sent"]
            assert sent == [b"/hello.txt", b"/echo"], sent
            assert {i["comm"] for i in cap.items("data")} == {"curl"}
            assert "hello from the server" in cap.log() and "said got it" in cap.log()
            assert b"said got it\n" not in cap.bytes(), "its output is on our stderr"


def setuid_program(place):
    """It keeps its rights while we trace it, and is captured."""
    copy = fresh(place, "setuid-lib")
    program = helper_with(place, "sslpair", f"-Wl,-rpath,{os.path.dirname(copy)}")
    who = build(place / "setuid-who", "#include <stdio.h>\n#include <unistd.h>\n"
                'int main(void) { printf("WHO %d %d\\n", getuid(), geteuid()); }\n')
    for f in (program, who):
        os.chmod(f, 0o4755)
    as_nobody = ["setpriv", "--reuid", "nobody", "--clear-groups"]
    whole([*as_nobody, program, "ex"], copy)
    for command in ([*as_nobody, who], [*as_nobody, "sh", "-c", f"sleep 0.1; exec {who}"]):
        with Capture(command=command) as cap:
            assert cap.wait() == 0
            assert "WHO 65534 0\n" in cap.log(), cap.log()


def without_ptrace_rights(place):
    """Without CAP_SYS_PTRACE a setuid program would lose its rights: it is not held."""
    who = build(place / "plain-who", "#include <stdio.h>\n#include <unistd.h>\n"
                'int main(void) { printf("WHO %d %d\\n", getuid(), geteuid()); }\n')
    os.chmod(who, 0o4755)
    argv = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace", ECAPTURE,
            "tls", "--log-level", "debug", "--", "setpriv", "--reuid", "nobody",
            "--clear-groups", who]
    r = subprocess.run(argv, capture_output=True, text=True, timeout=30 * SLOW, env=ENV)
    assert r.returncode == 0 and "WHO 65534 0\n" in r.stderr, r.stderr
    assert "not held" in r.stderr and "held at its entry" not in r.stderr, r.stderr


def outlived_by_descendants(place):
    """A daemon, forked twice, in a session of its own: we end when it has ended."""
    daemon = f"(setsid sh -c 'sleep 0.4; exec {SSLPAIR} ex' &); exit 3"
    start = time.monotonic()
    whole(["sh", "-c", daemon], rc=3)
    assert time.monotonic() - start > 0.4


def threads_and_forks(place):
    copy = fresh(place, "threads")
    env = {"LD_LIBRARY_PATH": os.path.dirname(copy)}
    whole([SSLPAIR, "threads", "20", "500"], copy, env, streams=80)
    for how in ("vfork", "leader", "thread") if LAST_THREAD else ("vfork",):
        whole([LIVES, how, SSLPAIR, "ex"])


def statuses(place):
    for command, rc in ((["sh", "-c", "exit 3"], 3), (["sh", "-c", "kill -TERM $$"], 143),
                        (["sh", "-c", "kill -KILL $$"], 137), (["sh", "-c", "kill -SEGV $$"], 139),
                        ([PYTHON, "-c", "import os; os.kill(os.getpid(), 5)"], 133),
                        (["no-such-program-here"], 127), (["/nonexistent/x"], 127),
                        ([place.dir], 126), ([place.cert], 126), (["true"], 0)):
        with Capture(command=command) as cap:
            assert cap.wait() == rc, (command, cap.log())
            assert ("cannot run the command" in cap.log()) == (rc in (126, 127)), cap.log()
            if rc in (126, 127):
                assert command[0] in cap.log()


def as_without_us(place):
    """What a program finds when it starts: descriptors, limits, signals, no tracer."""
    look = ("import os,resource,sys; "
            "st=dict(l.split(':\\t',1) for l in open('/proc/self/status') if ':\\t' in l); "
            "print('SELF', sorted(os.listdir('/proc/self/fd'))[:-1], "
            "resource.getrlimit(resource.RLIMIT_NOFILE), "
            "resource.getrlimit(resource.RLIMIT_MEMLOCK), st['SigBlk'].strip(), "
            "st['SigIgn'].strip(), st['TracerPid'].strip(), os.nice(0), sys.argv[1:])")
    argv = ["sh", "-c", "trap '' USR1; ulimit -n 777; ulimit -l 100; exec \"$@\"", "sh"]
    command = [PYTHON, "-c", look, "a b", "--pid"]

    def said(prefix):
        r = subprocess.run([*argv, *prefix, *command], stdin=subprocess.DEVNULL, text=True,
                           capture_output=True, timeout=30 * SLOW, env=ENV)
        assert r.returncode == 0, r.stderr
        return [line for line in (r.stdout + r.stderr).splitlines() if line.startswith("SELF")]
    alone, ours_too = said([]), said([ECAPTURE, "tls", "--"])
    assert alone and alone == ours_too, (alone, ours_too)
    # a shell is traced for a second in case it execs; then nobody is in a debugger's way
    with Capture(command=["sh", "-c", "sleep 1.6; grep TracerPid /proc/$$/status; exit 4"]) as cap:
        assert cap.wait() == 4
        assert re.search(r"^TracerPid:\t0$", cap.log(), re.M), cap.log()


ODD = """
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile int got;
static void on(int s) { got += s; }
static const char *how(void) { return getenv("ODD") ?: ""; }
__attribute__((constructor)) static void before_main(void)
{
	signal(SIGUSR1, on);
	signal(SIGTRAP, on);
	if (!strcmp(how(), "signals")) {
		raise(SIGUSR1);
		raise(SIGTRAP);
		if (got != SIGUSR1 + SIGTRAP)
			_exit(50);
		if (fork() == 0) {
			usleep(200000);
			kill(getppid(), SIGCONT);
			_exit(0);
		}
		raise(SIGSTOP);
		wait(NULL);
	}
	if (!strcmp(how(), "forks") && fork() == 0)
		unsetenv("ODD");
	if (!strcmp(how(), "sleeps"))
		sleep(atoi(getenv("ODD_SECONDS")));
	if (!strcmp(how(), "exits"))
		_exit(9);
}
"""


def odd_loaders(place):
    """What a constructor may do before the entry point is reached."""
    odd = build(place / "odd.so", ODD, "-shared", "-fPIC")
    copy = fresh(place, "odd")
    env = {"LD_LIBRARY_PATH": os.path.dirname(copy)}

    def command(how, seconds=0):
        return ["env", f"LD_PRELOAD={odd}", f"ODD={how}", f"ODD_SECONDS={seconds}", SSLPAIR, "ex"]
    whole(command("signals"), copy, env)
    # the child is not held: a library that is known
    whole(command("forks"), streams=8)
    with Capture(command=command("exits")) as cap:
        assert cap.wait() == 9
    fresh(place, "odd")
    log = whole(command("sleeps", 6), copy, env)
    assert "entry point is not reached" in log, log


def ends_while_held(place):
    """The command has not begun: it goes with us, however we go."""
    odd = build(place / "odd.so", ODD, "-shared", "-fPIC")
    env = {**ENV, "ODD": "sleeps", "ODD_SECONDS": "60"}
    for sig, rc in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)):
        with Capture(command=["env", f"LD_PRELOAD={odd}", SSLPAIR, "ex"], env=env) as cap:
            reaper = [p for p in ours(cap.p.pid)[1:]
                      if open(f"/proc/{p}/comm").read() == "ec-reaper\n"][0]
            pid = wait_for("the command", lambda: ours(reaper)[1:])[0]
            wait_for("its loader", lambda: open(f"/proc/{pid}/comm").read() == "sslpair\n")
            start = time.monotonic()
            assert cap.stop(sig) == rc, cap.log()
            assert time.monotonic() - start < 5 * SLOW
            wait_for("the end of all", lambda: not os.path.exists(f"/proc/{pid}") and
                     not os.path.exists(f"/proc/{reaper}"), 5)
            assert "STREAM" not in cap.log()


def runs_on_without_us(place):
    """Once it has begun, our end is none of its business, traced or not."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        for wait in (0.3, 1.5):
            done = place / "done"
            script = f"trap '' TERM; echo $$; sleep {wait + 1}; echo done >{done}"
            with Capture(command=["sh", "-c", script]) as cap:
                wait_for("begun", lambda: re.search(r"^\d+$", cap.log(), re.M))
                time.sleep(wait)
                cap.stop(sig)
                wait_for("its end", lambda: os.path.exists(done), 10)
                os.unlink(done)


def interrupt_passes(place):
    """Ctrl-C reaches a shell that we still trace, and its trap runs."""
    out = place / "int.out"
    script = "trap 'echo TRAPPED; exit 5' INT; echo BEGUN; while :; do sleep 0.05; done"
    for wait in (0.0, 1.5):
        with open(out, "wb") as f, Group(place, "--format", "json", "--", "sh", "-c", script,
                                         stdout=f) as g:
            wait_for("begun", lambda: "BEGUN" in g.log())
            time.sleep(wait)
            os.killpg(g.p.pid, signal.SIGINT)
            assert g.p.wait(20) == 5, g.log()
            assert "TRAPPED" in g.log()


def stopped_and_continued(place):
    """SIGSTOP and SIGCONT of a shell that we trace: it stops as it would."""
    script = ("echo PID $$; (sleep 0.2; kill -STOP $1; sleep 0.3; grep State /proc/$1/status; "
              "kill -CONT $1) & i=0; while [ $i -lt 12 ]; do sleep 0.1; i=$((i+1)); done; "
              "echo OVER")
    with Capture(command=["sh", "-c", f"set -- $$; {script}"]) as cap:
        assert cap.wait() == 0, cap.log()
        assert re.search(r"^State:\t[Tt] ", cap.log(), re.M) and "OVER" in cap.log(), cap.log()


def others_are_not_seen(place):
    """The same program and library, at the same time, outside."""
    copy = fresh(place, "others")
    env = {**ENV, "LD_LIBRARY_PATH": os.path.dirname(copy)}
    loop = subprocess.Popen(["sh", "-c", f"while :; do {SSLPAIR} ex >/dev/null; done"], env=env,
                            start_new_session=True)
    try:
        for _ in range(scaled(5)):
            whole([SSLPAIR, "ex"], env=env)
    finally:
        os.killpg(loop.pid, signal.SIGKILL)
        loop.wait()


def child_ends_are_told(place):
    """Whoever started us ignores SIGCHLD: ends are noticed all the same."""
    argv = [PYTHON, "-c", "import os,signal,sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
            "os.execv(sys.argv[1], sys.argv[1:])", ECAPTURE, "tls", "--", "sh", "-c", "exit 6"]
    assert subprocess.run(argv, timeout=20 * SLOW, capture_output=True).returncode == 6


# What a kernel might do otherwise; in guests a start takes seconds.
KERNEL = [library_by_rpath, becomes_another, setuid_program, threads_and_forks, odd_loaders,
          ends_while_held, stopped_and_continued]
REST = [library_by_environment, script_with_curl, without_ptrace_rights,
        outlived_by_descendants, statuses, as_without_us, runs_on_without_us, interrupt_passes,
        others_are_not_seen, child_ends_are_told]

if __name__ == "__main__":
    main(KERNEL + (REST if SLOW == 1 else []))
