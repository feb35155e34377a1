// The records as displayed on this device: synced ones with pending edits. Views read them and subscribe to changes.
import { screen } from "./edits.js";
import * as outbox from "./outbox.js";

const FEW = 300;
const collator = new Intl.Collator(undefined, { sensitivity: "base", numeric: true });
const ORDERS = {
  artist: (a, b) => collator.compare(a.artist ?? "", b.artist ?? "") || collator.compare(a.album ?? "", b.album ?? ""),
  album: (a, b) => collator.compare(a.album ?? "", b.album ?? ""),
  year: (a, b) => (a.year ?? 9999) - (b.year ?? 9999) || ORDERS.artist(a, b),
  newest: (a, b) => (b.created_at ?? "9").localeCompare(a.created_at ?? "9") || ORDERS.artist(a, b),
  rating: (a, b) => (b.rating ?? 0) - (a.rating ?? 0) || ORDERS.artist(a, b),
};

export class Model extends EventTarget {
  constructor(store, channel) {
    super();
    Object.assign(this, { store, channel, records: new Map(), unsent: new Set(), lists: new Map() });
    this.due = undefined;
    this.onchange = () => {};
  }

  // Notifies views, here and in other tabs, of changed records; null means all.
  changed(ids) {
    const list = ids === null ? null : [...ids];
    this.channel.post("changed", { userId: this.store.userId, ids: list });
    return this.load(list);
  }

  // Reloads records, null for all; requests during a reload are combined.
  load(ids = null) {
    this.due = ids === null || this.due === null ? null : new Set([...(this.due ?? []), ...ids]);
    this.reading ??= this.readDue().finally(() => { this.reading = undefined; });
    return this.reading;
  }

  async readDue() {
    await null;
    while (this.due !== undefined) {
      const ids = this.due && [...this.due];
      this.due = undefined;
      await this.read(ids).catch(() => {}); // the database was closed
    }
  }

  async read(ids) {
    if (ids && !ids.length) return;
    const isAll = ids === null || ids.length > FEW;
    await this.store.read(async (tx) => {
      const frozen = (await tx.get("meta", "frozen"))?.edits ?? {};
      const edits = new Map((await tx.all("edits")).map((one) => [one.id, one]));
      this.unsent = new Set([...Object.keys(frozen), ...edits.keys()]);
      const known = isAll ? new Map((await tx.all("records")).map((one) => [one.id, one])) : new Map();
      if (isAll) this.records = new Map();
      else for (const id of ids) known.set(id, await tx.get("records", id));
      for (const id of isAll ? new Set([...known.keys(), ...this.unsent]) : ids) {
        const shown = screen(known.get(id), frozen[id], edits.get(id));
        if (shown) this.records.set(id, shown);
        else this.records.delete(id);
      }
    });
    this.lists.clear();
    this.dispatchEvent(new Event("change"));
  }

  async edit(id, fields) {
    if (!Object.keys(fields).length) return;
    await outbox.edit(this.store, id, fields);
    await this.changed([id]);
    this.onchange();
  }

  async remove(id) {
    await outbox.remove(this.store, id);
    await this.changed([id]);
    this.onchange();
  }

  async add(fields) {
    const id = crypto.randomUUID();
    await this.edit(id, fields);
    return id;
  }

  get(id) { return this.records.get(id); }

  all(order = "artist") {
    if (!this.lists.has(order)) this.lists.set(order, [...this.records.values()].sort(ORDERS[order] ?? ORDERS.artist));
    return this.lists.get(order);
  }

  find({ q = "", status = "", genre = "", order = "artist" }) {
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const genres = genre.toLowerCase();
    return this.all(order).filter((one) => (!status || (one.status ?? "owned") === status)
      && (!genres || (one.genre ?? []).some((name) => name.toLowerCase() === genres))
      && (!words.length || words.every((word) => searched(one).includes(word))));
  }
}

const SEARCHED = ["artist", "album", "label", "catalogue_number", "barcode", "notes", "colour", "folder", "shelf", "year"];
const texts = new WeakMap();
function searched(record) {
  if (!texts.has(record)) {
    const parts = [...SEARCHED.map((name) => record[name] ?? ""), ...(record.tags ?? []), ...(record.genre ?? [])];
    texts.set(record, parts.join("\n").toLowerCase());
  }
  return texts.get(record);
}
