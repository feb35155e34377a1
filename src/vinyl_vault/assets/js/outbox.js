// Pending edits: stores the user's changes, freezes them into pushes, and applies answers.
import { addFields, asDeletion, joined, newEdits, overlaid, pushRows, seenRev } from "./edits.js";

const MOST_ROWS = 500;
const MOST_CHARACTERS = 1_000_000;
const SERVER_FIELDS = ["id", "rev", "created_at", "deleted_at", "market_value", "valued_on"];
const FIRST = { seq: 0, cursor: null, more: false, most: MOST_ROWS };

const stateOf = async (tx) => (await tx.get("meta", "state")) ?? { ...FIRST, client_id: `web-${crypto.randomUUID()}` };

async function editsOf(tx, id) {
  if (await tx.get("meta", "closed")) throw new Error("You have logged out in another tab.");
  const frozen = await tx.get("meta", "frozen");
  return (await tx.get("edits", id)) ?? newEdits(id, seenRev(await tx.get("records", id), frozen?.edits[id]));
}

export function edit(store, id, fields) {
  return store.write(async (tx) => tx.put("edits", addFields(await editsOf(tx, id), fields)));
}

export function remove(store, id) {
  return store.write(async (tx) => {
    const edits = await editsOf(tx, id);
    const frozen = await tx.get("meta", "frozen");
    if (!edits.rev && !frozen?.edits[id]) tx.remove("edits", id); // the server does not know the record
    else tx.put("edits", asDeletion(edits));
  });
}

// Closes the outbox if nothing is pending, so that the database can be deleted; returns whether it is closed.
export function closeIfEmpty(store) {
  return store.write(async (tx) => {
    if ((await tx.get("meta", "frozen")) || (await tx.count("edits"))) return false;
    tx.put("meta", true, "closed");
    return true;
  });
}

export const reopen = (store) => store.write(async (tx) => tx.remove("meta", "closed"));

// Returns the unanswered push and the pending edits after it.
export function waiting(store) {
  return store.read(async (tx) => {
    const frozen = await tx.get("meta", "frozen");
    const edits = await tx.all("edits");
    const ids = new Set([...Object.keys(frozen?.edits ?? {}), ...edits.map((one) => one.id)]);
    return { count: ids.size, frozen: Object.values(frozen?.edits ?? {}), edits };
  });
}

// Returns the push to send: the unanswered one, byte for byte, or a new one; null if nothing is pending.
export function freeze(store) {
  return store.write(async (tx) => {
    const frozen = await tx.get("meta", "frozen");
    if (frozen) return frozen;
    const state = await stateOf(tx);
    const chosen = chunk(await tx.all("edits"), state.most);
    if (!chosen.length) {
      tx.put("meta", state, "state");
      return null;
    }
    state.seq += 1;
    const body = JSON.stringify({ ...about(state), seq: state.seq, ...pushRows(chosen) });
    const made = { body, seq: state.seq, edits: Object.fromEntries(chosen.map((one) => [one.id, one])) };
    for (const one of chosen) tx.remove("edits", one.id);
    tx.put("meta", state, "state");
    tx.put("meta", made, "frozen");
    return made;
  });
}

// Returns the body of a request without changes, which need not be frozen.
export async function pullBody(store) {
  const state = await store.read(stateOf);
  return JSON.stringify({ ...about(state), albums: [], deleted_ids: [] });
}

const about = (state) => ({ client_id: state.client_id, schema: 1, last_sync: state.cursor, limit: 500 });

function chunk(edits, most) {
  let characters = 0;
  const end = edits.findIndex((one, n) => (characters += JSON.stringify(one).length) > MOST_CHARACTERS && n > 0);
  return edits.slice(0, Math.min(most, end < 0 ? edits.length : end));
}

// Turns a push that cannot be sent back into edits, to send it as another client or in smaller parts.
export function thaw(store, { newClient = false, smaller = false }) {
  return store.write(async (tx) => {
    const frozen = await tx.get("meta", "frozen");
    const state = await stateOf(tx);
    if (newClient) Object.assign(state, { client_id: `web-${crypto.randomUUID()}`, seq: 0 });
    if (smaller) state.most = Math.max(1, Math.floor(state.most / 2));
    for (const one of Object.values(frozen?.edits ?? {})) tx.put("edits", joined(one, await tx.get("edits", one.id)));
    tx.put("meta", state, "state");
    tx.remove("meta", "frozen");
  });
}

// Applies an answer; returns the ids of changed records, or null for all.
export function take(store, answer, pushed) {
  return store.write(async (tx) => {
    const state = await stateOf(tx);
    const changed = new Set();
    if (answer.reset) await reset(tx, state, answer);
    for (const { id, rev } of answer.applied) await adopt(tx, id, rev, pushed[id], changed);
    const known = await Promise.all(answer.albums.map((record) => tx.get("records", record.id)));
    answer.albums.forEach((record, n) => {
      if (record.rev >= (known[n]?.rev ?? 0)) tx.put("records", record);
      changed.add(record.id);
    });
    for (const id of answer.deleted_ids) {
      tx.remove("records", id);
      changed.add(id);
    }
    for (const fault of answer.rejected) await reject(tx, fault, pushed[fault.id], changed);
    tx.put("meta", { ...state, cursor: answer.last_sync, more: answer.more, most: MOST_ROWS }, "state");
    if (Object.keys(pushed).length) tx.remove("meta", "frozen");
    return answer.reset ? null : changed;
  });
}

// The full state follows: synced records are removed, pending edits stay. Revisions of another epoch are meaningless.
async function reset(tx, state, answer) {
  const applied = await Promise.all(answer.applied.map(({ id }) => tx.get("records", id)));
  tx.clear("records");
  for (const record of applied) if (record) tx.put("records", record); // later pages do not contain these
  const epoch = (cursor) => (cursor ?? "").split(/[-.]/)[0];
  if (epoch(state.cursor) === epoch(answer.last_sync)) return;
  for (const one of await tx.all("edits")) tx.put("edits", { ...one, rev: 0 });
}

// Accepts the server's version of a pushed record; later edits have seen it.
async function adopt(tx, id, rev, pushed, changed) {
  const known = await tx.get("records", id);
  if (!pushed || rev <= (known?.rev ?? 0)) return;
  const later = await tx.get("edits", id);
  if (later && later.rev === pushed.rev) tx.put("edits", { ...later, rev });
  const fields = overlaid(known, pushed);
  if (fields) tx.put("records", { ...fields, rev });
  else tx.remove("records", id);
  changed.add(id);
}

// A rejected row: a purged record is sent again with all fields, others are displayed until dismissed.
async function reject(tx, fault, pushed, changed) {
  changed.add(fault.id);
  const known = await tx.get("records", fault.id);
  if (fault.code === "gone" && known && pushed) {
    const whole = { ...overlaid(known, pushed) };
    for (const name of SERVER_FIELDS) delete whole[name];
    whole.tags = { add: whole.tags ?? [], remove: [] };
    const later = await tx.get("edits", fault.id);
    const edits = joined({ ...newEdits(fault.id, 0), fields: whole }, later);
    tx.remove("records", fault.id);
    tx.put("edits", edits);
    return;
  }
  const title = [known?.artist ?? pushed?.fields.artist, known?.album ?? pushed?.fields.album].filter(Boolean).join(" – ");
  tx.put("rejections", { ...fault, title, fields: pushed?.fields ?? {}, deleted: pushed?.deleted ?? false });
}
