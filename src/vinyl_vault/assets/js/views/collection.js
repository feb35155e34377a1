// The collection: search, filters, and a list that scrolls through all records.
import { el, field, select } from "../dom.js";
import { isSold } from "../fields.js";
import { VirtualList } from "../virtual.js";
import { coverOf } from "./cover.js";

const ORDERS = [["artist", "Artist"], ["album", "Album"], ["year", "Year"], ["newest", "Newest"], ["rating", "Rating"]];
const LISTS = [["", "All"], ["owned", "Collection"], ["wanted", "Wantlist"]];
const HEIGHT = 72;

export function collection(site, { query, signal }) {
  if (query.has("genre")) site.filter = { genre: query.get("genre") };
  const { filter, model } = site;
  const count = el("p", { class: "dim", id: "count", role: "status" });
  const empty = el("div", { class: "empty", hidden: true },
    el("p", {}, "There are no records here yet."),
    el("p", {}, el("a", { class: "button", href: "#/add" }, "Add a record"), " ", el("a", { class: "button quiet", href: "#/import" }, "Import a file")));
  const none = el("p", { class: "empty", hidden: true }, "Nothing matches.");
  const list = new VirtualList({ label: "Records", height: HEIGHT, signal, row: (record) => row(site, record) });

  const show = () => {
    const found = model.find(filter);
    const total = model.records.size;
    count.textContent = found.length === total ? several(total) : `${found.length} of ${several(total)}`;
    empty.hidden = total > 0;
    none.hidden = !total || found.length > 0;
    list.show(found);
  };
  const changes = (name) => (event) => { filter[name] = event.target.value; show(); };
  const search = el("input", { type: "search", value: filter.q ?? "", oninput: changes("q"), placeholder: "Artist, album, label, tag …" });
  const genre = select([["", "All genres"], ...genresOf(model).map((name) => [name, name])], filter.genre, { onchange: changes("genre") });
  const tools = el("search", { class: "tools" },
    field("Search your records", search),
    field("List", select(LISTS, filter.status, { onchange: changes("status") })),
    field("Genre", genre),
    field("Order", select(ORDERS, filter.order ?? "artist", { onchange: changes("order") })));

  model.addEventListener("change", show, { signal });
  const node = el("div", { class: "collection" }, el("h1", { class: "unseen" }, "Records"), tools, count, empty, none, list.element);
  signal.addEventListener("abort", () => { site.scroll = scrollY; });
  return {
    title: "Records",
    node,
    after: () => {
      show();
      if (!query.has("genre") && site.scroll) scrollTo(0, site.scroll);
      list.draw();
    },
  };
}

const several = (count) => (count === 1 ? "1 record" : `${count.toLocaleString()} records`);

function genresOf(model) {
  return [...new Set(model.all().flatMap((one) => one.genre ?? []))].sort();
}

function row(site, record) {
  const about = [record.year, record.label, record.format].filter(Boolean).join(" · ");
  return el("a", { class: "record", href: `#/album/${encodeURIComponent(record.id)}` },
    coverOf(record),
    el("span", { class: "names" }, el("strong", {}, record.album || "Untitled"), el("span", {}, record.artist || "Unknown artist"), el("small", {}, about)),
    el("span", { class: "marks" },
      site.model.unsent.has(record.id) && el("span", { class: "mark waits" }, "not synced"),
      record.status === "wanted" && el("span", { class: "mark" }, "wanted"),
      isSold(record) && el("span", { class: "mark" }, "sold"),
      record.rating && el("span", { class: "stars", role: "img", "aria-label": `${record.rating} of 5 stars` }, "★".repeat(record.rating))));
}
