// SVG charts, each with a table of its numbers for screen readers.
import { el, svg } from "./dom.js";

const WIDTH = 440; // in SVG units; small, so that the text is readable on a phone
const LINE = 30;
const NAMES = 160;

// Horizontal bars: rows of {name, records, note}.
export function horizontalBars(caption, rows) {
  const most = Math.max(1, ...rows.map((row) => row.records));
  const height = rows.length * LINE + 4;
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "chart", "aria-hidden": "true" },
    rows.map((row, n) => {
      const width = Math.max(2, (row.records / most) * (WIDTH - NAMES - 60));
      const y = n * LINE + 4;
      return [svg("text", { x: NAMES - 8, y: y + 16, class: "name", "text-anchor": "end" }, short(row.name, 17)),
        svg("rect", { x: NAMES, y, width, height: LINE - 8, rx: 3, class: "bar" }),
        svg("text", { x: NAMES + 6 + width, y: y + 16, class: "figure" }, String(row.records))];
    }).flat());
  return figure(caption, picture, rows);
}

// Vertical bars, one per row, in order.
export function verticalBars(caption, rows) {
  const most = Math.max(1, ...rows.map((row) => row.records));
  const step = WIDTH / Math.max(1, rows.length);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} 220`, class: "chart", "aria-hidden": "true" },
    rows.map((row, n) => {
      const height = (row.records / most) * 160;
      const middle = (n + 0.5) * step;
      return [svg("rect", { x: middle - Math.min(28, step * 0.35), y: 188 - height, width: Math.min(56, step * 0.7), height, rx: 3, class: "bar" }),
        svg("text", { x: middle, y: 180 - height, class: "figure", "text-anchor": "middle" }, String(row.records)),
        svg("text", { x: middle, y: 208, class: "name", "text-anchor": "middle" }, short(row.name, Math.max(3, Math.floor(step / 8))))];
    }).flat(), svg("line", { x1: 0, x2: WIDTH, y1: 188, y2: 188, class: "axis" }));
  return figure(caption, picture, rows);
}

// A line over days: rows of {day, amount, records, text}, the oldest first. A single day is a point.
export function lineChart(caption, rows) {
  const times = rows.map((row) => Date.parse(row.day));
  const most = Math.max(1, ...rows.map((row) => row.amount));
  const span = Math.max(1, times.at(-1) - times[0]);
  const x = (n) => (rows.length === 1 ? WIDTH / 2 : 6 + ((times[n] - times[0]) / span) * (WIDTH - 12));
  const y = (row) => 184 - (row.amount / most) * 150;
  const points = rows.map((row, n) => `${x(n).toFixed(1)},${y(row).toFixed(1)}`);
  const last = rows.at(-1);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} 220`, class: "chart", "aria-hidden": "true" },
    svg("line", { x1: 0, x2: WIDTH, y1: 188, y2: 188, class: "axis" }),
    svg("polyline", { points: points.join(" "), class: "line" }),
    svg("circle", { cx: x(rows.length - 1), cy: y(last), r: 4, class: "bar" }),
    svg("text", { x: WIDTH - 2, y: Math.max(16, y(last) - 10), class: "figure", "text-anchor": "end" }, last.text),
    svg("text", { x: 2, y: 208, class: "name" }, rows[0].day),
    rows.length > 1 && svg("text", { x: WIDTH - 2, y: 208, class: "name", "text-anchor": "end" }, last.day));
  const told = rows.map((row) => ({ name: row.day, records: row.records, note: row.text }));
  return figure(caption, picture, told, "Day");
}

function figure(caption, picture, rows, what = "Name") {
  const hasNotes = rows.some((row) => row.note);
  const cells = (row) => [el("th", { scope: "row" }, row.name), el("td", {}, String(row.records)), hasNotes && el("td", {}, row.note ?? "")];
  const table = el("table", {}, el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, what), el("th", { scope: "col" }, "Records"), hasNotes && el("th", { scope: "col" }, "Value"))),
    el("tbody", {}, rows.map((row) => el("tr", {}, cells(row)))));
  return el("figure", { class: "card" }, el("figcaption", {}, caption), picture,
    el("details", {}, el("summary", {}, `${caption} as a table`), el("div", { class: "wide" }, table)));
}

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
