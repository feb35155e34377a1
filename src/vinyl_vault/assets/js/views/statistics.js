// Statistics, computed on the device: they work offline and include unsynced changes.
import { horizontalBars, verticalBars } from "../charts.js";
import { el } from "../dom.js";
import { isSold, money } from "../fields.js";
import { counted, isOwned, summed } from "../numbers.js";
import { values } from "./values.js";

const MOST = 12;

export function statistics(site, { signal }) {
  const place = el("div", {});
  const show = () => place.replaceChildren(...drawn([...site.model.records.values()]));
  site.model.addEventListener("change", show, { signal });
  show();
  return { title: "Statistics", node: el("div", {}, el("h1", {}, "Statistics"), place, values(site, signal)) };
}

function drawn(records) {
  if (!records.length) return [el("p", { class: "empty" }, "There is nothing to count yet.")];
  const owned = records.filter(isOwned);
  const figures = [
    ["Owned", String(owned.length)],
    ["Wanted", String(records.filter((one) => one.status === "wanted").length)],
    ["Sold", String(records.filter((one) => one.status !== "wanted" && isSold(one)).length)],
    ["Market value", sums(owned, "market_value")], ["Paid", sums(owned, "price_paid")],
    ["Earned", sums(records.filter(isSold), "price_sold")],
  ];
  const charts = [
    ["Genres", (one) => one.genre ?? []], ["Artists", (one) => (one.artist ? [one.artist] : [])],
    ["Labels", (one) => (one.label ? [one.label] : [])], ["Media", (one) => (one.media_condition ? [one.media_condition] : [])],
    ["Sleeves", (one) => (one.sleeve_condition ? [one.sleeve_condition] : [])],
  ];
  const horizontal = charts.map(([caption, of]) => horizontalBars(caption, rows(counted(owned, of).slice(0, MOST))));
  return [el("dl", { class: "figures" }, figures.map(([name, value]) => el("div", { class: "card" }, el("dt", {}, name), el("dd", {}, value)))),
    el("div", { class: "charts" }, horizontal[0], verticalBars("Decades", decades(owned)), ...horizontal.slice(1))];
}

function decades(owned) {
  const groups = counted(owned, (one) => (one.year ? [Math.floor(one.year / 10) * 10] : []));
  const known = groups.filter((one) => one.name !== null).sort((a, b) => a.name - b.name);
  return rows([...known.map((one) => ({ ...one, name: `${one.name}s` })), ...groups.filter((one) => one.name === null)]);
}

const rows = (groups) => groups.map(({ name, records, value }) =>
  ({ name: name === null ? "unknown" : String(name), records, note: [...value].map(([currency, amount]) => money({ amount, currency })).join(", ") }));

const sums = (records, name) => summed(records, name).map(money).join("\n") || "–";
