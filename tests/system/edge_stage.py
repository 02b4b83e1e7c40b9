"""Real proxies in front of weir, with the configuration files of deploy/: HAProxy and nginx."""
import glob
import os
import random
import re
import shutil
import socket
import subprocess

import lib

UNPACKED = os.path.join(lib.ROOT, "build", "tools", "edge")
LIBRARIES = os.path.join(UNPACKED, "usr", "lib", os.uname().machine + "-linux-gnu")
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", os.path.join(UNPACKED, "usr/sbin"),
                          os.path.join(UNPACKED, "usr/bin")])


def unpack(names):
    """Unpacks Debian packages, with those of theirs that are not installed, under build/: installed they
    would start services and change the machine."""
    archives = os.path.join(UNPACKED, "archives")
    os.makedirs(os.path.join(archives, "partial"), exist_ok=True)
    download = ["apt-get", "-qq", "-y", "--no-install-recommends", "--download-only", "-o", "Debug::NoLocking=1",
                "-o", "Dir::Cache::archives=" + archives, "install"] + names
    for attempt in range(2):
        if subprocess.run(download, timeout=200).returncode == 0:
            break
        if attempt > 0 or subprocess.run(["bash", "-c", ". deploy/packages.sh; as_root apt-get update -qq"],
                                         cwd=lib.ROOT, timeout=200).returncode != 0:
            return
    for package in glob.glob(os.path.join(archives, "*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, UNPACKED], timeout=60)
        os.unlink(package)


def need(*names):
    """Gets the programs of these Debian packages; ends the test, skipped, where that cannot be."""
    missing = [name for name in names if shutil.which(name, path=SEARCH) is None]
    if missing and shutil.which("apt-get") is not None:
        unpack(missing)
    missing = [name for name in names if shutil.which(name, path=SEARCH) is None]
    if missing:
        lib.say("skipped: not installed, and Debian's packages cannot be fetched: " + ", ".join(missing))
        lib.done()


def tool(name):
    return shutil.which(name, path=SEARCH)


def tool_env(env=None):
    """What an unpacked program needs to find its libraries."""
    return dict(env or {}, LD_LIBRARY_PATH=LIBRARIES) if os.path.isdir(LIBRARIES) else dict(env or {})


_chance = random.Random(os.getpid())
_given = set()


def free_port(*hosts):
    """A port that is free on these addresses. Below those that the kernel gives to clients, so that it
    stays free while nobody listens on it."""
    while True:
        port = _chance.randrange(20000, 30000)
        if port in _given:
            continue
        try:
            for host in hosts or ("127.0.0.1",):
                with socket.socket() as s:
                    s.bind((host, port))
        except OSError:
            continue
        _given.add(port)
        return port


class Weir(lib.Weir):
    """weir on an address of its own, as on a machine of its own: both weirs have the same ports."""

    def __init__(self, host, port, admin_port, env, **settings):
        self.host = host
        self.address = "%s:%d" % (host, port)
        super().__init__(env, LISTEN=self.address, ADMIN_LISTEN="%s:%d" % (host, admin_port), **settings)

    def ask(self, path, port=None, source=None, headers=None):
        """One request straight to it: status and text of the answer."""
        connection = lib.http.client.HTTPConnection(
            self.host, port or self.port, timeout=lib.GIVE_UP_S, source_address=source and (source, 0))
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8")
        finally:
            connection.close()

    def connections(self):
        """How many clients are connected."""
        text = self.ask("/metrics", self.admin_port)[1]
        return int(re.search(r"^weir_client_connections (\d+)", text, re.M).group(1))


def certificate():
    """A self-signed certificate for localhost: paths of the certificate, the key, and both in one."""
    key, crt = os.path.join(lib.folder(), "edge.key"), os.path.join(lib.folder(), "edge.crt")
    made = subprocess.run(
        [tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", key, "-out", crt], capture_output=True, timeout=60)
    lib.must(made.returncode == 0, "openssl makes a certificate: %r" % made.stderr)
    with open(crt, encoding="ascii") as c, open(key, encoding="ascii") as k:
        return crt, key, lib.write_file("edge.pem", c.read() + k.read())


def deployed(path, replacements):
    """A file of deploy/ with texts replaced, each of which must be there."""
    with open(os.path.join(lib.ROOT, "deploy", path), encoding="utf-8") as f:
        text = f.read()
    for old, new in replacements:
        lib.must(old in text, "%s holds %r" % (path, old))
        text = text.replace(old, new)
    return text


def accepts(port):
    try:
        lib.connect(port).close()
        return True
    except OSError:
        return False


class Haproxy(lib.Program):
    """deploy/haproxy/haproxy.cfg in front of two weirs, each an "address:port", with one admin port."""
    asks_health = True

    def __init__(self, weirs, admin_port, interval):
        self.port, self.plain_port = free_port(), free_port()
        self.env = {"EDGE_LISTEN": "127.0.0.1:%d" % self.port,
                    "EDGE_PLAIN": "127.0.0.1:%d" % self.plain_port,
                    "EDGE_PEM": certificate()[2], "EDGE_WEIR_1": weirs[0], "EDGE_WEIR_2": weirs[1],
                    "EDGE_ADMIN_PORT": str(admin_port), "EDGE_MAXCONN": "2000",
                    "EDGE_CHECK_INTERVAL": interval}
        # What needs root rights and would take the program out of the test's hands.
        alone = deployed("haproxy/haproxy.cfg", [("    user haproxy\n", ""), ("    group haproxy\n", ""),
                                                 ("    chroot /var/lib/haproxy\n", "")])
        self.config = lib.write_file("haproxy.cfg", alone)
        super().__init__("haproxy", [tool("haproxy"), "-db", "-f", self.config],
                         tool_env(self.env))
        lib.must(lib.wait_until(lambda: self.process.poll() is not None or accepts(self.port)) and
                 self.process.poll() is None, "HAProxy listens: " + self.output()[-400:])

    def check(self):
        """What `haproxy -c` says to the file as it is in deploy/: status and words."""
        run = subprocess.run([tool("haproxy"), "-c", "-f", os.path.join(lib.ROOT, "deploy/haproxy/haproxy.cfg")],
                             env=dict(os.environ, **tool_env(self.env)), text=True, capture_output=True, timeout=30)
        return run.returncode, run.stdout + run.stderr

    def retried(self):
        """How many requests it has tried again."""
        return len(re.findall(r" \+?[1-9]\d* id=", self.output()))


class Nginx(lib.Program):
    """deploy/nginx/weir.conf in front of two weirs."""
    asks_health = False

    def __init__(self, weirs):
        self.port, self.plain_port = free_port(), free_port()
        crt, key, _ = certificate()
        self.access = os.path.join(lib.folder(), "nginx-access.log")
        weir = deployed("nginx/weir.conf", [
            ("10.0.0.11:8080", weirs[0]), ("10.0.0.12:8080", weirs[1]),
            ("listen 80;", "listen 127.0.0.1:%d;" % self.plain_port),
            ("listen 443 ssl", "listen 127.0.0.1:%d ssl" % self.port),
            ("/etc/nginx/edge.crt", crt), ("/etc/nginx/edge.key", key),
            ("/var/log/nginx/weir.log", self.access)])
        # One process, so that it dies with the test; its scratch files in the test's folder.
        around = ["pid nginx.pid;", "daemon off;", "master_process off;", "error_log stderr notice;",
                  "events { worker_connections 4096; }", "http {", "access_log off;"]
        around += ["%s_temp_path %s;" % (what, what) for what in
                   ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
        around += ["include %s;" % lib.write_file("weir.conf", weir), "}"]
        self.config = lib.write_file("nginx.conf", "\n".join(around) + "\n")
        self.command = [tool("nginx"), "-p", lib.folder(), "-e", "stderr", "-c", self.config]
        self.tested = subprocess.run(self.command + ["-t"], env=dict(os.environ, **tool_env()), text=True,
                                     capture_output=True, timeout=30)
        super().__init__("nginx", self.command, tool_env())
        lib.must(lib.wait_until(lambda: self.process.poll() is not None or accepts(self.port)) and
                 self.process.poll() is None, "nginx listens: " + self.output()[-400:])

    def check(self):
        """What `nginx -t` says: status and words."""
        return self.tested.returncode, self.tested.stdout + self.tested.stderr

    def retried(self):
        """How many requests it has tried again."""
        with open(self.access, encoding="utf-8") as f:
            return len(re.findall(r"upstream=[\d.:]+, ", f.read()))
