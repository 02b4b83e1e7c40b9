"""What the system tests share: programs started and ended, one scrape, an HTTP client, checks.

Everything is bound to loopback and free ports; every program dies with the test, by its pid; a test
that hangs is ended by an alarm. A test is a script that ends with done(): 0 when every check held.
"""
import asyncio
import collections
import ctypes
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(ROOT, "build", "release")
UPSTREAMS = ("profile", "preferences", "activity")
PR_SET_PDEATHSIG = 1
ADDR_NO_RANDOMIZE = 0x0040000
GIVE_UP_S = 20

_libc = ctypes.CDLL(None, use_errno=True)
_programs = []
_failures = []
_folder = None
randomize = True  # whether programs get random addresses, as usual


# ---- checks ----

def say(text):
    print(text, flush=True)


def check(held, text):
    """Counts a failed check and goes on."""
    if not held:
        _failures.append(text)
        say("FAIL  " + text)
    return held


def must(held, text):
    """Ends the test when this does not hold."""
    if not check(held, text):
        done()


def done():
    """Ends all programs and the test."""
    for program in _programs:
        program.kill()
    if _failures:
        for program in _programs[-3:]:
            program.show_tail()
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)
    say("%d checks failed" % len(_failures) if _failures else "all checks held")
    sys.stdout.flush()
    os._exit(1 if _failures else 0)


def limit(seconds):
    """Gives the whole test so long, and as many descriptors as it may have."""
    def on_alarm(*_):
        check(False, "the test is not over after %d s" % seconds)
        done()

    def on_error(kind, error, trace):
        sys.__excepthook__(kind, error, trace)
        check(False, "%s: %s" % (kind.__name__, error))
        done()

    sys.excepthook = on_error
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(seconds)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def wait_until(condition, seconds=GIVE_UP_S, step=0.01):
    """Waits for a condition; what it gave last."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > until:
            return value
        time.sleep(step)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def folder():
    """A folder that goes away with the test."""
    global _folder
    if _folder is None:
        _folder = tempfile.mkdtemp(prefix="weir-system-")
    return _folder


def write_file(name, text):
    """Puts a file in place in one step; its path."""
    path = os.path.join(folder(), name)
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text if isinstance(text, str) else json.dumps(text))
    os.rename(path + ".new", path)
    return path


# ---- programs ----

class Program:
    """A program under test; what it prints goes to a file, so that reading costs no time of the test."""

    def __init__(self, name, command, env, max_files=None):
        self.name = name
        self.path = os.path.join(folder(), "%d-%s.log" % (len(_programs), name))
        self.started = time.monotonic()

        def prepare():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if not randomize:
                _libc.personality(_libc.personality(0xffffffff) | ADDR_NO_RANDOMIZE)
            if max_files is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))

        # Sanitizers have their options from outside; nothing else of the environment is handed on.
        whole = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS") or k == "PATH"}
        whole.update(env)
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(command, env=whole, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, preexec_fn=prepare)
        self.pid = self.process.pid
        _programs.append(self)

    def output(self):
        with open(self.path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def lines(self):
        """The log lines so far, parsed; what is no JSON object is left out."""
        found = []
        for line in self.output().splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                found.append(value)
        return found

    def count(self, text):
        return self.output().count(text)

    def wait_text(self, text, times=1, seconds=GIVE_UP_S):
        return wait_until(lambda: self.count(text) >= times or self.process.poll() is not None, seconds) \
            and self.count(text) >= times

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def wait_exit(self, seconds=GIVE_UP_S):
        """The exit status, minus the signal's number when one killed it; None when it still runs."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def show_tail(self):
        say("--- the end of what %s printed:" % self.name)
        for line in self.output().splitlines()[-8:]:
            say("    " + line[:240])

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def resident_kib(self):
        with open("/proc/%d/status" % self.pid, encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.pid, encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Standin(Program):
    """weir-standin on free ports."""

    def __init__(self, faults=None, build=None):
        command = [os.path.join(build or BUILD, "weir-standin"), "--profile", "0", "--preferences", "0",
                   "--activity", "0"]
        for name, spec in (faults or {}).items():
            command += ["--fault", "%s=%s" % (name, spec)]
        super().__init__("weir-standin", command, {})
        self.port = {}
        for name in UPSTREAMS:
            must(self.wait_text("listening " + name), "weir-standin listens for " + name)
            self.port[name] = int(re.search(r"listening %s \S*:(\d+)" % name, self.output()).group(1))

    def url(self, name):
        return "http://127.0.0.1:%d" % self.port[name]

    def urls(self):
        return {"WEIR_%s_URL" % name.upper(): self.url(name) for name in UPSTREAMS}

    def fault(self, name, spec):
        """Sets an upstream's fault; None ends it."""
        if spec is None:
            status, body = fetch(self.port[name], "/_fault", "DELETE")
        else:
            status, body = fetch(self.port[name], "/_fault", "PUT", spec)
        must(status == 200, "the stand-in takes %s for %s: %s" % (spec, name, body))

    def stats(self, name):
        return json.loads(fetch(self.port[name], "/_stats")[1])

    def total(self, field):
        return sum(self.stats(name)[field] for name in UPSTREAMS)


class Weir(Program):
    """weir on free ports; settings without their prefix, e.g. BUDGET="100ms"."""

    def __init__(self, env, wrap=(), max_files=None, ready=True, build=None, **settings):
        whole = {"WEIR_LISTEN": "127.0.0.1:0", "WEIR_ADMIN_LISTEN": "127.0.0.1:0", "WEIR_WORKERS": "2"}
        whole.update(env)
        whole.update({"WEIR_" + name: value for name, value in settings.items()})
        super().__init__("weir", list(wrap) + [os.path.join(build or BUILD, "weir")], whole, max_files)
        self.port = self.admin_port = None
        if ready:
            self.wait_ready()

    def wait_ready(self, seconds=GIVE_UP_S):
        must(self.wait_text('"listener":"admin"', seconds=seconds) and self.count('"listener":"public"'),
             "weir listens")
        for line in self.lines():
            if line["msg"] == "listening":
                port = int(line["address"].rsplit(":", 1)[1])
                if line["listener"] == "public":
                    self.port = port
                else:
                    self.admin_port = port

    def metrics(self):
        """{series as printed: value}"""
        status, body = fetch(self.admin_port, "/metrics")
        must(status == 200, "/metrics answers 200")
        return dict((series, float(value)) for series, value in
                    (line.rsplit(" ", 1) for line in body.splitlines() if line and line[0] != "#"))

    def wait_quiet(self, seconds=GIVE_UP_S):
        """Waits until nothing is in flight and no client is connected."""
        def quiet():
            m = self.metrics()
            return m["weir_requests_in_flight"] == 0 and m["weir_client_connections"] == 0
        return wait_until(quiet, seconds, 0.05)

    def stop(self, seconds=GIVE_UP_S):
        """Sends TERM; weir must end with 0."""
        self.signal(signal.SIGTERM)
        status = self.wait_exit(seconds)
        return check(status == 0, "weir ends with 0 after TERM (%s)" % status)


def labels(series):
    """The labels of a series as a dict."""
    return dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', series))


def total(metrics, name, **wanted):
    """The sum over a family's series with these labels."""
    return sum(value for series, value in metrics.items() if re.match(re.escape(name) + r"(\{|$)", series)
               and wanted.items() <= labels(series).items())


def fetch(port, path, method="GET", body=None, timeout=GIVE_UP_S):
    """One request on a connection of its own: status and text of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def connect(port):
    """A plain connection, with a limit to every wait."""
    return socket.create_connection(("127.0.0.1", port), GIVE_UP_S)


# ---- a client with many connections ----

Answer = collections.namedtuple("Answer", "status headers body at")


class Gone(Exception):
    """The connection ended before the answer was complete; got is how many bytes of it had come."""

    def __init__(self, error, got):
        super().__init__("%s, %d bytes of an answer had come" % (error or "closed", got))
        self.got = got


class Link(asyncio.Protocol):
    """One client connection. Answers come in the order of the requests; bytes that nobody has asked
    for are kept in stray."""

    def __init__(self):
        self.transport = None
        self.buffer = bytearray()
        self.waiting = collections.deque()
        self.stray = b""
        self.closed = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, port):
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(cls, "127.0.0.1", port))[1]

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while self.buffer and self.waiting and self._take():
            pass
        if self.buffer and not self.waiting:
            self.stray += bytes(self.buffer)
            self.buffer.clear()

    def _take(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *rest = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in rest:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        future, head_only = self.waiting[0]
        size = 0 if head_only else int(headers.get("content-length", 0))
        if len(self.buffer) < end + 4 + size:
            return False
        self.waiting.popleft()
        body = bytes(self.buffer[end + 4:end + 4 + size])
        del self.buffer[:end + 4 + size]
        if not future.done():
            future.set_result(Answer(int(first.split(" ")[1]), headers, body, time.monotonic()))
        return True

    def connection_lost(self, error):
        for future, _ in self.waiting:
            if not future.done():
                future.set_exception(Gone(error, len(self.buffer)))
        if not self.closed.done():
            self.closed.set_result(error)

    def expect(self, head_only=False):
        """A future for the next answer that nobody waits for yet."""
        future = asyncio.get_running_loop().create_future()
        if self.closed.done():
            future.set_exception(Gone("closed before the request", 0))
        else:
            self.waiting.append((future, head_only))
        return future

    def send(self, data):
        self.transport.write(data)

    async def ask(self, path, method="GET", version="1.1", headers="", timeout=GIVE_UP_S):
        """Sends one request and waits for its answer."""
        future = self.expect(method == "HEAD")
        self.send(head(path, method, version, headers))
        async with asyncio.timeout(timeout):
            return await future

    async def wait_closed(self, timeout=GIVE_UP_S):
        """Waits until the other side has closed; False when it has not."""
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self.closed)
            return True
        except TimeoutError:
            return False

    def forget(self):
        """What was asked for is not waited for any more."""
        for future, _ in self.waiting:
            future.cancel()
        self.waiting.clear()

    def leave(self, reset=False):
        """Closes with a FIN or an RST, whatever is under way."""
        self.forget()
        if reset and not self.transport.is_closing():
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def head(path, method="GET", version="1.1", headers=""):
    """The bytes of a request without a body."""
    return ("%s %s HTTP/%s\r\nHost: t\r\n%s\r\n" % (method, path, version, headers)).encode("latin-1")
