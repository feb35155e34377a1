// The database of one user on this device. Each operation of the outbox is one transaction, so tabs can share it.
const STORES = ["records", "edits", "meta", "conflicts", "rejections"];
const PREFIX = "vinyl-vault-";

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

export class Store {
  constructor(db, userId) {
    this.db = db;
    this.userId = userId;
  }

  static async open(userId) {
    const request = indexedDB.open(PREFIX + userId, 1);
    request.onupgradeneeded = () => {
      const db = request.result;
      for (const name of ["records", "edits", "conflicts"]) db.createObjectStore(name, { keyPath: "id" });
      db.createObjectStore("meta");
      db.createObjectStore("rejections", { keyPath: "n", autoIncrement: true });
    };
    const db = await done(request);
    db.onversionchange = () => db.close(); // another tab deletes it
    return new Store(db, userId);
  }

  // Runs `work(tx)` in one transaction; tx has get, all, put, remove and clear, by the store's name.
  async run(mode, work) {
    const transaction = this.db.transaction(STORES, mode);
    const finished = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error ?? new Error("the change was not stored"));
    });
    let result;
    try {
      result = await work(new Tx(transaction));
    } catch (fault) {
      finished.catch(() => {});
      try { transaction.abort(); } catch { /* it has ended already */ }
      throw fault;
    }
    await finished;
    return result;
  }

  read(work) { return this.run("readonly", work); }
  write(work) { return this.run("readwrite", work); }

  close() { this.db.close(); }

  async remove() {
    this.close();
    await done(indexedDB.deleteDatabase(PREFIX + this.userId));
  }
}

class Tx {
  constructor(transaction) { this.transaction = transaction; }
  at(name) { return this.transaction.objectStore(name); }
  get(name, key) { return done(this.at(name).get(key)); }
  all(name) { return done(this.at(name).getAll()); }
  count(name) { return done(this.at(name).count()); }
  put(name, value, key) { this.at(name).put(value, key); }
  remove(name, key) { this.at(name).delete(key); }
  clear(name) { this.at(name).clear(); }
}
