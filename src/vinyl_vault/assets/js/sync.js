// Exchanges changes with the server: one tab at a time; an unanswered push is repeated unchanged.
import { freeze, pullBody, take, thaw, waiting } from "./outbox.js";
import { Away, Ended, Refused, read } from "./session.js";

const PATH = "/api/collection/sync";
const EVERY_MS = 60_000;
const SOON_MS = 400;
const SHOW_MS = 2000;
const LONGEST_PAUSE_MS = 120_000;

export class Sync extends EventTarget {
  constructor(store, session, changed) {
    super();
    Object.assign(this, { store, session, changed });
    this.fault = "";
    this.failures = 0;
    this.timer = 0;
    this.lastAt = 0;
    this.count = 0;
    this.isStopped = false;
    this.stops = new AbortController();
    const { signal } = this.stops;
    addEventListener("online", () => this.soon(0), { signal });
    addEventListener("offline", () => this.tell(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden || this.soon(0), { signal });
    navigator.serviceWorker?.addEventListener("message", ({ data }) => data === "sync" && this.soon(0), { signal });
    session.addEventListener("state", () => { this.tell(); if (!session.hasEnded) this.soon(0); }, { signal });
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.stops.abort();
  }

  soon(delay = SOON_MS) {
    if (this.isStopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now().catch(() => {}), delay);
  }

  // Counts pending changes, and notifies listeners.
  async tell() {
    if (this.isStopped) return;
    this.count = (await waiting(this.store)).count;
    this.dispatchEvent(new Event("status"));
  }

  // Sends all pending changes and gets all new ones; throws if that failed.
  async now() {
    if (this.isStopped) return;
    let pause = EVERY_MS;
    this.isRunning = true;
    try {
      await navigator.locks.request(`vinyl-vault-sync-${this.store.userId}`, () => this.exchange());
      this.fault = "";
      this.failures = 0;
      this.lastAt = Date.now();
    } catch (fault) {
      this.failures += 1;
      this.fault = fault instanceof Away || fault instanceof Ended ? "" : fault.message;
      const growing = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** this.failures * (0.5 + Math.random()));
      pause = Math.max(growing, 1000 * (fault.retryAfter ?? 0));
      throw fault;
    } finally {
      this.isRunning = false;
      if (!this.isStopped) {
        await this.tell();
        if (!this.session.hasEnded) this.soon(pause);
      }
    }
  }

  async exchange() {
    await this.dismissals();
    let changed = new Set();
    let shownAt = 0;
    const show = () => {
      shownAt = Date.now();
      if (!changed || changed.size) this.changed(changed);
      changed = new Set();
    };
    try {
      for (let more = true; more;) {
        const frozen = await freeze(this.store);
        const answer = await this.send(frozen ? frozen.body : await pullBody(this.store));
        if (!answer) continue; // the push must be rebuilt
        const ids = await take(this.store, answer, frozen?.edits ?? {});
        changed = ids && changed && new Set([...changed, ...ids]);
        more = answer.more || (await waiting(this.store)).count > 0;
        if (Date.now() - shownAt > SHOW_MS) show(); // render only some of many pages
      }
    } finally {
      show();
    }
    await this.conflicts();
  }

  // Returns the answer of a push; null if it must be rebuilt.
  async send(body) {
    try {
      const options = { method: "POST", headers: { "content-type": "application/json" }, body };
      return await read(await this.session.fetch(PATH, options));
    } catch (fault) {
      if (!(fault instanceof Refused)) throw fault;
      if (fault.status === 409) await thaw(this.store, { newClient: true });
      else if (fault.status === 413 && (await freeze(this.store))) await thaw(this.store, { smaller: true });
      else {
        // The server rejects these bytes, so repeating them is useless; a newer version of this site may build a valid push.
        if ([400, 422].includes(fault.status)) await thaw(this.store, {});
        throw fault;
      }
      return null;
    }
  }

  // Sends the ids of conflicts dismissed on this device.
  async dismissals() {
    const rows = (await this.store.read((tx) => tx.all("conflicts"))).filter((one) => one.dismissed);
    for (const { id } of rows) {
      const answer = await this.session.fetch(`/api/conflicts/${encodeURIComponent(id)}`, { method: "DELETE" });
      if (answer.ok || answer.status === 404) await this.store.write(async (tx) => tx.remove("conflicts", id));
    }
  }

  // Gets the conflicts not dismissed on any device.
  async conflicts() {
    const { conflicts } = await this.session.call("GET", "/api/conflicts?limit=200");
    await this.store.write(async (tx) => {
      const gone = new Set((await tx.all("conflicts")).filter((one) => one.dismissed).map((one) => one.id));
      tx.clear("conflicts");
      for (const one of conflicts) tx.put("conflicts", { ...one, dismissed: gone.has(one.id) });
    });
  }
}
