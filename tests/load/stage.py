"""The programs of a load test: weir and the stand-ins on free ports of loopback, each ended by its pid.

What they print is read by a thread each, so that writing costs weir what it costs in production and
nothing is kept but the first and the last lines. They run in sessions of their own, so that Ctrl-C
reaches only the test, which then ends them; should the test be killed, the kernel ends them.
"""
import fcntl
import http.client
import json
import os
import re
import signal
import subprocess
import threading
import time

UPSTREAMS = ("profile", "preferences", "activity")
START_S = 15
FIRST_BYTES = 1 << 14
PIPE_BYTES = 1 << 20


class StageError(Exception):
    """A program did not start, or does not do as it is told."""


def fetch(port, path, method="GET", body=None, host="127.0.0.1", timeout=10):
    """One request on a connection of its own: status and text of the answer."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def wait_until(condition, seconds, step=0.02):
    """Waits for a condition; whether it came."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(step)
    return True


def bound(command, cpus):
    """A command that is bound to CPUs and dies with us."""
    with_cpus = ["taskset", "-c", ",".join(map(str, cpus))] if cpus else []
    return ["setpriv", "--pdeathsig", "KILL"] + with_cpus + command


def split_cpus(workers):
    """The CPUs for weir, those for everything else, and how many workers; no CPUs where there is one."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        return [], [], workers or 1
    count = min(workers or min(4, len(cpus) // 2), len(cpus) - 1)
    return cpus[:count], cpus[count:], workers or count


class Program:
    """A program that runs until stop()."""

    def __init__(self, name, command, env, cpus):
        self.name = name
        self.first, self.last = b"", b""
        whole = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}
        whole.update(env)
        self.process = subprocess.Popen(bound(command, cpus), env=whole, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        start_new_session=True)
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        fd = self.process.stdout.fileno()
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        while True:
            data = os.read(fd, PIPE_BYTES)
            if not data:
                return
            if len(self.first) < FIRST_BYTES:
                self.first += data[:FIRST_BYTES]
            self.last = data[-2000:]

    def wait_for(self, pattern):
        """The first match of a pattern in the beginning of what the program prints."""
        found = None

        def look():
            nonlocal found
            found = re.search(pattern, self.first)
            return found is not None or self.process.poll() is not None

        wait_until(look, START_S)
        if found is None:
            said = self.first.decode("utf-8", "replace")[-1500:]
            raise StageError("%s did not start: %s" % (self.name, said or "it says nothing"))
        return found

    def stop(self):
        """Ends it, with TERM first; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def cpu_s(self):
        """User and system time so far, in seconds."""
        try:
            with open("/proc/%d/stat" % self.pid, encoding="ascii", errors="replace") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            raise StageError("%s has ended: %s" % (self.name, self.last.decode("utf-8", "replace")))
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def waited_s(self):
        """How long its threads could have run but had no CPU; 0 where the kernel does not tell."""
        total = 0
        try:
            for thread in os.listdir("/proc/%d/task" % self.pid):
                with open("/proc/%d/task/%s/schedstat" % (self.pid, thread), encoding="ascii") as f:
                    total += int(f.read().split()[1])
        except (OSError, IndexError):
            return 0
        return total / 1e9


class Standins:
    """The three upstream services: one process, or one for each when there are CPUs to use."""

    def __init__(self, build, cpus, faults=None):
        command = [os.path.join(build, "weir-standin")]
        for name in UPSTREAMS:
            command += ["--" + name, "0"]
        self.programs = []
        self.port = {}
        for i, name in enumerate(UPSTREAMS):
            if i == 0 or len(cpus) > 2:
                self.programs.append(Program("weir-standin", command, {}, cpus))
            found = self.programs[-1].wait_for(rb"listening " + name.encode() + rb" \S*:(\d+)\n")
            self.port[name] = int(found.group(1))
        self.set_faults(faults or {})

    def urls(self):
        return {"WEIR_%s_URL" % name.upper(): "http://127.0.0.1:%d" % self.port[name]
                for name in UPSTREAMS}

    def set_faults(self, faults):
        set_faults(self.port, faults)

    def in_flight(self):
        return sum(json.loads(fetch(self.port[name], "/_stats")[1])["in_flight"] for name in UPSTREAMS)

    def cpu_s(self):
        return sum(program.cpu_s() for program in self.programs)

    def stop(self):
        for program in self.programs:
            program.stop()


def set_faults(ports, faults):
    """Gives each stand-in (name: control port) the fault that is named for it, or none."""
    for name, port in ports.items():
        if name in faults:
            status, said = fetch(port, "/_fault", "PUT", faults[name])
        else:
            status, said = fetch(port, "/_fault", "DELETE")
        if status != 200:
            raise StageError("the stand-in for %s refuses %s: %s" % (name, faults.get(name), said))


class Weir(Program):
    """weir as it is shipped, on free ports; settings without their prefix, e.g. BUDGET="30s"."""

    def __init__(self, build, standins, cpus, **settings):
        env = {"WEIR_LISTEN": "127.0.0.1:0", "WEIR_ADMIN_LISTEN": "127.0.0.1:0"}
        env.update(standins.urls())
        env.update(("WEIR_" + name, str(value)) for name, value in settings.items())
        super().__init__("weir", [os.path.join(build, "weir")], env, cpus)
        self.port = self._listening(b"public")
        self.admin_port = self._listening(b"admin")

    def _listening(self, which):
        return int(self.wait_for(rb'"listener":"' + which + rb'","address":"[^"]*:(\d+)"').group(1))

    def metric(self, name, **labels):
        """The sum of a family's series that have these labels."""
        total = 0.0
        for line in fetch(self.admin_port, "/metrics")[1].splitlines():
            if re.match(re.escape(name) + r"[{ ]", line) and \
                    all('%s="%s"' % item in line for item in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def wait_quiet(self, seconds=5):
        """Waits until nothing is in flight; whether it came to that."""
        return wait_until(lambda: self.metric("weir_requests_in_flight") == 0, seconds, 0.05)
