#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""As on a terminal: Ctrl-C reaches the whole group, readers are slow, input is typed."""
import json
import os
import signal
import subprocess
import time

from harness import (ECAPTURE, ENV, SLOW, Capture, final, main, nothing_lost, ours,
                     wait_for)
from test_calls import SSLPAIR, Report, sslpair


class Group:
    """ecapture in a process group of its own, stdout wherever it is told to go."""

    def __init__(self, place, *args, stdout, stdin=subprocess.DEVNULL):
        self.err = place / "group.err"
        with open(self.err, "wb") as err:
            self.p = subprocess.Popen([ECAPTURE, "tls", *args], stdin=stdin, stdout=stdout,
                                      stderr=err, start_new_session=True, env=ENV)

    def ready(self):
        wait_for("ready", lambda: "ready:" in self.log())
        return self

    def log(self):
        return open(self.err, errors="replace").read()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.p.poll() is None:
            os.killpg(self.p.pid, signal.SIGKILL)
            self.p.wait()


def interrupt_of_the_group(place):
    """The three processes all get the signal: the backlog is drained all the same."""
    out = place / "group.out"
    with open(out, "wb") as f, Group(place, "--format", "json", stdout=f) as g:
        g.ready()
        said = sslpair(["burst", 3000, 1024])
        os.killpg(g.p.pid, signal.SIGINT)
        assert g.p.wait(20) == 0, g.log()
    items = [json.loads(line) for line in open(out)]
    assert items[-1]["kind"] == "stats" and items[-1]["lost_bytes"] == 0, items[-1]
    said.compare([i for i in items if i["kind"] == "data"])


def interrupt_of_a_command(place):
    """Ctrl-C ends the command that we started, its status is ours, what it said is there."""
    out = place / "group.out"
    with open(out, "wb") as f, Group(place, "--format", "json", "--", "sh", "-c",
                                     f"{SSLPAIR} ex; sleep 60", stdout=f) as g:
        wait_for("the command has talked", lambda: g.log().count("STREAM") >= 4)
        os.killpg(g.p.pid, signal.SIGINT)
        assert g.p.wait(20) == 128 + signal.SIGINT, g.log()
    items = [json.loads(line) for line in open(out)]
    Report(g.log()).compare([i for i in items if i["kind"] == "data"])


def slow_reader(place):
    """A reader that pauses gets everything in the end; what does not fit is counted."""
    n, size = 1000, 1000
    with Group(place, "--format", "json", "--comm", "sslpair",
               stdout=subprocess.PIPE) as g:
        g.ready()
        said = sslpair(["burst", n, size])
        time.sleep(1)
        g.p.send_signal(signal.SIGINT)
        out, _ = g.p.communicate(timeout=30 * SLOW)
        assert g.p.returncode == 0, g.log()
    items = [json.loads(line) for line in out.splitlines()]
    assert items[-1]["lost_bytes"] == 0, items[-1]
    said.compare([i for i in items if i["kind"] == "data"])


def stuck_reader(place):
    """Somebody never reads: a second Ctrl-C ends us for certain, with nothing left."""
    r, w = os.pipe()
    try:
        with Group(place, "--format", "json", stdout=w) as g:
            g.ready()
            pids = ours(g.p.pid)
            sslpair(["burst", 500, 1000])
            g.p.send_signal(signal.SIGINT)
            time.sleep(0.5)
            for _ in range(2):
                if g.p.poll() is None:
                    g.p.send_signal(signal.SIGINT)
                    time.sleep(0.2)
            wait_for("the end", lambda: g.p.poll() is not None, 15)
            wait_for("all gone", lambda: not any(os.path.exists(f"/proc/{p}")
                                                 for p in pids), 5)
    finally:
        os.close(r)
        os.close(w)


def command_reads_our_input(place):
    out = place / "group.out"
    with open(out, "wb") as f, Group(place, "--format", "json", "--", SSLPAIR, "hold", "1",
                                     "2000", stdout=f, stdin=subprocess.PIPE) as g:
        wait_for("the command waits", lambda: "READY" in g.log())
        g.p.stdin.write(b"\n")
        g.p.stdin.close()
        assert g.p.wait(20) == 0, g.log()
    items = [json.loads(line) for line in open(out)]
    pids = {i["pid"] for i in items if i["kind"] == "data"}
    assert pids == Report(g.log()).pids, "both ends are its descendants"


def many_connections(place):
    """More connections than there is room for at a time, one after the other: the tables
    stay bounded, nothing is mixed."""
    with Capture("--format", "json", "--comm", "sslpair") as cap:
        n = 1500 if SLOW == 1 else 200
        said = sslpair(["reuse", n, 100])
        assert cap.stop() == 0, cap.log()
        nothing_lost(cap)
        data = [i for i in cap.items("data") if i["pid"] in said.pids]
        said.compare(data)
        assert len({i["conn"] for i in data}) == 4 * n


def cut_is_counted(place):
    """--truncate_size: what is shown and what is cut are all that was sent."""
    with Capture("--format", "json", "--comm", "sslpair", "--truncate_size", "1000") as cap:
        said = sslpair(["ex"])
        assert cap.stop() == 0, cap.log()
        data = [i for i in cap.items("data") if i["pid"] in said.pids]
        assert sum(i["len"] + i["cut"] for i in data) == sum(s.bytes for s in said.streams)
        for i in data:
            shown = min(i["total"], 1000)
            assert (i["len"], i["cut"]) == (shown, i["total"] - shown), i
        assert final(cap)["cut"] >= sum(i["cut"] for i in data)
        nothing_lost(cap)


if __name__ == "__main__":
    main([interrupt_of_the_group, interrupt_of_a_command, slow_reader, stuck_reader,
          command_reads_our_input, many_connections, cut_is_counted])
