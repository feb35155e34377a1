// Import of a file: a preview of the changes, then the import with its progress.
import { button, el, field, form, select } from "../dom.js";
import { read } from "../session.js";

const PATH = "/api/collection/import";
const PART = 8 * 1024 * 1024;
const POLL_MS = 1000;

export function importing(site, { signal }) {
  const place = el("div", { "aria-live": "polite" });
  const file = el("input", { type: "file", name: "file", required: true, accept: ".csv,.json,.txt,text/csv,application/json" });
  const lists = select([["", "As the file says"], ["owned", "Collection"], ["wanted", "Wantlist"]], "", { name: "status" });
  const made = form([field("File", file, "CSV of Discogs (collection or wantlist) up to 50 MB, or JSON of a browser's storage up to 8 MB."), field("List", lists)], async () => {
    if (!file.files[0]) throw new Error("Choose a file.");
    const state = el("p", { class: "dim" }, "Reading …");
    place.replaceChildren(state);
    try {
      checked(site, place, await sent(site, file.files[0], lists.value, (text) => { state.textContent = text; }), signal);
    } catch (fault) {
      place.replaceChildren();
      throw fault;
    }
  }, "Check the file", { class: "card" });
  return { title: "Import", node: el("div", {}, el("h1", {}, "Import"), el("p", {}, "Nothing is written before you have seen what would change."), made, place) };
}

// Uploads a file, a large one in parts; returns the report of its changes.
async function sent(site, file, status, tell) {
  const isJson = file.type === "application/json" || file.name.endsWith(".json");
  const headers = { "content-type": isJson ? "application/json" : "text/csv" };
  const query = new URLSearchParams({ name: file.name.slice(0, 200) });
  if (status) query.set("status", status);
  if (!isJson && file.size > PART) query.set("more", "true");
  const first = isJson ? file : file.slice(0, PART);
  let report = await read(await site.session.fetch(`${PATH}?${query}`, { method: "POST", headers, body: first }));
  for (let n = 1; !isJson && n * PART < file.size; n += 1) {
    const more = (n + 1) * PART < file.size;
    tell(`Reading: part ${n + 1} of ${Math.ceil(file.size / PART)} …`);
    report = await read(await site.session.fetch(`${PATH}/${report.id}/parts/${n}?more=${more}`, { method: "PUT", headers, body: file.slice(n * PART, (n + 1) * PART) }));
  }
  return report;
}

function checked(site, place, report, signal) {
  const { rows } = report;
  const apply = (possible) => async (event) => {
    event.target.disabled = true;
    try {
      await follow(site, place, await site.session.call("POST", `${PATH}/${report.id}/apply`, { possible }), signal);
    } catch (fault) {
      place.append(el("p", { class: "problem", role: "alert" }, fault.message));
    }
  };
  place.replaceChildren(el("section", { class: "card", id: "import-report" }, el("h2", {}, report.name || "File"),
    el("dl", { class: "facts" }, [["New", rows.new], ["Here already", rows.same], ["Perhaps here already", rows.possible], ["Refused", rows.refused]]
      .map(([name, count]) => [el("dt", {}, name), el("dd", {}, count.toLocaleString())])),
    faults("Refused", report.refused.map((one) => `Row ${one.row}: ${one.reason}`)),
    faults("Perhaps here already", report.possible.map((one) => `Row ${one.row}: ${one.artist} – ${one.album}`)),
    el("div", { class: "row" }, button(`Import ${rows.new.toLocaleString()}`, apply("skip"), { id: "apply", disabled: !rows.new }),
      rows.possible > 0 && button(`Import also the ${rows.possible} that are perhaps here`, apply("add"), { class: "quiet" }))));
}

const faults = (text, lines) => lines.length > 0 && el("details", {}, el("summary", {}, text), el("ul", {}, lines.map((line) => el("li", {}, line))));

async function follow(site, place, first, signal) {
  const bar = el("progress", { max: 1, value: 0, "aria-label": "Progress of the import" });
  const text = el("p", {});
  place.replaceChildren(el("section", { class: "card", id: "import-progress" }, el("h2", {}, "Import"), bar, text));
  for (let report = first; ; report = await site.session.call("GET", `${PATH}/${first.id}`)) {
    bar.max = Math.max(1, report.progress.total);
    bar.value = report.progress.done;
    if (report.state === "done") {
      bar.value = bar.max;
      const { done, total, minutes } = report.details;
      text.textContent = `Imported. ${total ? `Covers and prices: ${done} of ${total}${minutes ? `, about ${minutes} minutes` : ""}.` : ""}`;
      await site.sync.now();
      place.firstChild.append(el("a", { class: "button", href: "#/" }, "See the records"));
      return;
    }
    text.textContent = `${report.progress.done} of ${report.progress.total} parts are written.`;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (signal.aborted) return;
  }
}
