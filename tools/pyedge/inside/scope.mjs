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
const guarded = (what, original) => function (...given) {
  if (importing) disallowed(what);
  return original.apply(this, given);
};

const FORBIDDEN = ["fetch", "setTimeout", "setInterval", "WebSocket", "EventSource"];
const { getRandomValues, randomUUID } = crypto;
crypto.getRandomValues = function (view) {
  if (!importing) return getRandomValues.call(crypto, view);
  if (allowance-- <= 0) disallowed("crypto.getRandomValues()");
  return view.fill(43); // as in production: never to be mistaken for randomness
};
crypto.randomUUID = guarded("crypto.randomUUID()", randomUUID.bind(crypto));

export function inGlobalScope(work) {
  const saved = Object.fromEntries([...FORBIDDEN, "Date"].map((name) => [name, globalThis[name]]));
  const now = performance.now;
  for (const name of FORBIDDEN) globalThis[name] = () => disallowed(`${name}()`);
  globalThis.Date = class extends saved.Date {
    constructor(...given) { super(...(given.length ? given : [0])); }
    static now() { return 0; }
  };
  performance.now = () => 0;
  importing = true;
  allowance = 0;
  try {
    return work();
  } finally {
    importing = false;
    performance.now = now;
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
