#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Programs and libraries that come and go while we run: found in time, let go in time, and
nothing of us grows with their number."""
import calendar
import collections
import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from boxes import UID, busy, talk_as
from harness import (ENV, PYTHON, SLOW, Capture, Skip, curl, main, nothing_lost, ours, payload,
                     scaled, wait_for)
from test_calls import SSLPAIR, Report
from test_places import Held, copy_of_libssl

PR_SET_THP_DISABLE = 41  # linux/prctl.h
AS = ["setpriv", "--reuid", UID]
FULL = os.environ.get("EC_TESTS") == "full"


def capture(*args):
    return Capture("--format", "json", "--uid", UID, *args)


def held(**kw):
    return Held([*AS, SSLPAIR], **kw)


def alone(own=()):
    """Nobody else captures here: probes of others hold what ours let go."""
    for stat in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError), open(stat, encoding="utf-8", errors="replace") as f:
            pid, rest = f.read().split(" (", 1)
            if rest.startswith("ecapture)") and int(pid) not in own:
                return False
    return True


def report(text):
    print("  " + text, file=sys.stderr)


def targets(cap, path=None):
    return [t for t in cap.items("target") if path is None or t["path"] == path]


def states(cap, path):
    return [t["state"] for t in targets(cap, path)]


def probed(cap, path):
    wait_for(f"{path} is probed", lambda: "probed" in states(cap, path))


def compile_static(place, name, text):
    open(place / f"{name}.c", "w").write(text)
    cc = subprocess.run(["cc", "-O2", "-static", "-o", place / name, place / f"{name}.c"],
                        capture_output=True)
    if cc.returncode:
        raise Skip("no static libc to link with")
    return place / name


class Usage:
    """What a capture holds: memory in KB, descriptors by kind, of all its processes."""

    def __init__(self, cap):
        self.kb, self.fds = {}, collections.Counter()
        alive = {}
        for t in cap.items("target"):
            alive[t["target"]] = t["state"] == "probed"
        # others' libraries come and go as well: each has so many links or events
        self.targets = sum(alive.values())
        self.alone = alone(ours(cap.p.pid))
        for pid in ours(cap.p.pid):
            rollup = open(f"/proc/{pid}/smaps_rollup", encoding="ascii").read()
            comm = open(f"/proc/{pid}/comm", encoding="utf-8").read().strip()
            self.kb[comm] = int(re.search(r"^Anonymous:\s+(\d+)", rollup, re.M)[1])
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    what = os.readlink(f"/proc/{pid}/fd/{fd}")
                    self.fds[re.sub(r"\d+", "", what) if ":" in what else "file"] += 1
        self.probes = sum(n for k, n in self.fds.items() if re.search("bpf.link|perf_event", k))

    def __str__(self):
        return (f"{self.kb} KB, {sum(self.fds.values())} descriptors, {self.probes} probes, "
                f"{self.targets} targets")


POINTS = 12  # links or events of one target at most


def flat(before, after):
    """Nothing grew but by what allocators and other people's programs may make of it."""
    for comm, kb in after.kb.items():
        room = 16000 if comm == "ec-planner" else 1500  # it may be at a file just then
        assert kb < before.kb.get(comm, kb) + room, (comm, str(before), str(after))
    more = max(after.targets - before.targets, 0) * POINTS + (10 if after.alone else 60)
    assert after.probes <= before.probes + more, (str(before), str(after))
    assert sum(after.fds.values()) <= sum(before.fds.values()) + more, (before.fds, after.fds)


def short_processes(place):
    """Thousands of short processes leave nothing behind in us; the ones among them that
    talk are all captured."""
    n = scaled(10_000 if FULL else 2_000)
    tiny = compile_static(place, "tiny", "int main(void) { return 0; }\n")
    with place.nginx() as server, Capture("--format", "json", "--comm", "curl",
                                          "--target_port", str(server.port)) as cap:
        usage, curls, done = [], 0, 0
        while done < n:
            step = n // 50
            script = f"i=0; while [ $i -lt {step // 2} ]; do {tiny}; /bin/true; i=$((i+1)); done"
            subprocess.run(["sh", "-c", script], check=True, env=ENV)
            done += step // 2 * 2
            for _ in range(4 if FULL else 1):
                out = curl(f"https://127.0.0.1:{server.port}/hello.txt?{curls}")
                assert out == b"hello from the server\n"
                curls += 1
            if done >= n // 5 and not usage:
                usage.append(Usage(cap))
        usage.append(Usage(cap))
        assert cap.stop() == 0, cap.log()
        nothing_lost(cap)
        sent = [payload(i).split()[1] for i in cap.items("data") if i["dir"] == "sent"]
        assert sent == [b"/hello.txt?%d" % i for i in range(curls)]
        received = b"".join(payload(i) for i in cap.items("data") if i["dir"] == "received")
        assert received.count(b"hello from the server\n") == curls
        report(f"after {n // 5}: {usage[0]}; after {n}: {usage[1]}")
        flat(*usage)


def gone_containers(place):
    """60 libraries on file systems of their own, one after the other, as short containers
    have them: taken for gone in time, in nobody's way, and nothing stays."""
    n = scaled(60)
    source = glob.glob("/usr/lib/*/libssl.so.3")[0]
    script = "export LD_LIBRARY_PATH=$1; shift; exec \"$@\""
    libc = ctypes.CDLL(None)
    ended, mounted, pinned = {}, {}, []

    def unmount():
        for folder, since in list(mounted.items()):
            if libc.umount2(folder.encode(), 0) == 0:
                del mounted[folder]
                pinned.append(time.monotonic() - since)

    was_alone = alone()
    with capture() as cap, contextlib.ExitStack() as all_of:
        usage = []
        for i in range(n):
            folder = place / f"fs-{i}"
            os.mkdir(folder)
            subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
            all_of.callback(subprocess.run, ["umount", "-l", folder], capture_output=True)
            shutil.copy(source, folder)
            # every other one with mounts of its own
            own = ["unshare", "--mount", "--pid", "--fork"] if i % 2 else []
            p = subprocess.run([*own, "sh", "-c", script, "sh", folder, *AS, SSLPAIR, "ex"], env=ENV,
                               capture_output=True, timeout=60 * SLOW)
            assert p.returncode == 0, p.stderr
            ended[folder + "/libssl.so.3"] = time.time()
            mounted[folder] = time.monotonic()
            unmount()
            if i == n // 3:
                usage.append(Usage(cap))
        with contextlib.suppress(AssertionError):
            wait_for("unmounted", lambda: unmount() or not mounted, 5)
        seen = {t["path"] for t in targets(cap) if t["state"] == "probed"} & set(ended)
        wait_for("gone", lambda: all("gone" in states(cap, p) for p in seen), 10)
        usage.append(Usage(cap))
        assert cap.stop() == 0, cap.log()
        times = [stamp(t) - ended[t["path"]] for t in targets(cap)
                 if t["state"] == "gone" and t["path"] in ended]
        report(f"{len(seen)} of {n} probed; gone after {max(times):.1f} s at most, unmounted "
               f"after {max(pinned):.1f} s, {len(mounted)} not; {usage[0]}; {usage[1]}")
        assert len(seen) > n * 3 / 4
        assert max(times) < 10 * SLOW, max(times)
        if was_alone and usage[-1].alone and not busy():
            assert not mounted and max(pinned) < 5 * SLOW, (mounted, max(pinned))
        flat(*usage)


def stamp(item):
    """Seconds since 1970."""
    whole, ns = item["time"].rstrip("Z").split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + ns)


def upgraded_library(place):
    """Replaced by rename while a server runs: the old one is captured as long as somebody
    has it, the new one from its first use; then the old one is gone."""
    path = copy_of_libssl(place, "upgraded")
    env = {**ENV, "LD_LIBRARY_PATH": place / "upgraded"}
    with held(env=env) as old, held(env=env) as older, capture() as cap:
        shutil.copy(path, path + ".dpkg-new")
        os.rename(path + ".dpkg-new", path)
        said = [old.talk()]
        with held(env=env) as new:
            wait_for("both", lambda: states(cap, path).count("probed") == 2)
            said.append(new.talk())
            said.append(older.talk())
        wait_for("the old one is gone", lambda: "gone" in states(cap, path), 10)
        first = targets(cap, path)[0]["target"]
        assert [t["target"] for t in targets(cap, path) if t["state"] == "gone"] == [first]
        with held(env=env) as again:
            said.append(again.talk())
        assert cap.stop() == 0, cap.log()
        nothing_lost(cap)
        for s in said:
            s.compare(cap.items("data"))


def put_into_search_path(place):
    """A library that appears in a folder of the search path is probed before anybody
    loads it."""
    folder = tempfile.mkdtemp(prefix="ec-e2e-", dir="/var/tmp")
    conf = f"/etc/ld.so.conf.d/ec-test-{os.getpid()}.conf"
    path = folder + "/libssl.so.3"
    if not os.path.isdir("/etc/ld.so.conf.d"):
        os.rmdir(folder)
        raise Skip("no /etc/ld.so.conf.d")
    try:
        open(conf, "w").write(folder + "\n")
        os.chmod(folder, 0o755)
        with capture() as cap:
            shutil.copy(glob.glob("/usr/lib/*/libssl.so.3")[0], path + ".dpkg-new")
            assert not targets(cap, path)
            os.rename(path + ".dpkg-new", path)
            probed(cap, path)
            p = subprocess.run([*AS, SSLPAIR, "ex"], capture_output=True, text=True,
                               env={**ENV, "LD_LIBRARY_PATH": folder}, timeout=30 * SLOW)
            os.unlink(path)
            wait_for("gone", lambda: "gone" in states(cap, path), 10)
            assert cap.stop() == 0, cap.log()
            nothing_lost(cap)
            Report(p.stdout).compare(cap.items("data"))
    finally:
        os.unlink(conf)
        shutil.rmtree(folder)


def first_process(place):
    """The first process that ever loads a library, seen from its first byte?"""
    n = scaled(40)
    said, missed = [], 0
    with capture() as cap:
        for i in range(n):
            copy_of_libssl(place, f"first-{i}")
            p = subprocess.run([*AS, SSLPAIR, "big", "1", "5000"], capture_output=True, text=True,
                               env={**ENV, "LD_LIBRARY_PATH": place / f"first-{i}"},
                               check=True, timeout=30 * SLOW)
            said.append(Report(p.stdout))
        assert cap.stop() == 0, cap.log()
        data = cap.items("data")
        for s in said:
            try:
                s.compare(data)
            except AssertionError:
                missed += 1
    report(f"{missed} of {n} first processes were not whole")
    assert busy() or missed <= n / 4, f"{missed} of {n}"


def events_lost(place):
    """What is mapped while we do not look, and more than there is room for: looked for."""
    copy = copy_of_libssl(place, "lost")
    storm = ("import mmap,sys\n"
             f"f=open({SSLPAIR!r},'rb')\n"
             "for _ in range(20000):\n"
             " mmap.mmap(f.fileno(),4096,mmap.MAP_PRIVATE,mmap.PROT_READ|mmap.PROT_EXEC).close()\n")
    cpus = sorted(os.sched_getaffinity(0))
    with capture("-d") as cap, contextlib.ExitStack() as all_of:
        os.kill(cap.p.pid, signal.SIGSTOP)
        try:
            procs = [subprocess.Popen(["taskset", "-c", str(c), PYTHON, "-c", storm], env=ENV)
                     for c in cpus]
            assert not any(p.wait(60 * SLOW) for p in procs)
            late = all_of.enter_context(held(env={**ENV, "LD_LIBRARY_PATH": place / "lost"}))
        finally:
            os.kill(cap.p.pid, signal.SIGCONT)
        for c in cpus:  # that something was lost is told by the next event of a CPU
            subprocess.run(["taskset", "-c", str(c), "true"], check=True)
        probed(cap, copy)
        wait_for("said so", lambda: "mapping events lost: looking" in cap.log())
        said = late.talk()
        assert cap.stop() == 0, cap.log()
        nothing_lost(cap)
        said.compare(cap.items("data"))


def cpu_off_and_on(place):
    """A CPU that goes and comes back: what is mapped on it then is seen."""
    switch = "/sys/devices/system/cpu/cpu1/online"
    if not os.access(switch, os.W_OK) or open(switch, encoding="ascii").read() != "1\n":
        raise Skip("no CPU to switch off")

    def turn(word):
        with open(switch, "w", encoding="ascii") as f:
            f.write(word)
    with capture("-d") as cap:
        try:
            turn("0")
        except OSError as e:
            raise Skip(f"the CPU cannot be switched off: {e.strerror}") from e
        try:
            time.sleep(1.5)
        finally:
            turn("1")
        wait_for("it is on", lambda: 1 in os.sched_getaffinity(0))
        time.sleep(2.5)  # looked for every second
        copy = copy_of_libssl(place, "cpu")
        with Held(["taskset", "-c", "1", *AS, SSLPAIR],
                  env={**ENV, "LD_LIBRARY_PATH": place / "cpu"}) as late:
            probed(cap, copy)
            said = late.talk()
        assert cap.stop() == 0, cap.log()
        nothing_lost(cap)
        said.compare(cap.items("data"))


def many_processes(place):
    """Ready with 200 processes that have the library; no more than a figure."""
    n = scaled(100)
    with contextlib.ExitStack() as all_of:
        for _ in range(n):
            p = all_of.enter_context(subprocess.Popen(
                [SSLPAIR, "-n", "hold", "1", "1"], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENV))
            all_of.callback(p.kill)
            assert p.stdout.readline() == b"READY\n"
        start = time.monotonic()
        with capture() as cap:
            took = time.monotonic() - start
            report(f"{2 * n} processes: {cap.ready.decode().strip()}; {took:.2f} s in all")
            said, = talk_as(UID, [SSLPAIR, "ex"])
            assert cap.stop() == 0, cap.log()
            nothing_lost(cap)
            said.compare(cap.items("data"))


if __name__ == "__main__":
    # Inherited. Memory grows by pages of 2 MB otherwise, where those are always given.
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
    main([short_processes, gone_containers, upgraded_library, put_into_search_path,
          first_process, events_lost, cpu_off_and_on, many_processes])
