// The site in Chromium: all cases in one browser, one after the other. Prints what became of each as JSON.
//   node site.mjs URL FOLDER_FOR_SCREENSHOTS|"" DATABASE
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { launch } from "../chromium.mjs";

const AXE = new URL("../../node_modules/axe-core/axe.min.js", import.meta.url);
const [url, shots, database] = process.argv.slice(2);
const PASSWORD = "a long enough sentence of mine";
const CSV_HEAD = "Catalog#,Artist,Title,Label,Format,Rating,Released,release_id,CollectionFolder,Date Added,Collection Media Condition,Collection Sleeve Condition,Collection Notes";

const browser = await launch();
const faults = []; // of the console and of scripts, but for requests that are meant to fail
const failed = []; // requests that failed
let account = 0;

async function device(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, locale: "en-GB", acceptDownloads: true, ...options });
  context.setDefaultTimeout(20_000); // the machine may be busy
  const page = await context.newPage();
  watch(page);
  return { context, page };
}

function watch(page) {
  page.on("pageerror", (fault) => faults.push(String(fault)));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const isRequest = /Failed to load resource/.test(message.text());
    (isRequest ? failed : faults).push(`${message.text()} ${message.location().url}`);
  });
}

const check = (isTrue, text) => { if (!isTrue) throw new Error(text); };
const ready = (page) => page.waitForSelector("body[data-ready]");
const status = (page, text) => page.waitForFunction((wanted) => document.getElementById("sync-text").textContent.includes(wanted), text);

async function registered(page) {
  const email = `collector${++account}@example.org`;
  await page.goto(`${url}/#/register`);
  await ready(page);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Register" }).click();
  await page.waitForSelector("#count");
  await status(page, "Synced");
  return email;
}

async function loggedIn(page, email) {
  await page.goto(`${url}/#/login`);
  await ready(page);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForSelector("#count");
  await status(page, "Synced");
}

// A program's request, as another device sends it.
async function sent(method, path, body, token) {
  const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const answer = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
  check(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

async function go(page, hash, selector) {
  await page.evaluate((to) => { location.hash = to; }, hash);
  await page.waitForSelector(selector);
}

async function added(page, artist, album) {
  await go(page, "#/add", ".record-form");
  await page.locator(".record-form [name=artist]").fill(artist);
  await page.locator(".record-form [name=album]").fill(album);
  await page.getByRole("button", { name: "Add the record" }).click();
  await page.waitForSelector(".album h1");
  return page.evaluate(() => location.hash.replace("#/album/", ""));
}

async function changed(page, id, name, value) {
  await go(page, `#/edit/${id}`, ".record-form");
  await page.locator(`.record-form [name=${name}]`).fill(value);
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForSelector(".album h1");
}

async function syncNow(page) {
  await go(page, "#/sync", "#sync-state");
  await page.getByRole("button", { name: "Sync now" }).click();
}

async function shot(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png` });
}

// Runs work in the page with the user's database: what it stores.
const rowsOf = (page, store) => page.evaluate(async (name) => {
  const [{ name: database }] = (await indexedDB.databases()).filter((one) => one.name.startsWith("vinyl-vault-"));
  const open = indexedDB.open(database);
  await new Promise((resolve) => { open.onsuccess = resolve; });
  const all = open.result.transaction(name).objectStore(name).getAll();
  await new Promise((resolve) => { all.onsuccess = resolve; });
  open.result.close();
  return all.result;
}, store);

let first;
let second;
let stranger;
let email;

let axeSource;
// Checks what is shown by all rules of axe, in both schemes.
async function axe(page, name) {
  axeSource ??= await readFile(AXE, "utf8").catch(() => "");
  if (!axeSource) return false;
  if (!(await page.evaluate(() => Boolean(globalThis.axe)))) await page.evaluate(axeSource); // by the debugger, as the policy lets no other script in
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" }); // no colour in between
    const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
    const told = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(", ")}`);
    check(!told.length, `${colorScheme} ${name}: ${told.join("; ")}`);
  }
  return true;
}

const CASES = {
  async registers_and_shows_an_empty_collection() {
    first = await device();
    await first.page.goto(url);
    await ready(first.page);
    check(await first.page.getByRole("heading", { name: "Log in" }).isVisible(), "strangers see the log-in");
    await shot(first.page, "login");
    email = await registered(first.page);
    check(await first.page.getByText("There are no records here yet.").isVisible(), "it is empty");
    const policy = await first.page.evaluate(async () => (await fetch("/", { headers: { accept: "text/html" } })).headers.get("content-security-policy"));
    check(/script-src 'self';/.test(policy) && !/unsafe/.test(policy), `policy ${policy}`);
    const cookie = (await first.context.cookies()).find((one) => one.name.endsWith("refresh"));
    const seen = await first.page.evaluate(() => [document.cookie, JSON.stringify({ ...localStorage })]);
    check(cookie?.httpOnly && !seen.join().includes(cookie.value), "scripts see no refresh token");
    check(await first.page.evaluate(async () => Boolean(await navigator.serviceWorker.ready)), "a service worker is there");
    await first.page.reload();
    await status(first.page, "Synced");
    check(!failed.length, failed.join());
  },

  async opens_and_edits_without_a_network_and_two_browsers_meet() {
    const { page } = first;
    const id = await added(page, "Can", "Tago Mago");
    await status(page, "Synced");
    second = await device();
    await loggedIn(second.page, email);
    await second.page.getByText("Tago Mago").waitFor();
    await first.context.setOffline(true);
    await second.context.setOffline(true);
    await page.goto(url); // from the service worker alone
    await ready(page);
    await page.getByText("Tago Mago").waitFor();
    await changed(page, id, "notes", "plays well");
    await changed(second.page, id, "label", "United Artists");
    await added(second.page, "Neu!", "Neu!");
    await status(page, "1 not synced");
    await status(second.page, "2 not synced");
    await first.context.setOffline(false);
    await second.context.setOffline(false);
    await status(page, "Synced");
    await status(second.page, "Synced");
    await syncNow(page);
    await go(page, `#/album/${id}`, ".album");
    await page.getByText("United Artists").waitFor();
    await syncNow(second.page);
    await go(second.page, `#/album/${id}`, ".album");
    await second.page.getByText("plays well").waitFor();
    await go(page, "#/", "#count");
    await page.getByText("2 records").waitFor();
  },

  async a_conflict_is_shown_on_both_until_somebody_dismisses_it() {
    const { page } = first;
    await page.getByRole("link", { name: /Tago Mago/ }).click();
    await page.waitForSelector(".album");
    const id = await page.evaluate(() => location.hash.replace("#/album/", ""));
    await first.context.setOffline(true);
    await second.context.setOffline(true);
    await changed(page, id, "shelf", "left");
    await changed(second.page, id, "shelf", "right");
    await first.context.setOffline(false);
    await status(page, "Synced");
    await second.context.setOffline(false);
    await status(second.page, "1 to look at");
    await syncNow(page);
    await page.locator("#conflicts .conflict").waitFor();
    const text = await page.locator("#conflicts .conflict").innerText();
    check(/Shelf was changed twice/.test(text) && /left/.test(text) && /right/.test(text), text);
    await shot(page, "conflict");
    await second.page.evaluate(() => { location.hash = "#/sync"; });
    await page.getByRole("button", { name: /^Dismiss/ }).click();
    await page.locator("#conflicts").waitFor({ state: "detached" });
    await status(page, "Synced");
    await second.page.getByRole("button", { name: "Sync now" }).click();
    await status(second.page, "Synced");
    await second.page.locator("#conflicts").waitFor({ state: "detached" }); // it is gone there too
    check((await rowsOf(page, "records")).find((one) => one.id === id).shelf === "right", "the later push stays");
  },

  async all_conflicts_that_are_shown_are_dismissed_at_once() {
    const { page } = first;
    const { id } = (await rowsOf(page, "records")).find((one) => one.album === "Tago Mago");
    for (const one of [first, second]) await one.context.setOffline(true);
    for (const [one, text] of [[page, "mine"], [second.page, "theirs"]]) {
      await changed(one, id, "shelf", `${text} shelf`);
      await changed(one, id, "folder", text);
    }
    await first.context.setOffline(false);
    await status(page, "Synced");
    await second.context.setOffline(false);
    await status(second.page, "2 to look at");
    await go(second.page, "#/sync", "#conflicts .conflict");
    await second.page.getByRole("button", { name: "Dismiss all 2" }).click();
    await second.page.locator("dialog").getByRole("button", { name: "Dismiss all" }).click();
    await second.page.locator("#conflicts").waitFor({ state: "detached" });
    await status(second.page, "Synced");
    await syncNow(page);
    await status(page, "Synced");
    check(!(await page.locator("#conflicts").count()), "they are gone on both");
  },

  async pages_do_not_jump_while_they_load() {
    const { page } = first;
    await page.setViewportSize({ width: 412, height: 823 });
    for (const hash of ["#/", "#/stats", "#/sync"]) {
      await go(page, hash, "main h1");
      await page.reload();
      await ready(page);
      await status(page, "Synced");
      const moved = await page.evaluate(() => new Promise((resolve) => {
        const shifts = new PerformanceObserver((list) => resolve(list.getEntries().reduce((sum, one) => sum + one.value, 0)));
        shifts.observe({ type: "layout-shift", buffered: true });
        setTimeout(() => resolve(0), 200);
      }));
      check(moved < 0.02, `${hash} moves by ${moved}`);
    }
    await page.setViewportSize({ width: 1100, height: 800 });
  },

  async two_tabs_share_one_outbox() {
    const { page, context } = first;
    const tab = await context.newPage();
    watch(tab);
    let pushes = 0;
    context.on("response", (answer) => { pushes += answer.url().endsWith("/sync") && /"set"/.test(answer.request().postData() ?? "") ? 1 : 0; });
    await tab.goto(url);
    await ready(tab);
    await go(page, "#/", "#count");
    await context.setOffline(true);
    await added(tab, "Faust", "Faust IV");
    await page.getByText("Faust IV").waitFor(); // heard of without a network
    await status(page, "1 not synced");
    await status(tab, "1 not synced");
    await context.setOffline(false);
    await status(page, "Synced");
    await status(tab, "Synced");
    check(pushes === 1, `answered ${pushes} times`);
    await tab.close();
  },

  async a_restored_database_resets_the_copy_and_keeps_what_waits() {
    const { page, context } = first;
    await context.setOffline(true);
    const id = (await rowsOf(page, "records")).find((one) => one.album === "Tago Mago").id;
    await changed(page, id, "colour", "green");
    await page.evaluate(async () => { // as after a restore: the server knows nothing of this device's place
      const [{ name }] = (await indexedDB.databases()).filter((one) => one.name.startsWith("vinyl-vault-"));
      const open = indexedDB.open(name);
      await new Promise((resolve) => { open.onsuccess = resolve; });
      const store = open.result.transaction("meta", "readwrite").objectStore("meta");
      const got = store.get("state");
      await new Promise((resolve) => { got.onsuccess = resolve; });
      const put = store.put({ ...got.result, cursor: "0123456789abcdef.1" }, "state");
      await new Promise((resolve) => { put.onsuccess = resolve; });
      open.result.close();
    });
    await context.setOffline(false);
    await status(page, "Synced");
    await go(page, "#/", "#count");
    await page.getByText("3 records").waitFor();
    const record = (await rowsOf(page, "records")).find((one) => one.id === id);
    check(record.colour === "green" && record.notes === "plays well", JSON.stringify(record));
  },

  async a_row_that_the_server_refuses_is_shown_and_blocks_no_other() {
    const { page } = first;
    const id = (await rowsOf(page, "records")).find((one) => one.album === "Tago Mago").id;
    await changed(page, id, "genre", "x".repeat(101));
    await status(page, "1 to look at");
    await changed(page, id, "country", "Germany");
    await page.waitForFunction(() => !/not synced/.test(document.getElementById("sync-text").textContent));
    await go(page, "#/sync", "#rejections");
    check((await page.locator("#rejections").innerText()).includes("x".repeat(101)), "the value is shown");
    await page.locator("#rejections").getByRole("button", { name: "Dismiss" }).click();
    await status(page, "Synced");
    const record = (await rowsOf(page, "records")).find((one) => one.id === id);
    check(record.country === "Germany" && !record.genre.length, "the other edit is taken");
  },

  async text_of_a_record_is_never_markup() {
    const { page } = first;
    const evil = '<img src=x onerror="document.title=1">';
    const id = await added(page, evil, "<script>alert(1)</script>");
    await changed(page, id, "notes", evil);
    check((await page.locator(".notes").innerText()) === evil, "notes are text");
    check((await page.locator("#main img, #main script").count()) === 0, "no element comes from a text");
    await go(page, "#/stats", ".charts");
    check((await page.locator("#main img, #main script").count()) === 0, "nor in a chart");
  },

  async a_search_that_fails_leaves_its_words_in_the_form() {
    const { page } = first;
    await go(page, "#/genres", "h1");
    await go(page, "#/add", ".record-form");
    const search = page.getByRole("search");
    await search.getByLabel("Artist").fill("Popol Vuh");
    await search.getByLabel("Album").fill("Affenstunde");
    await search.getByRole("button", { name: "Search Discogs" }).click(); // nobody is behind its address here
    await search.locator(".problem:not([hidden])").waitFor();
    const words = await page.locator(".record-form").evaluate((form) => [form.artist.value, form.album.value].join());
    check(words === "Popol Vuh,Affenstunde", words);
  },

  async imports_2000_records_and_scrolls_through_them() {
    const { page } = first;
    const genres = ["LP, Album", "7\", Single", "2xLP, Comp"];
    const rows = Array.from({ length: 2000 }, (_, n) => {
      const format = `"${genres[n % 3].replaceAll('"', '""')}"`;
      return `CAT${n},Artist ${String(n % 300).padStart(3, "0")},Album ${String(n).padStart(4, "0")},Label ${n % 40},${format},${n % 6 || ""},${1950 + (n % 70)},${n + 1},Uncategorized,2024-01-01 10:00:00,Near Mint (NM or M-),Very Good Plus (VG+),`;
    });
    await go(page, "#/import", "input[type=file]");
    await page.locator("input[type=file]").setInputFiles({ name: "collection.csv", mimeType: "text/csv", buffer: Buffer.from([CSV_HEAD, ...rows].join("\n")) });
    await page.getByRole("button", { name: "Check the file" }).click();
    await page.locator("#import-report").waitFor();
    check(/New\s+2,000/.test(await page.locator("#import-report").innerText()), "2,000 are new");
    await page.locator("#apply").click();
    await page.getByText("See the records").waitFor({ timeout: 25_000 });
    await page.getByText("See the records").click();
    await page.getByText("2,004 records").waitFor();
    const measured = await page.evaluate(async () => {
      const times = [];
      const most = { rows: 0, blank: 0 };
      let before = performance.now();
      for (let y = 0; y < document.body.scrollHeight; y += 6000) {
        scrollTo(0, y);
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        times.push(now - before);
        before = now;
        most.rows = Math.max(most.rows, document.querySelectorAll(".rows > li").length);
        if (!document.elementFromPoint(500, 400)?.closest(".rows > li")) most.blank += 1;
      }
      times.sort((a, b) => a - b);
      return { ...most, median: times[times.length >> 1], steps: times.length };
    });
    check(measured.rows < 60, `${measured.rows} rows are in the page`);
    check(measured.blank < 2, `${measured.blank} of ${measured.steps} steps were blank`);
    await page.locator(".record").first().focus();
    await page.keyboard.press("End");
    await page.waitForFunction(() => document.activeElement?.closest("li")?.getAttribute("aria-posinset") === "2004");
    await page.keyboard.press("Home");
    await page.waitForFunction(() => document.activeElement?.closest("li")?.getAttribute("aria-posinset") === "1");
    await page.getByLabel("Search your records").fill("artist cat1999");
    await page.getByText("1 of 2,004 records").waitFor();
    return measured;
  },

  async a_large_file_is_sent_in_parts() {
    const { page } = first;
    const notes = "a long note, ".repeat(730);
    const rows = Array.from({ length: 1800 }, (_, n) => `C${n},Artist,"Long ${n}",,,,,,All,,,,"${notes}"`);
    const folder = await mkdtemp(join(tmpdir(), "vinyl-"));
    const file = join(folder, "large.csv");
    await writeFile(file, [CSV_HEAD, ...rows].join("\n"));
    const parts = [];
    const watching = (request) => request.url().includes("/import") && request.method() !== "GET" && parts.push(`${request.method()} ${new URL(request.url()).search}`);
    page.on("request", watching);
    await go(page, "#/import", "input[type=file]");
    await page.locator("input[type=file]").setInputFiles(file);
    await page.getByRole("button", { name: "Check the file" }).click();
    await page.locator("#import-report").waitFor({ timeout: 25_000 });
    check(/New\s+1,800/.test(await page.locator("#import-report").innerText()), "all rows of all parts are read");
    page.off("request", watching);
    check(parts.join() === "POST ?name=large.csv&more=true,PUT ?more=true,PUT ?more=false", parts.join());
    await rm(folder, { recursive: true });
    return {};
  },

  async ten_thousand_records_scroll_with_few_rows_and_little_work() {
    const one = await device();
    const address = await registered(one.page);
    const { access_token } = await sent("POST", "/api/auth/login", { email: address, password: PASSWORD });
    for (let seq = 1; seq <= 20; seq += 1) {
      const albums = Array.from({ length: 500 }, (_, n) => ({ id: `r${seq}-${n}`, rev: 0, set: { artist: `Artist ${(n * 7 + seq) % 900}`, album: `Album ${seq}-${n}`, year: 1950 + n % 70, label: `Label ${n % 50}`, format: "LP, Album", genre: [["Rock", "Jazz", "Soul"][n % 3]] } }));
      await sent("POST", "/api/collection/sync", { client_id: "filler", seq, limit: 1, albums }, access_token);
    }
    const begin = performance.now();
    await syncNow(one.page);
    await go(one.page, "#/", "#count");
    await one.page.getByText("10,000 records").waitFor({ timeout: 60_000 });
    const pulled = Math.round(performance.now() - begin);
    const debug = await one.context.newCDPSession(one.page);
    await debug.send("Performance.enable", { timeDomain: "threadTicks" });
    const work = async () => {
      const { metrics } = await debug.send("Performance.getMetrics");
      const value = (name) => metrics.find((metric) => metric.name === name).value * 1000;
      return value("ScriptDuration") + value("LayoutDuration") + value("RecalcStyleDuration");
    };
    const frames = [];
    let rows = 0;
    let blank = 0;
    for (let step = 0, before = await work(); step < 60; step += 1) {
      const seen = await one.page.evaluate(async (y) => {
        scrollTo(0, y);
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        return [document.querySelectorAll(".rows > li").length, !document.elementFromPoint(500, 400)?.closest(".rows > li")];
      }, step < 50 ? 1000 + step * 500 : step * 11_000); // as a wheel does, then by the bar
      const after = await work();
      frames.push(after - before);
      before = after;
      rows = Math.max(rows, seen[0]);
      blank += Number(seen[1]);
    }
    frames.sort((a, b) => a - b);
    const median = Number(frames[30].toFixed(2));
    check(rows < 60, `${rows} rows are in the page`);
    check(blank < 2, `${blank} steps were blank`);
    check(median < 12, `${median} ms of script and layout in a frame`); // CPU time of the thread: the machine's load is not in it
    await one.context.close();
    return { pulled, rows, blank, median, slowest: Number(frames.at(-1).toFixed(2)) };
  },

  async a_link_shows_the_collection_to_a_stranger_until_it_is_revoked() {
    const { page, context } = first;
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await go(page, "#/shares", "#share-list");
    await page.getByLabel("Name of the link").fill("For friends");
    await page.getByRole("button", { name: "Make a link" }).click();
    const link = await page.getByLabel("New link").inputValue();
    check(link.startsWith(`${url}/shared#`), link);
    await page.getByRole("button", { name: "Copy" }).click();
    await page.getByText("Copied.").waitFor();
    check((await page.evaluate(() => navigator.clipboard.readText())) === link, "it is on the clipboard");
    await shot(page, "shares");
    stranger = await device();
    await stranger.page.goto(link);
    await stranger.page.getByRole("heading", { name: "For friends" }).waitFor();
    await stranger.page.getByText("2,004 records").waitFor();
    await stranger.page.getByLabel("Search").fill("tago");
    await stranger.page.getByText("1 record", { exact: true }).waitFor();
    const text = await stranger.page.locator("main").innerText();
    check(/Tago Mago/.test(text) && !/plays well|right/.test(text), "no notes and no shelf");
    await stranger.page.getByLabel("Search").fill("label");
    await stranger.page.getByText("2,000 records").waitFor();
    await stranger.page.getByRole("button", { name: "Show more" }).click();
    await stranger.page.waitForFunction(() => document.querySelectorAll(".shared li").length === 200);
    await shot(stranger.page, "shared");
    await axe(stranger.page, "shared");
    await page.getByRole("button", { name: "Revoke For friends" }).click();
    await page.locator("dialog [data-choice=yes]").click();
    await page.getByText("There are no links.").waitFor();
    await stranger.page.reload();
    await stranger.page.getByRole("heading", { name: "This link leads nowhere" }).waitFor();
  },

  async a_cover_of_ones_own_is_made_smaller_stored_and_removed() {
    const { page } = first;
    const id = (await rowsOf(page, "records")).find((one) => one.album === "Tago Mago").id;
    await go(page, `#/album/${id}`, ".album h1");
    const picture = await page.evaluate(async () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 3000, height: 1500 });
      canvas.getContext("2d").fillRect(0, 0, 3000, 1500);
      const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
      return [...new Uint8Array(await blob.arrayBuffer())];
    });
    const file = page.getByLabel("Picture of the cover");
    await file.setInputFiles({ name: "not.png", mimeType: "image/png", buffer: Buffer.from("<svg/>") });
    await page.getByText("no picture that can be read").waitFor();
    await file.setInputFiles({ name: "cover.png", mimeType: "image/png", buffer: Buffer.from(picture) });
    const image = page.locator(".album-head img.cover");
    await image.waitFor();
    await page.waitForFunction(() => document.querySelector(".album-head img.cover")?.naturalWidth > 0);
    const size = await image.evaluate((shown) => [shown.naturalWidth, shown.naturalHeight].join());
    check(size === "1200,600", size);
    await shot(page, "cover");
    await page.getByRole("button", { name: "Remove cover" }).click();
    await page.locator(".album-head .sleeve").waitFor();
    await status(page, "Synced");
  },

  async a_deleted_record_comes_back_from_the_trash() {
    const { page } = first;
    const id = (await rowsOf(page, "records")).find((one) => one.album === "Faust IV").id;
    await go(page, `#/album/${id}`, ".album h1");
    await page.getByRole("button", { name: "Delete" }).click();
    await page.locator("dialog [data-choice=yes]").click();
    await page.waitForSelector("#count");
    await go(page, "#/trash", "#trash-list");
    await page.getByText("Faust IV").waitFor();
    await shot(page, "trash");
    await page.getByRole("button", { name: "Bring back Faust – Faust IV" }).click();
    await page.getByText("The trash is empty.").waitFor();
    await go(page, `#/album/${id}`, ".album");
    await page.getByRole("heading", { name: "Faust IV" }).waitFor();
  },

  async the_value_over_time_has_a_chart_for_each_currency_also_without_a_network() {
    const { page, context } = first;
    const days = ["2026-11-01", "2026-11-02", "2026-11-10"];
    const values = days.flatMap((day, n) => [{ day, currency: "EUR", amount: 10_000 + n * 2_500, records: 3 }, { day, currency: "JPY", amount: 9_000 - n * 1000, records: 1 }]);
    await context.route("**/api/stats/values*", (route) => route.fulfill({ json: values }));
    await go(page, "#/stats", ".values figure");
    const captions = await page.locator(".values figcaption").allInnerTexts();
    check(captions.join() === "Value in EUR,Value in JPY", captions.join());
    await page.locator(".values summary").first().click();
    const table = await page.locator(".values table").first().innerText();
    check(/€150\.00/.test(table) && /3/.test(table), table);
    await shot(page, "values");
    await context.unroute("**/api/stats/values*");
    await context.setOffline(true);
    await go(page, "#/genres", "h1");
    await go(page, "#/stats", ".values figure"); // as it was seen last
    check((await page.locator(".values figure").count()) === 2, "the last answer is kept");
    await context.setOffline(false);
  },

  async log_out_with_unsent_edits_asks_and_keeps_them() {
    const { page } = second;
    await syncNow(page);
    await second.context.route("**/api/collection/sync", (route) => route.fulfill({ status: 503, headers: { "retry-after": "60" }, body: "" }));
    await added(page, "Cluster", "Zuckerzeit");
    await go(page, "#/account", "#log-out");
    await page.locator("#log-out").click();
    await page.locator("dialog [data-choice=keep]").waitFor();
    await shot(page, "log-out");
    const download = page.waitForEvent("download");
    await page.locator("dialog [data-choice=export]").click();
    check((await download).suggestedFilename() === "vinyl-vault-not-sent.json", "they can be exported");
    await page.locator("dialog [data-choice=keep]").click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    check((await rowsOf(page, "edits")).length + (await rowsOf(page, "meta")).filter((one) => one.body).length === 1, "the edit stays");
    await second.context.unroute("**/api/collection/sync");
    await loggedIn(page, email);
    await page.getByLabel("Search your records").fill("zuckerzeit");
    await page.locator(".record", { hasText: "Zuckerzeit" }).waitFor();
    await page.locator("#log-out").count();
    await go(page, "#/account", "#log-out");
    await page.locator("#log-out").click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    const left = await page.evaluate(async () => (await indexedDB.databases()).map((one) => one.name));
    check(left.length === 0, `nothing waits, so nothing stays: ${left}`);
    await second.context.close();
  },

  async log_out_with_unsent_edits_can_be_called_off_sent_or_discarded() {
    const one = await device();
    const { page, context } = one;
    const address = await registered(page);
    const choose = async (choice) => page.locator(`dialog [data-choice="${choice}"]`).click();
    const leaving = async (album) => {
      await context.route("**/api/collection/sync", (route) => route.abort());
      await added(page, "Cluster", album);
      await go(page, "#/account", "#log-out");
      await page.locator("#log-out").click();
      await page.locator("dialog").waitFor();
    };
    await leaving("Zuckerzeit");
    await choose("");
    await page.locator("dialog").waitFor({ state: "detached" });
    await status(page, "1 not synced"); // still here, still logged in
    await page.locator("#log-out").click();
    await choose("send"); // without a network: it says so, and nothing is lost
    await page.locator("#main .problem:not([hidden])").waitFor();
    await status(page, "1 not synced");
    await page.locator("#log-out").click();
    await page.locator("dialog").waitFor();
    await context.unroute("**/api/collection/sync");
    await choose("send");
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    check((await page.evaluate(async () => (await indexedDB.databases()).length)) === 0, "what was sent is removed here");
    await loggedIn(page, address);
    await page.getByText("Zuckerzeit").waitFor();
    await leaving("Sowiesoso");
    await choose("discard");
    await choose("no"); // asked twice
    await choose("discard");
    await choose("yes");
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    check((await page.evaluate(async () => (await indexedDB.databases()).length)) === 0, "what was discarded is gone");
    await context.unroute("**/api/collection/sync");
    await loggedIn(page, address);
    await page.getByText("1 record", { exact: true }).waitFor();
    await context.close();
  },

  async a_session_that_ends_with_unsent_edits_sends_them_after_a_log_in() {
    const one = await device();
    const { page, context } = one;
    const address = await registered(page);
    await context.setOffline(true);
    await added(page, "Harmonia", "Musik von Harmonia");
    const { access_token } = await sent("POST", "/api/auth/login", { email: address, password: PASSWORD });
    await sent("DELETE", "/api/auth/sessions", {}, access_token);
    await context.setOffline(false);
    await page.locator("dialog [data-choice=send]").click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    check((await page.getByLabel("E-mail").inputValue()) === address, "the address is there");
    check((await rowsOf(page, "edits")).length + (await rowsOf(page, "meta")).filter((row) => row.body).length === 1, "the edit waits");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.waitForSelector("#count");
    await status(page, "Synced");
    check(await page.locator("#banner").isHidden(), "the session is there again");
    check((await rowsOf(page, "records")).some((record) => record.album === "Musik von Harmonia" && record.rev > 0), "it is on the server");
    await context.close();
  },

  async four_tabs_refresh_at_once_and_none_is_logged_out() {
    const one = await device();
    await registered(one.page);
    const tabs = [one.page, ...await Promise.all([1, 2, 3].map(() => one.context.newPage()))];
    tabs.slice(1).forEach(watch);
    const rotations = new DatabaseSync(database);
    let refreshes = 0;
    await one.context.route("**/api/auth/refresh", async (route) => {
      refreshes += 1;
      const answer = await route.fetch();
      await new Promise((resolve) => { setTimeout(resolve, Math.random() * 150); }); // answers out of order
      await route.fulfill({ response: answer });
    });
    for (const round of ["locked", "free", "free"]) {
      rotations.exec("UPDATE refresh_tokens SET rotated_at = rotated_at - 90, used_at = used_at - 90"); // each round rotates
      if (round === "free") await one.context.addInitScript(() => { // as where no tab waits for another, nor hears of it
        navigator.locks.request = async (_, work) => work();
        globalThis.BroadcastChannel = class { postMessage() {} };
      });
      await Promise.all(tabs.map((tab) => tab.goto(`${url}/?${Math.random()}#/`)));
      await Promise.all(tabs.map((tab) => status(tab, "Synced")));
      for (const tab of tabs) check(await tab.locator("#banner").isHidden(), `${round}: a tab was logged out`);
    }
    const counters = rotations.prepare("SELECT max(counter) AS counter FROM refresh_tokens").get();
    check(counters.counter >= 3, `${counters.counter} rotations`);
    rotations.close();
    check(refreshes >= 9, `${refreshes} refreshes`); // one or more of each locked round, four of each free one
    await one.context.close();
    return { refreshes };
  },

  async an_account_deleted_elsewhere_keeps_unsent_edits() {
    const one = await device();
    const address = await registered(one.page);
    await one.context.setOffline(true);
    const id = await added(one.page, "Harmonia", "Deluxe");
    const { access_token } = await sent("POST", "/api/auth/login", { email: address, password: PASSWORD });
    await sent("DELETE", "/api/auth/me", { password: PASSWORD }, access_token);
    await one.context.setOffline(false);
    await one.page.locator("dialog [data-choice=keep]").waitFor();
    await shot(one.page, "ended");
    await one.page.locator("dialog [data-choice=keep]").click();
    check(await one.page.locator("#banner").isVisible(), "it says that the session has ended");
    await go(one.page, `#/album/${id}`, ".album");
    await one.page.getByRole("heading", { name: "Deluxe" }).waitFor();
    await one.page.reload();
    await ready(one.page);
    await one.page.getByRole("heading", { name: "Deluxe" }).waitFor();
    await one.context.close();
  },

  async chat_streams_an_answer_and_is_hidden_where_it_is_not_set_up() {
    const { page, context } = first;
    check((await page.locator("#nav [data-page=chat]").count()) === 0, "this server has no key for a model");
    const lines = ["event: tool\ndata: {\"name\": \"stats\", \"ok\": true}", "event: token\ndata: {\"text\": \"<b>Three\"}", "event: token\ndata: {\"text\": \" records\"}", "event: done\ndata: {\"answer\": \"\"}", ""];
    const state = { ready: true, daily_questions: 50, questions_left: 50 };
    await context.route("**/api/chat", (route) => (route.request().method() === "GET" ? route.fulfill({ json: state }) : route.fulfill({ headers: { "content-type": "text/event-stream" }, body: lines.join("\n\n") })));
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await page.locator("#nav [data-page=chat]").waitFor();
    await go(page, "#/chat", "textarea");
    await page.getByLabel("Your question").fill("How many?");
    await page.keyboard.press("Enter");
    await page.getByText("<b>Three records").waitFor();
    await context.unroute("**/api/chat");
    await page.getByLabel("Your question").fill("And now?");
    await page.keyboard.press("Enter");
    await page.getByText("TOGETHER_API_KEY").waitFor();
    check((await page.locator("#nav [data-page=chat]").count()) === 0, "it is hidden");
  },

  async axe_finds_nothing() {
    const { page } = first;
    const [{ id }] = await rowsOf(page, "records");
    const pages = ["#/", `#/album/${id}`, `#/edit/${id}`, "#/add", "#/genres", "#/stats", "#/account", "#/sync", "#/import", "#/shares", "#/trash", "#/login"];
    for (const hash of pages) {
      await go(page, hash, "h1");
      if (!(await axe(page, hash))) return { left_out: "axe-core is not installed" };
    }
    return {};
  },

  async an_account_is_deleted_with_its_store() {
    const { page } = first;
    await go(page, "#/account", "#log-out");
    await page.getByText("Delete account").first().click();
    const deletion = page.locator("details[open] form");
    let attempts = 0;
    page.on("request", (request) => { attempts += request.method() === "DELETE" && request.url().endsWith("/me") ? 1 : 0; });
    await deletion.locator("[name=password]").fill("not my password");
    await deletion.getByRole("button", { name: "Delete account" }).click();
    await page.locator("dialog [data-choice=yes]").click();
    await deletion.locator(".problem:not([hidden])").waitFor();
    check(attempts === 1, `a wrong password is sent ${attempts} times`);
    await deletion.locator("[name=password]").fill(PASSWORD);
    await deletion.getByRole("button", { name: "Delete account" }).click();
    await page.locator("dialog [data-choice=yes]").click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    const left = await page.evaluate(async () => [(await indexedDB.databases()).length, localStorage.getItem("vinyl-vault-user")]);
    check(left[0] === 0 && left[1] === null, JSON.stringify(left));
  },

  async nothing_failed_in_the_console() {
    check(faults.length === 0, faults.join("\n"));
  },
};

const results = {};
for (const [name, run] of Object.entries(CASES)) {
  const start = performance.now();
  try {
    const told = await run();
    results[name] = { fault: "", ms: Math.round(performance.now() - start), ...told };
  } catch (fault) {
    results[name] = { fault: String(fault.stack ?? fault), ms: Math.round(performance.now() - start) };
    if (shots) await first?.page.screenshot({ path: `${shots}/fault-${name}.png` }).catch(() => {});
    if (shots) await second?.page.screenshot({ path: `${shots}/fault-${name}-2.png` }).catch(() => {});
  }
}
await browser.close();
console.log(JSON.stringify(results));
process.exit(0);
