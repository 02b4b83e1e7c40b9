"""Makes report.html from the CSV files beside it: python3 tests/load/report.py FOLDER makes it again."""
import csv
import html
import os
import sys

import chart
import judge
from style import STYLE

SITUATIONS = ("healthy", "sluggish", "waiting", "hung", "failing", "leaving")
PERCENTILES = (("p50_ms", "p50"), ("p90_ms", "p90"), ("p99_ms", "p99"), ("p99_9_ms", "p99.9"), ("max_ms", "max"))
FACTS = (("began", "date"), ("took_s", "took, seconds"), ("target", "loaded"), ("versions", "versions"),
         ("system", "system"), ("kernel", "kernel"), ("cpu", "processor"), ("cpus", "CPUs for the test"),
         ("placement", "placement"), ("load_average_before", "load average before"),
         ("load_average_after", "load average after"), ("budget_ms", "deadline, ms"), ("command", "command"))


def read(folder, name):
    """The rows of a CSV file as dicts, numbers as numbers."""
    def number(value):
        try:
            return float(value)
        except ValueError:
            return value

    with open(os.path.join(folder, name), encoding="utf-8", newline="") as f:
        return [{key: number(value) for key, value in row.items()} for row in csv.DictReader(f)]


def legend(entries):
    return '<ul class="legend">%s</ul>' % "".join(
        '<li><svg viewBox="0 0 26 10"><line x1="1" y1="5" x2="25" y2="5" class="curve %s"/></svg>%s</li>'
        % (kind, html.escape(name)) for kind, name in entries)


def figure(title, note, entries, picture):
    return "<figure><figcaption><h2>%s</h2><p>%s</p></figcaption>%s%s</figure>" % (
        html.escape(title), html.escape(note), legend(entries), picture)


def rate_figure(rows, budget_ms):
    """Latency against offered rate."""
    rates = [(row["rate"], row["load_pct"] or None) for row in rows]
    series = [("s%d" % i, label, [row[key] for row in rows]) for i, (key, label) in enumerate(PERCENTILES[:4])]
    title = "Latency against offered rate"
    return figure(title, "All upstreams healthy and answering at once: what is left is weir, the stand-ins and this "
                  "machine. Where the rate nears what they can do, requests queue.",
                  [(kind, name) for kind, name, _ in series], chart.by_rate(title, rates, series, budget_ms))


def percentile_figure(rows, curves, budget_ms):
    """Latency by percentile, one line for each situation."""
    series = []
    for row in rows:
        curve = [(point["share"], point["ms"]) for point in curves if point["run"] == row["run"]]
        series.append(("s%d" % len(series), row["title"], curve))
    title = "Latency by percentile"
    note = "Each situation at %.0f requests a second." % rows[0]["rate"] if rows[0]["run"] == "healthy" else \
        "Each rate, all upstreams healthy."
    return figure(title, note, [(kind, name) for kind, name, _ in series],
                  chart.by_percentile(title, series, budget_ms))


def claim_figure(shared, waiting, budget_ms):
    """With the shared deadline against without it."""
    pair = (("s1", "shared deadline (%g ms)" % budget_ms, shared), ("s2", "waiting for all (30 s)", waiting))
    groups = [(label, [(kind, name, row[key]) for kind, name, row in pair]) for key, label in PERCENTILES[1:]]
    title = "The shared deadline against waiting for all"
    return figure(title, "The same weir, the same stand-ins, the same rate; one activity call in twenty is sluggish. Only "
                  "the budget differs.", [(kind, name) for kind, name, _ in pair], chart.bars(title, groups, budget_ms))


def claim_text(shared, waiting, about):
    """The mission's own claim, as this run has it."""
    gain = judge.gain_pct(shared, waiting)
    return ('<section class="claim"><p class="big">p99 %s %.0f&#8239;%%</p><p>On the problematic day, one activity call in '
            'twenty sluggish (<code>%s</code>), the shared deadline brings p99 from <b>%s&#8239;ms</b> to '
            '<b>%s&#8239;ms</b>. The price: %.2f&#8239;%% of the answers are partial, without the activity list, and '
            '%d of %d are no answer at all. How much is gained depends on how sluggish the calls are.</p></section>' % (
                "down" if gain >= 0 else "up", abs(gain), html.escape(str(about["sluggish"])),
                chart.ms(waiting["p99_ms"]), chart.ms(shared["p99_ms"]), shared["partial_pct"], shared["errors"],
                shared["sent"]))


def table(rows):
    """The figures of every run."""
    heads = ["", "offered/s", "answered/s"] + [label for _, label in PERCENTILES] + [
        "partial %", "errors", "CPU µs", "weir waited %", "own lag p99"]
    out = ["<tr>%s</tr>" % "".join("<th>%s</th>" % head for head in heads)]
    for row in rows:
        disturbed = judge.excuse(row)
        cells = [html.escape(row["title"]) + (' <abbr title="%s">†</abbr>' % html.escape(disturbed) if disturbed else ""),
                 "%.0f" % row["rate"], "%.0f" % row["answered_per_s"]]
        cells += [chart.ms(row[key]) for key, _ in PERCENTILES]
        cells += ["%.2f" % row["partial_pct"] if row["partial_pct"] != "" else "–", "%.0f" % row["errors"]]
        cells += ["%.0f" % row["cpu_us"] if row["cpu_us"] != "" else "–",
                  "%.1f" % row["weir_waited_pct"] if row["weir_waited_pct"] != "" else "–", chart.ms(row["lag_p99_ms"])]
        out.append("<tr>%s</tr>" % "".join("<td>%s</td>" % cell for cell in cells))
    return '<div class="wide"><table>%s</table></div>' % "\n".join(out)


METHOD = """<h2>How it was measured</h2>
<ul>
<li>Open loop: requests are due at constant intervals whatever the answers do. A request's time counts from the moment it
was due, so a stall is charged to every request it delays. Answers of every status count; a request without an answer
after 20 s counts with those 20 s, and as an error.</li>
<li>partial: 200 with <code>Weir-Complete: false</code>. Errors: every other status, and requests lost, broken or not
sent. CPU: user and system time of weir, all threads and the log included, for each request sent.</li>
<li>Each run has a warm-up at the same rate that is not measured. Values are kept to within 0.8 %%. p99.9 of a run
rests on one request in a thousand: see <code>sent</code> in runs.csv for how many that are.</li>
<li>weir waited: the share of the time that its threads were ready and had no CPU. Own lag: how late the generator sent
a request; it is part of the latency. † marks runs where one of them is so large (%d %%, %d ms) that the figures tell more
about the machine than about weir.</li>
<li>Everything ran on one machine over loopback. Saturation is what this set-up can do, not a limit of the network.</li>
</ul>""" % (judge.WAITED_PCT, judge.LAG_MS)


def checks_text(checks):
    return "<h2>What was checked</h2><ul class=\"checks\">%s</ul>" % "".join(
        '<li class="%s"><b>%s</b> %s</li>' % (check["verdict"].replace(" ", "-"), html.escape(check["verdict"]),
                                             html.escape(check["check"])) for check in checks)


def commands(rows):
    """What was run, for whoever wants to repeat a single one."""
    return "<details><summary>Faults and generator commands of each run</summary><div class=\"wide\"><table>%s</table></div>" \
        "</details>" % "".join('<tr><td>%s</td><td class="left"><code>%s</code></td><td class="left"><code>%s</code></td></tr>'
                               % tuple(html.escape(str(row[key]) or "none") for key in ("title", "faults", "command"))
                               for row in rows)


def facts(about):
    return "<dl>%s</dl>" % "".join("<dt>%s</dt><dd>%s</dd>" % (label, html.escape(str(about[key])))
                                   for key, label in FACTS if about.get(key))


def write(folder):
    """Writes report.html; its path."""
    rows, curves, checks = read(folder, "runs.csv"), read(folder, "percentiles.csv"), read(folder, "checks.csv")
    with open(os.path.join(folder, "about.csv"), encoding="utf-8", newline="") as f:
        about = {row["what"]: row["value"] for row in csv.DictReader(f)}
    budget_ms = float(about["budget_ms"])
    by_name = {row["run"]: row for row in rows}
    rates = [row for row in rows if str(row["run"]).startswith("rate-")]
    situations = [by_name[name] for name in SITUATIONS if name in by_name]
    shared, waiting = by_name.get("sluggish"), by_name.get("waiting")
    parts = ["<h1>weir under load</h1><p class=\"lead\">%s%s</p>" % (
        html.escape(about["began"][:16].replace("T", " ")), html.escape(", " + about["cpu"] if about.get("cpu") else ""))]
    figures = []
    if shared and waiting:
        parts.append(claim_text(shared, waiting, about))
        figures.append(claim_figure(shared, waiting, budget_ms))
    figures.append(percentile_figure(situations or rates, curves, budget_ms))
    if len(rates) > 1:
        figures.append(rate_figure(rates, budget_ms))
    parts.append('<div class="figures">%s</div>' % "\n".join(figures))
    parts.append("<h2>All runs</h2><p>Times in milliseconds. %s</p>%s" % (
        html.escape(about.get("saturation_told", "").capitalize()), table(rows)))
    parts.append("<p>Data: %s</p>" % ", ".join('<a href="%s.csv">%s.csv</a>' % (name, name)
                                              for name in ("runs", "percentiles", "checks", "about")))
    parts += [commands(rows), METHOD, checks_text(checks), "<h2>Machine and versions</h2>", facts(about)]
    path = os.path.join(folder, "report.html")
    with open(path, "w", encoding="utf-8") as f:
        f.write("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>weir under load</title>\n<meta "
                "name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>%s</style></head>\n<body><main>"
                "%s</main></body></html>\n" % (STYLE, "\n".join(parts)))
    return path


if __name__ == "__main__":
    print(write(sys.argv[1]))
