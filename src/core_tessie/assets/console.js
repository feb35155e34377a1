// The owner's console: reads the same API that anyone with a key can read, and keeps the key in this tab only.

const KEY = "core-tessie-key";
const UNITS = "core-tessie-units";
const KM_PER_MI = 1.609344;
const WHILE_SYNCING = 2_000;
const OTHERWISE = 30_000;
const REPORTS = "colbycommands/energy-report";

const QUERIES = {
  vehicles: "vehicles?select=id,display_name,car_type,state,charging_state,battery_pct,rated_range_mi,odometer_mi,"
    + "car_version,recorded_at&is_active=is.true&order=display_name.asc",
  runs: "sync_runs?order=started_at.desc&limit=5",
  drives: "drives?select=id,vin,started_at,ended_at,starting_saved_location,starting_location,ending_saved_location,"
    + "ending_location,distance_mi,energy_used_kwh&order=started_at.desc&limit=10",
  charges: "charges?select=id,vin,started_at,ended_at,saved_location,location,is_supercharger,energy_added_kwh,"
    + "starting_battery_pct,ending_battery_pct,cost&order=started_at.desc&limit=10",
};

const $ = (id) => document.getElementById(id);
let metric = (localStorage.getItem(UNITS) ?? (/^en-(US|GB)/.test(navigator.language) ? "mi" : "km")) === "km";
let shown = null;
let waiting = 0;

class Problem extends Error {
  constructor(document, status) {
    super(document.title ?? `HTTP ${status}`);
    Object.assign(this, { document, status });
  }
}

async function call(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { Accept: "application/json", ...(key && { Authorization: `Bearer ${key}` }) };
  const response = await fetch(path, { ...options, headers, cache: "no-store" }).catch((fault) => {
    throw new Problem({ title: "The service cannot be reached", detail: fault.message }, 0);
  });
  const text = await response.text();
  if (!response.ok) throw new Problem(parsed(text) ?? { title: `HTTP ${response.status}` }, response.status);
  return parsed(text);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// What is shown

function el(tag, properties = {}, ...children) {
  const { dataset = {}, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  Object.assign(node.dataset, dataset);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function showProblem(fault) {
  const told = fault.document ?? { title: "This page failed", detail: fault.message };
  const faults = (told.errors ?? []).map((one) => el("li", {}, `${one.pointer || "value"}: ${one.detail}`));
  $("problem").replaceChildren(
    el("strong", {}, told.title ?? "Something failed"),
    el("p", {}, told.detail ?? ""),
    el("ul", {}, ...faults),
    el("p", { className: "hint" }, told.request_id ? `Request ${told.request_id}` : ""),
  );
  $("problem").hidden = false;
}

function showHealth(health) {
  const good = health.status === "ok";
  $("health-status").textContent = health.status;
  $("health-status").className = `tag ${good ? "good" : "bad"}`;
  $("environment").textContent = health.environment;
  $("environment").hidden = false;
  const probes = Object.entries(health.probes);
  const failing = probes.filter(([, probe]) => probe.status === "error").length;
  $("health-count").textContent = `${probes.length} checks${failing ? `, ${failing} failing` : ""}`;
  $("probes").replaceChildren(...probes.map(([name, probe]) => probeOf(name, probe)));
}

function probeOf(name, probe) {
  const words = { ok: "ok", error: "failing", not_configured: "not set" };
  const grade = probe.status === "ok" ? "good" : probe.status === "error" || probe.required ? "bad" : "dim";
  const time = probe.latency_ms === null || probe.latency_ms === undefined ? "" : ` ${probe.latency_ms.toFixed(1)} ms`;
  const state = el("span", { className: grade }, words[probe.status] ?? probe.status);
  return el("li", { title: probe.message ?? "" }, el("code", {}, name), " ", state, time);
}

function showFleet(vehicles) {
  fill($("fleet"), vehicles.map(cardOf), "No vehicle yet: the first sync brings them.");
}

function cardOf(car) {
  const state = car.charging_state === "Charging" ? "charging" : (car.state ?? "unknown");
  const grade = { charging: "good", online: "good", offline: "warn" }[state] ?? "";
  const level = car.battery_pct ?? 0;
  const facts = [
    ["Odometer", distance(car.odometer_mi, 0)],
    ["Software", (car.car_version ?? "–").split(" ")[0]],
    ["As of", instant(car.recorded_at)],
  ];
  return el(
    "li", {},
    el(
      "div", { className: "head" },
      el("div", {}, el("h3", {}, car.display_name ?? car.id), el("span", { className: "dim" }, car.car_type ?? "")),
      el("span", { className: `tag ${grade}` }, state),
    ),
    el("div", { className: "battery" }, el("b", {}, number(car.battery_pct, 0, "%")), distance(car.rated_range_mi, 0)),
    el("meter", { min: 0, max: 100, low: 20, high: 30, optimum: 80, value: level, ariaLabel: `Battery ${level} %` }),
    el("dl", {}, ...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
  );
}

function showRuns(runs, names) {
  const rows = runs.map((run) => [
    { head: true, value: instant(run.started_at) },
    { value: el("span", { className: `tag ${gradeOf(run.status)}` }, run.status) },
    { value: progressOf(run, names), wide: true },
    { value: number(run.rows_written, 0, ""), label: "rows", number: true },
    { value: duration(run.started_at, run.ended_at), label: "took", number: true },
  ]);
  table($("runs"), ["Started", "Status", "Vehicles", "Rows", "Took"], rows, "No sync has run yet.");
}

function gradeOf(status) {
  return { succeeded: "good", partial: "warn", failed: "bad" }[status] ?? "";
}

// The cars that a run has not brought up to date, each with its reason.
function troublesOf(run, names) {
  return Object.entries(run.progress ?? {}).flatMap(([vin, facts]) => {
    const parts = Object.entries(facts.failing ?? {}).map(([part, fault]) => `${part}: ${fault.error ?? "failed"}`);
    const reasons = parts.length ? parts : [facts.error ?? (facts.status === "failed" ? "failed" : null)];
    return reasons.filter(Boolean).map((reason) => el("small", {}, `${names.get(vin) ?? vin}: ${reason}`));
  });
}

function progressOf(run, names) {
  const { vehicles_total: total, vehicles_done: done, vehicles_failed: failed } = run;
  const text = `${done} of ${total}${failed ? `, ${failed} failed` : ""}`;
  const bar = el("progress", { max: total || 1, ariaLabel: `Vehicles done: ${text}` });
  if (total || run.ended_at) bar.value = done + failed;
  return el("div", {}, run.ended_at ? null : bar, text, run.error ? el("small", {}, run.error) : null, ...troublesOf(run, names));
}

function showReports(reports) {
  const rows = reports.map((report) => [
    { head: true, value: instant(report.created_at) },
    { value: report.html_url ? el("a", { href: report.html_url.slice(1), target: "_blank", rel: "noopener" }, report.title) : report.title, wide: true },
    { value: number(report.rows_used, 0, ""), label: "rows", number: true },
  ]);
  table($("reports"), ["Made", "Report", "Rows"], rows, "No report yet.");
}

function showDrives(drives, names) {
  const rows = drives.map((drive) => [
    { head: true, value: instant(drive.started_at) },
    { value: names.get(drive.vin) ?? drive.vin, wide: true },
    { value: `${place(drive, "starting_")} → ${place(drive, "ending_")}`, wide: true },
    { value: distance(drive.distance_mi, 1), number: true },
    { value: number(drive.energy_used_kwh, 1, "kWh"), number: true },
    { value: consumption(drive), number: true },
  ]);
  table($("drives"), ["Started", "Car", "From – to", "Distance", "Energy", "Consumption"], rows, "No drives yet.");
}

function showCharges(charges, names) {
  const rows = charges.map((charge) => [
    { head: true, value: instant(charge.started_at) },
    { value: names.get(charge.vin) ?? charge.vin, wide: true },
    { value: chargePlace(charge), wide: true },
    { value: number(charge.energy_added_kwh, 1, "kWh"), number: true },
    { value: `${number(charge.starting_battery_pct, 0, "")} → ${number(charge.ending_battery_pct, 0, "%")}`, number: true },
    { value: number(charge.cost, 2, ""), label: "cost", number: true },
  ]);
  table($("charges"), ["Started", "Car", "Place", "Added", "Battery", "Cost"], rows, "No charges yet.");
}

function table(parent, titles, rows, nothing) {
  if (!rows.length) {
    parent.replaceChildren(el("p", { className: "empty" }, nothing));
    return;
  }
  const head = titles.map((title, column) => el("th", { scope: "col", className: rows[0][column].number ? "number" : "" }, title));
  const body = rows.map((row) => el("tr", {}, ...row.map(cell)));
  const whole = el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body));
  parent.replaceChildren(el("div", { className: "panel" }, whole));
}

function cell({ value, head = false, wide = false, number: isNumber = false, label }) {
  const className = [wide && "wide", isNumber && "number"].filter(Boolean).join(" ");
  const properties = { className, dataset: label ? { label } : {} };
  return el(head ? "th" : "td", head ? { ...properties, scope: "row" } : properties, value);
}

function fill(parent, nodes, nothing) {
  parent.replaceChildren(...(nodes.length ? nodes : [el("li", { className: "empty" }, nothing)]));
}

// How values are written

function number(value, digits, unit) {
  if (value === null || value === undefined) return "–";
  const text = value.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit ? `${text} ${unit}` : text;
}

function distance(miles, digits) {
  if (miles === null || miles === undefined) return "–";
  return metric ? number(miles * KM_PER_MI, digits, "km") : number(miles, digits, "mi");
}

function consumption({ energy_used_kwh: energy, distance_mi: miles }) {
  if (!energy || !miles) return "–";
  return number((energy * 1000) / (metric ? miles * KM_PER_MI : miles), 0, metric ? "Wh/km" : "Wh/mi");
}

function place(row, prefix) {
  return row[`${prefix}saved_location`]?.trim() || row[`${prefix}location`]?.split(",")[0] || "unknown";
}

function chargePlace(charge) {
  const where = place(charge, "");
  return charge.is_supercharger && !/supercharger/i.test(where) ? `${where} (Supercharger)` : where;
}

function date(text) {
  return new Date(text.endsWith("Z") ? text : `${text.replace(" ", "T")}Z`);
}

function instant(text) {
  return text ? date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "–";
}

function duration(from, to) {
  if (!from || !to) return "–";
  const seconds = (date(to) - date(from)) / 1000;
  return seconds < 120 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(0)} min`;
}

// What happens

async function refresh() {
  clearTimeout(waiting);
  try {
    showHealth(await call("health"));
    if (sessionStorage.getItem(KEY)) await refreshPrivate();
    $("problem").hidden = true;
  } catch (fault) {
    refused(fault);
  }
  const syncing = shown?.runs.some((run) => !run.ended_at);
  if (!document.hidden) waiting = setTimeout(refresh, syncing ? WHILE_SYNCING : OTHERWISE);
}

async function refreshPrivate() {
  const entries = Object.entries(QUERIES).map(async ([name, query]) => [name, await call(`d1/${query}`)]);
  entries.push(call(`${REPORTS}?limit=5`).then((reports) => ["reports", reports]));
  shown = Object.fromEntries(await Promise.all(entries));
  show();
  ask(false);
}

function show() {
  const names = new Map(shown.vehicles.map((car) => [car.id, car.display_name ?? car.id]));
  showFleet(shown.vehicles);
  showRuns(shown.runs, names);
  showReports(shown.reports);
  showDrives(shown.drives, names);
  showCharges(shown.charges, names);
  $("sync").disabled = shown.runs.some((run) => !run.ended_at);
}

function refused(fault) {
  if (fault.status === 401) {
    sessionStorage.removeItem(KEY);
    ask(true);
  }
  showProblem(fault);
}

function ask(needed) {
  $("key-form").hidden = !needed;
  $("private").hidden = needed;
  $("forget").hidden = needed;
  if (needed) $("key").focus();
}

async function makeReport() {
  $("report").disabled = true;
  try {
    await call(REPORTS, { method: "POST", body: new Blob(["{}"], { type: "application/json" }) });
    await refresh();
  } catch (fault) {
    refused(fault);
  }
  $("report").disabled = false;
}

async function startSync() {
  $("sync").disabled = true;
  try {
    await call("colbycommands/sync", { method: "POST" });
    await refresh();
  } catch (fault) {
    $("sync").disabled = false;
    refused(fault);
  }
}

function labelUnits() {
  $("units").textContent = metric ? "km" : "mi";
  $("units").ariaLabel = `${metric ? "km" : "mi"}: switch the unit of distances`;
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $("key").value.trim());
  $("key").value = "";
  refresh();
});
$("forget").addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  shown = null;
  ask(true);
});
$("units").addEventListener("click", () => {
  metric = !metric;
  localStorage.setItem(UNITS, metric ? "km" : "mi");
  labelUnits();
  if (shown) show();
});
$("sync").addEventListener("click", startSync);
$("report").addEventListener("click", makeReport);
document.addEventListener("visibilitychange", () => !document.hidden && refresh());

labelUnits();
ask(!sessionStorage.getItem(KEY));
refresh();
