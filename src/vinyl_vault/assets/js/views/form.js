// The form of a record; passes on the fields in the format of a record.
import { el, field, form, select } from "../dom.js";
import { GRADES, NAMES, SLEEVES, inUnits, readList, readMoney } from "../fields.js";

const grades = (list) => [["", "–"], ...list.map((grade) => [grade, grade])];
const LINES = ["label", "catalogue_number", "format", "country", "barcode", "folder", "shelf", "colour"];

export function recordForm(record, save, text, ...more) {
  const line = (name, attributes = {}) => el("input", { name, type: "text", maxlength: 500, autocomplete: "off", value: record[name] ?? "", ...attributes });
  const list = (name, hint) => field(NAMES[name], el("input", { name, type: "text", autocomplete: "off", value: (record[name] ?? []).join("; ") }), hint);
  const grade = (name, all) => field(NAMES[name], select(grades(all), record[name] ?? "", { name }));
  const submit = async (made) => save(read(made, record));
  const made = form([
    el("fieldset", { class: "grid" }, el("legend", {}, "Record"),
      field("Artist", line("artist")), field("Album", line("album")),
      field("List", select([["owned", "Collection"], ["wanted", "Wantlist"]], record.status ?? "owned", { name: "status" })),
      field("Year", el("input", { name: "year", type: "number", min: 1000, max: 2100, inputmode: "numeric", value: record.year ?? "" })),
      list("genre", "Several are separated by ;"), list("style", "Several are separated by ;")),
    el("fieldset", { class: "grid" }, el("legend", {}, "Copy"),
      grade("media_condition", GRADES), grade("sleeve_condition", SLEEVES),
      field("Rating", select([["", "–"], ...[1, 2, 3, 4, 5].map((n) => [String(n), "★".repeat(n)])], String(record.rating ?? ""), { name: "rating" })),
      list("tags", "Several are separated by ;"),
      amount("price_paid", record.price_paid), day("bought_on", record), amount("price_sold", record.price_sold), day("sold_on", record)),
    el("fieldset", { class: "grid" }, el("legend", {}, "Pressing and place"), LINES.map((name) => field(NAMES[name], line(name)))),
    field("Notes", el("textarea", { name: "notes", rows: 4, maxlength: 10_000, value: record.notes ?? "" })),
  ], submit, text, { class: "record-form" });
  made.querySelector("[type=submit]").after(...more);
  return made;
}

const day = (name, record) => field(NAMES[name], el("input", { name, type: "date", value: record[name] ?? "" }));

function amount(name, value) {
  const given = el("input", { name, id: `${name}-amount`, type: "text", inputmode: "decimal", autocomplete: "off", value: value ? inUnits(value) : "" });
  const currency = el("input", { name: `${name}_currency`, type: "text", maxlength: 3, class: "currency", "aria-label": `${NAMES[name]}: currency`, value: value?.currency ?? localStorage.getItem("vinyl-vault-currency") ?? "EUR" });
  return el("div", { class: "field" }, el("label", { for: `${name}-amount` }, NAMES[name]), el("div", { class: "pair" }, given, currency));
}

// Returns the fields of the form; empty ones are null.
function read(made, record) {
  const data = new FormData(made);
  const text = (name) => (data.get(name) ?? "").trim();
  const fields = { status: text("status"), artist: text("artist"), album: text("album") };
  if (!fields.artist && !fields.album) throw new Error("Give an artist or an album.");
  for (const name of [...LINES, "media_condition", "sleeve_condition", "notes", "bought_on", "sold_on"]) fields[name] = text(name) || null;
  for (const name of ["year", "rating"]) fields[name] = text(name) ? Number(text(name)) : null;
  for (const name of ["genre", "style", "tags"]) fields[name] = readList(text(name));
  if (JSON.stringify([...(record.tags ?? [])].sort()) === JSON.stringify([...fields.tags].sort())) fields.tags = record.tags ?? [];
  for (const name of ["price_paid", "price_sold"]) fields[name] = readMoney(text(name), text(`${name}_currency`).toUpperCase());
  if (fields.price_paid) localStorage.setItem("vinyl-vault-currency", fields.price_paid.currency);
  return fields;
}
