// Adding a record: found at Discogs by names, barcode or catalogue number, or entered manually.
import { el, field, form } from "../dom.js";
import { difference } from "../edits.js";
import { money } from "../fields.js";
import { read } from "../session.js";
import { coverOf } from "./cover.js";
import { recordForm } from "./form.js";

export function add(site) {
  const found = el("div", { "aria-live": "polite" });
  const writing = el("div", {});
  const write = (record) => {
    const save = async (fields) => {
      const more = {};
      for (const name of ["discogs", "cover", "formats"]) if (record[name]) more[name] = record[name];
      const id = await site.model.add({ artist: "", album: "", ...difference({}, fields), ...more });
      site.go(`#/album/${encodeURIComponent(id)}`);
    };
    writing.replaceChildren(el("h2", {}, "Write it down"), recordForm(record, save, "Add the record"));
  };
  write({});
  const search = form([
    el("div", { class: "grid" },
      field("Artist", el("input", { name: "artist", type: "search", maxlength: 300 })),
      field("Album", el("input", { name: "album", type: "search", maxlength: 300 })),
      field("or barcode", el("input", { name: "barcode", type: "search", inputmode: "numeric", maxlength: 40 })),
      field("or catalogue number", el("input", { name: "catno", type: "search", maxlength: 300 }))),
  ], async (made) => {
    found.replaceChildren(el("p", { class: "dim" }, "Asking Discogs …"));
    try {
      const release = await lookUp(new FormData(made));
      found.replaceChildren(card(release, () => { write(asRecord(release)); writing.scrollIntoView(); writing.querySelector("input").focus({ preventScroll: true }); }));
      found.scrollIntoView({ block: "start" });
    } catch (fault) {
      found.replaceChildren();
      write(typed(new FormData(made))); // enter it manually
      throw fault;
    }
  }, "Search Discogs", { class: "card", role: "search" });
  return { title: "Add a record", node: el("div", {}, el("h1", {}, "Add a record"), search, found, writing,
    el("p", {}, "Many at once: ", el("a", { href: "#/import" }, "import a file"), ".")) };
}

const typed = (data) => Object.fromEntries([["artist", "artist"], ["album", "album"], ["barcode", "barcode"], ["catalogue_number", "catno"]]
  .map(([field, name]) => [field, (data.get(name) ?? "").trim()]).filter(([, text]) => text));

async function lookUp(data) {
  const text = (name) => (data.get(name) ?? "").trim();
  const query = new URLSearchParams();
  if (text("barcode")) query.set("barcode", text("barcode"));
  else if (text("catno")) query.set("catno", text("catno"));
  else if (text("artist") && text("album")) ["artist", "album"].forEach((name) => query.set(name, text(name)));
  else throw new Error("Give artist and album, or a barcode, or a catalogue number.");
  let answer;
  try {
    answer = await fetch(`/api/discogs/search?${query}`);
  } catch {
    throw new Error("Searching Discogs needs a network. You can write the record down below.");
  }
  return read(answer);
}

function card(release, choose) {
  const about = [release.year, release.label, release.catalogue_number, release.country, release.format].filter(Boolean).join(" · ");
  const price = release.price_minor === null || release.price_minor === undefined ? "None is for sale" : `From ${money({ amount: release.price_minor, currency: release.currency })}`;
  return el("article", { class: "card album-head" }, coverOf(release, 120),
    el("div", {}, el("h2", {}, release.title), el("p", {}, release.artist_shown || release.artist), el("p", { class: "dim" }, about),
      el("p", {}, `${price}${release.for_sale ? `, ${release.for_sale} for sale` : ""}`),
      el("button", { type: "button", onclick: choose }, "Use this")));
}

function asRecord(release) {
  const record = { artist: release.artist, album: release.title, discogs: { kind: release.kind, id: release.id } };
  for (const name of ["year", "label", "catalogue_number", "format", "country", "barcode", "cover"]) if (release[name]) record[name] = release[name];
  for (const name of ["genre", "style", "formats"]) if (release[name]?.length) record[name] = release[name];
  return record;
}
