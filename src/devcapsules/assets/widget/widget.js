// The widget: an exercise with a plain text area that becomes an editor on focus.
import { markdown } from "./markdown.js";

const config = JSON.parse(document.getElementById("config").textContent);
const { capsule, texts } = config;
const root = document.getElementById("widget");
const DRAFT = `draft ${capsule.id} ${capsule.version}`;
let token = config.token;
let isResetting = false;

const words = (name, values = {}) => texts[name].replace(/{(\w+)}/g, (_, key) => values[key] ?? "");

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// ---- calls ----

async function send(method, path, body) {
  const headers = { authorization: `Bearer ${token}` };
  if (body) headers["content-type"] = "application/json";
  return fetch(path, { method, headers, body: body && JSON.stringify(body) });
}

async function call(method, path, body) {
  let response = await send(method, path, body);
  if (response.status === 401) {
    const renewed = await fetch("/api/v1/embed/token", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }),
    });
    if (renewed.ok) {
      token = (await renewed.json()).token;
      response = await send(method, path, body);
    }
  }
  const answer = await response.json().catch(() => ({ title: String(response.status) }));
  if (response.ok) return answer;
  if (response.status === 429) throw new Error(words("wait", { n: answer.retry_after ?? 60 }));
  throw Object.assign(new Error(words("fault", { reason: answer.detail || answer.title })), { problem: answer });
}

const path = (rest) => `/api/v1/capsules/${encodeURIComponent(capsule.id)}${rest}`;

// ---- the page ----

const title = element("h1", { textContent: capsule.title });
const statement = element("section", { className: "statement" }, markdown(capsule.statement));
const area = element("textarea", {
  id: "code", spellcheck: false, autocapitalize: "off", autocomplete: "off", rows: 10, value: stored() ?? capsule.starter,
});
area.setAttribute("aria-describedby", "editor-help");
const host = element("div", { className: "editor", hidden: true });
const status = element("p", { className: "status" });
status.setAttribute("role", "status");
const result = element("section", { className: "result", tabIndex: -1, hidden: true });
result.setAttribute("aria-label", words("result"));
let editor = null;

const button = (name, act, properties = {}) => {
  const made = element("button", { type: "button", textContent: words(name), ...properties });
  made.addEventListener("click", () => guarded(made, act));
  return made;
};
const buttons = [
  button("test", test, { className: "primary" }),
  button("run", run),
  button("reset", reset),
  button("copy", copy),
];
if (capsule.hints) buttons.push(button("hint", hint));
buttons.push(button("solution", solution));

root.append(
  title,
  statement,
  examples(),
  element("label", { htmlFor: "code", textContent: words("code") }),
  area,
  host,
  element("p", { id: "editor-help", className: "help", textContent: words("editorHelp") }),
  element("div", { className: "buttons" }, ...buttons),
  status,
  result,
);

function examples() {
  if (!capsule.examples.length) return "";
  const rows = capsule.examples.slice(0, 5).map((one) => {
    const code = element("code", { textContent: `${capsule.function_name}(${one.arguments})` });
    return element("li", {}, code, " → ", element("code", { textContent: one.expected }));
  });
  return element("section", {}, element("h2", { textContent: words("examples") }), element("ul", {}, ...rows));
}

async function guarded(made, act) {
  if (made.getAttribute("aria-disabled") === "true") return;
  buttons.forEach((one) => one.setAttribute("aria-disabled", "true"));
  try {
    await act();
  } catch (fault) {
    say(fault instanceof TypeError ? words("offline") : fault.message);
  } finally {
    buttons.forEach((one) => one.removeAttribute("aria-disabled"));
    grow();
  }
}

function say(text) {
  status.textContent = text;
}

function showResult(...children) {
  result.replaceChildren(...children);
  result.hidden = !children.length;
}

// ---- actions of the buttons ----

async function run() {
  say(words("running"));
  const ran = await call("POST", "/api/v1/execute", {
    source_code: code(), language: capsule.language, time_limit: capsule.time_limit_ms / 1000,
  });
  say(ran.message || "");
  const shown = [ran.stdout, ran.stderr].filter(Boolean).join("\n");
  showResult(
    element("h2", { textContent: words("output") }),
    element("pre", { tabIndex: 0, textContent: shown || words("noOutput") }),
  );
}

async function test() {
  say(words("running"));
  const attempt = await call("POST", path("/attempts"), { code: code() });
  say(attempt.is_solved ? words("solved") : words("passed", { n: attempt.passed, total: attempt.total }));
  showResult(element("ol", { className: "tests" }, ...attempt.results.map(testRow)));
  if (attempt.is_solved) tell({ type: "devcapsules:solved", capsule: capsule.id });
}

function testRow(one) {
  const passed = one.status === "ok";
  const mark = element("span", { className: "mark", textContent: passed ? "✓" : "✗" });
  mark.setAttribute("aria-hidden", "true");
  const name = one.hidden ? `${one.name} (${words("hidden")})` : one.name;
  const isVeiled = one.hidden && one.status === "wrong"; // any way of not passing
  const outcome = texts[isVeiled ? "is_failed" : `is_${one.status}`] ?? one.status;
  const row = element("li", { className: passed ? "pass" : "fail" }, mark, ` ${name}: ${outcome}`);
  if (!passed && !isVeiled && one.message) row.append(element("p", { textContent: one.message }));
  if (!passed && one.actual !== null) row.append(...difference(one));
  if (one.stdout) row.append(element("pre", { tabIndex: 0, textContent: one.stdout }));
  return row;
}

// Marks the difference between the expected and the actual value: all between the common prefix and suffix.
function difference({ arguments: given, expected, actual }) {
  let from = 0;
  while (from < expected.length && from < actual.length && expected[from] === actual[from]) from += 1;
  let end = 0;
  const most = Math.min(expected.length, actual.length) - from;
  while (end < most && expected.at(-1 - end) === actual.at(-1 - end)) end += 1;
  const line = (label, text, tag) => {
    const middle = element(tag, { textContent: text.slice(from, text.length - end) });
    const shown = element("code", {}, text.slice(0, from), middle, text.slice(text.length - end));
    return element("div", {}, `${words(label)}: `, shown);
  };
  const call = element("code", { textContent: `${capsule.function_name}(${given})` });
  const rows = [element("div", {}, `${words("input")}: `, call)];
  return [...rows, line("expected", expected, "ins"), line("actual", actual, "del")];
}

async function hint() {
  try {
    const found = await call("POST", path("/hints"), {});
    say("");
    showResult(element("h2", { textContent: `${words("hint")} ${found.number}` }), markdown(found.text));
  } catch (fault) {
    if (fault.problem?.status !== 404) throw fault;
    say(words("noMoreHints"));
  }
}

async function solution() {
  try {
    const found = await call("GET", path("/solution"));
    say("");
    showResult(element("pre", { tabIndex: 0, textContent: found.solution }));
  } catch (fault) {
    if (fault.problem?.tries_left === undefined) throw fault;
    say(words("solutionLocked", { n: fault.problem.tries_left }));
  }
}

function reset() {
  if (!isResetting && code() !== capsule.starter) {
    isResetting = true;
    setTimeout(() => (isResetting = false), 5000);
    return say(words("discard"));
  }
  isResetting = false;
  setCode(capsule.starter);
  showResult();
  say("");
}

async function copy() {
  try {
    await navigator.clipboard.writeText(code());
  } catch {
    area.hidden = false;
    area.value = code();
    area.select();
    document.execCommand("copy");
    area.hidden = Boolean(editor);
  }
  say(words("copied"));
}

// ---- the code, its draft and its editor ----

function code() {
  return editor ? editor.code() : area.value;
}

function setCode(text) {
  if (editor) editor.setCode(text);
  else area.value = text;
  store();
}

function storage() {
  try {
    return localStorage;
  } catch {
    return null; // storage is blocked in a frame of another site: the embedding page stores the draft
  }
}

function stored() {
  return storage()?.getItem(DRAFT) ?? null;
}

function store() {
  const draft = code() === capsule.starter ? null : code();
  try {
    if (!storage()) tell({ type: "devcapsules:draft", capsule: DRAFT, code: draft });
    else if (draft === null) localStorage.removeItem(DRAFT);
    else localStorage.setItem(DRAFT, draft);
  } catch { /* the storage is full: the draft is lost with the page */ }
  grow();
}

function embedder() {
  const origin = location.ancestorOrigins?.[0] ?? (document.referrer && new URL(document.referrer).origin);
  return config.origins.includes(origin) ? origin : null;
}

function tell(message) {
  const origin = embedder();
  if (origin) parent.postMessage(message, origin);
}

addEventListener("message", (event) => {
  if (event.source !== parent || event.origin !== embedder() || event.data?.type !== "devcapsules:draft") return;
  const { code: draft } = event.data;
  if (typeof draft === "string" && draft.length <= 20000 && code() === capsule.starter) setCode(draft);
});

let isLeaving = false;
area.addEventListener("input", store);
area.addEventListener("keydown", (event) => {
  if (event.key === "Escape") isLeaving = true;
  else if (event.key === "Tab" && !event.shiftKey && !isLeaving) {
    event.preventDefault();
    area.setRangeText("    ", area.selectionStart, area.selectionEnd, "end");
    store();
  } else if (event.key !== "Shift") isLeaving = false;
});
area.addEventListener("focus", load, { once: true });

async function load() {
  try {
    const { mountEditor } = await import("./editor.js");
    const { selectionStart } = area;
    const hasFocus = document.activeElement === area; // who has gone on meanwhile is not taken back
    host.hidden = false;
    editor = mountEditor(host, {
      code: area.value, language: capsule.language, label: words("code"), help: words("editorHelp"), onChange: store,
    });
    area.hidden = true;
    if (hasFocus) editor.focus(selectionStart);
  } catch { /* the plain text area stays, and is sufficient */ }
  grow();
}

function grow() {
  tell({ type: "devcapsules:height", height: document.documentElement.scrollHeight });
}

new ResizeObserver(grow).observe(root);
grow();
if (!storage()) tell({ type: "devcapsules:ready", capsule: DRAFT });
const seen = { id: crypto.randomUUID(), capsule_id: capsule.id, kind: "view" };
call("POST", "/api/v1/analytics/events", { events: [seen] }).catch(() => {});
