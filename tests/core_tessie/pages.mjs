// The reference, the console and a report in Chromium: what each case found, as JSON.
//   node pages.mjs URL KEY REPORT
import { readFile } from "node:fs/promises";
import { launch } from "../chromium.mjs";

const AXE = new URL("../../node_modules/axe-core/axe.min.js", import.meta.url);
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const [url, key, report] = process.argv.slice(2);
const source = await readFile(AXE, "utf8");

const browser = await launch();
const check = (isTrue, text) => { if (!isTrue) throw new Error(text); };

async function device(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(60_000);
  return context.newPage();
}

// Checks what is shown in a part of the page by the rules of WCAG AA, in both schemes.
async function accessible(page, name, within = "html") {
  if (!(await page.evaluate(() => Boolean(globalThis.axe)))) await page.evaluate(source);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await page.evaluate(([part, tags]) => globalThis.axe.run(part, { resultTypes: ["violations"], runOnly: tags }), [within, TAGS]);
    const texts = violations.map(({ id, nodes }) => `${id} (${nodes.length}): ${nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(", ")}`);
    check(!texts.length, `${colorScheme} ${name}: ${texts.join("; ")}`);
  }
}

// A document of one path for each tag, and of those that a case opens: the page of hundreds takes minutes to check.
async function shortened(route) {
  const answer = await route.fetch();
  const document = await answer.json();
  const seen = new Set();
  const isFirst = (path) => {
    const tags = Object.values(path).flatMap((operation) => operation.tags ?? []);
    const isNew = tags.some((tag) => !seen.has(tag));
    tags.forEach((tag) => seen.add(tag));
    return isNew;
  };
  const kept = ([name, path]) => isFirst(path) || ["/health", "/tariffs"].includes(name);
  document.paths = Object.fromEntries(Object.entries(document.paths).filter(kept));
  await route.fulfill({ response: answer, json: document });
}

const CASES = {
  async reference_passes_closed_and_open() {
    const page = await device();
    await page.route("**/openapi.json", shortened);
    await page.goto(`${url}/docs`);
    await page.waitForSelector(".opblock-tag");
    const schemes = [];
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      schemes.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    }
    check(schemes[0] !== schemes[1], "it has a dark mode");
    await accessible(page, "closed");
    await page.locator(".opblock-tag[data-tag=health] button").click();
    await page.locator("#operations-health-getHealth .opblock-summary-control").click();
    await page.getByRole("button", { name: "Execute" }).click();
    await page.waitForSelector(".live-responses-table .response");
    await page.locator(".opblock-tag[data-tag=tariffs] button").click();
    await page.locator("#operations-tariffs-makeTariff .opblock-summary-control").click();
    await page.waitForSelector("#operations-tariffs-makeTariff .body-param");
    await page.waitForTimeout(300);
    await accessible(page, "open", ".opblock.is-open");
    await page.locator(".btn.authorize").first().click();
    await page.waitForSelector(".modal-ux");
    await accessible(page, "authorize", ".modal-ux");
  },

  async console_begins_with_cars_on_phone() {
    const page = await device({ viewport: { width: 390, height: 800 } });
    await page.addInitScript((secret) => sessionStorage.setItem("core-tessie-key", secret), key);
    await page.goto(`${url}/`);
    await page.waitForSelector("#fleet h3");
    const first = await page.evaluate(() => [...document.querySelectorAll("main h2")].find((title) => title.checkVisibility()).textContent);
    check(first === "Fleet", `it begins with ${first}`);
    check((await page.locator("#fleet h3").first().boundingBox()).y < 400, "a car is on the first screen");
    check(!(await page.locator("#probes").isVisible()), "the checks are folded away");
    await accessible(page, "console");
    await page.locator("#health summary").click();
    check(await page.locator("#probes li").first().isVisible(), "the checks open");
    await accessible(page, "checks");
  },

  async partial_sync_says_which_car_and_why() {
    const page = await device();
    await page.addInitScript((secret) => sessionStorage.setItem("core-tessie-key", secret), key);
    await page.goto(`${url}/`);
    const row = await page.locator("#runs tbody tr", { hasText: "partial" }).innerText();
    for (const text of ["partial", "Blue: drives: Tessie answered 500", "Red: the car is gone"]) check(row.includes(text), `${text} is not in ${row}`);
    check(!row.includes("Green"), "a car that is up to date is not among them");
  },

  async report_of_console_is_made_and_opens_without_headers() {
    const page = await device();
    await page.addInitScript((secret) => sessionStorage.setItem("core-tessie-key", secret), key);
    await page.goto(`${url}/`);
    const rows = page.locator("#reports tbody tr");
    await rows.first().waitFor();
    const before = await rows.count();
    await page.getByRole("button", { name: "Last 30 days" }).click();
    await rows.nth(before).waitFor();
    check(await rows.count() === before + 1, "one report was added");
    check(await page.locator("#report").isEnabled(), "another can be made");
    const [tab] = await Promise.all([page.context().waitForEvent("page"), rows.first().locator("a").click()]);
    await tab.waitForLoadState();
    check(await tab.evaluate(() => document.contentType) === "text/html", "the link opens a page");
    const heading = await tab.locator("h1").first().innerText();
    check(await tab.title() === `Energy report: ${heading}` && heading.startsWith("3 vehicles"), `it is the report, not ${heading}`);
    check(!tab.url().includes(key), "the link does not carry the key");
    check(await tab.evaluate(() => window.opener === null && sessionStorage.length === 0), "the tab has no hold on the console");
  },

  async scrolled_parts_of_report_take_focus() {
    const page = await device({ viewport: { width: 390, height: 800 }, extraHTTPHeaders: { authorization: `Bearer ${key}`, accept: "text/html" } });
    await page.goto(`${url}/colbycommands/energy-report/${report}`);
    const parts = page.locator(".scroll");
    check(await parts.count() > 0, "there is a table");
    await parts.first().focus();
    check(await parts.first().evaluate((part) => document.activeElement === part), "it has the focus");
    await accessible(page, "report");
  },
};

const results = {};
for (const [name, act] of Object.entries(CASES)) {
  try {
    await act();
    results[name] = "";
  } catch (fault) {
    results[name] = String(fault);
  }
}
await browser.close();
console.log(JSON.stringify(results));
