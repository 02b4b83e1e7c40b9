"""The p99 load test: what is run, in which order, and what is said about it. Started by ./run.

  1. how much weir can do here (closed loop), which gives the rates
  2. healthy, open loop, at several rates up to that
  3. the situations that matter, at one moderate rate
  4. the table, the checks, and the report (report.py, from the CSV files it leaves)
"""
import argparse
import csv
import datetime
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

import judge as judging
import report
from generator import COLUMNS, Generator, measure, record
from stage import StageError, Standins, UPSTREAMS, Weir, fetch, set_faults, split_cpus

FULL = {"rates": (10, 25, 50, 75, 90, 100), "saturation_s": 3, "rate_s": 5, "situation_s": 6,
        "sluggish_s": 9, "warmup_s": 1, "most": 2000}
QUICK = {"rates": (10, 40), "saturation_s": 1, "rate_s": 1.2, "situation_s": 1.2, "sluggish_s": 2,
         "warmup_s": 0.3, "most": 400}
SLUGGISH = "delay=lognormal(800ms,p99=3s),rate=5%"
SATURATION_CLIENTS = 64
SITUATION_PCT = 25     # of saturation, but never more than "most" a second
FILES_PER_REQUEST = 10  # descriptors that a request in flight may need, all programs together
LEAVE_SHARE, LEAVE_AFTER_S = 0.3, 0.02
PATIENCE_S = 20        # an answer later than this is lost
STALL_MS, STALL_RATE = 300, 200

LINE = "%-38s %8s %8s %8s %8s %8s %8s %8s %8s %7s %6s"
HEADINGS = ("", "rate/s", "done/s", "p50", "p90", "p99", "p99.9", "max", "partial", "errors", "CPU us")


def options():
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tests/load/run", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Latency of weir under constant rates, open loop: each answer's time counts from the moment\n"
                    "its request was due. Prints a table (milliseconds) and leaves a report.")
    parser.add_argument("--quick", action="store_true", help="under half a minute: the checks only, no report")
    parser.add_argument("--target", metavar="URL", help="load a weir that runs already, e.g. http://127.0.0.1:8080; "
                        "the path is /v1/users/{id} unless the URL has one")
    parser.add_argument("--control", metavar="PORT,PORT,PORT", help="with --target: ports on loopback of its stand-ins "
                        "(profile, preferences, activity), for the situations")
    parser.add_argument("--rates", metavar="R,R", help="requests a second, instead of shares of what weir can do")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long each rate is measured")
    parser.add_argument("--sluggish", default=SLUGGISH, metavar="SPEC", help="what a sluggish activity service does "
                        "(default %(default)s)".replace("%)", "%%)").replace("5%", "5%%").replace("%%%%", "%%"))
    parser.add_argument("--workers", type=int, metavar="N", help="worker threads of weir, each with a CPU "
                        "(default: half of the CPUs, at most 4)")
    parser.add_argument("--output", metavar="FOLDER", help="where the report goes (default build/load/TIME)")
    parser.add_argument("--build", default="build/release", help=argparse.SUPPRESS)
    parser.add_argument("--generator", default="build/load/load", help=argparse.SUPPRESS)
    return parser.parse_args()


class Screen:
    """The table while it grows, and a line below it that tells how far the present run is."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.doing = ""

    def say(self, text=""):
        print(("\r\033[K" if self.live else "") + text, flush=True)

    def begin(self, doing):
        self.doing = doing
        self.progress(0, 0, 0, 0)

    def progress(self, seconds, sent, answered, in_flight):
        if self.live:
            print("\r\033[K%s … %.1f s, %d sent, %d answered, %d in flight"
                  % (self.doing, seconds, sent, answered, in_flight), end="", flush=True)

    def row(self, row):
        def ms(key):
            return "%.2f" % row[key] if row[key] < 100 else "%.0f" % row[key]

        partial = "%.2f%%" % row["partial_pct"] if row["partial_pct"] != "" else "-"
        cpu = "%.0f" % row["cpu_us"] if row["cpu_us"] != "" else "-"
        self.say(LINE % (row["title"][:38], "%.0f" % row["rate"], "%.0f" % row["answered_per_s"], ms("p50_ms"),
                         ms("p90_ms"), ms("p99_ms"), ms("p99_9_ms"), ms("max_ms"), partial, row["errors"], cpu))


class Test:
    """One whole load test. weir and standins are None where a running one is loaded."""

    def __init__(self, asked):
        self.asked, self.plan = asked, dict(QUICK if asked.quick else FULL)
        self.screen, self.judge = Screen(), judging.Judge()
        self.rows, self.curves = [], []
        self.weir = self.patient = self.standins = self.generator = None
        self.saturation = self.ports = None
        self.about = {"command": " ".join(["./tests/load/run"] + self._own_arguments()), "sluggish": asked.sluggish,
                      "began": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
                      "load_average_before": "%.2f %.2f %.2f" % os.getloadavg()}
        if asked.seconds:
            self.plan["rate_s"] = asked.seconds

    def _own_arguments(self):
        """What the user wrote: without what ./run puts in front."""
        return sys.argv[5:] if sys.argv[1:2] == ["--build"] else sys.argv[1:]

    # ---- the stage ----

    def start(self):
        """Starts all programs, or takes the running one; asks once to see that it answers."""
        weir_cpus, load_cpus, workers = split_cpus(self.asked.workers)
        host, port, path = "127.0.0.1", None, "/v1/users/{id}"
        if self.asked.target:
            url = urllib.parse.urlsplit(self.asked.target if "//" in self.asked.target else "//" + self.asked.target)
            if url.scheme not in ("", "http") or not url.hostname:
                raise StageError("--target: \"%s\" is not an http URL" % self.asked.target)
            host, port = url.hostname, url.port or 80
            path = url.path if len(url.path) > 1 else path
            if self.asked.control:
                self.ports = dict(zip(UPSTREAMS, map(int, self.asked.control.split(","))))
            load_cpus = []
        else:
            self.standins = Standins(self.asked.build, load_cpus)
            self.ports = self.standins.port
            self.weir = Weir(self.asked.build, self.standins, weir_cpus, WORKERS=workers)
            self.patient = Weir(self.asked.build, self.standins, weir_cpus, WORKERS=workers, BUDGET="30s")
            port = self.weir.port
            self.about["placement"] = "weir with %d worker%s on CPU %s; stand-ins and generator on CPU %s" % (
                workers, "s" if workers > 1 else "", ",".join(map(str, weir_cpus)) or "any",
                ",".join(map(str, load_cpus)) or "any")
        self.path, self.load_cpus = path, load_cpus
        self.generator = self.new_generator(host, port)
        status, body = fetch(port, path.replace("{id}", "42"), host=host)
        if status != 200:
            raise StageError("asked for %s, it answers %d: %s" % (path, status, body[:300]))
        self.budget_ms = json.loads(body)["meta"]["budget_ms"]
        self.about.update(self._machine(), target=self.asked.target or "", budget_ms=self.budget_ms)

    def new_generator(self, host, port):
        return Generator(self.asked.generator, host, port, self.path, self.load_cpus, self.screen.progress)

    def _machine(self):
        """What the figures depend on."""
        found = {"machine": platform.machine(), "kernel": platform.release(), "cpus": len(os.sched_getaffinity(0)),
                 "cpu": "", "system": "", "versions": ""}
        for path, start, key in (("/proc/cpuinfo", "model name", "cpu"), ("/etc/os-release", "PRETTY_NAME", "system")):
            with open(path, encoding="utf-8") as f:
                lines = [line for line in f if line.startswith(start)]
            if lines:
                found[key] = lines[0].replace("=", ":").split(":", 1)[1].strip().strip('"')
        if self.weir:
            programs = [subprocess.run([os.path.join(self.asked.build, name), "--version"], text=True,
                                       capture_output=True, check=False).stdout.strip()
                        for name in ("weir", "weir-standin")]
            commit = subprocess.run(["git", "describe", "--always", "--dirty"], text=True, capture_output=True,
                                    check=False).stdout.strip()
            found["versions"] = ", ".join(programs + (["commit " + commit] if commit else []))
        return found

    def stop(self):
        for program in (self.generator, self.weir, self.patient, self.standins):
            if program is not None:
                program.stop()

    # ---- one run ----

    def load(self, name, title, rate, seconds, *more, weir=None, faults=None, load_pct=""):
        """Loads at a rate, with faults at the stand-ins; the row of the table."""
        weir = weir or self.weir
        if faults is not None and self.ports:
            set_faults(self.ports, faults)
        generator = self.generator
        if weir is not self.weir:
            generator = self.new_generator("127.0.0.1", weir.port)
        self.screen.begin(title)
        mine, self.generator = self.generator, generator
        result = measure(generator, weir, "--rate", "%.3f" % rate, "--seconds", seconds, "--warmup",
                         self.plan["warmup_s"], "--timeout", PATIENCE_S, *more)
        self.generator = mine
        row = record(name, title, load_pct, rate, seconds, result)
        row["command"] = generator.command
        row["faults"] = " ".join("%s=%s" % item for item in (faults or {}).items())
        self.rows.append(row)
        self.curves += [(name, share, ms) for share, ms in result["curve"]]
        self.screen.row(row)
        judging.check_answers(self.judge, row)
        return row

    def settle(self):
        """Ends all faults and waits until nothing is under way."""
        if self.ports:
            set_faults(self.ports, {})
        quiet = self.weir is None or self.weir.wait_quiet()
        return quiet and (self.standins is None or self.standins.in_flight() == 0)

    # ---- the parts ----

    def find_saturation(self):
        """As many answers a second as a few busy clients get."""
        self.screen.begin("how much it can do")
        standins_before = self.standins.cpu_s() if self.standins else 0
        result = measure(self.generator, self.weir, "--connections", SATURATION_CLIENTS, "--seconds",
                         self.plan["saturation_s"], "--warmup", 0.5)
        self.saturation = max(20.0, result["answered_per_s"])
        told = "saturation: %.0f answers a second to %d clients that never pause" % (
            self.saturation, SATURATION_CLIENTS)
        if self.weir:
            wall = result["wall_s"]
            told += " (CPU: weir %.0f %%, stand-ins %.0f %%, generator %.0f %%)" % (
                100 * result["cpu_s"] / wall, 100 * (self.standins.cpu_s() - standins_before) / wall,
                100 * self.generator.cpu_s / wall)
        self.about["saturation"] = round(self.saturation, 1)
        self.about["saturation_told"] = told
        self.screen.say(told + "\n")

    def run_rates(self):
        """Healthy, from quiet to saturated."""
        if self.asked.rates:
            rates = [(None, float(rate)) for rate in self.asked.rates.split(",")]
        else:
            rates = [(pct, self.saturation * pct / 100) for pct in self.plan["rates"]]
        for pct, rate in rates:
            title = "healthy, %d %% of saturation" % pct if pct else "healthy, %g/s" % rate
            row = self.load("rate-%s" % (pct or "%g" % rate), title, rate, self.plan["rate_s"], load_pct=pct or "")
            if pct and pct < 50:
                judging.check_in_time(self.judge, row, self.budget_ms)

    def situation_rate(self):
        """A rate that leaves room, with descriptors for what hangs."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        known = self.saturation or min(float(rate) for rate in self.asked.rates.split(","))
        return max(10.0, min(known * SITUATION_PCT / 100 if self.saturation else known, self.plan["most"],
                             files / FILES_PER_REQUEST))

    def run_situations(self):
        """The situations that matter, all at the same rate."""
        rate, seconds, long = self.situation_rate(), self.plan["situation_s"], self.plan["sluggish_s"]
        in_time = lambda row: judging.check_in_time(self.judge, row, self.budget_ms)
        self.screen.say()
        if not self.asked.quick:
            in_time(self.load("healthy", "healthy", rate, seconds, faults={}))
        sluggish = {"activity": self.asked.sluggish}
        row = self.load("sluggish", "sluggish, shared deadline", rate, long, faults=sluggish)
        in_time(row)
        if self.patient:
            waiting = self.load("waiting", "sluggish, waiting for all", rate, long, weir=self.patient, faults=sluggish)
            judging.check_claim(self.judge, row, waiting)
        row = self.load("hung", "activity hung", rate, seconds, faults={"activity": "hang"})
        in_time(row)
        judging.check_all_partial(self.judge, row)
        row = self.load("failing", "preferences failing (503)", rate, seconds, faults={"preferences": "status=503"})
        in_time(row)
        judging.check_all_partial(self.judge, row)
        self.run_leaving(rate, seconds)
        if self.weir and self.asked.quick:
            self.run_stall()

    def run_leaving(self, rate, seconds):
        """Some clients leave while activity takes longer than they wait."""
        before = self.weir.metric("weir_requests_total", code="499") if self.weir else 0
        row = self.load("leaving", "%d %% of the clients leave" % (100 * LEAVE_SHARE), rate, seconds, "--leave",
                        LEAVE_SHARE, "--leave-after", LEAVE_AFTER_S, faults={"activity": "delay=100ms"})
        judging.check_in_time(self.judge, row, self.budget_ms)
        if self.weir:
            quiet = self.weir.wait_quiet() and self.standins.in_flight() == 0
            canceled = self.weir.metric("weir_requests_total", code="499") - before
            judging.check_left(self.judge, row, int(canceled), quiet)
        self.settle()

    def run_stall(self):
        """weir stands still for a moment: does the test notice all of it?"""
        def pause():
            self.weir.process.send_signal(signal.SIGSTOP)
            time.sleep(STALL_MS / 1000)
            self.weir.process.send_signal(signal.SIGCONT)

        timer = threading.Timer(self.plan["warmup_s"] + 0.4, pause)
        timer.start()
        row = self.load("stall", "paused for %d ms" % STALL_MS, STALL_RATE, 1.2)
        timer.join()
        judging.check_stall(self.judge, row, STALL_MS)

    # ---- what is left behind ----

    def write(self):
        """The CSV files and the report made from them; where it is."""
        folder = self.asked.output or os.path.join("build", "load", datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S"))
        os.makedirs(folder, exist_ok=True)
        self.about["load_average_after"] = "%.2f %.2f %.2f" % os.getloadavg()

        def put(name, header, rows):
            with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as f:
                csv.writer(f, lineterminator="\n").writerows([header] + rows)

        put("runs.csv", COLUMNS, [[row[key] for key in COLUMNS] for row in self.rows])
        put("percentiles.csv", ("run", "share", "ms"), self.curves)
        put("checks.csv", ("verdict", "check"), self.judge.checks)
        put("about.csv", ("what", "value"), list(self.about.items()))
        return report.write(folder)

    def run(self):
        self.start()
        began = time.monotonic()
        if not self.asked.rates or not self.asked.target:
            self.find_saturation()
        self.screen.say(LINE % HEADINGS)
        self.run_rates()
        if self.ports:
            self.run_situations()
        self.about["took_s"] = round(time.monotonic() - began)
        self.screen.say()
        for verdict, text in self.judge.checks:
            if verdict != judging.HELD or self.asked.quick:
                self.screen.say("%-10s  %s" % (verdict, text))
        if not self.asked.quick:
            self.screen.say("the report: " + self.write())
        skipped = self.judge.count(judging.SKIPPED)
        if skipped:
            self.screen.say("%d not judged: the machine was too busy" % skipped)
        self.screen.say("%d passed, %d failed" % (self.judge.count(judging.HELD), self.judge.count(judging.FAILED)))
        return 1 if self.judge.count(judging.FAILED) else 0


def on_term(*_):
    raise KeyboardInterrupt


def main():
    test = Test(options())
    signal.signal(signal.SIGTERM, on_term)
    status = 1
    try:
        status = test.run()
    except StageError as error:
        print("\nload: %s" % error, file=sys.stderr)
        print("%d passed, %d failed" % (test.judge.count(judging.HELD), test.judge.count(judging.FAILED) + 1))
    except KeyboardInterrupt:
        print("\nload: interrupted", file=sys.stderr)
        status = 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        test.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
