// Calls of the API: the access token is in memory, the session in a cookie that scripts cannot read.
let access = null;

async function refresh() {
  const response = await fetch("/api/v1/auth/refresh", {
    method: "POST", headers: { "content-type": "application/json" }, body: "{}",
  });
  access = response.ok ? (await response.json()).access_token : null;
  return access;
}

// One refresh at a time across all tabs, as the token rotates.
const renewed = () => (navigator.locks ? navigator.locks.request("refresh", refresh) : refresh());

export const isKnown = async () => Boolean(access || (await renewed()));

export async function raw(method, path, body, headers = {}) {
  const ask = () => fetch(path, {
    method,
    headers: {
      ...(access ? { authorization: `Bearer ${access}` } : {}),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  let response = await ask();
  if (response.status === 401 && access && (await renewed())) response = await ask();
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ title: `The service answered ${response.status}` }));
  const faults = (problem.errors ?? []).map((one) => `${one.pointer}: ${one.detail}`).join("; ");
  throw new Error([problem.title, faults || problem.detail].filter(Boolean).join(": "));
}

export async function call(method, path, body) {
  const response = await raw(method, path, body);
  return response.status === 204 ? null : response.json();
}

export async function enter(path, body) {
  const answer = await call("POST", path, body);
  access = answer.access_token ?? null;
  return answer;
}

export async function leave() {
  await call("POST", "/api/v1/auth/logout", {});
  access = null;
}

// Yields the data of Server-Sent Events; EventSource cannot send a token.
export async function* events(path) {
  const response = await raw("GET", path, undefined, { accept: "text/event-stream" });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}
