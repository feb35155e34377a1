// The site: opens the user's database, renders the page of the address, and shows the number of unsynced changes.
import { Channel } from "./channel.js";
import { button, el, say } from "./dom.js";
import { leaveFor, sessionEnded } from "./leaving.js";
import { Model } from "./model.js";
import { reopen } from "./outbox.js";
import { Session } from "./session.js";
import { Store } from "./store.js";
import { Sync } from "./sync.js";
import { account } from "./views/account.js";
import { add } from "./views/add.js";
import { album, editing } from "./views/album.js";
import { chat, chatIsThere } from "./views/chat.js";
import { collection } from "./views/collection.js";
import { genres } from "./views/genres.js";
import { importing } from "./views/importing.js";
import { login, register, resetting } from "./views/login.js";
import { shares } from "./views/shares.js";
import { statistics } from "./views/statistics.js";
import { syncing } from "./views/syncing.js";
import { trash } from "./views/trash.js";

const PAGES = {
  "": collection, album, edit: editing, add, genres, stats: statistics, chat, account, sync: syncing, import: importing,
  shares, trash,
};
const OUTSIDE = { login, register, forgot: resetting };
const NAV = [["", "Records"], ["add", "Add"], ["genres", "Genres"], ["stats", "Statistics"], ["chat", "Chat"], ["account", "Account"]];

const channel = new Channel();
const site = { channel, session: new Session(channel), store: null, model: null, sync: null, hasChat: false, filter: {}, scroll: 0 };
site.go = (hash) => { if (location.hash === hash) draw(); else location.hash = hash; };
// The page is not rendered again, as the user may be typing in it.
site.showChat = (hasChat) => {
  site.hasChat = hasChat;
  marked(here);
};
site.enter = async (tokens, email) => {
  const before = site.session.user?.id;
  site.session.enter(tokens, email);
  channel.post("user", { userId: tokens.user_id });
  if (before !== tokens.user_id || !site.store) await open();
  site.go("#/");
};
// Closes the user's database, and deletes it if it is no longer needed.
site.close = async (isRemoved) => {
  const { store } = site;
  site.sync?.stop();
  site.session.leave();
  Object.assign(site, { store: null, model: null, sync: null, hasChat: false, filter: {} });
  if (isRemoved) await store?.remove();
  else store?.close();
  site.go("#/login");
};

const main = document.getElementById("main");
let stop = new AbortController();
let isFirst = true;
let here = null;

async function draw() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  const isOutside = !site.store || name in OUTSIDE;
  const page = isOutside ? OUTSIDE[name] ?? login : PAGES[name] ?? collection;
  stop.abort();
  stop = new AbortController();
  const { title, node, after } = page(site, { id: decoded(rest.join("/")), query: new URLSearchParams(query), signal: stop.signal });
  document.title = `${title} – Vinyl Vault`;
  main.replaceChildren(node);
  document.body.classList.toggle("outside", isOutside);
  here = isOutside ? null : name;
  marked(here);
  if (!isFirst) main.focus({ preventScroll: true });
  if (!isFirst) scrollTo(0, 0);
  isFirst = false;
  after?.();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not an address of this site
  }
}

function marked(name) {
  const current = { album: "", edit: "", import: "account", shares: "account", trash: "", sync: null }[name] ?? name;
  const shown = NAV.filter(([key]) => key !== "chat" || site.hasChat);
  document.getElementById("nav").replaceChildren(...shown.map(([key, text]) =>
    el("a", { href: `#/${key}`, "data-page": key, "aria-current": key === current && "page" }, text)));
}

async function open() {
  site.sync?.stop();
  site.store?.close();
  const { store, model, sync } = await opened(site.session.user.id);
  Object.assign(site, { store, model, sync });
  model.onchange = () => { sync.soon(); offline(); };
  model.addEventListener("change", () => sync.tell());
  sync.addEventListener("status", status);
  sync.addEventListener("status", () => sync.count && wish());
  await model.load();
  sync.soon(0);
  findChat();
}

function findChat() {
  if (site.store && !site.hasChat) chatIsThere(site).then(site.showChat);
}

async function opened(userId) {
  const store = await Store.open(userId);
  await reopen(store);
  const model = new Model(store, channel);
  return { store, model, sync: new Sync(store, site.session, (ids) => model.changed(ids)) };
}

function offline() {
  if (!navigator.onLine) say("Stored on this device; it is sent when there is a network.");
}

// Asks the browser for a background sync when it is online again, and for persistent storage.
async function wish() {
  navigator.storage?.persist?.().catch(() => {});
  const registration = await navigator.serviceWorker?.getRegistration();
  await registration?.sync?.register("outbox").catch(() => {});
}

async function status() {
  const { sync, session, store } = site;
  if (!store) return;
  const [conflicts, rejections] = await store.read(async (tx) => [await tx.all("conflicts"), await tx.all("rejections")]);
  if (sync !== site.sync) return;
  const open = conflicts.filter((one) => !one.dismissed).length + rejections.length;
  const place = document.getElementById("sync-status");
  const parts = [];
  if (sync.count) parts.push(`${sync.count} not synced`);
  if (open) parts.push(`${open} to look at`);
  if (!parts.length) parts.push(session.hasEnded ? "Logged out" : navigator.onLine && !sync.failures ? "Synced" : "Offline");
  document.getElementById("sync-text").textContent = parts.join(", ");
  place.dataset.kind = open ? "warn" : sync.count ? "waits" : "good";
  banner();
}

function banner() {
  const box = document.getElementById("banner");
  box.hidden = !site.session.hasEnded || !site.store;
  if (box.hidden || box.firstChild) return box.hidden && box.replaceChildren();
  box.replaceChildren(el("p", {}, "Your session has ended. You can go on here; to sync, log in again."),
    el("a", { class: "button", href: "#/login" }, "Log in"), button("Leave this device", () => leaveFor(site), { class: "quiet" }));
}

site.session.addEventListener("state", async () => {
  banner();
  if (site.session.hasEnded && site.store) await sessionEnded(site);
});
channel.on("changed", ({ userId, ids }) => userId === site.store?.userId && site.model.load(ids).then(() => site.sync?.tell()));
channel.on("user", ({ userId }) => userId !== site.session.user?.id && location.reload());
channel.on("left", ({ userId }) => userId === site.store?.userId && site.close(false));
addEventListener("online", findChat); // the page may have been opened offline
addEventListener("hashchange", draw);
document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });

if (site.session.user) await open();
await draw();
navigator.serviceWorker?.register("sw.js").catch(() => {});
document.body.dataset.ready = "yes";
