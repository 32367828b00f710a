# SPDX-License-Identifier: GPL-2.0-only
"""A static program with libssl of a tree by a compiler and flags; kept."""
import glob
import hashlib
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from programs import kept
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
        """What is not there for another machine is at 0."""
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


# What reads and writes are made of. The rest of libssl is compiled once a release: by gcc,
# -O2, for any address, which other programs can be linked with too.
VARIED = ("ssl_lib", "s3_lib", "bio_ssl", "methods", "ssl_methods")


def is_varied(args):
    return os.path.splitext(os.path.basename(args[-1]))[0] in VARIED


def compiled(tree, variant, commands, place):
    """Objects of these files, in `place`."""
    cc, cxx, _ = variant.tools()
    jobs, objects = [], []
    for i, (folder, args) in enumerate(commands):
        args = [a.replace("@", tree.folder) for a in args]
        # files of one name are in several folders
        obj = os.path.join(place, f"{i}-{os.path.basename(args[-1])}.o")
        lang = [*cc, "-std=gnu11"]
        if args[-1].endswith(".cc"):
            lang = [*cxx, "-std=c++17", "-fno-exceptions", "-fno-rtti"]
        jobs.append(([*lang, *args, *variant.flags(), "-c", "-o", obj],
                     folder.replace("@", tree.folder)))
        objects.append(obj)
    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(lambda j: execute(*j), jobs))
    return objects


def rest_of(tree):
    """Objects of all other files; kept."""
    base = Variant("gcc", "-O2")
    folder = kept(f"rest-{tree.library}-{tree.version}", lambda place: compiled(
        tree, base, [c for c in tree.commands if not is_varied(c[1])], place))
    return sorted(glob.glob(os.path.join(folder, "*.o")))


def build(tree, variant, to):
    """Compiles the client and what is varied, and links the file `to`."""
    client = [tree.folder, [*tree.defines(), *(f"-I{i}" for i in tree.include()), CLIENT]]
    # method tables hold functions of other files: all of them where nothing else is linked
    varied = [c for c in tree.commands if is_varied(c[1]) or (variant.arm and variant.lto)]
    with tempfile.TemporaryDirectory(prefix="ec-build-") as place:
        objects = compiled(tree, variant, [client, *varied], place)
        if not variant.arm:
            objects += [*rest_of(tree), tree.crypto(), "-lpthread", "-ldl"]
        execute([*variant.tools()[2], *variant.flags(), *variant.link(), "-o", to,
                 *objects], place)


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


# All of them for some releases, these for the others.
FEW = [Variant("gcc", "-O2"), Variant("clang", "-O3", pie=False), Variant("gcc", "-O2", lto=True),
       Variant("gcc", "-O2", arm=True)]
ALL = FEW + [Variant("gcc", "-O2", pie=False), Variant("gcc", "-O3"),
             Variant("gcc", "-O3", pie=False), Variant("gcc", "-Os"),
             Variant("clang", "-O2"), Variant("clang", "-O2", pie=False),
             Variant("clang", "-O3"), Variant("gcc", "-O3", lto=True, pie=False),
             Variant("clang", "-O2", lto=True), Variant("clang", "-O3", lto=True, pie=False),
             Variant("gcc", "-O2", nofile=True), Variant("clang", "-O3", nofile=True, pie=False),
             Variant("gcc", "-O3", pie=False, arm=True),
             Variant("gcc", "-O2", lto=True, pie=False, arm=True),
             Variant("clang", "-O2", arm=True), Variant("clang", "-O3", pie=False, arm=True)]
