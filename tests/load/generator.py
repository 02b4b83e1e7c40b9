"""One run of the generator (load.c), and the record of it that becomes a row of the table."""
import json
import resource
import subprocess
import time

from stage import StageError, bound

# The columns of runs.csv.
COLUMNS = (
    "run", "title", "load_pct", "rate", "seconds", "sent", "answered", "answered_per_s", "p50_ms", "p90_ms",
    "p99_ms", "p99_9_ms", "max_ms", "complete", "partial", "partial_pct", "errors", "statuses", "lost",
    "broken", "garbled", "unsent", "not_json", "left", "failed_early", "stray", "retried",
    "connections_opened", "connections_peak", "cpu_us", "weir_busy_pct", "weir_waited_pct", "lag_p50_ms",
    "lag_p99_ms", "lag_max_ms", "faults", "command")


class Generator:
    """Loads one address. on_progress is called with seconds, sent, answered and in flight."""

    def __init__(self, program, host, port, path, cpus=(), on_progress=None):
        self.program, self.cpus, self.on_progress = program, list(cpus), on_progress
        self.where = [host, str(port), path]
        self.process = None
        self.command = ""
        self.cpu_s = 0.0

    def run(self, *options):
        """Runs it to the end; the object it prints."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = bound([self.program, "--progress", "--json"] + [str(o) for o in options] + self.where,
                        self.cpus)
        self.command = " ".join(["load"] + [str(o) for o in options] + self.where)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, start_new_session=True)
        said = ""
        for line in self.process.stderr:
            try:
                seconds, sent, answered, in_flight = line.split()
                if self.on_progress:
                    self.on_progress(float(seconds), int(sent), int(answered), int(in_flight))
            except ValueError:
                said += line
        text = self.process.stdout.read()
        if self.process.wait() != 0:
            raise StageError("the generator failed: " + said.strip())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return json.loads(text)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def measure(generator, weir, *options):
    """Runs the generator; its result, and weir's CPU time, waiting and wall time meanwhile."""
    began, cpu, waited = time.monotonic(), weir.cpu_s() if weir else 0, weir.waited_s() if weir else 0
    result = generator.run(*options)
    result["wall_s"] = time.monotonic() - began
    if weir:
        result["cpu_s"] = weir.cpu_s() - cpu
        result["waited_s"] = weir.waited_s() - waited
    return result


def record(name, title, load_pct, rate, seconds, result):
    """A row for runs.csv."""
    answered, latency, lag = result["answered"], result["latency_ms"], result["lag_ms"]
    not_200 = answered - result["statuses"].get("200", 0)
    unanswered = sum(result[key] for key in ("lost", "broken", "garbled", "unsent"))
    row = {
        "run": name, "title": title, "load_pct": load_pct, "rate": round(rate, 1), "seconds": seconds,
        "answered_per_s": result["answered_per_s"], "p50_ms": latency["p50"], "p90_ms": latency["p90"],
        "p99_ms": latency["p99"], "p99_9_ms": latency["p99_9"], "max_ms": latency["max"],
        "partial_pct": round(100 * result["partial"] / answered, 3) if answered else "",
        "errors": not_200 + unanswered,
        "statuses": " ".join("%s:%d" % item for item in sorted(result["statuses"].items())),
        "connections_opened": result["opened"], "connections_peak": result["open_peak"],
        "lag_p50_ms": lag["p50"], "lag_p99_ms": lag["p99"], "lag_max_ms": lag["max"],
        "cpu_us": "", "weir_busy_pct": "", "weir_waited_pct": ""}
    for key in ("sent", "answered", "complete", "partial", "lost", "broken", "garbled", "unsent",
                "not_json", "left", "failed_early", "stray", "retried"):
        row[key] = result[key]
    if "cpu_s" in result and result["all_sent"]:
        row["cpu_us"] = round(1e6 * result["cpu_s"] / result["all_sent"], 1)
        row["weir_busy_pct"] = round(100 * result["cpu_s"] / result["wall_s"], 1)
        row["weir_waited_pct"] = round(100 * result["waited_s"] / result["wall_s"], 1)
    return row
