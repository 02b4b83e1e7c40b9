"""Pictures as SVG text: lines over a logarithmic scale of milliseconds, and bars side by side.

Colours and fonts come from the page's style (classes s0, s1, …), so that they suit light and dark.
"""
import html
import math

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 14, 52


def text(x, y, said, kind="", anchor="middle"):
    return '<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>' % (
        x, y, kind, anchor, html.escape(said))


def line(x1, y1, x2, y2, kind):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>' % (x1, y1, x2, y2, kind)


def ms(value):
    """Milliseconds as one would say them."""
    if value >= 100:
        return "%.0f" % value
    return "%.1f" % value if value >= 10 else "%.2f" % value


class Frame:
    """A drawing with two scales; x and y are given in their own units."""

    def __init__(self, title, x_range, y_range, log_y):
        self.title, self.x_range, self.log_y = title, x_range, log_y
        self.y_range = tuple(map(math.log10, y_range)) if log_y else y_range
        self.parts = []

    def x(self, value):
        low, high = self.x_range
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    def y(self, value):
        low, high = self.y_range
        if self.log_y:
            value = math.log10(max(value, 1e-9))
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (min(max(value, low), high) - low) / (high - low)

    def axes(self, x_ticks, y_ticks, x_label, y_label):
        """Grid lines, the ticks' labels and the names of the axes. Ticks are pairs of value and label."""
        for value, label in y_ticks:
            self.parts.append(line(LEFT, self.y(value), WIDTH - RIGHT, self.y(value), "grid"))
            self.parts.append(text(LEFT - 8, self.y(value) + 4, label, "tick", "end"))
        for value, label in x_ticks:
            self.parts.append(line(self.x(value), TOP, self.x(value), HEIGHT - BOTTOM, "grid"))
            self.parts.append(text(self.x(value), HEIGHT - BOTTOM + 18, label, "tick"))
        self.parts.append(line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis"))
        self.parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label, "label"))
        middle = (TOP + HEIGHT - BOTTOM) / 2
        self.parts.append('<text transform="translate(14 %.1f) rotate(-90)" class="label" text-anchor="middle">%s</text>'
                          % (middle, html.escape(y_label)))

    def mark(self, value, said):
        """A dashed line across at a height, and what it is."""
        self.parts.append(line(LEFT, self.y(value), WIDTH - RIGHT, self.y(value), "mark"))
        self.parts.append(text(LEFT + 6, self.y(value) - 5, said, "note", "start"))

    def curve(self, kind, name, points, dots):
        """A line through points (x, y, what to say about it)."""
        path = " ".join("%.1f,%.1f" % (self.x(x), self.y(y)) for x, y, _ in points)
        self.parts.append('<polyline points="%s" class="curve %s"/>' % (path, kind))
        for x, y, said in points:
            self.parts.append('<circle cx="%.1f" cy="%.1f" r="%s" class="dot %s%s"><title>%s: %s</title></circle>'
                              % (self.x(x), self.y(y), 4 if dots else 6, kind, "" if dots else " hidden",
                                 html.escape(name), html.escape(said)))

    def svg(self):
        return '<svg viewBox="0 0 %d %d" role="img" aria-label="%s">%s</svg>' % (
            WIDTH, HEIGHT, html.escape(self.title), "\n".join(self.parts))


def decades(low, high):
    """A range of whole powers of ten around two values, and its ticks."""
    first, last = math.floor(math.log10(max(low, 1e-3))), math.ceil(math.log10(max(high, 1e-2)) - 1e-9)
    last = max(last, first + 1)
    return (10.0 ** first, 10.0 ** last), [(10.0 ** i, "%g" % 10.0 ** i) for i in range(first, last + 1)]


def round_step(top):
    """A step of 1, 2 or 5 times a power of ten that divides a scale into four to nine."""
    power = 10.0 ** math.floor(math.log10(top))
    return next(step for step in (power / 5, power / 2, power) if top / step <= 8 or step == power)


def by_percentile(title, series, budget_ms):
    """Latency by percentile: series are (kind, name, [(share, ms)]). The x axis counts nines."""
    def nines(share):
        return -math.log10(1 - share)

    points = [(kind, name, [(nines(share), value, "%.6g %% within %s ms" % (100 * share, ms(value)))
                            for share, value in curve if share < 1]) for kind, name, curve in series]
    x_high = max(x for _, _, curve in points for x, _, _ in curve)
    values = [y for _, _, curve in points for _, y, _ in curve]
    y_range, y_ticks = decades(min(values), max(values))
    frame = Frame(title, (0, max(1.0, x_high)), y_range, True)
    shares = [(0, "0"), (0.5, "50"), (0.9, "90"), (0.99, "99"), (0.999, "99.9"), (0.9999, "99.99"), (0.99999, "99.999")]
    frame.axes([(nines(share), label + " %") for share, label in shares if nines(share) <= x_high + 0.01], y_ticks,
               "share of the requests", "answered within, ms (log)")
    frame.mark(budget_ms, "deadline %g ms" % budget_ms)
    for kind, name, curve in points:
        frame.curve(kind, name, curve, False)
    return frame.svg()


def by_rate(title, rates, series, budget_ms):
    """Latency against offered rate: rates are (rate, share of saturation or None), series (kind, name, [ms])."""
    values = [value for _, _, line_values in series for value in line_values]
    y_range, y_ticks = decades(min(values), max(values))
    top = max(rate for rate, _ in rates) * 1.04
    step = round_step(top)
    frame = Frame(title, (0, top), y_range, True)
    frame.axes([(i * step, "{:,.0f}".format(i * step)) for i in range(int(top / step) + 1)], y_ticks,
               "offered rate, requests a second", "ms (log)")
    if y_range[0] <= budget_ms <= y_range[1]:
        frame.mark(budget_ms, "deadline %g ms" % budget_ms)
    for kind, name, line_values in series:
        frame.curve(kind, name, [
            (rate, value, "%s ms at %.0f/s%s" % (ms(value), rate, " (%g %% of saturation)" % pct if pct else ""))
            for (rate, pct), value in zip(rates, line_values)], True)
    return frame.svg()


def bars(title, groups, budget_ms):
    """Bars side by side: groups are (label, [(kind, name, ms)]). The scale begins at zero."""
    top = max(value for _, row in groups for _, _, value in row) * 1.12
    step = round_step(top)
    frame = Frame(title, (0, len(groups)), (0, top), False)
    frame.axes([], [(i * step, "{:,.0f}".format(i * step)) for i in range(int(top / step) + 1)], "", "ms")
    for i, (label, row) in enumerate(groups):
        width = 0.72 / len(row)
        for j, (kind, name, value) in enumerate(row):
            x = frame.x(i + 0.14 + j * width)
            high = frame.y(0) - frame.y(value)
            frame.parts.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2" class="bar %s"><title>%s, %s: '
                               '%s ms</title></rect>' % (x, frame.y(value), frame.x(width) - frame.x(0) - 4, max(high, 1),
                                                         kind, html.escape(name), html.escape(label), ms(value)))
            frame.parts.append(text(x + (frame.x(width) - frame.x(0) - 4) / 2, frame.y(value) - 6, ms(value), "value"))
        frame.parts.append(text(frame.x(i + 0.5), HEIGHT - BOTTOM + 20, label, "group"))
    frame.mark(budget_ms, "deadline %g ms" % budget_ms)
    return frame.svg()
