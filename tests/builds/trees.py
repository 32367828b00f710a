# SPDX-License-Identifier: GPL-2.0-only
"""OpenSSL and its kin from the sources of crates: the commands that compile libssl, and
libcrypto, which is built once a release."""
import glob
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
from programs import crate, kept, run  # noqa: E402  pylint: disable=wrong-import-position

CLIENT = os.path.join(os.path.dirname(HERE), "e2e", "clients", "tlsecho.c")
JOBS = os.cpu_count() or 1
# Of each line the first and the last that there are, and one between where it changed.
OPENSSL = {"1.1.0h": "110.0.2", "1.1.0i": "110.0.7", "1.1.1": "111.0.1", "1.1.1d": "111.6.1",
           "1.1.1w": "111.28.2", "3.0.0": "300.0.3", "3.0.8": "300.0.13", "3.1.4": "300.1.6",
           "3.2.1": "300.2.3", "3.3.2": "300.3.2", "3.4.1": "300.4.2", "3.5.5": "300.5.5",
           "3.6.3": "300.6.1", "4.0.3": "400.0.2"}
LIBRESSL = {"3.0.2": "1.1.2", "3.1.0": "1.2.0"}
BORING = {"1.1.1": "1.1.1", "3.1.0": "3.1.0", "4.9.1": "4.9.1", "4.22.0": "4.22.0",
          "5.4.0": "5.4.0"}
AWS_LC = {v: v for v in ("0.10.0", "0.20.1", "0.30.0", "0.38.0", "0.47.0")}


class Tree:
    """One release: folder, libcrypto, and [(folder, argv without compiler), …] of libssl."""

    def __init__(self, library, version):
        self.library, self.version = library, version
        self.name = f"{library} {version}"
        self.folder = kept(f"tree-{library}-{version}", self.make)
        with open(os.path.join(self.folder, "commands.json"), encoding="utf-8") as f:
            self.commands = json.load(f)

    def make(self, folder):
        MAKE[self.library](folder, self.version)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def crypto(self):
        """libcrypto.a, whose building takes minutes."""
        def make(folder):
            # not in the tree that is kept: it has another path than it was made for
            place = os.path.join(folder, "tree")
            os.mkdir(place)
            self.make(place)
            if os.path.exists(os.path.join(place, "Makefile")):
                run(["make", f"-j{JOBS}", "libcrypto.a"], place, 3000)
            else:
                run(["ninja", f"-j{JOBS}", "crypto"], os.path.join(place, "build"), 3000)
            made = glob.glob(os.path.join(place, "**/libcrypto.a"), recursive=True)[0]
            os.rename(made, os.path.join(folder, "libcrypto.a"))
            shutil.rmtree(place)
        return os.path.join(kept(f"crypto-{self.library}-{self.version}", make),
                            "libcrypto.a")

    def include(self):
        return [p for p in (self.path("include"), self.path("src/include")) if
                os.path.isdir(os.path.join(p, "openssl"))][:1]

    def defines(self):
        """What the client may use."""
        old = self.library == "openssl" and self.version.startswith("1.1.0")
        ex = self.library in ("openssl", "aws-lc") and not old
        if self.library == "aws-lc":
            with open(os.path.join(self.include()[0], "openssl/ssl.h"), encoding="utf-8") as f:
                ex = "SSL_read_ex" in f.read()
        bio = self.library in ("openssl", "libressl")
        return ["-DEX"] * ex + ["-DBIO_SSL"] * bio


def without(argv):
    """Arguments that stay: not the compiler, nor what a variant chooses, nor outputs."""
    out, skip = [], False
    for a in argv[1:]:
        if skip:
            skip = False
        elif a in ("-o", "-MF", "-MT", "-MQ"):
            skip = True
        elif not re.match(r"-(O[0-3sgz]?|g.*|c|MMD|MD|MP|m64|W.*|pedantic|fPIC|fPIE|std=.*"
                          r"|f(no-)?omit-frame-pointer)$", a):
            out.append(a)
    return out


def note(folder, commands):
    assert len(commands) > 20, commands
    with open(os.path.join(folder, "commands.json"), "w", encoding="utf-8") as f:
        json.dump([[c[0].replace(folder, "@"), [a.replace(folder, "@") for a in c[1]]]
                   for c in commands], f, indent=0)


def make_openssl(folder, version):
    source = os.path.join(crate("openssl-src", "=" + OPENSSL[version]), "openssl")
    shutil.copytree(source, folder, dirs_exist_ok=True)
    # what is not in the crate, as far as each release knows it
    left = {"1.1.0": []}.get(version[:5], ["no-tests"])
    left += ["no-module"] if version >= "3.5" else []
    run(["perl", "./Configure", "linux-x86_64", "no-asm", "no-shared", *left,
         "--prefix=/usr", "-O1"], folder, 300)
    # 1.1.0 knows no such target
    p = subprocess.run(["make", "-n", "build_generated"], cwd=folder, check=False,
                       capture_output=True)
    if not p.returncode:
        run(["make", "build_generated"], folder, 300)
    note(folder, from_make(folder))


def from_make(folder):
    """Of libssl: what `make` would run that it would not for libcrypto."""
    def lines(target):
        out = subprocess.run(["make", "-n", target], cwd=folder, check=True,
                             capture_output=True, text=True).stdout.replace("\\\n", " ")
        return [line for line in out.splitlines() if re.search(r"\s-c\s", line)]
    crypto = set(lines("libcrypto.a"))
    out = []
    for line in lines("libssl.a"):
        if line not in crypto and re.search(r"\.c\b", line):
            out.append((folder, without(shlex.split(line.split("&&")[0]))))
    return out


def make_cmake(folder, source, *options):
    shutil.copytree(source, folder, dirs_exist_ok=True)
    os.makedirs(os.path.join(folder, "build"))
    run(["cmake", "-GNinja", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
         *options, ".."], os.path.join(folder, "build"), 300)
    with open(os.path.join(folder, "build/compile_commands.json"), encoding="utf-8") as f:
        all_of = json.load(f)
    out = {}
    for c in all_of:
        if re.search(r"/ssl/(?!test/)[^/]*(/[^/]*)?\.(c|cc)$", c["file"]) and \
           "ssl.dir" in c["command"] and "_test" not in c["file"]:
            out[c["file"]] = (c["directory"], without(shlex.split(c["command"])))
    note(folder, list(out.values()))


def make_libressl(folder, version):
    archive = glob.glob(os.path.join(crate("libtls-sys", "=" + LIBRESSL[version]),
                                     "libressl-*.tar.gz"))[0]
    source = folder + "/source"
    os.mkdir(source)
    run(["tar", "xzf", archive, "--strip-components=1"], source)
    make_cmake(folder, source, "-DLIBRESSL_APPS=OFF", "-DLIBRESSL_TESTS=OFF",
               "-DENABLE_ASM=OFF")
    shutil.rmtree(source)


def make_boring(folder, version):
    source = os.path.join(crate("boring-sys", "=" + BORING[version]), "deps/boringssl")
    make_cmake(folder, source, "-DOPENSSL_NO_ASM=1")


def make_aws_lc(folder, version):
    base = crate("aws-lc-sys", "=" + version)
    source = [p for p in (os.path.join(base, "aws-lc"), os.path.join(base, "deps/aws-lc"))
              if os.path.isdir(p)][0]
    make_cmake(folder, source, "-DBUILD_TESTING=OFF", "-DBUILD_TOOL=OFF", "-DDISABLE_GO=ON",
               "-DDISABLE_PERL=ON", "-DOPENSSL_NO_ASM=1")


MAKE = {"openssl": make_openssl, "libressl": make_libressl, "boringssl": make_boring,
        "aws-lc": make_aws_lc}


def trees():
    """(library, version) of all."""
    return [("openssl", v) for v in OPENSSL] + [("libressl", v) for v in LIBRESSL] + \
           [("boringssl", v) for v in BORING] + [("aws-lc", v) for v in AWS_LC]
