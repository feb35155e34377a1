// One record: all its fields, and the form to change it.
import { alertBox, ask, button, el } from "../dom.js";
import { asText, fieldName, NAMES, title } from "../fields.js";
import { difference } from "../edits.js";
import { coverOf } from "./cover.js";
import { ownCover } from "./ownCover.js";
import { recordForm } from "./form.js";

const LEFT_OUT = new Set(["artist", "album", "status", "formats", "cover", "notes", "tags"]);

export function album(site, { id, signal }) {
  const place = el("article", { class: "album" });
  const show = () => place.replaceChildren(...drawn(site, id));
  site.model.addEventListener("change", show, { signal });
  show();
  return { title: title(site.model.get(id)), node: place };
}

function drawn(site, id) {
  const record = site.model.get(id);
  if (!record) return [el("h1", {}, "No such record"), el("p", {}, el("a", { href: "#/" }, "Back to the records"))];
  const rows = Object.keys(NAMES).filter((name) => !LEFT_OUT.has(name) && hasValue(record[name]));
  const extra = Object.entries(record.extra ?? {});
  const alerts = alertBox();
  const deletion = async () => {
    const answer = await ask("Delete this record?", el("p", {}, `${title(record)} can be brought back for 30 days: see Account, Trash.`),
      [["yes", "Delete", "danger"], ["", "Cancel", "quiet"]]);
    if (answer !== "yes") return;
    await site.model.remove(id);
    site.go("#/");
  };
  return [
    el("p", {}, el("a", { href: "#/" }, "← Records")),
    el("div", { class: "album-head" }, coverOf(record, 160),
      el("div", {}, el("h1", {}, record.album || "Untitled"), el("p", { class: "artist" }, record.artist || "Unknown artist"),
        el("p", { class: "marks" }, site.model.unsent.has(id) && el("span", { class: "mark waits" }, "not synced"),
          record.status === "wanted" && el("span", { class: "mark" }, "wanted"),
          (record.tags ?? []).map((tag) => el("span", { class: "mark" }, tag))),
        el("div", { class: "row" }, el("a", { class: "button", href: `#/edit/${encodeURIComponent(id)}` }, "Edit"), button("Delete", deletion, { class: "danger" })),
        el("div", { class: "row" }, ownCover(site, record, alerts.show)), alerts.box)),
    record.notes && el("section", { class: "card" }, el("h2", {}, "Notes"), el("p", { class: "notes" }, record.notes)),
    (rows.length || extra.length) && el("dl", { class: "card facts" },
      rows.map((name) => [el("dt", {}, fieldName(name)), el("dd", {}, asText(name, record[name]))]),
      extra.map(([name, value]) => [el("dt", {}, name), el("dd", {}, asText(name, value))])),
  ].filter(Boolean);
}

const hasValue = (value) => value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && !value.length);

export function editing(site, { id }) {
  const record = site.model.get(id);
  if (!record) return album(site, { id, signal: new AbortController().signal });
  const save = async (fields) => {
    await site.model.edit(id, difference(record, fields));
    site.go(`#/album/${encodeURIComponent(id)}`);
  };
  const cancel = el("a", { class: "button quiet", href: `#/album/${encodeURIComponent(id)}` }, "Cancel");
  return { title: `Edit ${title(record)}`, node: el("div", {}, el("h1", {}, "Edit"), recordForm(record, save, "Save", cancel)) };
}
