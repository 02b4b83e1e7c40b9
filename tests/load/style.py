"""The style of the report, for light and dark, screen and print."""

STYLE = """
:root { color-scheme: light dark; --bg: #ffffff; --fg: #1c2430; --soft: #5c6675; --line: #e3e7ec; --card: #f7f8fa;
  --c0: #2f6fd0; --c1: #12865a; --c2: #d2452f; --c3: #8a4fc4; --c4: #b97a08; --c5: #0f8a9d; }
@media (prefers-color-scheme: dark) { :root { --bg: #14181e; --fg: #e4e8ee; --soft: #9aa5b4; --line: #2c343f;
  --card: #1b2129; --c0: #74a7f5; --c1: #4cc793; --c2: #f5806c; --c3: #bd93ee; --c4: #e5b04d; --c5: #56c8da; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--fg);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 28px 24px 60px; }
h1 { font-size: 28px; margin: 0; } h2 { font-size: 18px; margin: 32px 0 6px; }
.lead { color: var(--soft); margin: 2px 0 20px; }
.claim { display: flex; gap: 28px; align-items: center; background: var(--card); border-left: 5px solid var(--c1);
  padding: 14px 22px; border-radius: 6px; } .claim p { margin: 0; }
.big { font-size: 34px; font-weight: 700; white-space: nowrap; color: var(--c1); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(520px, 100%), 1fr)); gap: 20px; margin: 20px 0; }
figure { margin: 0; padding: 16px 18px 10px; border: 1px solid var(--line); border-radius: 8px; }
figcaption h2 { margin: 0; } figcaption p { margin: 2px 0 6px; color: var(--soft); font-size: 13px; }
figure > svg { width: 100%; height: auto; display: block; }
.legend { list-style: none; margin: 4px 0 6px; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 13px; }
.legend svg { width: 26px; height: 10px; margin-right: 6px; }
svg text { fill: var(--fg); font-size: 13px; } svg .tick, svg .note { fill: var(--soft); font-size: 12px; }
svg .label { fill: var(--soft); font-size: 13px; } svg .value { font-size: 13px; font-weight: 600; }
svg .group { font-size: 14px; font-weight: 600; }
.grid { stroke: var(--line); } .axis { stroke: var(--soft); }
.mark { stroke: var(--soft); stroke-dasharray: 5 4; }
.curve { fill: none; stroke-width: 2.4; stroke-linejoin: round; } .dot { stroke: var(--bg); stroke-width: 1.5; }
.dot.hidden { opacity: 0; }
.curve.s0 { stroke: var(--c0); } .curve.s1 { stroke: var(--c1); } .curve.s2 { stroke: var(--c2); }
.curve.s3 { stroke: var(--c3); stroke-dasharray: 8 4; } .curve.s4 { stroke: var(--c4); stroke-dasharray: 3 3; }
.curve.s5 { stroke: var(--c5); stroke-dasharray: 10 3 2 3; }
.dot.s0, .bar.s0 { fill: var(--c0); } .dot.s1, .bar.s1 { fill: var(--c1); } .dot.s2, .bar.s2 { fill: var(--c2); }
.dot.s3 { fill: var(--c3); } .dot.s4 { fill: var(--c4); } .dot.s5 { fill: var(--c5); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: right; font-weight: 600; color: var(--soft); font-size: 13px; }
td { text-align: right; white-space: nowrap; } td:first-child, td.left { text-align: left; }
th, td { padding: 5px 9px; border-bottom: 1px solid var(--line); }
code { font: 13px ui-monospace, "DejaVu Sans Mono", monospace; } a { color: var(--c0); } abbr { color: var(--c2); }
.checks { list-style: none; padding: 0; font-size: 14px; columns: 2 480px; } .checks b { font-weight: 600; }
.held b { color: var(--c1); } .failed b { color: var(--c2); } .not-judged b { color: var(--c4); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 0; } dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; } details { margin: 12px 0; }
@media (max-width: 640px) { .claim { flex-direction: column; align-items: flex-start; gap: 4px; } }
"""
