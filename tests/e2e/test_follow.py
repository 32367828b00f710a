#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`--pid N --follow`: descendants, whatever becomes of them; and the hint without it."""
import os
import re
import subprocess
import time

from harness import ENV, SLOW, Capture, Running, Skip, main, nothing_lost, scaled, wait_for
from test_calls import SSLPAIR, Report
from test_launch import LAST_THREAD, LIVES, helper_with


class Shell(Running):
    """A process to be named. What is given to it runs as its descendants."""

    def __init__(self, place, *argv):
        self.out = place / "shell.out"
        self.p = subprocess.Popen(["bash", *argv], stdin=subprocess.PIPE, text=True, env=ENV,
                                  stdout=open(self.out, "w"), stderr=subprocess.STDOUT)
        self.pid = self.p.pid

    def run(self, lines):
        self.p.stdin.write(lines + "\n")
        self.p.stdin.flush()

    def said(self):
        return open(self.out).read()

    def end(self):
        self.p.communicate(timeout=30 * SLOW)


def followed(place, lines, streams=4):
    """Both ends of what `lines` start, nothing of others; the capture ends by itself."""
    with Shell(place) as shell, Capture("--format", "json", "--pid", str(shell.pid),
                                        "--follow") as cap:
        other = subprocess.run([SSLPAIR, "ex"], capture_output=True, text=True, env=ENV)
        assert other.returncode == 0
        shell.run(lines)
        shell.end()
        assert cap.wait() == 0, cap.log()
        assert "all named processes and their descendants have ended" in cap.log()
        nothing_lost(cap)
        said = Report(shell.said())
        assert len(said.streams) == streams, shell.said()
        data = cap.items("data")
        said.compare(data)
        assert {i["pid"] for i in data} == said.pids


def exec_another(place):
    followed(place, f"env X=1 sh -c 'exec {SSLPAIR} ex'")
    followed(place, f"exec {SSLPAIR} ex")


def setuid_program(place):
    program = helper_with(place, "sslpair")
    os.chmod(program, 0o4755)
    followed(place, f"setpriv --reuid nobody --clear-groups {program} ex")


def orphans(place):
    """The parent is gone, then the named process itself: we end with the last one."""
    followed(place, f"(setsid sh -c 'sleep 0.7; exec {SSLPAIR} ex' &)\n"
                    f"(setsid sh -c '(sleep 1; {SSLPAIR} ex) &' &)", streams=8)


def thread_forks(place):
    followed(place, f"{LIVES} vfork {SSLPAIR} ex")
    followed(place, f"{SSLPAIR} threads 10 100", streams=40)


def first_thread_ends(place):
    """The process lives on with its other threads, and as what one of them execs."""
    if not LAST_THREAD:
        raise Skip("kernel before BTF, or taken for one")
    followed(place, f"{LIVES} leader {SSLPAIR} ex")
    followed(place, f"{LIVES} thread {SSLPAIR} ex")


def descendants_before(place):
    """A family that grows while we look at it for the first time: nobody falls between."""
    for _ in range(scaled(6)):
        with Shell(place) as shell:
            # each waits for the file, then talks; children are born all the time
            go = place / "go"
            shell.run(f"for i in 1 2 3; do (for j in 1 2; do (for k in $(seq 12); do "
                      f"(while [ ! -e {go} ]; do sleep 0.3; done; [ $k != 12 ] || "
                      f"{SSLPAIR} ex) & done; wait) & done; wait) & done; wait; exit")
            time.sleep(0.05)
            with Capture("--format", "json", "--pid", str(shell.pid), "--follow") as cap:
                open(go, "w").close()
                shell.end()
                assert cap.wait() == 0, cap.log()
                os.unlink(go)
                said = Report(shell.said())
                assert len(said.streams) == 24, shell.said()[:300]
                said.compare(cap.items("data"))


def hint(place):
    """A named process with nothing to capture, whose descendant has something."""
    def hints(cap):
        return re.findall(r"^ecapture: warning: --pid (\d+): .* descendant (\d+) \((.*)\).*"
                          r"--follow", cap.log(), re.M)
    fifo = place / "fifo"
    talker = f"{SSLPAIR} -n hold 1 100"
    with Shell(place) as shell:
        shell.run(f"mkfifo {fifo}; (exec {talker} <{fifo}) & exec 9>{fifo}")
        wait_for("the descendant", lambda: "READY" in shell.said())
        with Capture("--pid", str(shell.pid)) as cap:
            wait_for("a hint", lambda: hints(cap))
            time.sleep(2.2)
            assert cap.stop() == 0
            ((pid, descendant, comm),) = hints(cap)
            assert int(pid) == shell.pid and comm == "sslpair", cap.log()
            parent = open(f"/proc/{descendant}/stat").read().rsplit(")", 1)[1].split()[1]
            assert descendant != pid and parent != "1"
        with Capture("--pid", str(shell.pid), "--follow") as cap:
            time.sleep(1.3)
            cap.stop()
            assert not hints(cap), "followed"
        with Capture("--pid", descendant) as cap:
            time.sleep(1.3)
            cap.stop()
            assert not hints(cap), "it has something itself"
        shell.run(f"echo >&9; wait; rm {fifo}")
    # a descendant that comes later
    with Shell(place) as shell, Capture("--pid", str(shell.pid)) as cap:
        assert not hints(cap)
        shell.run(f"{SSLPAIR} hold 1 100 < <(sleep 4)")
        wait_for("a hint", lambda: hints(cap), 6)
        assert cap.stop() == 0


KERNEL = [exec_another, setuid_program, orphans, thread_forks, first_thread_ends]

if __name__ == "__main__":
    main(KERNEL + ([descendants_before, hint] if SLOW == 1 else []))
