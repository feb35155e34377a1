// Statistics by the rules of /api/stats: only owned and unsold records, and no sums across currencies.
import { isSold } from "./fields.js";

export const isOwned = (record) => (record.status ?? "owned") === "owned" && !isSold(record);

// Groups of records by name, the largest first; records without a name are in the group null.
export function counted(records, namesOf) {
  const groups = new Map();
  for (const record of records) {
    const names = namesOf(record);
    for (const name of names.length ? names : [null]) {
      const key = typeof name === "string" ? name.toLowerCase() : name;
      const group = groups.get(key) ?? { name, records: 0, value: new Map() };
      group.records += 1;
      plus(group.value, record.market_value);
      groups.set(key, group);
    }
  }
  return [...groups.values()].sort((a, b) => b.records - a.records || String(a.name ?? "").localeCompare(String(b.name ?? "")));
}

function plus(sums, money) {
  if (money) sums.set(money.currency, (sums.get(money.currency) ?? 0) + money.amount);
}

export function summed(records, name) {
  const sums = new Map();
  for (const record of records) plus(sums, record[name]);
  return [...sums].map(([currency, amount]) => ({ currency, amount }));
}
