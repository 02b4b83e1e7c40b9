"""A real Prometheus that scrapes weir, and what is needed to judge a query: the selectors in it, and what is known."""
import datetime
import json
import os
import re
import urllib.parse

import lib

TOKEN = re.compile(r"""
    (?P<space>\s+)
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<range>\[[^\]]*\])
  | (?P<number>(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:ms|[smhdwy])?|\.\d+))
  | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
  | (?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^=<>(){},@])
""", re.VERBOSE)
WORDS = {"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"}
LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
COMPARISONS = {"==", "!=", ">=", "<=", ">", "<"}


def tokens(query):
    """The query's words and signs as (kind, text), without white space."""
    found, at = [], 0
    while at < len(query):
        token = TOKEN.match(query, at)
        if token is None:
            raise ValueError("cannot read %r" % query[at:at + 20])
        if token.lastgroup != "space":
            found.append((token.lastgroup, token.group()))
        at = token.end()
    return found


class Query:
    """What a query takes from where: selectors as (metric, [(label, operator, value)]), and the labels that it
    groups by or matches on."""

    def __init__(self, text):
        self.text = text
        self.tokens = tokens(text)
        self.selectors = []
        self.grouped = set()
        self.at = 0
        while self.at < len(self.tokens):
            self._step()

    def _peek(self, text):
        return self.at < len(self.tokens) and self.tokens[self.at][1] == text

    def _step(self):
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "sign" and text == "{":
            raise ValueError("a selector without a metric")
        if kind != "name" or text.lower() in WORDS:
            return
        if text.lower() in LISTS:
            if self._peek("("):
                self.grouped.update(word for what, word in self._until(")") if what == "name")
        elif self._peek("{"):
            self.selectors.append((text, self._matchers()))
        elif not self._peek("(") and not self._is_aggregation():
            self.selectors.append((text, []))

    def _is_aggregation(self):
        """sum by (…) (…)"""
        return self.at < len(self.tokens) and self.tokens[self.at][1].lower() in ("by", "without")

    def _until(self, end):
        first = self.at
        while not self._peek(end):
            self.at += 1
        self.at += 1
        return self.tokens[first:self.at - 1]

    def _matchers(self):
        words = [text for _, text in self._until("}") if text not in ("{", ",")]
        return [(words[i], words[i + 1], words[i + 2]) for i in range(0, len(words), 3)]

    def always(self):
        """The query with a value where a comparison does not hold, too."""
        text, braces = "", 0
        for kind, token in self.tokens:
            braces += (token == "{") - (token == "}")
            text += token + " "
            if kind == "sign" and token in COMPARISONS and not braces:
                text += "bool "
        return text


def selector_text(name, matchers):
    return name + "{%s}" % ",".join("".join(matcher) for matcher in matchers)


class Prometheus(lib.Program):
    """Prometheus on a free port, with its own folder."""

    def __init__(self, program, targets, rules, scrape_ms=500):
        config = {
            "global": {"scrape_interval": "%dms" % scrape_ms, "scrape_timeout": "%dms" % scrape_ms,
                       "evaluation_interval": "1s"},
            "rule_files": [lib.write_file("rules.yml", rules)],
            "scrape_configs": [{"job_name": "weir", "static_configs": [{"targets": targets}]}]}
        super().__init__("prometheus", [
            program, "--config.file=" + lib.write_file("prometheus.yml", config),  # JSON is YAML
            "--storage.tsdb.path=" + os.path.join(lib.folder(), "tsdb"), "--web.listen-address=127.0.0.1:0"], {})
        self.port = lib.wait_until(self._find_port)
        lib.must(self.port, "Prometheus listens")
        lib.must(lib.wait_until(self._ready), "Prometheus is ready")

    def _find_port(self):
        """The port that the kernel gave it."""
        try:
            mine = {os.readlink("/proc/%d/fd/%s" % (self.pid, fd)) for fd in os.listdir("/proc/%d/fd" % self.pid)}
        except OSError:
            return None
        with open("/proc/net/tcp", encoding="ascii") as f:
            for fields in map(str.split, f.readlines()[1:]):
                if fields[3] == "0A" and "socket:[%s]" % fields[9] in mine:
                    return int(fields[1].split(":")[1], 16)
        return None

    def _ready(self):
        try:
            return lib.fetch(self.port, "/-/ready")[0] == 200
        except OSError:
            return False

    def api(self, path, **arguments):
        """An answer of the API: its data, or None and what is wrong."""
        text = urllib.parse.urlencode(arguments, doseq=True)
        answer = json.loads(lib.fetch(self.port, "/api/v1/%s?%s" % (path, text))[1])
        return answer.get("data"), answer.get("error")

    def query(self, text):
        """The series of an instant query, each as its labels; or None and what is wrong."""
        data, error = self.api("query", query=text)
        if error is not None:
            return None, error
        return [series["metric"] for series in data["result"]] if data["resultType"] == "vector" else [{}], None

    def scrapes(self):
        """How often each target has answered, by its name."""
        data, _ = self.api("query", query="sum_over_time(up[5m])")
        return {series["metric"]["instance"]: int(series["value"][1]) for series in data["result"]}

    def rules(self):
        return [rule for group in self.api("rules")[0]["groups"] for rule in group["rules"]]

    def reckoned(self):
        """When the rule was reckoned that has waited longest."""
        return min(datetime.datetime.fromisoformat(rule["lastEvaluation"]) for rule in self.rules())

    def settle(self):
        """Waits until everything that is counted now has been scraped, twice, and every rule reckoned with it."""
        before = self.scrapes()
        lib.must(lib.wait_until(lambda: all(n > before[name] + 2 for name, n in self.scrapes().items())), "scrapes")
        now = datetime.datetime.now(datetime.timezone.utc)
        lib.must(lib.wait_until(lambda: self.reckoned() > now), "the rules are reckoned")

    def alerts(self):
        return self.api("alerts")[0]["alerts"]

    def known(self):
        """The labels of each metric of the job, by its name."""
        labels = {}
        for series in self.api("series", **{"match[]": '{job="weir"}'})[0]:
            labels.setdefault(series["__name__"], set()).update(series)
        return labels


class Judge:
    """Holds queries against what Prometheus knows of weir."""

    def __init__(self, prometheus, names):
        self.prometheus = prometheus
        self.names = names  # what weir exports, what the rules record, and up
        self.labels = prometheus.known()

    def faults(self, text):
        """What is wrong with a query: it does not parse, or asks for what is not there."""
        series, error = self.prometheus.query(text)
        if error is not None:
            return ["does not parse: " + error]
        query = Query(text)
        found = []
        for name, matchers in query.selectors:
            if name not in self.names:
                found.append("no metric %s" % name)
                continue
            labels = self.labels.get(name, set())
            used = {label for label, _, _ in matchers} | query.grouped
            if not name.endswith("_bucket"):
                used.discard("le")  # grouped by for another metric of the same query
            found += ["%s has no label %s" % (name, label) for label in sorted(used - labels)]
            series, error = self.prometheus.query(selector_text(name, matchers))
            if not series:
                found.append("no series for %s" % selector_text(name, matchers))
        return found
