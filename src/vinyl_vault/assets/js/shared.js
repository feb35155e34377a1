// A shared collection: read-only, for anyone with the link, without an account. The token is in the hash.
import { button, el, field, select } from "./dom.js";
import { coverOf } from "./views/cover.js";
import { read } from "./session.js";

const LIMIT = 100;
const PAUSE_MS = 250;
const main = document.getElementById("main");
const state = { q: "", status: "owned", genre: "", next: null, asked: 0 };

const list = el("ul", { class: "shared", "aria-label": "Records" });
const count = el("p", { class: "dim", id: "count", role: "status" });
const problem = el("p", { class: "problem", role: "alert", hidden: true });
const more = button("Show more", () => load(state.next), { class: "quiet", hidden: true });
const heading = el("h1", {}, "A record collection");
let timer = 0;

function token() { return location.hash.slice(1); }

// Drops an answer if a later query has been sent.
async function load(after) {
  const asked = state.asked += 1;
  const query = new URLSearchParams({ status: state.status, limit: LIMIT, ...(state.q.trim() ? { q: state.q } : {}), ...(after ? { after } : {}) });
  problem.hidden = true;
  try {
    const answer = await fetch(`/api/shared/${encodeURIComponent(token())}?${query}`);
    if (answer.status === 404) return nowhere();
    const found = await read(answer);
    if (asked === state.asked) show(found, !after);
  } catch (fault) {
    problem.textContent = fault instanceof TypeError ? "There is no connection to the server right now." : fault.message;
    problem.hidden = false;
  }
}

function show({ name, records, next, total }, isFirst) {
  heading.textContent = name;
  document.title = `${name} – Vinyl Vault`;
  count.textContent = total === 1 ? "1 record" : `${total.toLocaleString()} records`;
  if (isFirst) list.replaceChildren();
  list.append(...records.map(row));
  state.next = next;
  more.hidden = !next;
}

function row(record) {
  const about = [record.year, record.label, record.catalogue_number, record.format, record.country].filter(Boolean).join(" · ");
  const grades = [["Media", record.media_condition], ["Sleeve", record.sleeve_condition]].filter(([, grade]) => grade).map(([name, grade]) => `${name}: ${grade}`);
  return el("li", { class: "record" }, coverOf(record),
    el("span", { class: "names" }, el("strong", {}, record.album || "Untitled"), el("span", {}, record.artist || "Unknown artist"), el("small", {}, about)),
    el("small", { class: "grades dim" }, grades.join(", ")));
}

function nowhere() {
  document.title = "Nothing here – Vinyl Vault";
  main.replaceChildren(el("h1", {}, "This link leads nowhere"), el("p", {}, "It was revoked, or something of it is missing."), el("p", {}, el("a", { href: "/" }, "Vinyl Vault")));
}

function start() {
  if (!token()) return nowhere();
  const later = (event) => {
    state.q = event.target.value;
    clearTimeout(timer);
    timer = setTimeout(() => load(null), PAUSE_MS);
  };
  const choose = (event) => { state.status = event.target.value; load(null); };
  main.replaceChildren(heading,
    el("search", { class: "tools two" }, field("Search", el("input", { type: "search", maxlength: 200, oninput: later })),
      field("List", select([["owned", "Collection"], ["wanted", "Wantlist"]], "owned", { onchange: choose }))),
    count, problem, list, el("div", { class: "row" }, more));
  return load(null);
}

addEventListener("hashchange", start); // another link in the same tab
await start();
document.body.dataset.ready = "yes";
