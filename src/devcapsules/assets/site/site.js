// The author's pages: list, edit, try, generate, keys; the hash of the address selects one.
import { markdown } from "../widget/markdown.js";
import { call, enter, events, isKnown, leave } from "./calls.js";
import { chosen, choose, LANGUAGES, t } from "./texts.js";

const content = document.getElementById("content");
const nav = document.getElementById("nav");
const status = document.getElementById("status");
const CAPSULES = "/api/v1/capsules";
let watching = 0; // the number of the current page; results for older pages are dropped

function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((one) => one !== null && one !== undefined));
  return made;
}

const say = (text) => { status.textContent = text; };
const link = (href, text) => make("a", { href, textContent: text });
const button = (text, act, properties = {}) => make("button", { type: "button", textContent: t(text), onclick: () => tried(act), ...properties });

async function tried(act) {
  try {
    await act();
  } catch (fault) {
    say(fault instanceof TypeError ? t("The service was not reached; try again.") : fault.message);
  }
}

let fields = 0;
function field(label, name, properties = {}, tag = "input") {
  const id = `field-${(fields += 1)}`;
  const { options, ...rest } = properties;
  const input = make(tag, { id, name, ...rest }, ...(options ?? []).map((one) => make("option", { value: one, textContent: t(one) })));
  if (options && rest.value) input.value = rest.value;
  return make("div", {}, make("label", { htmlFor: id, textContent: t(label) }), input);
}

function form(act, submit, ...children) {
  const made = make("form", {}, ...children, make("div", { className: "buttons" }, make("button", { className: "primary", textContent: t(submit) })));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    tried(() => act(Object.fromEntries(new FormData(made))));
  });
  return made;
}

function show(title, ...children) {
  document.title = `${title} - DevCapsules`;
  content.replaceChildren(make("h1", { textContent: title }), ...children);
  content.focus({ preventScroll: true });
  document.body.dataset.page = location.hash || "#/";
}

// ---- pages ----

function logIn() {
  const credentials = () => [
    field("E-mail", "email", { type: "email", autocomplete: "username", required: true }),
    field("Password", "password", { type: "password", autocomplete: "current-password", required: true }),
  ];
  const entered = (path) => async (body) => {
    const answer = await enter(path, body);
    if (!answer.access_token) return say(t("See your mail: its link creates the account."));
    say("");
    return go("#/");
  };
  show(
    t("Log in"),
    form(entered("/api/v1/auth/login"), "Log in", ...credentials()),
    make("h2", { textContent: t("New here?") }),
    form(entered("/api/v1/auth/register"), "Register", field("Your name, as others see it", "name", { maxLength: 80 }), ...credentials()),
  );
}

async function list() {
  const capsules = [];
  let cursor = "";
  do {
    const page = await call("GET", `${CAPSULES}?mine=true&limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    capsules.push(...page.capsules);
    cursor = page.next_cursor;
  } while (cursor);
  const { capsules: counts } = await call("GET", "/api/v1/analytics/overview");
  const of = Object.fromEntries(counts.map((one) => [one.capsule_id, one]));
  const rows = capsules.map((one) => make(
    "tr", {},
    make("td", {}, link(`#/edit/${one.id}`, one.title)),
    make("td", { textContent: `${one.language}, ${t(one.visibility)}` }),
    make("td", { textContent: String(of[one.id]?.views ?? 0) }),
    make("td", { textContent: String(of[one.id]?.attempts ?? 0) }),
    make("td", { textContent: String(of[one.id]?.completions ?? 0) }),
  ));
  const heads = ["Capsule", "Is", "Views", "Tries", "Solved"].map((text) => make("th", { textContent: t(text), scope: "col" }));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
  show(t("Your capsules"), make("div", { className: "buttons" }, link("#/new", t("Write one")), link("#/generate", t("Generate one"))),
    capsules.length ? make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": t("Your capsules") }, table) : make("p", { textContent: t("There are none yet.") }));
}

const EMPTY = {
  title: "", statement: "", starter: "", solution: "", function_name: "solve", tests: [{ name: "", arguments: [1], expected: 1 }],
  hints: [], language: "python", difficulty: "easy", visibility: "private", tags: [], time_limit_ms: 2000, solution_after: 3,
};

async function edit(id) {
  const capsule = id ? await call("GET", `${CAPSULES}/${id}`) : EMPTY;
  const version = id ? await call("GET", `${CAPSULES}/${id}/versions/${capsule.version}`) : EMPTY;
  const area = (label, name, value, className = "") => field(label, name, { value, className, spellcheck: false }, "textarea");
  const body = (given) => ({
    title: given.title, statement: given.statement, starter: given.starter, solution: given.solution,
    function_name: given.function_name, difficulty: given.difficulty, visibility: given.visibility,
    tests: parsed(given.tests), hints: given.hints.split("\n").map((one) => one.trim()).filter(Boolean),
    tags: given.tags.split(/[\s,]+/).filter(Boolean), time_limit_ms: Number(given.time_limit_ms),
    solution_after: Number(given.solution_after),
  });
  const save = async (given) => {
    const sent = id ? { ...body(given), base_version: capsule.version } : { ...body(given), language: given.language };
    const saved = await call(id ? "PATCH" : "POST", id ? `${CAPSULES}/${id}` : CAPSULES, sent);
    say(t("Saved."));
    if (id) return route();
    return go(`#/edit/${saved.id}`);
  };
  show(
    id ? capsule.title : t("A new capsule"),
    form(save, "Save",
      field("Title", "title", { value: version.title, required: true, maxLength: 120 }),
      id ? null : field("Language", "language", { options: ["python", "javascript", "typescript"] }, "select"),
      area("Statement, in Markdown", "statement", version.statement),
      field("Function", "function_name", { value: version.function_name, required: true }),
      area("Starter", "starter", version.starter, "short"),
      area("Solution", "solution", version.solution, "short"),
      area("Tests, as JSON", "tests", JSON.stringify(version.tests, null, 1)),
      area("Hints, one a line", "hints", version.hints.map((one) => one.replaceAll("\n", " ")).join("\n"), "short"),
      field("Tags", "tags", { value: capsule.tags.join(" ") }),
      field("Difficulty", "difficulty", { options: ["easy", "medium", "hard"], value: capsule.difficulty }, "select"),
      field("Who may read it", "visibility", { options: ["private", "unlisted", "public"], value: capsule.visibility }, "select"),
      field("Milliseconds for each test", "time_limit_ms", { type: "number", min: 100, max: 10000, value: capsule.time_limit_ms }),
      field("Tries before the solution", "solution_after", { type: "number", min: 0, max: 100, value: capsule.solution_after }),
    ),
    ...(id ? extras(capsule, version) : []),
  );
  if (id) tried(() => chart(id));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (fault) {
    throw new Error(t("The tests are no JSON: {reason}", { reason: fault.message }));
  }
}

function extras(capsule, version) {
  const code = make("textarea", { id: "try", value: version.solution || version.starter, spellcheck: false });
  const results = make("ul", { className: "tests" });
  const attempt = async () => {
    say(t("Running …"));
    const found = await call("POST", `${CAPSULES}/${capsule.id}/attempts`, { code: code.value });
    say(t("{n} of {total} tests passed.", { n: found.passed, total: found.total }));
    results.replaceChildren(...found.results.map((one) => make("li", {
      className: one.status === "ok" ? "pass" : "fail",
      textContent: `${one.name}: ${t(one.status)}${one.actual === null || one.status === "ok" ? "" : t(", expected {expected}, got {actual}", one)} ${one.message}`,
    })));
  };
  const remove = async () => {
    if (!confirm(t("Delete “{title}”?", capsule))) return;
    await call("DELETE", `${CAPSULES}/${capsule.id}`);
    go("#/");
  };
  return [
    make("h2", { textContent: t("As a learner reads it") }), make("section", {}, markdown(version.statement)),
    make("h2", { textContent: t("Try it") }), make("label", { htmlFor: "try", textContent: t("Code") }), code,
    make("div", { className: "buttons" }, button("Run the tests", attempt), button("Delete the capsule", remove)), results,
    make("h2", { textContent: t("Embed it") }),
    make("pre", { tabIndex: 0, textContent: `<div data-capsule="${capsule.id}" data-key="dk_…"></div>\n<script src="${location.origin}/widget/embed.js"></script>` }),
    make("h2", { textContent: t("The last 30 days") }), make("div", { id: "chart" }),
  ];
}

async function chart(id) {
  const place = document.getElementById("chart");
  const { totals, days } = await call("GET", `/api/v1/analytics/capsules/${id}`);
  const words = t("{views} views, {attempts} tries, {completions} times solved in all", totals);
  const SVG = "http:/" + "/www.w3.org/2000/svg";
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 300 100");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", t("Tries by day: {days}", { days: days.map((one) => `${one.day} ${one.attempts}`).join(", ") || t("none") }));
  const most = Math.max(1, ...days.map((one) => one.attempts));
  for (const [number, one] of days.entries()) {
    const bar = document.createElementNS(SVG, "rect");
    const height = (95 * one.attempts) / most;
    for (const [name, value] of Object.entries({ x: number * 10 + 1, y: 100 - height, width: 8, height })) bar.setAttribute(name, value);
    svg.append(bar);
  }
  const outcomes = {};
  for (const day of days) for (const [name, n] of Object.entries(day.outcomes)) outcomes[name] = (outcomes[name] ?? 0) + n;
  const listed = Object.entries(outcomes).map(([name, n]) => make("li", { textContent: `${t(name)}: ${n}` }));
  place?.replaceChildren(make("p", { textContent: words }), svg, make("ul", {}, ...listed));
}

function generate() {
  const log = make("ol", { id: "progress", "aria-live": "polite" });
  show(t("Generate a capsule"), form(async (body) => {
    log.replaceChildren();
    const page = watching;
    const { statusUrl } = await call("POST", "/api/v1/generate", body);
    for await (const job of events(statusUrl)) {
      if (page !== watching) return;
      log.append(make("li", { textContent: `${t(job.state)}${job.step ? `: ${t(job.step)}` : ""}${job.rounds ? t(" (round {rounds})", job) : ""}` }));
      if (job.state === "succeeded") {
        const parts = Object.entries(job.parts).map(([name, n]) => `${t(name)} ${n}`).join(", ");
        log.append(make("li", {}, link(`#/edit/${job.capsule_id}`, t("Look at it")), t(" Quality {score} of 100: {parts}", { score: job.score, parts })));
      } else if (job.message) log.append(make("li", { textContent: [job.message, ...job.faults].join("; ") }));
    }
  }, "Generate",
  field("What is it about?", "prompt", { required: true, minLength: 5, maxLength: 2000, className: "short" }, "textarea"),
  field("Language", "language", { options: ["python", "javascript", "typescript"] }, "select"),
  field("Difficulty", "difficulty", { options: ["easy", "medium", "hard"] }, "select")), log);
}

async function keys() {
  const { keys: found } = await call("GET", "/api/v1/auth/api-keys");
  const usage = await call("GET", "/api/v1/usage");
  const secret = make("p", { id: "secret" });
  const rows = found.filter((one) => !one.revoked_at).map((one) => make("li", {}, t("{name} ({prefix}…) for {origins} ", { ...one, origins: one.origins.join(", ") || t("no page") }), button("Revoke", async () => {
    await call("DELETE", `/api/v1/auth/api-keys/${one.id}`);
    route();
  }, { "aria-label": t("Revoke {name}", one) })));
  const quota = { plan: usage.plan, calls: usage.used.day, most: usage.limits.day ?? t("unlimited"), generations: usage.used.generations, mostGenerations: usage.limits.generations ?? t("unlimited") };
  show(t("Keys"), make("p", { textContent: t("Plan {plan}: {calls} of {most} calls and {generations} of {mostGenerations} generations today.", quota) }),
    make("ul", {}, ...rows),
    form(async ({ name, origins }) => {
      const made = await call("POST", "/api/v1/auth/api-keys", { name, origins: origins.split(/[\s,]+/).filter(Boolean) });
      secret.textContent = t("Copy it now, it is shown this once: {secret}", made);
    }, "Make a key", field("Name", "name", { required: true, maxLength: 100 }), field("Origins of pages that embed", "origins")), secret);
}

// ---- routing ----

function languages() {
  const options = Object.entries(LANGUAGES).map(([value, textContent]) => make("option", { value, textContent, lang: value }));
  const select = make("select", { "aria-label": t("Language of these pages"), onchange: () => { choose(select.value); route(); } }, ...options);
  select.value = chosen();
  return select;
}

function go(hash) {
  if (location.hash === hash) route();
  else location.hash = hash;
}

async function route() {
  watching += 1;
  document.documentElement.lang = chosen();
  document.querySelector(".skip").textContent = t("To the content");
  nav.setAttribute("aria-label", t("Pages"));
  const known = await isKnown().catch(() => false);
  nav.replaceChildren(...(known ? [link("#/", t("Capsules")), link("#/generate", t("Generate")), link("#/keys", t("Keys")), button("Log out", async () => {
    await leave();
    go("#/login");
  })] : []));
  nav.append(languages());
  if (!known) return logIn();
  const [, name, id] = location.hash.split("/");
  const pages = { edit: () => edit(id), new: () => edit(null), generate, keys };
  return tried(pages[name] ?? list);
}

addEventListener("hashchange", () => { say(""); route(); });
route();
