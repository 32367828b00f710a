#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Where the library may lie: deleted, in another mount namespace, loaded late, linked in."""
import glob
import os
import shutil
import subprocess
import time

from harness import ENV, PYTHON, SLOW, Capture, Running, Skip, main, nothing_lost, wait_for
from test_calls import SSLPAIR, Report


def copy_of_libssl(place, folder):
    os.makedirs(place / folder, exist_ok=True)
    return shutil.copy(glob.glob("/usr/lib/*/libssl.so.3")[0], place / folder)


class Held(Running):
    """sslpair with a connection open, that waits to be told to talk; has said nothing."""

    def __init__(self, argv=(SSLPAIR,), env=None):
        self.p = subprocess.Popen([*argv, "-n", "hold", "1", "30000"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  env=env or ENV)
        assert self.p.stdout.readline() == "READY\n"

    def talk(self):
        said = Report(self.p.communicate("\n", timeout=20 * SLOW)[0])
        assert len(said.streams) == 4 and self.p.returncode == 0
        return said

    def __exit__(self, *exc):
        if not self.p.stdin.closed:
            self.p.stdin.close()
        super().__exit__(*exc)


def finish(cap, said):
    assert cap.stop() == 0, cap.log()
    nothing_lost(cap)
    said.compare(cap.items("data"))
    return cap.items("target")


def deleted_library(place):
    """As after an upgrade: the file that runs has no name any more."""
    copy = copy_of_libssl(place, "deleted")
    with Held(env={**ENV, "LD_LIBRARY_PATH": place / "deleted"}) as held:
        os.unlink(copy)
        with Capture("--format", "json") as cap:
            targets = finish(cap, held.talk())
    assert any(copy in t["path"] and t["state"] == "probed" for t in targets), targets


def other_mount_namespace(place):
    """As in a container: a file that our own root does not show."""
    inside = place / "inside"
    os.makedirs(inside, exist_ok=True)
    source = glob.glob("/usr/lib/*/libssl.so.3")[0]
    argv = ["unshare", "--mount", "sh", "-ec",
            f"mount -t tmpfs none {inside}; cp {source} {inside}/; "
            f"export LD_LIBRARY_PATH={inside}; exec \"$@\"", "sh", SSLPAIR]
    with Held(argv) as held:
        assert not os.listdir(inside)
        with Capture("--format", "json") as cap:
            finish(cap, held.talk())


def loaded_while_we_run(place):
    """A library that nobody used before, seen from its first bytes on when it is mapped
    before the program needs it; here the connection is open before it talks."""
    copy = copy_of_libssl(place, "late")
    with Capture("--format", "json") as cap:
        with Held(env={**ENV, "LD_LIBRARY_PATH": place / "late"}) as held:
            wait_for("the copy is probed",
                     lambda: any(t["path"] == copy and t["state"] == "probed"
                                 for t in cap.items("target")))
            finish(cap, held.talk())


def odd_names(place):
    """Folder and process names that nobody should choose: whole lines, nothing lost."""
    folder = "odd \n(deleted) \u00e9"
    copy = copy_of_libssl(place, folder)
    rename = ("import os,sys\nopen('/proc/self/comm','wb').write(b'a\\n\"\\xff\\x1b[2J')\n"
              "sys.stdin.readline()\n"
              "import ssl,urllib.request\nurllib.request.urlopen(sys.argv[1],"
              "context=ssl._create_unverified_context()).read()")
    env = {**ENV, "LD_LIBRARY_PATH": place / folder}
    with place.nginx() as server:
        url = f"https://127.0.0.1:{server.port}/hello.txt"
        for fmt in ("json", "text"):
            with Held(env=env) as held, Capture("--format", fmt) as cap:
                p = subprocess.Popen([PYTHON, "-c", rename, url], stdin=subprocess.PIPE,
                                     env=ENV)
                p.communicate(b"\n", timeout=20 * SLOW)
                said = held.talk()
                if fmt == "json":
                    targets = finish(cap, said)
                    assert copy in [t["path"] for t in targets], targets
                    assert any(i["comm"].startswith("a\n\"") for i in cap.items("data"))
                else:
                    assert cap.stop() == 0
                    heads = [x for x in cap.bytes().split(b"\n") if f"PID:{p.pid},".encode() in x]
                    assert len(heads) >= 2 and not any(b"\x1b" in x for x in heads), heads


def two_at_once(place):
    """Two captures of one program do not disturb each other."""
    with Capture("--format", "json") as one, Capture("--format", "json") as two:
        with Held() as held:
            said = held.talk()
        for cap in (one, two):
            finish(cap, said)


def static_program_with(place, name, *flags):
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "helpers/sslpair.c")
    program = place / name
    cc = subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-static", *flags, "-o",
                         program, source, "-lssl", "-lcrypto", "-lpthread"],
                        capture_output=True)
    if cc.returncode:
        raise Skip("no static libssl to link with")
    for how in ("as built", "without debug information"):
        with Capture("--format", "json", "--libssl", program) as cap:
            p = subprocess.run([program, "ex"], capture_output=True, text=True, timeout=30 * SLOW)
            assert p.returncode == 0, p.stderr
            targets = finish(cap, Report(p.stdout))
            assert {t["path"] for t in targets} == {program}, (how, targets)
        subprocess.run(["strip", "-g", program], check=True)


def static_program(place):
    """--libssl names a program with the library linked in."""
    static_program_with(place, "static", "-Wl,-u,OpenSSL_version")


def plans_of_the_last_run(place):
    """The second run plans nothing that the first one did; what is not trusted is made anew."""
    plans = place / "cache/plans"
    copy_of_libssl(place, "cached")
    time.sleep(2.5)  # a file that changed a moment ago is not known by its identity
    for start, known in (("first", False), ("again", True), ("damaged", False), ("anew", True)):
        if start == "damaged":
            with open(plans, "r+b") as f:
                f.seek(200)
                f.write(b"\xff" * 8)
        with Held(env={**ENV, "LD_LIBRARY_PATH": place / "cached"}) as held:
            with Capture("--format", "json", "-d", "--plan-cache", plans) as cap:
                finish(cap, held.talk())
        said = "cached/libssl.so.3: plan from the cache" in cap.log()
        assert said == known, (start, cap.log())
        assert os.stat(plans).st_mode & 0o7777 == 0o600


if __name__ == "__main__":
    main([deleted_library, other_mount_namespace, loaded_while_we_run, odd_names,
          two_at_once, static_program,
          # what a guest has in place of a disk does not tell one file from another
          *([plans_of_the_last_run] if SLOW == 1 else [])])
