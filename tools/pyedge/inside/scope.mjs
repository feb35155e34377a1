// The rules of workerd's global scope, while a Worker's main module is imported: no randomness, no clock, no timers,
// no I/O. Production takes a memory snapshot after the import, so whatever is drawn or connected there would be shared
// by every instance. Python's side is in _cloudflare/.
let importing = false;
let allowance = 0; // draws that a package's patch has asked for (hash seeds)

export function allowEntropy(calls) {
  const left = allowance;
  allowance = calls;
  return left;
}
function disallowed(what) {
  throw new Error(`Disallowed operation called within global scope: ${what} (asynchronous I/O, timers and random values `
    + "have to wait for a request)");
}
// What the main module took at import works later.
const guarded = (what, original) => new Proxy(original, {
  apply(target, self, given) {
    if (importing) disallowed(what);
    return Reflect.apply(target, self, given);
  },
  construct(target, given) {
    if (importing) disallowed(what);
    return new target(...given);
  },
});

const { getRandomValues, randomUUID } = crypto;
crypto.getRandomValues = function (view) {
  if (!importing) return getRandomValues.call(crypto, view);
  if (allowance-- <= 0) disallowed("crypto.getRandomValues()");
  return view.fill(43); // as in production: never to be mistaken for randomness
};
crypto.randomUUID = guarded("crypto.randomUUID()", randomUUID.bind(crypto));

const clock = performance.now.bind(performance);
const AtImport = Object.fromEntries(["fetch", "setTimeout", "setInterval", "WebSocket", "EventSource"]
  .map((name) => [name, guarded(`${name}()`, globalThis[name])]));
AtImport.Date = class extends Date {
  constructor(...given) { super(...(importing && !given.length ? [0] : given)); }
  static now() { return importing ? 0 : Date.now(); }
};
export function inGlobalScope(work) {
  const saved = Object.fromEntries(Object.keys(AtImport).map((name) => [name, globalThis[name]]));
  Object.assign(globalThis, AtImport);
  performance.now = () => (importing ? 0 : clock());
  importing = true;
  allowance = 0;
  try {
    return work();
  } finally {
    importing = false;
    Object.assign(globalThis, saved);
  }
}

// A binding that the main module has taken from the environment: usable, but not yet.
export function laterOnly(binding, name) {
  if (!importing || binding === null || typeof binding !== "object") return binding;
  return new Proxy(binding, {
    get(target, key) {
      const value = Reflect.get(target, key, target);
      return typeof value === "function" && key !== "constructor" ? guarded(`${name}.${String(key)}()`, value.bind(target)) : value;
    },
  });
}
export const laterOnlyModule = (module) => new Proxy(module, {
  get: (target, key) => (typeof target[key] === "function" ? guarded(`${String(key)}()`, target[key]) : target[key]),
});
