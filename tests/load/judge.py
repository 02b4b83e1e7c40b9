"""What must hold whatever the machine: each check held, failed, or could not be judged.

A lateness that the machine has caused is not held against weir: where the generator could not keep its
own schedule, or weir had to wait for a CPU, a late answer is "not judged", and the reason is said. An
answer in time is one whatever the circumstances.
"""
HELD, FAILED, SKIPPED = "held", "failed", "not judged"
GRACE_MS = 50
CLAIM_PCT = 40
LAG_MS = 20       # our own lateness at p99
WAITED_PCT = 20   # of the time, for a CPU


class Judge:
    """Collects checks as (verdict, text)."""

    def __init__(self):
        self.checks = []

    def check(self, held, text, excuse=None):
        verdict = HELD if held else SKIPPED if excuse else FAILED
        self.checks.append((verdict, text + (": " + excuse if verdict == SKIPPED else "")))

    def count(self, verdict):
        return sum(1 for found, _ in self.checks if found == verdict)


def excuse(*rows):
    """Why a lateness in these runs may be the machine's, or None."""
    for row in rows:
        if row["lag_p99_ms"] > LAG_MS:
            return "the generator itself was %.0f ms late at p99" % row["lag_p99_ms"]
        if row["weir_waited_pct"] != "" and row["weir_waited_pct"] > WAITED_PCT:
            return "weir waited for a CPU %.0f %% of the time" % row["weir_waited_pct"]
    return None


def check_answers(judge, row):
    """No request is lost, and every body is JSON."""
    gone = {key: row[key] for key in ("lost", "broken", "garbled", "unsent", "failed_early", "stray")
            if row[key]}
    told = ", ".join("%d %s" % (count, key.replace("_", " ")) for key, count in gone.items())
    judge.check(not gone and row["answered"] + row["left"] == row["sent"],
                "%s: no lost request (%s of %d)" % (row["title"], told or "none", row["sent"]))
    judge.check(row["not_json"] == 0 and row["answered"] > 0,
                "%s: valid JSON (%d of %d not)" % (row["title"], row["not_json"], row["answered"]))


def check_in_time(judge, row, budget_ms):
    """No answer is later than the deadline, but for a grace, at p99."""
    judge.check(row["p99_ms"] <= budget_ms + GRACE_MS,
                "%s: p99 within the deadline + %d ms (%.1f ms of %g + %d)"
                % (row["title"], GRACE_MS, row["p99_ms"], budget_ms, GRACE_MS), excuse(row))


def gain_pct(row, waiting):
    """By how much the shared deadline lowers p99."""
    return 100 * (1 - row["p99_ms"] / waiting["p99_ms"]) if waiting["p99_ms"] else 0.0


def check_claim(judge, row, waiting):
    gain = gain_pct(row, waiting)
    judge.check(gain >= CLAIM_PCT, "the shared deadline lowers p99 by at least %d %% (%.1f to %.1f ms: %.0f %%)"
                % (CLAIM_PCT, waiting["p99_ms"], row["p99_ms"], gain), excuse(row, waiting))


def check_all_partial(judge, row):
    """With an upstream that never delivers no answer is complete, and none fails for it."""
    judge.check(row["complete"] == 0, "%s: no answer claims to be complete" % row["title"])
    judge.check(row["partial"] == row["answered"], "%s: every answer is partial (%s)"
                % (row["title"], row["statuses"]), excuse(row))


def check_left(judge, row, canceled, quiet):
    """Those who leave are noticed, and nothing of theirs goes on."""
    judge.check(canceled >= row["left"] > 0, "%s: weir noticed each one (%d left while measured, %d canceled in all)"
                % (row["title"], row["left"], canceled), excuse(row))
    judge.check(quiet, "%s: nothing of theirs is still in flight, here or at the upstreams" % row["title"])


def check_stall(judge, row, stall_ms):
    """The tool itself: a stall is charged to every request that it delays."""
    judge.check(row["p90_ms"] >= stall_ms / 3, "weir paused for %d ms: charged to every request it delays (p90 %.0f ms)"
                % (stall_ms, row["p90_ms"]))
