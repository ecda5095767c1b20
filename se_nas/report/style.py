"""The style sheet of the page: light and dark, for desktops and phones."""

STYLE = """
:root { color-scheme: light dark; --ink: #212529; --paper: #fff; --line: #dee2e6; --soft: #f1f3f5;
  --accent: #d9480f; --quiet: #495057; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9ecef; --paper: #16181b; --line: #373b40; --soft: #212529; --accent: #ff922b;
  --quiet: #ced4da; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 0 auto; max-width: 1080px; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.lead { font-size: 1.1rem; } a { color: var(--accent); } .data { font-size: .875rem; opacity: .8; }
.figure { border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; color: var(--quiet); }
.parcoords text { text-shadow: none !important; } .parcoords .domain { stroke: currentColor !important; }
nav a { margin-right: .8rem; white-space: nowrap; }
.scroll { overflow-x: auto; max-height: 30rem; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; font-size: .875rem; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th { position: sticky; top: 0; background: var(--soft); white-space: pre; vertical-align: bottom; }
td.number, th.number { text-align: right; }
td:last-child:not(.number) { white-space: normal; min-width: 8rem; overflow-wrap: anywhere; }
.every td:last-child { font-size: .8rem; line-height: 1.3; min-width: 12rem; }
@media (max-width: 600px) { .every td:last-child { min-width: 22rem; } }
.absent { position: sticky; bottom: 0; background: var(--soft); border: 1px solid var(--line); border-radius: 6px;
  padding: .5rem; }
.figure, .scroll { margin-bottom: 1rem; }
table button { all: unset; cursor: pointer; }
:focus-visible, table button:focus-visible { outline: 2px solid var(--accent); }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
tr.chosen td { background: color-mix(in srgb, var(--accent) 22%, transparent); } tr[data-trial] { cursor: pointer; }
.filter { display: block; margin-bottom: .5rem; } .filter input { font: inherit; padding: .2rem .4rem; width: 16rem; }
tr.knee td { font-weight: 600; } .se { font-family: ui-monospace, monospace; } .mark { color: var(--accent); }
"""
