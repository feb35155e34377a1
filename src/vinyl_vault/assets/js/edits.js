// The rules of the outbox, without a database: edits of a record, its displayed state, and the contents of a push.

// Pending edits of one record; `rev` is the lowest revision seen at the time of an edit.
export const newEdits = (id, rev) => ({ id, rev, fields: {}, deleted: false });

// The revision of a record seen by the user: a pending push hides newer values.
export function seenRev(known, frozen) {
  const rev = known?.rev ?? 0;
  return frozen ? Math.min(rev, frozen.rev) : rev;
}

// Adds fields to edits; tags as additions and removals.
export function addFields(edits, fields) {
  const merged = { ...edits.fields };
  for (const [name, value] of Object.entries(fields)) {
    merged[name] = name === "tags" && merged.tags ? joinedTags(merged.tags, value) : value;
  }
  return { ...edits, fields: merged, deleted: false };
}

export const asDeletion = (edits) => ({ ...edits, fields: {}, deleted: true });

function joinedTags(before, after) {
  const add = new Set([...before.add.filter((tag) => !after.remove.includes(tag)), ...after.add]);
  const remove = new Set([...before.remove.filter((tag) => !after.add.includes(tag)), ...after.remove]);
  return { add: [...add], remove: [...remove] };
}

// A record with edits applied; null if they delete it.
export function overlaid(record, edits) {
  if (!edits) return record ?? null;
  if (edits.deleted) return null;
  const shown = { ...(record ?? { id: edits.id, rev: 0 }), ...edits.fields };
  if (edits.fields.tags) {
    const { add, remove } = edits.fields.tags;
    const kept = (record?.tags ?? []).filter((tag) => !remove.includes(tag));
    shown.tags = [...new Set([...kept, ...add])].sort();
  }
  return shown;
}

// A record as displayed: the synced fields, then those of the pending push, then the pending edits.
export function screen(known, frozen, edits) {
  return overlaid(overlaid(known, frozen), edits);
}

// Merges edits returned from a push with later ones, which take precedence.
export function joined(earlier, later) {
  if (!later) return earlier;
  if (later.deleted) return later;
  const rev = Math.min(earlier.rev, later.rev);
  if (earlier.deleted) return { ...later, rev };
  return { ...addFields(earlier, later.fields), rev };
}

// The fields that differ between a record and a form; tags as additions and removals.
export function difference(before, after) {
  const fields = {};
  for (const [name, value] of Object.entries(after)) {
    const old = before?.[name] ?? (Array.isArray(value) ? [] : null);
    if (JSON.stringify(old) === JSON.stringify(value)) continue;
    if (name !== "tags") { fields[name] = value; continue; }
    fields.tags = { add: value.filter((tag) => !old.includes(tag)), remove: old.filter((tag) => !value.includes(tag)) };
  }
  return fields;
}

export function pushRows(edits) {
  return {
    albums: edits.filter((one) => !one.deleted).map(({ id, rev, fields }) => ({ id, rev, set: fields })),
    deleted_ids: edits.filter((one) => one.deleted).map(({ id, rev }) => ({ id, rev })),
  };
}
