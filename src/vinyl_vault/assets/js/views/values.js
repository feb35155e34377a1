// The value over time, one chart per currency: the server records it every night; the last answer is cached.
import { lineChart } from "../charts.js";
import { el } from "../dom.js";
import { money } from "../fields.js";

const PATH = "/api/stats/values?days=365";

export function values(site, signal) {
  const place = el("section", { class: "values" });
  const show = (rows, note) => signal.aborted || place.replaceChildren(el("h2", {}, "Value over time"), ...drawn(rows), note && el("p", { class: "dim" }, note));
  const load = async () => {
    const { store } = site;
    const kept = await store.read((tx) => tx.get("meta", "values"));
    if (kept) show(kept, "");
    try {
      const rows = await site.session.call("GET", PATH);
      await store.write(async (tx) => tx.put("meta", rows, "values"));
      show(rows, "");
    } catch (fault) {
      show(kept ?? [], kept ? "As it was seen last: there is no connection to the server right now." : fault.message);
    }
  };
  load().catch(() => {}); // the database was closed
  return place;
}

function drawn(rows) {
  if (!rows.length) return [el("p", { class: "empty" }, "The value is noted each night, as soon as records have a market value.")];
  const currencies = [...new Set(rows.map((one) => one.currency))];
  return [el("div", { class: "charts" }, currencies.map((currency) => {
    const days = rows.filter((one) => one.currency === currency);
    return lineChart(`Value in ${currency}`, days.map(({ day, amount, records }) => ({ day, amount, records, text: money({ amount, currency }) })));
  }))];
}
