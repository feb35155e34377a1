// The JavaScript Worker in workerd that hosts Pyodide and stands between workerd's classes and Python's.
// ../node/options.mjs generates entry.mjs, which exports what the Worker has.
import { restoreGlobals, registerPrecompiled } from "./prelude.mjs"; // must come first
import * as cfWorkers from "cloudflare:workers";
import * as cfSockets from "cloudflare:sockets";
import { loadPyodide, version } from "./pyodide.mjs";
import createPyodideModule from "./pyodide.asm.mjs";
import asmWasm from "./pyodide.asm.wasm";
import stdlibZip from "./python_stdlib.zip";
import snapshot from "./snapshot.bin";
import bundle from "./bundle.bin";
import pycache from "./pycache.bin";
import code from "./code.bin";
import { sideModules } from "./side-modules.mjs";
import { allowEntropy, inGlobalScope, laterOnly, laterOnlyModule } from "./scope.mjs";

const settings = cfWorkers.env.PYEDGE_SETTINGS;
const TOP = "/session";
const ROOT = `${TOP}/metadata`; // where Cloudflare's own runtime puts the Worker

// ---- files: bundles as in ../node/files.mjs -------------------------------------------------------
function* unpack(buffer) {
  if (!buffer.byteLength) return;
  const bytes = new Uint8Array(buffer);
  let offset = 4 + new DataView(buffer).getUint32(0, true);
  for (const [path, size] of JSON.parse(new TextDecoder().decode(bytes.subarray(4, offset)))) {
    yield [path, bytes.subarray(offset, (offset += size))];
  }
}
function pack(files) {
  const header = new TextEncoder().encode(JSON.stringify(files.map(([path, data]) => [path, data.length])));
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, header.length, true);
  return new Blob([size, header, ...files.map(([, data]) => data)]);
}
// The tree is read-only for the Worker, as in production.
function writeTree(FS, buffer) {
  const folders = new Set();
  const written = new Set();
  FS.ignorePermissions = true;
  for (const [path, data] of unpack(buffer)) {
    const full = `${TOP}/${path}`;
    const folder = full.slice(0, full.lastIndexOf("/"));
    if (!folders.has(folder)) folders.add(folder), FS.mkdirTree(folder);
    if (sideModules[path]) registerPrecompiled(data, sideModules[path]);
    FS.writeFile(full, data, { canOwn: true });
    FS.chmod(full, 0o444);
    written.add(full);
  }
  for (const folder of folders) FS.chmod(folder, 0o555);
  FS.ignorePermissions = false;
  return written;
}
const LIBRARIES = [`${ROOT}/python_modules/`, `${TOP}/.pyedge/`]; // no reload brings them again
let ownFiles = new Set();
function writeSources(FS, buffer) {
  const written = writeTree(FS, buffer);
  FS.ignorePermissions = true;
  for (const gone of ownFiles.difference(written)) FS.unlink(gone);
  FS.ignorePermissions = false;
  ownFiles = new Set([...written].filter((path) => !LIBRARIES.some((folder) => path.startsWith(folder))));
}

// ---- the private module that workers-runtime-sdk imports ----------------------------------------------
const envPatches = [];
const patchedEnv = new Proxy(cfWorkers.env, {
  get(target, key) {
    for (const patch of envPatches.toReversed()) if (Object.hasOwn(patch, key)) return patch[key];
    return laterOnly(Reflect.get(target, key), `env.${String(key)}`);
  },
});
function awaitableToPromise(value) {
  if (typeof value?.copy !== "function") return value; // already a JS promise
  const own = value.copy(); // Pyodide destroys argument proxies when the call returns
  return (async () => {
    try { return await own; } catch (error) { console.error(`in waitUntil: ${error?.message ?? error}`); throw error; } finally { own.destroy(); }
  })();
}
// What outlives its event: the control action "settle" waits for it.
const background = new Set();
function tracked(work) {
  const ended = () => background.delete(work);
  background.add(work);
  Promise.resolve(work).then(ended, ended);
  return work;
}
const entrypointHelper = {
  cloudflareWorkersModule: { ...cfWorkers, env: patchedEnv, waitUntil: (value) => cfWorkers.waitUntil(tracked(awaitableToPromise(value))) },
  cloudflareSocketsModule: laterOnlyModule(cfSockets),
  doAnImport: (name) => import(name),
  *patch_env_helper(given) {
    const patch = given instanceof Map ? Object.fromEntries(given) : { ...given };
    envPatches.push(patch);
    try { yield; } finally { envPatches.splice(envPatches.lastIndexOf(patch), 1); }
  },
  patchWaitUntil(ctx) {
    if (Object.hasOwn(ctx, "waitUntil")) return;
    const original = ctx.waitUntil.bind(ctx);
    Object.defineProperty(ctx, "waitUntil", { value: (p) => original(tracked(awaitableToPromise(p))), configurable: true });
  },
};

// ---- a stand-in for Workers AI: POST {url}/run/{model} with the input, as Cloudflare's REST API takes it --------
class Ai {
  async run(model, input) {
    const response = await fetch(`${settings.ai.url}/run/${model}`, {
      method: "POST", body: JSON.stringify(input), headers: { "content-type": "application/json" },
    });
    if (!response.ok) throw new Error(`AiError: ${await response.text()}`); // "<code>: <text>", as Cloudflare words it
    if (input?.stream) return response.body;
    const answer = await response.json();
    return answer?.result ?? answer;
  }
}
// ---- a stand-in for Analytics Engine: POST {url}/write/{dataset} with the point ---------------------------------
class Dataset {
  constructor(name) { this.name = name; }
  writeDataPoint(point) {
    const options = { method: "POST", body: JSON.stringify(point) };
    cfWorkers.waitUntil(fetch(`${settings.analytics.url}/write/${this.name}`, options).then((answer) => answer.text()));
  }
}
const standIns = new Map([
  ...(settings.ai ? [[settings.ai.binding, new Ai()]] : []),
  ...Object.entries(settings.analytics?.datasets ?? {}).map(([binding, name]) => [binding, new Dataset(name)]),
]);
// Values that stand before the configuration's until the next reload with others; null hides a variable or binding.
let varied = settings.varied ?? {};
function withStandIns(env) {
  if (!standIns.size && !Object.keys(varied).length) return env;
  return new Proxy(env, { get: (target, key) =>
    Object.hasOwn(varied, key) ? varied[key] ?? undefined : standIns.get(key) ?? Reflect.get(target, key) });
}

// ---- boot ---------------------------------------------------------------------------------------------
async function startPyodide() {
  const realFetch = globalThis.fetch;
  globalThis.fetch = async (url) => {
    const name = String(url).split("/").pop();
    if (name === "pyodide.asm.wasm") return { ok: true, module: asmWasm };
    if (name === "python_stdlib.zip") return { ok: true, arrayBuffer: async () => stdlibZip };
    throw new Error(`pyedge: unexpected fetch of ${url} while Pyodide was loading`);
  };
  try {
    return await loadPyodide({
      indexURL: "https://pyedge.invalid/",
      packageBaseUrl: "https://pyedge.invalid/",
      createPyodideModule,
      lockFileContents: { info: { abi_version: "2026_0", arch: "wasm32", platform: "emscripten", python: "3.14.2", version }, packages: {} },
      env: { HOME: "/session" },
      stdout: (line) => console.log(line),
      stderr: (line) => console.error(line),
      ...(settings.prepare ? { _makeSnapshot: true } : {}),
      ...(snapshot.byteLength ? { _loadSnapshot: snapshot } : {}),
    });
  } finally {
    globalThis.fetch = realFetch;
    restoreGlobals();
  }
}
let FS; // Pyodide's file system, for reload
async function boot() {
  const pyodide = await startPyodide();
  FS = pyodide.FS;
  writeSources(FS, bundle);
  writeTree(FS, pycache);
  pyodide.registerJsModule("_pyodide_entrypoint_helper", entrypointHelper);
  pyodide.registerJsModule("_pyedge_host", {
    code, // of the Worker's own modules, as an earlier start compiled them, or nothing
    allowEntropy,
    isGlobal,
    compatFlag: (name) => settings.pythonFlags.includes(name) || Boolean(globalThis.Cloudflare?.compatibilityFlags?.[name]),
    hung: (what) => console.error(`pyedge-hung ${what}`),
  });
  pyodide.runPython(`
import sys
sys.dont_write_bytecode = True
at = next((i for i, place in enumerate(sys.path) if place.endswith("site-packages")), len(sys.path))
sys.path[at:at] = ["${TOP}/.pyedge", "${ROOT}/python_modules"] # as there: own code comes last
sys.path.append("${ROOT}")
`);
  const helper = pyodide.pyimport("pyedge_boot");
  watchOver(pyodide, helper);
  const isChecked = code.byteLength > 0; // by the start that compiled it
  inGlobalScope(() => helper.load(ROOT, settings.mainModule, isChecked));
  helper.before_first_request();
  exposeMethods(helper);
  return helper;
}
let booted;
const ready = () => (booted ??= boot());
// Events wait until the migrations are applied: each by itself, as a request shares nothing that another awaits.
let isOpen = false;
async function opened() {
  while (!isOpen) await new Promise((done) => setTimeout(done, 25));
  return await ready();
}
// A snapshot keeps of JavaScript what a path from the global scope leads to, such as js.crypto.subtle, and no other object.
function isGlobal(value) {
  const objects = [globalThis, ...Object.values(members(globalThis))];
  return value === entrypointHelper || objects.some((one) => one === value || Object.values(members(one)).includes(value));
}
function members(object) {
  const found = {};
  const isObject = object !== null && (typeof object === "object" || typeof object === "function");
  for (let from = object; isObject && from && from !== Object.prototype; from = Object.getPrototypeOf(from)) {
    for (const key of Object.getOwnPropertyNames(from)) {
      try { found[key] ??= object[key]; } catch { /* a getter that needs another object */ }
    }
  }
  return found;
}

// ---- the watchdog: Pyodide asks its interrupt buffer now and then while Python computes --------------------
// A stretch begins with the first question and ends when control comes back to the event loop, which is when
// microtasks run. After too long a stretch Python's handler of SIGINT says where it is.
function watchOver(pyodide, helper) {
  if (!settings.watchdog) return;
  helper.watch(settings.watchdog);
  const { now } = performance;
  let began = null;
  pyodide.setInterruptBuffer({
    get 0() {
      const time = now.call(performance);
      if (began === null) {
        began = time;
        queueMicrotask(() => { began = null; });
      } else if (time - began > settings.watchdog * 1000) {
        began = Infinity; // say it once
        return 2; // SIGINT
      }
      return 0;
    },
    set 0(_) {},
  });
}

// ---- what workerd calls ---------------------------------------------------------------------------------
const UNASKED = new Set(["queue", "scheduled", "alarm"]); // events that no client waits for
const exported = new Map(); // Python class name -> its JS stand-in
// RPC only finds methods on the JS prototype, so the names are copied over from the Python class.
function exposeMethods(helper) {
  for (const [className, jsClass] of exported) {
    const names = helper.public_methods(className);
    for (const name of names) addMethod(jsClass, name);
    names.destroy();
  }
}
function addMethod(jsClass, name) {
  if (Object.hasOwn(jsClass.prototype, name)) return;
  jsClass.prototype[name] = async function (...given) {
    const run = async () => await jsClass.run(await opened(), this, name, given);
    return await (UNASKED.has(name) ? tracked(run()) : run());
  };
}
function define(className, jsClass, handlers) {
  for (const name of handlers) addMethod(jsClass, name);
  exported.set(className, jsClass);
  return jsClass;
}

// `wrangler dev` starts a cron handler under this path, so it works here too.
const CRON_PATH = "/cdn-cgi/handler/scheduled";
async function runCron(helper, className, self, url) {
  const time = Number(url.searchParams.get("time") ?? Date.now());
  const controller = { cron: url.searchParams.get("cron") ?? "", scheduledTime: time, noRetry() {} };
  try {
    await helper.call(className, self.ctx, withStandIns(self.env), "scheduled", controller);
    return new Response("ok");
  } catch {
    return new Response("exception", { status: 500 });
  }
}
// One Python object an event, as workerd does it with JS entrypoints.
export function workerEntrypoint(className, handlers = ["fetch"]) {
  return define(className, class extends cfWorkers.WorkerEntrypoint {
    static run(helper, self, name, given) {
      if (name === "fetch" && given[0].url.includes(CRON_PATH)) {
        const url = new URL(given[0].url);
        if (url.pathname === CRON_PATH) return runCron(helper, className, self, url);
      }
      return helper.call(className, self.ctx, withStandIns(self.env), name, ...given);
    }
  }, handlers);
}
// One Python object per Durable Object; after a reload, a new one with the new code in its place.
let generation = 0;
export function durableObject(className) {
  return define(className, class extends cfWorkers.DurableObject {
    constructor(ctx, env) {
      super(ctx, env);
      ctx.blockConcurrencyWhile(async () => this.renew(await opened()));
    }
    renew(helper) {
      this.python?.destroy();
      this.python = helper.create(className, this.ctx, withStandIns(this.env));
      this.generation = generation;
    }
    static run(helper, self, name, given) {
      if (self.generation !== generation) self.renew(helper);
      return helper.call_on(self.python, name, ...given);
    }
  }, ["fetch", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"]);
}
export function workflow(className) {
  return define(className, class extends cfWorkers.WorkflowEntrypoint {
    static run(helper, self, name, given) { return helper.call_raw(className, self.ctx, withStandIns(self.env), name, ...given); }
  }, ["run"]);
}

// ---- ../node/serve.mjs talks to this class -----------------------------------------------------------------
export class PyedgeControl extends cfWorkers.WorkerEntrypoint {
  async fetch(request) {
    try {
      return await this.act(new URL(request.url).pathname.slice(1), request);
    } catch (error) {
      return new Response(String(error?.message ?? error), { status: 500 });
    }
  }
  async act(action, request) {
    if (action === "ready") await ready();
    if (action === "open") isOpen = true;
    if (action === "reload") await this.reload(await ready(), await request.json());
    if (action === "vary") this.vary(await ready(), await request.json());
    if (action === "prepare") return new Response(await this.prepare());
    if (action === "code") return new Response(this.code(await ready()));
    if (action === "settle") await this.settle(Number(await request.text()));
    if (action === "d1") return Response.json(await this.d1(await request.json()));
    return new Response("ok");
  }
  // The end of a cancelled event's work is never told, so what has not ended in time is waited for only once.
  async settle(milliseconds) {
    for (let waited = 0; background.size && waited < milliseconds; waited += 10) await scheduler.wait(10);
    background.clear();
  }
  // One transaction. Miniflare's own proxy of a binding blocks its process for every statement that is prepared.
  async d1({ binding, statements }) {
    const database = this.env[binding];
    const prepared = statements.map(([sql, params]) => database.prepare(sql).bind(...params));
    return (prepared.length === 1 ? [await prepared[0].all()] : await database.batch(prepared)).map(({ results }) => results);
  }
  async reload(helper, values) {
    const response = await this.env.PYEDGE_FILES.fetch("http://files/");
    writeSources(FS, await response.arrayBuffer());
    this.again(helper, () => helper.reload(ROOT, settings.mainModule), values);
  }
  // The same sources, with other values of variables and bindings.
  vary(helper, values) {
    this.again(helper, () => helper.renew(ROOT, settings.mainModule), values);
  }
  again(helper, load, values) {
    varied = values;
    inGlobalScope(load);
    helper.before_first_request();
    exposeMethods(helper);
    generation += 1;
  }
  code(helper) {
    const bytes = helper.compiled();
    try { return bytes.toJs(); } finally { bytes.destroy(); }
  }
  // A memory snapshot of the fresh interpreter, and byte code for the vendored packages.
  async prepare() {
    const pyodide = await startPyodide();
    pyodide.runPython(`import ${settings.prepare.join(", ")}`);
    const results = [["snapshot.bin", pyodide.makeMemorySnapshot()]];
    writeTree(pyodide.FS, bundle);
    pyodide.FS.ignorePermissions = true;
    const compiled = pyodide.runPython(`
import pathlib, py_compile
done = []
for top in ("${ROOT}/python_modules", "${TOP}/.pyedge"):
    for source in sorted(pathlib.Path(top).rglob("*.py")):
        try:
            done.append(py_compile.compile(str(source), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH))
        except (py_compile.PyCompileError, ValueError):
            pass
done`);
    for (const path of compiled) results.push([path.slice(TOP.length + 1), pyodide.FS.readFile(path)]);
    return pack(results);
  }
}
