// From a wrangler configuration (environment merged, see ../config.py) to Miniflare's options.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { inside, pack, pyodide, sourceFiles } from "./files.mjs";

const require = createRequire(import.meta.url);
const { convertV4MiniflareOptions, fetch, Response } = require("miniflare");
const { version } = require("pyodide/package.json");

// Standard modules worth having in the snapshot (nothing that keeps open files or JS objects).
const SNAPSHOT_IMPORTS = ["asyncio", "base64", "collections.abc", "dataclasses", "datetime", "decimal", "email.message",
  "enum", "fractions", "hashlib", "hmac", "http.client", "importlib.metadata", "inspect", "ipaddress", "json",
  "pathlib", "random", "re", "signal", "traceback", "types", "typing", "urllib.parse", "uuid", "zoneinfo"];

// workerd must not see python_workers (it would download its own Pyodide and die), so it cannot work out the flags
// that python_workers and the date imply. Pyodide 314 is that of dates from 2026-09-08, when all of these hold.
const FIRST_DATE = "2026-09-08";
const IMPLIED = ["python_workers_20250116", "python_workers_314", "python_dedicated_snapshot", "python_check_rng_state",
  "python_no_global_handlers", "python_process_pth_files", "python_request_headers_preserve_commas",
  "python_workflows", "python_workflows_implicit_dependencies"];
function pythonFlags({ name, compatibility_date: date, compatibility_flags: flags = [] }) {
  if (!(date >= FIRST_DATE)) {
    throw new Error(`${name}: compatibility_date = "${date}" selects another Pyodide than ${version}, which is that of dates `
      + `from ${FIRST_DATE}; give a later date`);
  }
  const implied = IMPLIED.filter((flag) => !flags.includes(`no_${flag}`));
  return [...implied, ...flags.filter((flag) => flag.startsWith("python_"))];
}

const keyed = (list, key, value) => Object.fromEntries((list ?? []).map((item) => [item[key], value(item)]));
const named = (list) => [...new Set(list.filter((item) => !item.script_name).map((item) => item.class_name))];

function modules(worker, config, entrypoints, state) {
  const own = (name) => ({ path: name, contents: readFileSync(join(inside, name), "utf8") });
  const npm = (name, text) => ({ path: name, contents: readFileSync(join(pyodide, name), text) });
  const data = (path, contents) => ({ type: "Data", path, contents });
  const exported = (kind, names) => names.map((name) => `export const ${name} = host.${kind}(${JSON.stringify(name)});`);
  const entry = [
    'import * as host from "./host.mjs";',
    "export const PyedgeControl = host.PyedgeControl;",
    'export default host.workerEntrypoint("Default", ["fetch", "scheduled", "queue"]);',
    ...exported("workerEntrypoint", entrypoints),
    ...exported("durableObject", named(config.durable_objects?.bindings ?? [])),
    ...exported("workflow", named(config.workflows ?? [])),
  ].join("\n");
  // Extension modules (.so) are wasm: workerd compiles them ahead of time.
  const extensions = state.libraries.filter(([path]) => path.endsWith(".so"));
  const sideModules = [
    ...extensions.map((_, i) => `import m${i} from "./so/${i}.wasm";`),
    `export const sideModules = {${extensions.map(([path], i) => `${JSON.stringify(path)}: m${i}`).join(", ")}};`,
  ].join("\n");
  return [
    { type: "ESModule", path: "entry.mjs", contents: entry },
    { type: "ESModule", path: "side-modules.mjs", contents: sideModules },
    ...["host.mjs", "prelude.mjs", "scope.mjs"].map((name) => ({ type: "ESModule", ...own(name) })),
    ...["pyodide.mjs", "pyodide.asm.mjs"].map((name) => ({ type: "ESModule", ...npm(name, "utf8") })),
    { type: "CompiledWasm", ...npm("pyodide.asm.wasm") },
    { type: "Data", ...npm("python_stdlib.zip") },
    data("snapshot.bin", state.snapshot),
    data("pycache.bin", state.pycache),
    data("code.bin", state.code),
    data("bundle.bin", pack([...state.sources, ...state.libraries])),
    ...extensions.map(([, contents], i) => ({ type: "CompiledWasm", path: `so/${i}.wasm`, contents })),
    ...state.libraries.filter(([path]) => /^metadata\/python_modules\/workers\/.*\.m?js$/.test(path))
      .map(([path, contents]) => ({ type: "ESModule", path: path.slice("metadata/".length), contents: contents.toString() })),
    ...state.scripts.map(([path, contents]) => ({ type: "ESModule", path, contents: contents.toString() })),
  ];
}

function bindings(config, sqlite) {
  const queues = config.queues ?? {};
  return {
    d1Databases: keyed(config.d1_databases, "binding", (d) => d.database_id ?? d.database_name ?? d.binding),
    kvNamespaces: keyed(config.kv_namespaces, "binding", (k) => k.id ?? k.binding),
    r2Buckets: keyed(config.r2_buckets, "binding", (b) => b.bucket_name ?? b.binding),
    queueProducers: keyed(queues.producers, "binding", (q) => ({ queueName: q.queue, deliveryDelay: q.delivery_delay })),
    queueConsumers: keyed(queues.consumers, "queue", (q) => ({
      maxBatchSize: q.max_batch_size, maxBatchTimeout: q.max_batch_timeout, maxRetries: q.max_retries,
      deadLetterQueue: q.dead_letter_queue, retryDelay: q.retry_delay,
    })),
    analyticsEngineDatasets: keyed(config.analytics_engine_datasets, "binding", (a) => ({ dataset: a.dataset ?? a.binding })),
    workerLoaders: keyed(config.worker_loaders, "binding", () => ({})),
    ratelimits: keyed(config.ratelimits, "name", (r) => ({ namespace_id: String(r.namespace_id), simple: r.simple })),
    ...(config.send_email ? { email: { send_email: config.send_email } } : {}),
    durableObjects: keyed(config.durable_objects?.bindings, "name", (d) => ({
      className: d.class_name, scriptName: d.script_name, useSQLite: sqlite.has(d.class_name),
    })),
    workflows: keyed(config.workflows, "binding", (w) => ({ name: w.name, className: w.class_name, scriptName: w.script_name })),
    ...(config.version_metadata ? { versionMetadata: config.version_metadata.binding } : {}),
  };
}
const services = (list) => keyed(list, "binding", ({ service, entrypoint }) => ({ name: service, entrypoint }));
const sqliteClasses = (config) => new Set((config.migrations ?? []).flatMap((step) => step.new_sqlite_classes ?? []));

function assets(config) {
  const { directory, binding, html_handling, not_found_handling, run_worker_first } = config.assets ?? {};
  if (!directory) return {};
  return { assets: { directory, binding, run_worker_first, assetConfig: { html_handling, not_found_handling },
    routerConfig: { has_user_worker: true } } };
}

// Outbound requests: where `routes` are given, these hosts go to the given addresses, and no others leave.
function outbound(routes) {
  if (!Object.keys(routes).length) return {};
  return { outboundService: (request) => {
    const url = new URL(request.url);
    const target = routes[url.host];
    if (!target && !["127.0.0.1", "localhost"].includes(url.hostname)) {
      return new Response(`pyedge: no route for ${url.host}`, { status: 502 });
    }
    return fetch(target ? new URL(url.pathname + url.search, target) : url, request);
  } };
}

// `state` is what prepared() returned for this Worker, or null to make it; `code` is that of its `sources`.
export function workerOptions(worker, order, { libraries, state, sources = [], scripts = [], code = Buffer.alloc(0) }) {
  const { config } = worker;
  const snapshot = state?.find(([path]) => path === "snapshot.bin")?.[1] ?? Buffer.alloc(0);
  const pycache = state ? pack(state.filter(([path]) => path !== "snapshot.bin")) : Buffer.alloc(0);
  const flags = config.compatibility_flags ?? [];
  const entrypoints = [...new Set(order.workers.flatMap((other) => other.config.services ?? [])
    .filter(({ service, entrypoint }) => service === config.name && entrypoint).map(({ entrypoint }) => entrypoint))];
  const sqlite = new Set(order.workers.flatMap((other) => [...sqliteClasses(other.config)]));
  return {
    name: config.name,
    modulesRoot: inside,
    modules: modules(worker, config, entrypoints, { libraries, snapshot, pycache, sources, scripts, code })
      .map((module) => ({ ...module, path: join(inside, module.path) })),
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: flags.filter((flag) => !/^(no_)?python_/.test(flag)),
    unsafeEvalBinding: "PYEDGE_UNSAFE_EVAL",
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0, entrypoint: "PyedgeControl" }],
    bindings: {
      ...worker.vars,
      PYEDGE_SETTINGS: {
        mainModule: worker.main.replace(/\.py$/, "").replaceAll("/", "."),
        prepare: state ? null : SNAPSHOT_IMPORTS,
        pythonFlags: pythonFlags(config),
        watchdog: order.watchdog,
        varied: worker === order.workers[0] ? order.varied : {},
        ai: order.ai && config.ai ? { binding: config.ai.binding, url: order.ai } : null,
        analytics: order.analytics
          ? { url: order.analytics, datasets: keyed(config.analytics_engine_datasets, "binding", (a) => a.dataset ?? a.binding) }
          : null,
      },
    },
    ...bindings(config, sqlite),
    serviceBindings: { ...services(config.services), PYEDGE_FILES: () => new Response(pack(sourceFiles(worker))) },
    ...assets(config),
    ...outbound(order.routes ?? {}),
  };
}
export function miniflareOptions(order, workers, rest) {
  return convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: order.port ?? 0,
    cf: false,
    logRequests: Boolean(order.verbose),
    unsafeTriggerHandlers: true,
    ...(order.state ? { resourcePersistencePath: order.state } : {}),
    ...rest,
    workers,
  });
}
