// The session of the user. The refresh token is in a cookie that scripts cannot read, the access token in memory.
const EARLY_MS = 30_000;
const WAS_HERE = "klear-karma-user";

let token = "";
let expires = 0;

export class Refused extends Error {
  constructor(status, problem) {
    const faults = (problem?.errors ?? []).map((one) => `${(one.pointer ?? "").replace(/^[#/]+/, "")}: ${one.detail}`);
    super([problem?.title ?? `The server answered ${status}.`, problem?.detail, ...faults].filter(Boolean).join(" "));
    this.status = status;
  }
}

export const isLoggedIn = () => localStorage.getItem(WAS_HERE) !== null;

function keep(tokens) {
  token = tokens.access_token;
  expires = Date.now() + tokens.expires_in * 1000;
  localStorage.setItem(WAS_HERE, tokens.user_id);
}

async function answer(path, method, body, headers = {}) {
  const options = { method, headers: { ...headers } };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options).catch(() => { throw new Error("The service was not reached; try again."); });
  if (response.status === 204) return null;
  const value = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, value);
  return value;
}

export const get = (path) => answer(path, "GET");

export async function enter(path, body) {
  keep(await answer(`/api/auth/${path}`, "POST", body));
}

export async function leave() {
  await call("POST", "/api/auth/logout", {}).catch(() => null);
  forget();
}

function forget() {
  token = "";
  localStorage.removeItem(WAS_HERE);
}

// One refresh at a time across all tabs.
function refresh() {
  return navigator.locks.request("klear-karma-refresh", async () => {
    if (token && Date.now() < expires - EARLY_MS) return;
    try {
      keep(await answer("/api/auth/refresh", "POST", {}));
    } catch (fault) {
      if (fault.status === 401) forget();
      throw fault;
    }
  });
}

// Sends a request as the user; after a 401 it is repeated once with a new token.
export async function call(method, path, body, headers = {}) {
  for (let attempt = 0; ; attempt += 1) {
    if (!token || Date.now() >= expires - EARLY_MS) await refresh();
    try {
      return await answer(path, method, body, { ...headers, authorization: `Bearer ${token}` });
    } catch (fault) {
      if (fault.status !== 401 || attempt) throw fault;
      token = "";
    }
  }
}
