# SPDX-License-Identifier: GPL-2.0-only
"""A static program with libssl of a tree by a compiler and flags; kept."""
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from programs import Skip, kept
from trees import CLIENT, JOBS

CROSS = "aarch64-linux-gnu"


class Variant:
    """`lto` and `pie` are flags of compiling and linking; `arm` is built, not run."""

    def __init__(self, cc, opt, lto=False, pie=True, arm=False, nofile=False):
        self.cc, self.opt, self.lto, self.pie, self.arm = cc, opt, lto, pie, arm
        self.nofile = nofile
        self.name = "-".join([*(["arm64"] if arm else []), cc, opt.lstrip("-"),
                              *(["lto"] if lto else []), "pie" if pie else "nopie",
                              *(["nofile"] if nofile else [])])

    def tools(self):
        """How C is compiled, C++, and how it is linked."""
        if self.cc == "clang":
            to = [f"--target={CROSS}"] if self.arm else []
            return ["clang", *to], ["clang++", *to], ["clang++", *to, "-fuse-ld=lld"]
        prefix = CROSS + "-" if self.arm else ""
        return [prefix + "gcc"], [prefix + "g++"], [prefix + "g++"]

    def flags(self):
        lto = ["-flto=thin" if self.cc == "clang" else "-flto=2"] if self.lto else []
        return [self.opt, "-w", "-fPIE" if self.pie else "-fno-pie", *lto,
                *(["-DOPENSSL_NO_FILENAMES"] if self.nofile else [])]

    def link(self):
        """libcrypto is not there for another machine: its functions are then at 0."""
        out = ["-static-pie" if self.pie and not self.arm else
               "-pie" if self.pie else "-static"]
        if not self.pie:
            out.append("-no-pie")
        if self.arm:
            out = [o for o in out if o != "-pie"] + ["-nostdlib", "-static",
                   "-Wl,--unresolved-symbols=ignore-all", "-Wl,-e,main"]
            if self.pie:
                out.append("-Wl,-pie,--no-dynamic-linker")
        return out


def execute(argv, folder):
    p = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False,
                       timeout=900)
    if p.returncode:
        raise subprocess.SubprocessError(" ".join(argv)[:200] + ": " + p.stderr[-800:])


def build(tree, variant, to):
    """Compiles all of libssl and the client, and links them to the file `to`."""
    cc, cxx, ld = variant.tools()
    with tempfile.TemporaryDirectory(prefix="ec-build-") as place:
        jobs, objects = [], []

        def add(folder, args, plus):
            obj = os.path.join(place, f"{len(objects)}.o")
            objects.append(obj)
            lang = [*cxx, "-std=c++17", "-fno-exceptions", "-fno-rtti"] if plus else \
                   [*cc, "-std=gnu11"]
            jobs.append(([*lang, *args, *variant.flags(), "-c", "-o", obj], folder))

        for folder, args in tree.commands:
            args = [a.replace("@", tree.folder) for a in args]
            add(folder.replace("@", tree.folder), args, args[-1].endswith(".cc"))
        add(place, [*tree.defines(), *(f"-I{i}" for i in tree.include()), CLIENT], False)
        with ThreadPoolExecutor(JOBS) as pool:
            list(pool.map(lambda j: execute(*j), jobs))
        libs = [] if variant.arm else [tree.crypto(), "-lpthread", "-ldl"]
        execute([*ld, *variant.flags(), *variant.link(), "-o", to, *objects, *libs], place)


def program(tree, variant):
    """The program, with symbols."""
    with open(CLIENT, "rb") as f:
        key = hashlib.sha256(f.read() + repr((variant.flags(), variant.link(),
                                              tree.commands)).encode()).hexdigest()[:12]
    name = f"build-{tree.library}-{tree.version}-{variant.name}-{key}"
    return os.path.join(kept(name, lambda folder: build(
        tree, variant, os.path.join(folder, "tlsecho"))), "tlsecho")


def strip(path, to):
    subprocess.run(["strip", "-o", to, path], check=True, capture_output=True)


VARIANTS = [Variant(cc, opt, lto, pie) for cc in ("gcc", "clang") for opt in ("-O2", "-O3")
            for lto in (False, True) for pie in (True, False)]
VARIANTS += [Variant("gcc", "-Os")]
VARIANTS += [Variant("gcc", "-O2", nofile=True), Variant("clang", "-O3", nofile=True, pie=False)]
VARIANTS += [Variant("gcc", "-O2", arm=True), Variant("gcc", "-O3", pie=False, arm=True),
             Variant("gcc", "-O2", lto=True, pie=False, arm=True),
             Variant("clang", "-O2", arm=True), Variant("clang", "-O3", pie=False, arm=True)]
