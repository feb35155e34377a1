// The service worker: caches the files of the site for offline use. It never caches answers of the API.
importScripts("shell.js"); // self.SHELL: the files, and a version that changes with them
const CACHE = `shell-${self.SHELL.version}`;
const COVERS = "covers";
const MOST_COVERS = 2000;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (self.SHELL.files.includes(url.pathname)) event.respondWith(shell(event.request, url.pathname));
  else if (url.pathname.startsWith("/cache/images/")) event.respondWith(cover(event.request));
});
self.addEventListener("sync", (event) => {
  if (event.tag === "outbox") event.waitUntil(wake());
});

async function install() {
  const cache = await caches.open(CACHE);
  await Promise.all(self.SHELL.files.map(async (path) => {
    const accept = path === "/" ? "text/html" : "*/*"; // "/" returns JSON to programs
    const answer = await fetch(path, { cache: "reload", headers: { accept } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    await cache.put(path, answer);
  }));
  await self.skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) if (name.startsWith("shell-") && name !== CACHE) await caches.delete(name);
  await self.clients.claim();
}

async function shell(request, path) {
  if (path === "/" && request.mode !== "navigate") return fetch(request); // the index of the API
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}

async function cover(request) {
  const cache = await caches.open(COVERS);
  const known = await cache.match(request.url);
  if (known) return known;
  const answer = await fetch(request);
  if (answer.status === 200) {
    await cache.put(request.url, answer.clone());
    const keys = await cache.keys();
    if (keys.length > MOST_COVERS) await cache.delete(keys[0]);
  }
  return answer;
}

// The browser is online again: open tabs send their pending changes.
async function wake() {
  for (const client of await self.clients.matchAll({ type: "window" })) client.postMessage("sync");
}
