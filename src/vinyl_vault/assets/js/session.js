// The session of the user. The refresh token is in a cookie that scripts cannot read, the access token in memory.
const USER = "vinyl-vault-user";
const EARLY_MS = 30_000;

// The network or the service is unavailable: the user stays logged in.
export class Away extends Error {
  constructor(retryAfter = 0) {
    super("There is no connection to the server right now.");
    this.retryAfter = retryAfter;
  }
}
// The session has ended, or belongs to another user.
export class Ended extends Error {
  constructor() { super("Your session has ended. Log in again."); }
}
// The server refused a request, with a reason.
export class Refused extends Error {
  constructor(status, problem) {
    const faults = (problem?.errors ?? []).map((one) => `${(one.pointer ?? "").replace(/^[#/]+/, "")}: ${one.detail}`);
    super([problem?.detail ?? problem?.title ?? `The server answered ${status}.`, ...faults].join(" "));
    this.status = status;
    this.problem = problem ?? {};
  }
}

export class Session extends EventTarget {
  constructor(channel) {
    super();
    this.channel = channel;
    this.user = JSON.parse(localStorage.getItem(USER) ?? "null");
    this.token = "";
    this.expires = 0;
    this.hasEnded = false;
    channel.on("token", (message) => this.hear(message));
  }

  // Another tab got a token; a token of another user must not be used here.
  hear({ userId, token, expires }) {
    if (userId !== this.user?.id) return;
    Object.assign(this, { token, expires });
    this.setEnded(false);
  }

  enter(tokens, email) {
    this.user = { id: tokens.user_id, email };
    localStorage.setItem(USER, JSON.stringify(this.user));
    this.keep(tokens);
    this.setEnded(false);
  }

  leave() {
    localStorage.removeItem(USER);
    Object.assign(this, { user: null, token: "", expires: 0, hasEnded: false });
  }

  keep(tokens) {
    this.token = tokens.access_token;
    this.expires = Date.now() + tokens.expires_in * 1000;
    this.channel.post("token", { userId: tokens.user_id, token: this.token, expires: this.expires });
  }

  setEnded(hasEnded) {
    if (this.hasEnded === hasEnded) return;
    this.hasEnded = hasEnded;
    this.dispatchEvent(new Event("state"));
  }

  get isFresh() { return Boolean(this.token) && Date.now() < this.expires - EARLY_MS; }

  // One refresh at a time across all tabs; a waiting tab that has received the new token needs none.
  refresh() {
    const before = this.token;
    return navigator.locks.request("vinyl-vault-refresh", async () => {
      if (this.token !== before && this.isFresh) return;
      const answer = await reach("/api/auth/refresh", json("POST", {}));
      if (answer.status === 401) {
        this.token = "";
        this.setEnded(true);
        throw new Ended();
      }
      const tokens = await read(answer);
      if (tokens.user_id !== this.user?.id) { // another user logged in, in another tab: never mix two users
        this.setEnded(true);
        throw new Ended();
      }
      this.keep(tokens);
      this.setEnded(false);
    });
  }

  // Sends a request as the user; after a 401 it is repeated once with a new token.
  async fetch(path, options = {}) {
    for (let attempt = 0; ; attempt += 1) {
      if (!this.isFresh) await this.refresh();
      const headers = { ...options.headers, authorization: `Bearer ${this.token}` };
      const answer = await reach(path, { ...options, headers });
      if (answer.status !== 401 || attempt || await isWrongPassword(answer)) return answer;
      await answer.body?.cancel();
      this.token = "";
    }
  }

  async call(method, path, body) {
    return read(await this.fetch(path, body === undefined ? { method } : json(method, body)));
  }
}

// A wrong password is answered 401 too; a repetition would count twice against the limit of attempts.
async function isWrongPassword(answer) {
  const problem = await answer.clone().json().catch(() => null);
  return problem?.title === "The e-mail or password is wrong";
}

// An anonymous request: log in, register, reset.
export async function post(path, body) {
  return read(await reach(path, json("POST", body)));
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Away();
  }
}

// Returns an answer's JSON; throws `Away` if the service is unavailable, or `Refused` with the reason.
export async function read(answer) {
  if (answer.status === 204) return null;
  const value = await answer.json().catch(() => null);
  if (answer.ok) return value;
  const later = Number(answer.headers.get("retry-after")) || 0;
  if (answer.status >= 502 && !value?.detail) throw new Away(later);
  throw Object.assign(new Refused(answer.status, value), { retryAfter: later });
}

const json = (method, body) => ({
  method, headers: { "content-type": "application/json" }, body: typeof body === "string" ? body : JSON.stringify(body),
});
