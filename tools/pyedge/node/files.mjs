// Which files reach a Worker, and how they travel: one binary bundle each.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
export const inside = join(here, "..", "inside");
export const pyodide = dirname(require.resolve("pyodide/package.json"));

// ---- bundles: u32le length of the header, JSON [[path, size], …], then the files back to back -----
export function pack(files) {
  const header = Buffer.from(JSON.stringify(files.map(([path, data]) => [path, data.length])));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(header.length);
  return Buffer.concat([size, header, ...files.map(([, data]) => data)]);
}
export function unpack(buffer) {
  let offset = 4 + buffer.readUInt32LE(0);
  return JSON.parse(buffer.subarray(4, offset)).map(([path, size]) => [path, buffer.subarray(offset, (offset += size))]);
}

// ---- the Worker's own files -----------------------------------------------------------------------
function* walk(folder, prefix = "") {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (["__pycache__", "node_modules", ".git"].includes(entry.name)) continue;
    const path = prefix + entry.name;
    if (entry.isDirectory()) yield* walk(join(folder, entry.name), `${path}/`);
    else if (statSync(join(folder, entry.name)).isFile()) yield path;
  }
}
// wrangler's globs know ** between slashes or at an end and * inside one name, nothing else.
function globToRegExp(glob) {
  const parts = glob.split("/").map((part) => (part === "**" ? null : part.split("*").map(escape).join("[^/]*")));
  const last = parts.length - 1;
  const texts = parts.map((part, i) => (part === null ? (i < last ? "(.*/)?" : ".*") : part + (i < last ? "/" : "")));
  return new RegExp(`^${texts.join("")}$`);
}
const escape = (text) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
const DEFAULT_RULES = [
  { type: "Text", globs: ["**/*.txt", "**/*.html", "**/*.sql"] },
  { type: "Data", globs: ["**/*.bin"] },
  { type: "PythonModule", globs: ["**/*.py"] },
];
// As wrangler does: the first rule of a type wins, unless it falls through.
function patterns(rules, types) {
  const closed = new Set();
  const chosen = [...(rules ?? []), ...DEFAULT_RULES].filter(({ type, fallthrough }) => {
    const open = !closed.has(type);
    if (fallthrough !== true) closed.add(type);
    return open && types.includes(type);
  });
  return chosen.flatMap((rule) => rule.globs.map(globToRegExp));
}
function ownFiles({ trees, config }, types, main = null) {
  const wanted = patterns(config.rules, types);
  return trees.flatMap(([prefix, folder]) => [...walk(folder)]
    .filter((path) => path === main || wanted.some((pattern) => pattern.test(path)))
    .map((path) => [`${prefix}${path}`, readFileSync(join(folder, path))]));
}
// The files that Python sees; JavaScript's modules it can only import.
export const sourceFiles = (worker) =>
  ownFiles(worker, ["Text", "Data", "PythonModule"], worker.main).map(([path, data]) => [`metadata/${path}`, data]);
export const scriptFiles = (worker) => ownFiles(worker, ["ESModule"]);

// ---- vendored packages and pyedge's own Python ------------------------------------------------------
export function libraryFiles({ python_modules: vendored, config }) {
  const own = [...walk(inside)].filter((path) => path.endsWith(".py"));
  const excluded = (config.python_modules?.exclude ?? ["**/*.pyc"]).map(globToRegExp);
  const packages = existsSync(vendored) ? [...walk(vendored)].filter((path) => !excluded.some((one) => one.test(path))) : [];
  return [
    ...packages.map((path) => [`metadata/python_modules/${path}`, readFileSync(join(vendored, path))]),
    ...own.map((path) => [`.pyedge/${path}`, readFileSync(join(inside, path))]),
  ];
}

// ---- prepared state: a snapshot of the fresh interpreter and byte code, made once -------------------
export function preparedPath(cache, libraries) {
  const hash = createHash("sha256");
  for (const name of ["pyodide", "workerd", "miniflare"]) hash.update(require(`${name}/package.json`).version);
  for (const name of ["host.mjs", "prelude.mjs", "scope.mjs"]) hash.update(readFileSync(join(inside, name)));
  for (const [path, data] of libraries) hash.update(`\0${path}\0`).update(data);
  return join(cache, `${hash.digest("hex").slice(0, 16)}.bin`);
}
// Several processes may find nothing at once (pytest -n): one makes it, the others wait for it.
export async function prepared(path, make) {
  const lock = `${path}.lock`;
  while (!existsSync(path)) {
    try {
      mkdirSync(dirname(path), { recursive: true });
      mkdirSync(lock);
    } catch {
      if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > 90_000) rmSync(lock, { recursive: true });
      await new Promise((done) => setTimeout(done, 100));
      continue;
    }
    try {
      writeFileSync(`${path}.new`, await make());
      renameSync(`${path}.new`, path);
      forget(dirname(path), path);
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
  }
  return unpack(readFileSync(path));
}
function forget(cache, newest, kept = 3) {
  const old = readdirSync(cache).filter((name) => name.endsWith(".bin")).map((name) => join(cache, name))
    .filter((path) => path !== newest).map((path) => [statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0, path])
    .sort((a, b) => b[0] - a[0]);
  for (const [, path] of old.slice(kept)) rmSync(path, { force: true });
}

// ---- the code of a Worker's own modules, compiled and checked once for the same entry, sources and state -----
const FEW = 100_000; // bytes of sources that compile in no time
export function codePath(cache, main, sources, state) {
  if (sources.reduce((sum, [, data]) => sum + data.length, 0) < FEW) return null;
  const hash = createHash("sha256").update(`${basename(state)}\0${main}`);
  for (const [path, data] of sources) hash.update(`\0${path}\0${data.length}\0`).update(data);
  return join(cache, "code", `${hash.digest("hex").slice(0, 16)}.bin`);
}
export function readCode(path) {
  if (!path || !existsSync(path)) return Buffer.alloc(0);
  utimesSync(path, new Date(), new Date()); // the oldest go
  return readFileSync(path);
}
export function writeCode(path, code) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, code);
  renameSync(`${path}.${process.pid}`, path);
  forget(dirname(path), path, 30);
}
