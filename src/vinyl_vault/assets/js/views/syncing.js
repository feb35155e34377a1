// Unsynced changes, rejected changes, and conflicts until they are dismissed.
import { ask, button, el } from "../dom.js";
import { asText, fieldName, title } from "../fields.js";
import { exportUnsent } from "../leaving.js";
import { waiting } from "../outbox.js";

const CODES = {
  invalid: "has a value that the server does not take", unknown_field: "has a field that the server does not know",
  missing: "needs an artist or an album", too_many: "has too many values", too_long: "is too long", full: "does not fit: the collection is full",
  conflicts_full: "was changed by another device as well, and there are too many conflicts: dismiss some, then change it again", gone: "was removed for good meanwhile",
};

export function syncing(site, { signal }) {
  const place = el("div", {});
  const show = async () => { if (site.store) place.replaceChildren(...await drawn(site, show)); };
  site.sync.addEventListener("status", show, { signal });
  show();
  return { title: "Sync", node: el("div", {}, el("h1", {}, "Sync"), place) };
}

async function drawn(site, show) {
  const { store, sync, session, model } = site;
  const [conflicts, rejections] = await store.read(async (tx) => [await tx.all("conflicts"), await tx.all("rejections")]);
  const open = conflicts.filter((one) => !one.dismissed);
  const found = await waiting(store);
  const edits = [...found.frozen.map((one) => [one, true]), ...found.edits.map((one) => [one, false])];
  return [
    el("p", { id: "sync-state" }, state(site)),
    sync.fault && el("p", { class: "problem", role: "alert" }, sync.fault),
    el("div", { class: "row" }, button("Sync now", () => sync.now().catch(() => {}), { disabled: session.hasEnded }),
      found.count > 0 && button("Export what waits", () => exportUnsent(store), { class: "quiet" })),
    open.length > 0 && el("section", { id: "conflicts" }, el("h2", {}, "Conflicts"),
      el("p", { class: "dim" }, "Two devices changed the same. The later change stays; the other one is kept here until you dismiss it."),
      open.length > 1 && el("div", { class: "row" }, button(`Dismiss all ${open.length}`, () => dismissAll(site, open, show), { class: "quiet" })),
      el("ul", { class: "cards" }, open.map((one) => conflict(site, one, show)))),
    rejections.length > 0 && el("section", { id: "rejections" }, el("h2", {}, "Not taken"),
      el("ul", { class: "cards" }, rejections.map((one) => rejection(site, one, show)))),
    el("section", {}, el("h2", {}, "Not synced"),
      edits.length ? el("ul", { class: "cards", id: "unsent" }, edits.map(([one, isSent]) => el("li", { class: "card" },
        el("strong", {}, title(model.get(one.id) ?? one.fields)), el("p", { class: "dim" }, `${one.deleted ? "deleted" : Object.keys(one.fields).map(fieldName).join(", ")}${isSent ? " · waits for an answer" : ""}`))))
        : el("p", { class: "empty" }, "All changes are on the server.")),
  ].filter(Boolean);
}

function state({ sync, session }) {
  if (session.hasEnded) return "Your session has ended: log in to sync.";
  if (!navigator.onLine) return "There is no network. Changes are stored on this device and sent later.";
  if (sync.failures) return "The server is away. Changes are stored on this device and sent later.";
  return sync.lastAt ? `Synced at ${new Date(sync.lastAt).toLocaleTimeString()}.` : "Syncing …";
}

// Dismisses those that are shown, and no other.
async function dismissAll(site, open, show) {
  const text = "Values that lost are removed on all devices.";
  if (await ask(`Dismiss ${open.length} conflicts?`, el("p", {}, text), [["yes", "Dismiss all", "danger"], ["", "Cancel", "quiet"]]) !== "yes") return;
  await site.store.write(async (tx) => open.forEach((one) => tx.put("conflicts", { ...one, dismissed: true })));
  await show();
  await site.sync.tell();
  site.sync.soon(0);
}

function conflict(site, one, show) {
  const dismiss = async () => {
    await site.store.write(async (tx) => tx.put("conflicts", { ...one, dismissed: true }));
    await show();
    await site.sync.tell();
    site.sync.soon(0);
  };
  const take = async () => {
    const record = site.model.get(one.record_id);
    const value = one.field === "tags" ? { add: (one.lost ?? []).filter((tag) => !(record.tags ?? []).includes(tag)), remove: [] } : one.lost;
    const { field } = one;
    await site.model.edit(one.record_id, field.startsWith("extra.") ? { extra: { ...record.extra, [field.slice(6)]: value } } : { [field]: value });
    await dismiss();
  };
  const record = site.model.get(one.record_id);
  const name = record ? title(record) : "A deleted record";
  const text = { field: `${fieldName(one.field)} was changed twice`, delete_refused: "was to be deleted, but had been changed", revived: "was deleted, but changed as well, so it is back" }[one.kind] ?? one.kind;
  return el("li", { class: "card conflict" }, el("strong", {}, name), el("p", {}, text),
    one.kind === "field" && el("dl", { class: "facts" }, el("dt", {}, "Stays"), el("dd", {}, asText(one.field, one.kept)), el("dt", {}, "Other"), el("dd", {}, asText(one.field, one.lost))),
    el("div", { class: "row" }, button("Dismiss", dismiss, { "aria-label": `Dismiss: ${name}, ${text}` }),
      one.kind === "field" && record && button("Use the other", take, { class: "quiet" }),
      record && el("a", { class: "button quiet", href: `#/album/${encodeURIComponent(one.record_id)}` }, "Open")));
}

function rejection(site, one, show) {
  const remove = async () => {
    await site.store.write(async (tx) => tx.remove("rejections", one.n));
    await show();
    await site.sync.tell();
  };
  return el("li", { class: "card" }, el("strong", {}, one.title || title(one.fields)),
    el("p", {}, `${CODES[one.code] ?? one.code}${one.field ? `: ${fieldName(one.field)}` : ""}.`),
    el("dl", { class: "facts" }, Object.entries(one.fields).map(([name, value]) => [el("dt", {}, fieldName(name)), el("dd", {}, asText(name, value))])),
    el("div", { class: "row" }, button("Dismiss", remove)));
}
