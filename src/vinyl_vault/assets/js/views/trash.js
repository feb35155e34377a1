// The trash: records deleted in the last 30 days, which can be restored.
import { button, el, say } from "../dom.js";
import { instant, title } from "../fields.js";
import { coverOf } from "./cover.js";

const DAYS = 30;
const DAY_MS = 86_400_000;

export function trash(site) {
  const list = el("ul", { class: "sessions", id: "trash-list" });
  const state = el("p", { class: "dim", role: "status" }, "Looking …");
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const more = button("Show more", () => run(() => load(next)), { class: "quiet", hidden: true });
  let next = null;
  const run = async (work) => {
    problem.hidden = true;
    try {
      await work();
    } catch (fault) {
      state.textContent = "";
      problem.textContent = fault.message;
      problem.hidden = false;
    }
  };
  const load = async (after) => {
    const found = await page(site, after);
    next = found.next;
    list.append(...found.records.map((record) => item(site, record, run, counted)));
    more.hidden = !next;
    counted();
  };
  const counted = () => { state.textContent = list.children.length || next ? `What was deleted in the last ${DAYS} days can be brought back.` : "The trash is empty."; };
  run(async () => {
    await site.sync.now().catch(() => {}); // include records that were just deleted here
    await load(null);
  });
  return { title: "Trash", node: el("div", {}, el("p", {}, el("a", { href: "#/" }, "← Records")), el("h1", {}, "Trash"), state, problem, list, el("div", { class: "row" }, more)) };
}

// A page of restorable records: the server also lists older deletions.
async function page(site, after) {
  for (let from = after; ;) {
    const query = new URLSearchParams({ deleted: "true", limit: "200", ...(from ? { after: from } : {}) });
    const { records, next } = await site.session.call("GET", `/api/collection?${query}`);
    const found = records.filter((one) => daysLeft(one) > 0);
    if (found.length || !next) return { records: found, next };
    from = next;
  }
}

const daysLeft = (record) => Math.ceil(DAYS - (Date.now() - instant(record.deleted_at)) / DAY_MS);

function item(site, record, run, counted) {
  const left = daysLeft(record);
  const restore = button("Bring back", () => run(async () => {
    restore.disabled = true;
    try {
      await site.session.call("POST", `/api/collection/${encodeURIComponent(record.id)}/restore`);
    } finally {
      restore.disabled = false;
    }
    row.remove();
    counted();
    say(`${title(record)} is back.`);
    await site.sync.now().catch(() => {}); // it comes with the next sync
  }), { class: "quiet", "aria-label": `Bring back ${title(record)}` });
  const row = el("li", {}, coverOf(record), el("span", { class: "grow" }, el("strong", {}, record.album || "Untitled"), el("br"), record.artist || "Unknown artist"),
    el("small", { class: "dim" }, left === 1 ? "1 day left" : `${left} days left`), restore);
  return row;
}
