"""A crowd of good, impatient and hostile clients, and upstreams with changing faults.

Every request's fate is written down, so that what weir counts can be held against what was seen:
- seen[route][code]  answers that came whole
- gone[route]        requests whose client left while they were certainly in flight: 499
- unsure[route]      requests whose client left, and weir may have answered first or not

The routes: /v1/users/{id} (the usual three), /v1/hung/{id} (never answers; long budget, for clients
that leave), /v1/left/{id} (as users; for clients that leave at any moment), /v1/large/{id} (large
answers, for clients that leave in the middle of one).
"""
import asyncio
import collections
import json
import random

import lib

USERS, HUNG, LEFT, LARGE = ("/v1/%s/{id}" % name for name in ("users", "hung", "left", "large"))

# What the upstreams do, phase after phase: profile, preferences, activity.
PHASES = [
    (None, None, None),
    (None, "delay=lognormal(10ms,p99=150ms)", "hang,rate=30%"),
    ("hang,rate=10%", "reset,rate=30%", "cut,rate=30%"),
    ("status=503,rate=20%", "garbage,rate=30%", "delay=40ms"),
    (None, "big=2MiB,rate=20%", "drip=64B/5ms,rate=50%"),
    ("status=404,rate=20%", None, "reset,rate=50%"),
    ("reset,rate=15%", "hang,rate=20%", "big=300KiB,rate=30%"),
    ("cut,rate=10%", "drip=1B/100ms,rate=20%", "garbage,rate=20%"),
    ("garbage,rate=10%", "status=204,rate=30%", "hang,rate=50%"),
    ("delay=lognormal(20ms,p99=180ms)", "delay=20ms", "status=500"),
    ("hang", "reset", "garbage"),
    ("drip=64B/5ms,rate=30%", "cut", "delay=150ms,rate=30%"),
]

SECOND = "GET /v1/users/7 HTTP/1.1\r\nHost: t\r\n\r\n"
# Heads that are refused: bytes, status, whether weir must close, route.
HOSTILE = [
    ("GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND, 400, True),
    ("POST /v1/users/1 HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", 400, True),
    ("GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nContent-Length: 39\r\n\r\n" + SECOND, 400, True),
    ("POST /v1/users/1 HTTP/1.1\r\nHost: t\r\nContent-Length: 39\r\n\r\n" + SECOND, 405, True),
    ("GET /v1/users/1 HTTP/1.1\r\n\r\n" + SECOND, 400, True),
    ("GET /v1/users/1 HTTP/1.1\nHost: t\n\n" + SECOND, 400, True),
    ("GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nA: b\r\n c\r\n\r\n" + SECOND, 400, True),
    ("GET  /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n" + SECOND, 400, True),
    ("GET /v1/users/\xe9 HTTP/1.1\r\nHost: t\r\n\r\n" + SECOND, 400, True),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, True),
    ("\x16\x03\x01\x02\x01\x01\xfc\x03\x03 and so on\r\n\r\n", 400, True),
    ("GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nX-Long: " + "b" * 20000 + "\r\n\r\n", 431, True),
    ("GET /v1/users/%2e%2e HTTP/1.1\r\nHost: t\r\n\r\n", 400, False),
    ("GET /v1/users/a%00b HTTP/1.1\r\nHost: t\r\n\r\n", 400, False),
    ("GET /v1/users/1 HTTP/1.1\r\nHost: t\r\nExpect: more\r\n\r\n", 417, False),
    ("GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n", 404, False),
    ("DELETE /v1/users/1 HTTP/1.1\r\nHost: t\r\n\r\n", 405, False),
]


def routes(budget=None, long_budget="60s"):
    """The routes document of the stage."""
    def three(profile, others, **more):
        urls = {"profile": profile, "preferences": others, "activity": others}
        found = {name: {"url": "${%s_%s_URL}/users/{id}/%s" % (urls[name], name.upper(), name)}
                 for name in lib.UPSTREAMS}
        found["profile"]["required"] = True
        for upstream in found.values():
            upstream.update(more)
        return found

    document = [{"path": USERS, "upstreams": three("WEIR", "WEIR")},
                {"path": LEFT, "upstreams": three("WEIR", "WEIR")},
                {"path": HUNG, "budget": long_budget, "upstreams": three("EXTRA", "WEIR")},
                {"path": LARGE, "budget": long_budget, "upstreams": {
                    "big": {"url": "${EXTRA_PREFERENCES_URL}/users/{id}/preferences", "max_body": "8MiB"}}}]
    if budget:
        document[0]["budget"] = document[1]["budget"] = budget
    return {"routes": document}


class Stage:
    """Two stand-ins: one with changing faults, one that hangs (profile) or is large (preferences)."""

    def __init__(self, build=None):
        self.standin = lib.Standin(build=build)
        self.extra = lib.Standin({"profile": "hang", "preferences": "big=4MiB"}, build=build)

    def env(self):
        env = self.standin.urls()
        env.update(("EXTRA_%s_URL" % name.upper(), self.extra.url(name)) for name in lib.UPSTREAMS)
        return env

    def set_phase(self, number):
        for name, spec in zip(lib.UPSTREAMS, PHASES[number % len(PHASES)]):
            self.standin.fault(name, spec)

    def in_flight(self):
        return self.standin.total("in_flight") + self.extra.total("in_flight")

    def open_connections(self):
        """Without the one that asks."""
        return sum(standin.total("connections_open") - len(lib.UPSTREAMS)
                   for standin in (self.standin, self.extra))


class Mix:
    """The crowd. run() sends so many requests; what became of them adds up in the fields."""

    def __init__(self, weir, stage, seed=1, clients=48):
        self.weir, self.stage, self.seed, self.clients = weir, stage, seed, clients
        self.sent = 0
        self.runs = 0
        self.seen = collections.defaultdict(collections.Counter)
        self.complete = collections.Counter()
        self.gone = collections.Counter()
        self.unsure = collections.Counter()
        self.faults = []

    def wrong(self, text):
        self.faults.append(text)

    def run(self, requests, per_phase=None):
        """Sends about so many requests (a pipelining client may exceed the number by two)."""
        asyncio.run(self._run(self.sent + requests, per_phase or max(1, requests // len(PHASES))))

    async def _run(self, until, per_phase):
        self.runs += 1
        self.until = until
        tasks = [asyncio.create_task(self._client(random.Random("%d-%d-%d" % (self.seed, self.runs, i))))
                 for i in range(self.clients)]
        director = asyncio.create_task(self._direct(per_phase))
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException):
                self.wrong("a client failed: %r" % result)
        director.cancel()
        await asyncio.gather(director, return_exceptions=True)
        await asyncio.to_thread(self.stage.set_phase, 0)

    async def _direct(self, per_phase):
        first, phase = self.sent, -1
        while True:
            now = (self.sent - first) // per_phase
            if now != phase:
                phase = now
                await asyncio.to_thread(self.stage.set_phase, phase)
            await asyncio.sleep(0.02)

    async def _client(self, chance):
        link = None
        kinds = [self._keep_alive] * 56 + [self._one_shot] * 9 + [self._old] * 3 + [self._head] * 4 + \
            [self._pipeline] * 4 + [self._leave_hung] * 9 + [self._leave] * 6 + [self._leave_large] * 1 + \
            [self._leave_half_a_head] * 2 + [self._hostile] * 6
        while self.sent < self.until:
            kind = chance.choice(kinds)
            if kind == self._keep_alive:
                if link is None or link.closed.done():
                    link = await lib.Link.open(self.weir.port)
                if not await self._keep_alive(link, chance):
                    link = None
                continue
            await kind(chance)
        if link is not None:
            self._end(link)

    def _end(self, link, reset=False):
        if link.stray:
            self.wrong("more came than was asked for: %r" % link.stray[:200])
        link.leave(reset)

    def _note(self, route, answer):
        """Writes down an answer and judges it."""
        self.seen[route][answer.status] += 1
        if answer.body and "json" in answer.headers.get("content-type", ""):
            try:
                value = json.loads(answer.body)
            except ValueError as error:
                self.wrong("the body of a %d is not JSON: %s" % (answer.status, error))
                return
            if answer.status == 200 and list(value) != ["data", "errors", "meta"]:
                self.wrong("a 200 with the members %s" % list(value))
            if answer.status == 200 and value["meta"]["complete"] != (not value["errors"]):
                self.wrong("complete and errors do not agree: %r" % answer.body[-300:])
            if answer.status != 200 and value.get("status") != answer.status:
                self.wrong("a problem with the status %s in a %d" % (value.get("status"), answer.status))
        elif answer.status == 200 and answer.body:
            self.wrong("a 200 without JSON")
        if answer.status == 200 and answer.headers["weir-complete"] == "true":
            self.complete[route] += 1

    async def _ask(self, link, what, **how):
        """One request on the usual route; False when it was not answered."""
        self.sent += 1
        try:
            self._note(USERS, await link.ask("/v1/users/%d" % self.sent, **how))
            return True
        except (lib.Gone, TimeoutError) as error:
            self.wrong("%s: no answer: %r" % (what, error))
            return False

    async def _keep_alive(self, link, _):
        return await self._ask(link, "keep-alive")

    async def _one_shot(self, _):
        link = await lib.Link.open(self.weir.port)
        await self._ask(link, "one-shot", headers="Connection: close\r\n")
        if not await link.wait_closed():
            self.wrong("Connection: close, and it stays open")
        self._end(link)

    async def _old(self, _):
        link = await lib.Link.open(self.weir.port)
        await self._ask(link, "HTTP/1.0", version="1.0")
        if not await link.wait_closed():
            self.wrong("HTTP/1.0, and it stays open")
        self._end(link)

    async def _head(self, _):
        link = await lib.Link.open(self.weir.port)
        await self._ask(link, "HEAD", method="HEAD")
        await self._ask(link, "after a HEAD")
        self._end(link)

    async def _pipeline(self, _):
        link = await lib.Link.open(self.weir.port)
        futures = [link.expect() for _ in range(3)]
        names = ["pipelined-%d-%d" % (self.sent, i) for i in range(3)]
        link.send(b"".join(lib.head("/v1/users/%d" % i, headers="X-Request-Id: %s\r\n" % names[i])
                           for i in range(3)))
        self.sent += 3
        for future, name in zip(futures, names):
            try:
                async with asyncio.timeout(lib.GIVE_UP_S):
                    answer = await future
                self._note(USERS, answer)
                if answer.headers.get("x-request-id") != name:
                    self.wrong("pipelined: %s came for %s" % (answer.headers.get("x-request-id"), name))
            except (lib.Gone, TimeoutError) as error:
                self.wrong("pipelined: no answer: %r" % error)
        self._end(link)

    async def _leave_hung(self, chance):
        """Leaves a request that cannot have been answered: with a FIN, an RST, or half a close."""
        link = await lib.Link.open(self.weir.port)
        self.sent += 1
        link.send(lib.head("/v1/hung/%d" % self.sent))
        await asyncio.sleep(chance.uniform(0.002, 0.04))
        how = chance.choice(("fin", "rst", "half"))
        self.gone[HUNG] += 1
        if how == "half":
            link.transport.write_eof()
            if not await link.wait_closed():
                self.wrong("half a close, and weir keeps the connection")
        self._end(link, how == "rst")

    async def _leave(self, chance):
        link = await lib.Link.open(self.weir.port)
        self.sent += 1
        self.unsure[LEFT] += 1
        link.send(lib.head("/v1/left/%d" % self.sent))
        await asyncio.sleep(chance.uniform(0, 0.02))
        link.leave(chance.random() < 0.5)

    async def _leave_large(self, chance):
        link = await lib.Link.open(self.weir.port)
        self.sent += 1
        self.unsure[LARGE] += 1
        future = link.expect()
        link.send(lib.head("/v1/large/%d" % self.sent))
        for _ in range(200):
            await asyncio.sleep(0.005)
            if len(link.buffer) > 100000 or future.done():
                break
        link.leave(chance.random() < 0.5)

    async def _leave_half_a_head(self, chance):
        """Never a request: weir has nothing to count."""
        link = await lib.Link.open(self.weir.port)
        link.send(b"GET /v1/users/1 HTTP/1.1\r\nHo")
        await asyncio.sleep(chance.uniform(0, 0.01))
        link.leave(chance.random() < 0.5)

    async def _hostile(self, chance):
        text, status, closes = chance.choice(HOSTILE)
        link = await lib.Link.open(self.weir.port)
        future = link.expect()
        self.sent += 1
        link.send(text.encode("latin-1"))
        try:
            async with asyncio.timeout(lib.GIVE_UP_S):
                answer = await future
            self._note("refused", answer)
            if answer.status != status:
                self.wrong("%d instead of %d for %r" % (answer.status, status, text[:80]))
        except (lib.Gone, TimeoutError) as error:
            self.wrong("%r: no answer: %r" % (text[:80], error))
        if closes and not await link.wait_closed():
            self.wrong("stays open after %r" % text[:80])
        self._end(link)

    # ---- afterwards ----

    def check(self):
        """Nothing went wrong at any client."""
        for text in self.faults[:10]:
            lib.say("      " + text)
        lib.check(not self.faults, "%d clients saw something wrong" % len(self.faults))

    def check_metrics(self, metrics):
        """What weir has counted is what the clients have seen."""
        name = "weir_requests_total"
        both = collections.Counter()
        for seen in self.seen.values():
            both.update(seen)
        apart = (HUNG, LEFT, LARGE)
        for code in sorted(set(both) | {200, 499}):
            counted = lib.total(metrics, name, code=str(code)) - \
                sum(lib.total(metrics, name, code=str(code), route=route) for route in apart)
            lib.check(counted == both[code], "%d requests counted with %d, %d seen" % (counted, code, both[code]))
        complete = lib.total(metrics, name, code="200", outcome="complete", route=USERS)
        lib.check(complete == self.complete[USERS],
                  "%d counted as complete, %d seen" % (complete, self.complete[USERS]))
        canceled = lib.total(metrics, name, code="499", outcome="canceled", route=HUNG)
        lib.check(canceled == self.gone[HUNG] == lib.total(metrics, name, route=HUNG),
                  "%d canceled counted, %d clients left" % (canceled, self.gone[HUNG]))
        for route in (LEFT, LARGE):
            counted = lib.total(metrics, name, route=route)
            lib.check(counted <= self.unsure[route], "%d counted on %s, %d sent"
                      % (counted, route, self.unsure[route]))
            lost = self.unsure[route] - counted
            lib.say("      %s: %d sent, %d counted (%d left before they were read)"
                    % (route, self.unsure[route], counted, lost))
        for route in (USERS, HUNG, LEFT, LARGE):
            counted = lib.total(metrics, name, route=route)
            observed = lib.total(metrics, "weir_request_duration_seconds_count", route=route)
            lib.check(counted == observed, "%s: %d counted, %d durations" % (route, counted, observed))
        for route in (USERS, HUNG, LEFT):
            admitted = lib.total(metrics, name, route=route) - \
                lib.total(metrics, name, route=route, outcome="rejected")
            for upstream in lib.UPSTREAMS:
                calls = lib.total(metrics, "weir_upstream_requests_total", route=route, upstream=upstream)
                lib.check(calls == admitted, "%s: %d requests, %d calls of %s" % (route, admitted, calls, upstream))
