// The demo client in Chromium: all cases in one browser, one after the other. Prints what became of each as JSON.
//   node site.mjs URL PRACTITIONER_ID
import { readFile } from "node:fs/promises";
import { launch } from "../chromium.mjs";

const AXE = new URL("../../node_modules/axe-core/axe.min.js", import.meta.url);
const [url, practitioner] = process.argv.slice(2);
const PASSWORD = "a long enough sentence of mine";

const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1000, height: 800 }, locale: "en-GB", timezoneId: "Pacific/Auckland" });
context.setDefaultTimeout(10000);
const page = await context.newPage();
const faults = []; // of the console and of scripts, but for requests that are meant to fail
page.on("pageerror", (fault) => faults.push(String(fault)));
page.on("console", (message) => {
  if (message.type() === "error" && !/Failed to load resource/.test(message.text())) faults.push(message.text());
});

const check = (isTrue, text) => { if (!isTrue) throw new Error(text); };
const ready = () => page.waitForSelector("body[data-ready]");

async function nextWeek() {
  const before = await page.locator("#times h3").first().textContent();
  await page.getByRole("button", { name: "Next week" }).click();
  await page.waitForFunction((day) => (document.querySelector("#times h3")?.textContent ?? day) !== day, before);
}

async function accessible() {
  await page.evaluate(await readFile(AXE, "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  check(!violations.length, violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(", ")}`).join("; "));
}

let time = "";

const CASES = {
  async finds_by_place_and_words() {
    await page.goto(url);
    await ready();
    await page.getByLabel("Place").selectOption({ label: "Berlin" });
    await page.getByLabel("Words").fill("REIK");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("link", { name: "Mira <b>Łukasz</b>" }).waitFor();
    check(/km/.test(await page.locator("#results").textContent()), "the distance is shown");
    await accessible();
  },

  async shows_free_times_on_the_clocks_of_the_device() {
    await page.getByRole("link", { name: "Mira <b>Łukasz</b>" }).click();
    await page.locator(".slots button").first().waitFor();
    check(await page.getByText("Free times (Pacific/Auckland)").isVisible(), "the zone is said");
    await nextWeek();
    await accessible();
  },

  async shows_the_offset_of_an_hour_that_comes_twice() {
    const texts = ["2027-04-03T12:30:00Z", "2027-04-03T13:30:00Z", "2027-04-03T14:30:00Z", "2027-04-03T15:30:00Z"];
    const shown = await page.evaluate(async (all) => all.map((await import("/js/times.js")).clock), texts);
    const expected = ["01:30", "02:30 (UTC+13:00)", "02:30 (UTC+12:00)", "03:30"];
    check(String(shown) === String(expected), `${shown}`);
  },

  async asks_strangers_to_log_in_and_comes_back() {
    await page.locator(".slots button").first().click();
    await page.getByRole("link", { name: "Register" }).click();
    await page.getByLabel("Name").fill("Ada");
    await page.getByLabel("E-mail").fill("ada@example.org");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Register" }).click();
    await page.waitForFunction((id) => location.hash.includes(id), practitioner);
    await page.locator(".slots button").first().waitFor();
  },

  async books_a_time() {
    await nextWeek();
    const slot = page.locator(".slots button").nth(3);
    time = (await slot.textContent()).slice(0, 5);
    await slot.click();
    await page.getByLabel("Note").fill("my back hurts");
    await page.getByRole("button", { name: "Book this time" }).click();
    await page.getByRole("heading", { name: "Appointments" }).waitFor();
    await page.getByText("requested").waitFor();
    check((await page.locator(".cards").textContent()).includes(time), `it is at ${time}`);
    await accessible();
  },

  async taken_time_is_no_longer_free() {
    await page.goto(`${url}/#/practitioners/${practitioner}`);
    await ready();
    await nextWeek();
    const first = await page.locator("#times section").first().locator("button").allTextContents();
    check(first.length > 3 && !first.includes(time), `${time} is still among ${first}`);
  },

  async stays_logged_in_and_subscribes() {
    await page.goto(`${url}/#/appointments`);
    await page.reload();
    await page.getByText("requested").waitFor();
    await page.getByRole("button", { name: "Calendar link" }).click();
    const link = await page.getByLabel("Address for your calendar").inputValue();
    const feed = await fetch(link.replace(/^https?:..[^/]+/, url));
    check(feed.ok && (await feed.text()).includes("BEGIN:VEVENT"), `${feed.status} of the calendar`);
  },

  async cancels_and_logs_out() {
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("cancelled", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("link", { name: "Log in" }).waitFor();
  },

  async profile_page_runs_no_script_and_breaks_no_policy() {
    const answer = await page.goto(`${url}/practitioners/${practitioner}`);
    check(answer.ok(), `${answer.status()}`);
    check(await page.locator("script").count() === 0, "no script");
    check(await page.getByRole("heading", { name: "Mira <b>Łukasz</b>" }).isVisible(), "the name is a text");
    const width = await page.locator("main").evaluate((main) => getComputedStyle(main).maxWidth);
    check(width === "704px" || width.endsWith("px"), `the style is applied: ${width}`);
    await page.getByRole("link", { name: "Book a time" }).click();
    await page.locator(".slots button").first().waitFor();
  },

  async nothing_failed_in_the_console() {
    check(faults.length === 0, faults.join("\n"));
  },
};

const results = {};
for (const [name, run] of Object.entries(CASES)) {
  try {
    await run();
    results[name] = { fault: "" };
  } catch (fault) {
    results[name] = { fault: String(fault.stack ?? fault) };
  }
}
await browser.close();
console.log(JSON.stringify(results));
process.exit(0);
