#!/usr/bin/env node
// Runs Python Workers in workerd, with Pyodide from npm. Started by ../client.py, which writes one line of JSON (the
// order: workers, port, state, cache, …) to standard input and reads one line of JSON from standard output:
// {"url", "control", "ms"}. Logs go to standard error. Stops on SIGINT, SIGTERM or the end of standard input.
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { connect, createServer as createSocketServer } from "node:net";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(import.meta.url);
const { Miniflare, Log, LogLevel } = require("miniflare");
const { codePath, libraryFiles, prepared, preparedPath, readCode, scriptFiles, sourceFiles, writeCode } = await import("./files.mjs");
const { miniflareOptions, workerOptions } = await import("./options.mjs");

const started = performance.timeOrigin;
const say = (text) => process.stderr.write(`${text}\n`);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Miniflare starts workerd itself, and again whenever it ends; a workerd that hangs must be found to be killed.
const childProcess = require("node:child_process");
const { execSync, spawn } = childProcess;
let workerd;
childProcess.spawn = (...given) => {
  const child = spawn(...given);
  if (String(given[0]).includes("workerd")) workerd = child;
  return child;
};

// ---- logs -----------------------------------------------------------------------------------------
// workerd reports an uncaught error twice, with wasm frames: keep the Python traceback, once, and drop it where the
// Python side has printed it already.
class StderrLog extends Log {
  log(message) { say(message); }
  // Mails that a Worker sends are shown, with the files that they stand in: nobody else sees them here.
  logWithLevel(level, message) {
    if (level === LogLevel.INFO && message.includes("send_email binding called")) say(message);
    else super.logWithLevel(level, message);
  }
}
const recent = [];
function logLine({ level, message }) {
  if (message.startsWith("pyedge-hung ")) return void hung(message.slice("pyedge-hung ".length));
  if (!order.verbose && message.startsWith("uncaught exception; ")) {
    if (message.startsWith("uncaught exception; exception = ")) return;
    message = message.split(/\n\s+at /)[0].trimEnd();
    if (recent.includes(message.split("\n").pop())) return;
    level = "error";
  }
  recent.push(...message.split("\n"));
  recent.splice(0, recent.length - 100);
  say(level === "log" || level === "info" || message.startsWith("{") ? message : `${level}: ${message}`);
}

// ---- life -----------------------------------------------------------------------------------------
const lines = createInterface({ input: process.stdin });
const order = JSON.parse((await once(lines, "line"))[0]);
lines.on("close", () => stop()); // the parent is gone, or wants an end
process.on("SIGINT", () => stop());
process.on("SIGTERM", () => stop());
process.on("SIGHUP", () => stop());
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => stop()); // nobody reads it any more

let mf, base;
let busy = true; // starting: nothing to watch over yet
let edited = false; // the sources have been imported again since the start
let scripts; // JavaScript's modules of each Worker as they were at the start
const main = order.workers[0];

async function inside(action, { config: { name } } = main, timeout = 120_000, body = undefined) {
  const url = new URL(`/${action}`, await mf.unsafeGetDirectURL(name, "PyedgeControl"));
  const response = await fetch(url, { signal: AbortSignal.timeout(timeout), ...(body && { method: "POST", body }) });
  const text = response.ok ? null : (await response.text()).slice(0, 4000);
  if (!response.ok) throw new Error(order.workers.length > 1 ? `${name}: ${text}` : text);
  return response;
}
async function apply(workers, given = order) {
  const options = miniflareOptions(given, workers, {
    log: new StderrLog(order.verbose ? LogLevel.DEBUG : LogLevel.WARN),
    handleStructuredLogs: logLine,
    unsafeHandleRuntimeRestart: again,
  });
  if (mf) await mf.setOptions(options);
  else mf = new Miniflare(options);
  base = await mf.ready;
}
const ready = () => Promise.all(order.workers.map((worker) => inside("ready", worker)));
const open = () => Promise.all(order.workers.map((worker) => inside("open", worker)));
// Miniflare has started another workerd after one has ended, with the sources as they were at the start.
async function again() {
  await ready();
  await open();
  if (edited) await reload().catch((error) => say(`error: ${error.message}`));
  restarting?.();
}

// A kept connection may lead to a workerd that was just replaced; the next one is fresh. A first start has none.
async function steadily(work) {
  for (let left = mf ? 5 : 0; ; left--) {
    try {
      return await work();
    } catch (error) {
      if (!left || error.message !== "fetch failed") throw error;
      await sleep(200);
    }
  }
}

// Clients that come while the interpreter is prepared: their connections are held, and served when there is a Worker.
function waitingRoom(port) {
  const held = [];
  const server = createSocketServer({ pauseOnConnect: true }, (socket) => held.push(socket.on("error", () => {})));
  server.on("error", () => {}); // in use: Miniflare says so
  if (port) server.listen(port, "127.0.0.1");
  return {
    close: () => server.listening && server.close(),
    admit() {
      for (const socket of held) {
        const there = connect(port, "127.0.0.1").on("error", () => socket.destroy());
        socket.pipe(there).pipe(socket);
        socket.resume();
      }
    },
  };
}

async function start() {
  let room;
  busy = true;
  edited = false;
  const workers = [];
  const uncompiled = [];
  scripts = order.workers.map(scriptFiles);
  for (const [index, worker] of order.workers.entries()) {
    const libraries = libraryFiles(worker);
    const place = preparedPath(order.cache, libraries);
    const state = !order.prepared ? [] : await prepared(place, async () => {
      say("preparing the interpreter (once for this set of packages) …");
      const { name, compatibility_date, compatibility_flags } = worker.config;
      const bare = { ...worker, config: { name, compatibility_date, compatibility_flags } };
      room ??= waitingRoom(order.port);
      const alone = { ...order, workers: [bare], port: 0 };
      await apply([workerOptions(bare, alone, { libraries, state: null })], alone);
      return Buffer.from(await (await inside("prepare", worker)).arrayBuffer());
    });
    const sources = sourceFiles(worker);
    const code = order.prepared ? codePath(order.cache, worker.main, sources, place) : null;
    workers.push(workerOptions(worker, order, { libraries, state, sources, scripts: scripts[index], code: readCode(code) }));
    if (code && !existsSync(code)) uncompiled.push([worker, code]);
  }
  room?.close();
  try {
    await steadily(async () => {
      await apply(workers);
      for (const worker of order.workers) await migrate(worker);
      await ready();
      await open();
    });
    room?.admit();
    for (const [worker, path] of uncompiled) writeCode(path, Buffer.from(await (await inside("code", worker)).arrayBuffer()));
  } finally {
    busy = false;
  }
}
// D1 migrations, as `wrangler d1 migrations apply --local` does it; ../config.py has split the files into statements.
async function migrate(worker) {
  for (const [binding, { table, files }] of Object.entries(worker.migrations)) {
    const run = (...statements) => d1(worker, binding, statements.map((one) => (typeof one === "string" ? [one, []] : one)));
    const [, names] = await run(`CREATE TABLE IF NOT EXISTS "${table}" (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, `
      + "applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)", `SELECT name FROM "${table}"`);
    const done = new Set(names.map(({ name }) => name));
    for (const { name, statements } of files.filter((file) => !done.has(file.name))) {
      await run(...statements, [`INSERT INTO "${table}" (name) VALUES (?)`, [name]])
        .catch((error) => { throw new Error(`migration ${name} of ${binding}: ${error.message}`); });
    }
    await run("PRAGMA optimize");
  }
}
const d1 = async (worker, binding, statements) =>
  (await inside("d1", worker, 120_000, JSON.stringify({ binding, statements }))).json();
let stopping = false;
async function stop(code = 0) {
  if (stopping) return;
  stopping = true;
  controls.close();
  await Promise.race([mf?.dispose(), sleep(3000)]).catch(() => {});
  workerd?.kill("SIGKILL");
  process.exit(code);
}

// ---- the watchdog -----------------------------------------------------------------------------------
// Python that does not come to an end is noticed inside (host.mjs, with its stack); code that not even an interrupt
// reaches is noticed here, because workerd no longer answers.
let restarting;
async function kill() {
  busy = true;
  const restarted = new Promise((done) => { restarting = done; });
  workerd.kill("SIGKILL"); // Miniflare starts another on the same ports, and calls `ready`
  await Promise.race([restarted, sleep(60_000)]);
  busy = false;
}
let killing;
function hung(what) {
  say(`error: ${what}; workerd is killed and started again`);
  killing ??= kill().finally(() => { killing = undefined; });
}
async function watchdog(seconds) {
  let answered = Date.now();
  for (;;) {
    await sleep(1000);
    if (busy || stopping) { answered = Date.now(); continue; }
    const asked = Date.now();
    try {
      await inside("ping", main, (seconds + 2) * 1000);
      answered = Date.now();
    } catch {
      if (busy || stopping || Date.now() - asked < 1000) continue;
      hung(`workerd has not answered for ${Math.round((Date.now() - answered) / 1000)} s`);
    }
  }
}

// ---- what a test may ask for besides talking to the Worker itself -----------------------------------
const one = (name) => order.workers.find(({ config }) => config.name === name) ?? main;
const scheduledTime = (time) => new Date(time ?? Date.now());
async function reload() {
  // workerd imports a module once: other JavaScript needs a new one.
  if (!isDeepStrictEqual(order.workers.map(scriptFiles), scripts)) return start();
  edited = false;
  for (const worker of order.workers) {
    await inside("reload", worker, 120_000, JSON.stringify(worker === main ? order.varied : {}));
  }
  edited = true;
}
const actions = {
  reload,
  vary: async ({ values }) => {
    order.varied = values;
    edited = true; // a workerd that is started again has the values of its start
    await inside("vary", main, 120_000, JSON.stringify(values));
  },
  restart: start,
  scheduled: async ({ worker, cron, time }) =>
    (await mf.getWorker(one(worker).config.name)).scheduled({ cron, scheduledTime: scheduledTime(time) }),
  queue: async ({ worker, queue, messages, attempts = 1 }) => (await mf.getWorker(one(worker).config.name)).queue(queue,
    messages.map((body, i) => ({ id: String(i), timestamp: new Date(), attempts, body }))),
  send: async ({ worker, binding, body }) =>
    void (await (await mf.getQueueProducer(binding, one(worker).config.name)).send(body, { contentType: "json" })),
  settle: async ({ worker, seconds }) => void (await inside("settle", one(worker), 120_000, String(1000 * seconds))),
  d1: async ({ worker, binding, statements }) => d1(one(worker), binding, statements),
  kv: async ({ worker, binding, key, value }) => {
    const namespace = await mf.getKVNamespace(binding, one(worker).config.name);
    if (value === null) return void (await namespace.delete(key));
    return value === undefined ? namespace.get(key) : namespace.put(key, value);
  },
  kv_names: async ({ worker, binding, prefix }) => {
    const namespace = await mf.getKVNamespace(binding, one(worker).config.name);
    return (await namespace.list({ prefix })).keys.map((key) => key.name);
  },
  memory: async () => ({ node: process.pid, workerd: workerd?.pid }),
};
const controls = createServer(async (request, response) => {
  const answer = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  try {
    let text = "";
    for await (const chunk of request) text += chunk;
    const action = request.method === "POST" && actions[request.url.slice(1)];
    if (!action) return answer(404, { error: "no such action" });
    answer(200, { result: (await action(text ? JSON.parse(text) : {})) ?? null });
  } catch (error) {
    answer(500, { error: String(error?.message ?? error) });
  }
});

// ---- hot reload ---------------------------------------------------------------------------------------
// Edited sources are imported again in the living workerd (state stays); other changes need a new process, which
// ../__main__.py starts when this one ends with RESTART.
const RESTART = 75;
function onChange(path, recursive, action) {
  let timer;
  try {
    watch(path, { recursive }, (_, name) => {
      if (/(^|\/)(__pycache__|\.git)(\/|$)|~$|\.sw.$|\.tmp/.test(name ?? "")) return;
      clearTimeout(timer);
      timer = setTimeout(action, 60);
    });
  } catch { /* not there: nothing to watch */ }
}
async function reloadNow(build) {
  const t = performance.now();
  try {
    if (build) execSync(build.command, { cwd: build.cwd, stdio: ["ignore", "pipe", "pipe"] });
    await reload();
    say(`reloaded in ${Math.round(performance.now() - t)} ms`);
  } catch (error) {
    say(`error: not reloaded, the old code goes on: ${error.message}`);
  }
}
function watchAll() {
  for (const { trees, build, config, restart } of order.workers) {
    for (const path of build?.watch ?? trees.map(([, folder]) => folder)) onChange(path, true, () => reloadNow(build));
    if (config.assets?.directory) onChange(config.assets.directory, true, () => start().then(() => say("assets reloaded")));
    for (const path of restart) onChange(path, false, () => stop(RESTART));
  }
}

for (const { config, missing } of order.workers) {
  if (missing.length) say(`${config.name}: not set: ${missing.join(", ")} (in .dev.vars or the environment)`);
}
try {
  await start();
} catch (error) {
  say(String(error?.message ?? error));
  await stop(1);
}
await new Promise((done) => controls.listen(0, "127.0.0.1", done));
if (order.watch) watchAll(); // before it is said to be ready: an edit right after that is taken up, too
process.stdout.write(`${JSON.stringify({
  url: base.origin, control: `http://127.0.0.1:${controls.address().port}`, ms: Math.round(Date.now() - started),
})}\n`);
if (order.watchdog) watchdog(order.watchdog);
