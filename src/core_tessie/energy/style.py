"""The style of the report's page: system fonts, light and dark, one column on a phone."""

STYLE = """
:root { color-scheme: light dark; --bg: #f4f5f7; --card: #fff; --ink: #16191d; --soft: #5f6a76; --line: #e4e7eb;
  --c0: #2563c9; --c1: #e07a1f; --c2: #1f8a5b; --c3: #8250c4; --shade: 0 1px 2px #0f172a14, 0 4px 16px #0f172a0a; }
@media (prefers-color-scheme: dark) { :root { --bg: #0e1114; --card: #171b20; --ink: #e9edf1; --soft: #98a4b0;
  --line: #2a3138; --c0: #6aa5ff; --c1: #ffa24d; --c2: #4cc38a; --c3: #b692f6; --shade: none; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 28px 16px 56px; background: var(--bg); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
h1 { margin: 2px 0 8px; font-size: clamp(1.4rem, 4.5vw, 2rem); line-height: 1.2; letter-spacing: -.02em;
  overflow-wrap: anywhere; }
h2 { margin: 0 0 10px; font-size: 1rem; }
p { margin: 0; }
header { margin-bottom: 22px; }
.kind { color: var(--c0); font-size: .8rem; font-weight: 650; letter-spacing: .08em; text-transform: uppercase; }
.note, .below { color: var(--soft); font-size: .87rem; }
.summary { margin-top: 12px; max-width: 70ch; }
.card { margin: 0 0 14px; padding: 16px; min-width: 0; background: var(--card); border: 1px solid var(--line);
  border-radius: 14px; box-shadow: var(--shade); }
.tiles, .charts { display: grid; gap: 14px; margin-bottom: 14px; }
.tiles { grid-template-columns: repeat(auto-fit, minmax(min(100%, 155px), 1fr)); }
.charts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 310px), 1fr)); }
.tiles .card, .charts .card { margin: 0; }
.tile h2 { margin: 0; color: var(--soft); font-size: .82rem; font-weight: 550; }
.figure { margin: 2px 0; line-height: 1.15; white-space: nowrap; }
.figure b { font-size: 1.6rem; font-weight: 680; letter-spacing: -.02em; }
.figure span { color: var(--soft); font-size: .85rem; }
details { margin-top: 8px; color: var(--soft); font-size: .82rem; }
summary { cursor: pointer; width: fit-content; }
summary:focus-visible { outline: 2px solid var(--c0); outline-offset: 3px; border-radius: 4px; }
figcaption { margin-bottom: 8px; font-weight: 620; }
figcaption small { color: var(--soft); font-weight: 400; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font-size: 11px; }
svg .name { font-size: 12.5px; fill: var(--ink); }
svg .grid { stroke: var(--line); }
svg .zero { stroke: var(--soft); stroke-opacity: .6; }
svg .track { fill: var(--line); }
svg path { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.f0 { fill: var(--c0); } .f1 { fill: var(--c1); } .f2 { fill: var(--c2); } .f3 { fill: var(--c3); }
.l0 { stroke: var(--c0); } .l1 { stroke: var(--c1); } .l2 { stroke: var(--c2); } .l3 { stroke: var(--c3); }
.b0 { background: var(--c0); } .b1 { background: var(--c1); } .b2 { background: var(--c2); }
.b3 { background: var(--c3); }
svg rect:hover, svg circle:hover { opacity: .75; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 14px; margin-top: 8px; color: var(--soft); font-size: .82rem; }
.legend i { display: inline-block; width: 10px; height: 10px; margin-right: 6px; border-radius: 3px; }
.scroll { overflow-x: auto; margin: 0 -16px; padding: 0 16px; }
table { width: 100%; border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 12px 7px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { color: var(--soft); font-weight: 550; font-size: .8rem; vertical-align: bottom; }
tbody tr:last-child td { border-bottom: 0; }
tbody th { padding-top: 16px; color: var(--c0); }
td { white-space: nowrap; }
th.number, td.number { text-align: right; }
td.long { min-width: 220px; white-space: normal; overflow-wrap: anywhere; }
td.rows { color: var(--soft); }
td.how { min-width: 260px; color: var(--soft); white-space: normal; }
dl { margin: 8px 0 0; display: grid; gap: 4px; }
dl div { display: grid; grid-template-columns: minmax(110px, 200px) 1fr; gap: 10px; }
dt { color: var(--ink); } dd { margin: 0; }
.left { margin: 0; padding: 0; list-style: none; columns: 280px; color: var(--soft); font-size: .87rem; }
.left b { color: var(--ink); }
@media print { body { max-width: none; background: none; } .card { break-inside: avoid; box-shadow: none; } }
"""
