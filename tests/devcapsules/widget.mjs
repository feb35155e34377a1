// The widget in Chromium, in frames of pages of other origins. Prints what became of each case as JSON.
//   node widget.mjs URL ADMIN_KEY [FOLDER_FOR_SCREENSHOTS]
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { launch } from "../chromium.mjs";

const AXE = new URL("../../node_modules/axe-core/axe.min.js", import.meta.url);
const [url, admin, shots] = process.argv.slice(2);
const browser = await launch();
const faults = [];
const check = (isTrue, text) => { if (!isTrue) throw new Error(text); };

// Two sites that embed: the key of the first names it, that of nobody names the second.
const html = (inner) => `<!doctype html><html lang="en"><title>A blog</title><h1>A blog</h1>${inner}<script src="${url}/widget/embed.js"></script>`;
let inner = "";
async function site() {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(html(inner));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, origin: `http://localhost:${server.address().port}` };
}
const blog = await site();
const elsewhere = await site();

async function sent(method, path, body, token) {
  const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  check(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? "" : await answer.text()}`);
  return answer.json();
}

const account = { email: "author@example.org", password: "a long enough sentence of mine", name: "Author" };
const session = await sent("POST", "/api/v1/auth/register", account);
await sent("PUT", `/api/v1/plans/${session.user_id}`, { plan: "enterprise" }, admin);
const { secret: key } = await sent("POST", "/api/v1/auth/api-keys", { name: "blog", origins: [blog.origin] }, session.access_token);
const starter = "def double(n):\n    pass\n";
const capsule = await sent("POST", "/api/v1/capsules", {
  title: "Double it", language: "python", function_name: "double", visibility: "unlisted", solution_after: 1, starter,
  statement: "Return the **double** of `n`.\n\n<img src=x onerror=alert(1)>\n\n- one\n- two", hints: ["Multiply."],
  solution: "def double(n):\n    return 2 * n\n",
  tests: [{ name: "two", arguments: [2], expected: 4 }, { name: "none", arguments: [0], expected: 0, hidden: true }],
}, session.access_token);
const place = (more = "") => `<div data-capsule="${capsule.id}" data-key="${key}" ${more}></div>`;

async function opened(options = {}, more = "", origin = blog.origin) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, locale: "en-GB", ...options });
  context.setDefaultTimeout(30000);
  const page = await context.newPage();
  page.on("pageerror", (fault) => faults.push(String(fault)));
  inner = place(more);
  await page.goto(origin);
  const frame = page.frameLocator("iframe");
  return { context, page, frame };
}

const status = async (frame, text) => {
  try {
    await frame.locator(".status", { hasText: text }).waitFor();
  } catch (fault) {
    throw new Error(`${fault} it says: ${await frame.locator(".status").innerText()}`);
  }
};
const write = async (page, frame, text) => {
  const editor = frame.locator(".cm-content");
  if (!(await editor.count())) await frame.locator("textarea").focus();
  await editor.waitFor();
  await editor.focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(text);
};

const CASES = {
  async exercise_is_solved_in_a_frame_of_another_origin() {
    const { context, page, frame } = await opened();
    await page.evaluate(() => {
      globalThis.solved = [];
      addEventListener("devcapsules:solved", (event) => solved.push(event.detail.capsule));
    });
    await frame.getByRole("heading", { name: "Double it" }).waitFor();
    check((await frame.locator("img").count()) === 0, "the statement made an element");
    await write(page, frame, "def double(n):\n    return n\n");
    await frame.getByRole("button", { name: "Run the tests" }).click();
    await status(frame, "1 of 2 tests passed.");
    check((await frame.locator("ins").innerText()) === "4", "what was expected");
    await frame.getByText("two: another value").waitFor();
    await frame.getByText("double(2) → 4").waitFor();
    check((await frame.locator("del").innerText()) === "2", "what came");
    await write(page, frame, "def double(n):\n    print('hello')\n    return n + n\n");
    await frame.getByRole("button", { name: "Run the tests" }).click();
    await status(frame, "All tests passed");
    await page.waitForFunction(() => globalThis.solved.length === 1);
    const height = await page.locator("iframe").evaluate((one) => one.clientHeight);
    check(height > 300, `the frame grows with its content: ${height}`);
    if (shots) await page.screenshot({ path: `${shots}/widget.png`, fullPage: true });
    await context.close();
  },
  async program_runs_and_shows_its_output() {
    const { context, page, frame } = await opened();
    await write(page, frame, "print('<b>out</b>')\nraise ValueError('no')\n");
    await frame.getByRole("button", { name: "Run", exact: true }).click();
    const text = await frame.locator(".result pre").innerText();
    check(text.includes("<b>out</b>") && text.includes("ValueError"), text);
    await context.close();
  },
  async page_is_not_framed_elsewhere() {
    const { context, page } = await opened({}, "", elsewhere.origin);
    await page.waitForTimeout(1500);
    const inside = page.frames().filter((one) => one.url().includes("/embed/"));
    const texts = await Promise.all(inside.map((one) => one.evaluate(() => document.body.innerText).catch(() => "")));
    check(!texts.join("").includes("Double it"), "it was framed");
    await context.close();
  },
  async draft_is_kept_and_reset_asks_first() {
    const { context, page, frame } = await opened();
    await write(page, frame, "# my draft\n");
    const [inside] = page.frames().filter((one) => one.url().includes("/embed/"));
    const isThere = () => { try { return Object.values(localStorage).includes("# my draft\n"); } catch { return false; } };
    await Promise.any([page.waitForFunction(isThere), inside.waitForFunction(isThere)]);
    await page.reload();
    await frame.locator("textarea").waitFor();
    await page.waitForTimeout(500);
    const kept = await frame.locator("textarea").inputValue();
    check(kept === "# my draft\n", `the draft is gone: ${JSON.stringify(kept)}`);
    const reset = frame.getByRole("button", { name: "Reset" });
    await reset.click();
    await status(frame, "Press again");
    check((await frame.locator("textarea").inputValue()) === "# my draft\n", "it asks first");
    await reset.click();
    check((await frame.locator("textarea").inputValue()) === starter, "it was not reset");
    await context.close();
  },
  async keyboard_gets_into_the_editor_and_out_again() {
    const { context, page, frame } = await opened();
    await frame.locator("textarea").focus();
    await frame.locator(".cm-content").waitFor();
    await page.keyboard.press("Tab");
    const line = await frame.locator(".cm-line").last().textContent();
    check(line === "    ", `Tab indents: ${JSON.stringify(line)}`);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    const focused = () => frame.locator(":focus").evaluate((one) => one.textContent);
    check((await focused()) === "Run the tests", `it is a trap: ${await focused()}`);
    await page.keyboard.press("Enter");
    await status(frame, "of 2 tests passed.");
    check((await focused()) === "Run the tests", "the focus went away");
    await context.close();
  },
  async text_area_serves_where_the_editor_does_not_load() {
    const { context, page, frame } = await opened();
    await page.route("**/widget/editor.js", (route) => route.abort());
    await frame.locator("textarea").fill("def double(n):\n    return 2 * n\n");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    await frame.getByRole("button", { name: "Run the tests" }).click();
    await status(frame, "All tests passed");
    await context.close();
  },
  async hints_and_solution_come_in_time() {
    const { context, frame } = await opened();
    await frame.getByRole("button", { name: "Show the solution" }).click();
    await status(frame, "after 1 more tries");
    await frame.getByRole("button", { name: "Hint" }).click();
    await frame.getByText("Multiply.").waitFor();
    await frame.getByRole("button", { name: "Hint" }).click();
    await status(frame, "no more hints");
    await frame.getByRole("button", { name: "Run the tests" }).click();
    await status(frame, "of 2 tests passed.");
    await frame.getByRole("button", { name: "Show the solution" }).click();
    await frame.getByText("return 2 * n").waitFor();
    await context.close();
  },
  async widget_speaks_german_and_dutch() {
    for (const [lang, name] of [["de", "Tests ausführen"], ["nl", "Tests uitvoeren"]]) {
      const { context, frame } = await opened({}, `data-lang="${lang}"`);
      await frame.getByRole("button", { name }).click();
      await frame.getByText(lang === "de" ? "two: anderer Wert" : "two: andere waarde").waitFor();
      const hidden = lang === "de" ? "none (verdeckter Test): nicht bestanden" : "none (verborgen test): niet geslaagd";
      await frame.getByText(hidden).waitFor();
      check((await frame.getByText("a hidden test").count()) === 0, "a hidden test speaks English");
      await context.close();
    }
  },
  async focus_that_went_on_is_not_taken_back() {
    const { context, page, frame } = await opened();
    const held = [];
    await page.route("**/widget/editor.js", (route) => { held.push(route); });
    await frame.locator("textarea").waitFor();
    const asked = page.waitForRequest("**/widget/editor.js");
    await frame.locator("textarea").focus();
    await asked;
    await frame.getByRole("button", { name: "Copy" }).focus();
    await page.waitForTimeout(100);
    check(held.length === 1, "the editor was not asked for");
    await held[0].continue();
    await frame.locator(".cm-content").waitFor();
    const focused = await frame.locator(":focus").evaluate((one) => one.textContent);
    check(focused === "Copy", `the editor took the focus from ${focused}`);
    await context.close();
  },
  async click_starts_where_it_is_asked_for() {
    const { context, page, frame } = await opened({}, 'data-start="click"');
    check((await page.locator("iframe").count()) === 0, "it is there already");
    await page.getByRole("button").click();
    await frame.getByRole("heading", { name: "Double it" }).waitFor();
    await context.close();
  },
  async narrow_dark_and_forced_colours_are_accessible() {
    const source = await readFile(AXE, "utf8").catch(() => "");
    if (!source) return { left_out: "axe-core is not installed" };
    const looks = [{}, { colorScheme: "dark" }, { forcedColors: "active" }, { viewport: { width: 320, height: 700 } }];
    for (const look of looks) {
      const { context, page, frame } = await opened(look);
      await frame.getByRole("button", { name: "Run the tests" }).click();
      await status(frame, "of 2 tests passed.");
      const [inside] = page.frames().filter((one) => one.url().includes("/embed/"));
      await inside.evaluate(source);
      const { violations } = await inside.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa"] }));
      check(!violations.length, JSON.stringify([look, violations.map((one) => [one.id, one.nodes.map((node) => node.html)])]).slice(0, 800));
      const wide = await inside.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      check(wide <= 0, `${JSON.stringify(look)}: ${wide} px too wide`);
      if (shots) await page.screenshot({ path: `${shots}/look-${looks.indexOf(look)}.png`, fullPage: true });
      await context.close();
    }
  },
  async author_writes_tries_and_lists_a_capsule() {
    const context = await browser.newContext({ viewport: { width: 360, height: 800 }, locale: "en-GB" });
    context.setDefaultTimeout(30000);
    const page = await context.newPage();
    page.on("pageerror", (fault) => faults.push(String(fault)));
    await page.goto(url);
    const register = page.locator("form").nth(1);
    await register.getByLabel("E-mail").fill("writer@example.org");
    await register.getByLabel("Password").fill(account.password);
    await register.getByLabel("Your name").fill("Writer");
    await register.getByRole("button", { name: "Register" }).click();
    await page.getByRole("heading", { name: "Your capsules" }).waitFor();
    const { user_id } = await sent("POST", "/api/v1/auth/login", { email: "writer@example.org", password: account.password });
    await sent("PUT", `/api/v1/plans/${user_id}`, { plan: "enterprise" }, admin);
    await page.getByRole("link", { name: "Write one" }).click();
    await page.getByLabel("Title").fill("<b>Same</b>");
    await page.getByLabel("Statement").fill("Return the **same** value.");
    await page.getByLabel("Solution", { exact: true }).fill("def solve(n):\n    return n\n");
    await page.getByLabel("Tests, as JSON").fill("no JSON");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The tests are no JSON").waitFor();
    await page.getByLabel("Tests, as JSON").fill('[{"arguments": [1], "expected": 1}, {"arguments": [2], "expected": 3}]');
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "<b>Same</b>" }).waitFor();
    await page.getByRole("button", { name: "Run the tests" }).click();
    await page.getByText("1 of 2 tests passed.").waitFor();
    await page.getByText("expected 3, got 2").waitFor();
    await page.getByLabel("Tests, as JSON").fill('[{"arguments": [null], "expected": null}, {"arguments": [2], "expected": 2}]');
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    await page.getByRole("button", { name: "Run the tests" }).click();
    await page.getByText("2 of 2 tests passed.").waitFor();
    const source = await readFile(AXE, "utf8").catch(() => "");
    if (source) {
      const { violations } = await page.evaluate(`${source}; axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa"] })`);
      check(!violations.length, JSON.stringify(violations.map((one) => [one.id, one.nodes.map((node) => node.html)])).slice(0, 800));
    }
    if (shots) await page.screenshot({ path: `${shots}/author.png`, fullPage: true });
    await page.reload();
    await page.getByRole("heading", { name: "<b>Same</b>" }).waitFor();
    await page.getByRole("link", { name: "Capsules", exact: true }).click();
    await page.getByRole("link", { name: "<b>Same</b>" }).waitFor();
    await page.getByRole("link", { name: "Keys" }).click();
    await page.getByLabel("Name").fill("mine");
    await page.getByRole("button", { name: "Make a key" }).click();
    await page.locator("#secret", { hasText: "dk_" }).waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    await context.close();
  },
  async author_pages_speak_german_and_dutch() {
    const context = await browser.newContext({ locale: "de-DE" });
    context.setDefaultTimeout(30000);
    const page = await context.newPage();
    await page.goto(`${url}/#/login`);
    await page.getByRole("heading", { name: "Anmelden" }).waitFor();
    check((await page.locator("html").getAttribute("lang")) === "de", "the document does not say its language");
    await page.getByLabel("Sprache dieser Seiten").selectOption("nl");
    await page.getByRole("heading", { name: "Inloggen" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Inloggen" }).waitFor();
    await page.goto(`${url}/?lang=de#/login`);
    await page.getByRole("button", { name: "Registrieren" }).waitFor();
    await context.close();
  },
  async author_generates_with_live_progress() {
    const context = await browser.newContext({ locale: "en-GB" });
    context.setDefaultTimeout(30000);
    const page = await context.newPage();
    await page.goto(`${url}/#/generate`);
    const logIn = page.locator("form").first();
    await logIn.getByLabel("E-mail").fill(account.email);
    await logIn.getByLabel("Password").fill(account.password);
    await logIn.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("link", { name: "Generate", exact: true }).click();
    await page.getByLabel("What is it about?").fill("an exercise on clamping");
    await page.getByRole("button", { name: "Generate" }).click();
    await page.locator("#progress", { hasText: /queued|running/ }).waitFor();
    await page.locator("#progress", { hasText: "Quality" }).waitFor().catch(async (fault) => { throw new Error(`${fault} ${await page.locator("body").innerText()}`); });
    await page.getByRole("link", { name: "Look at it" }).click();
    await page.getByRole("heading", { name: "Clamp a number" }).waitFor();
    await context.close();
  },
  async foreign_messages_change_nothing() {
    const { context, page, frame } = await opened();
    await frame.getByRole("heading", { name: "Double it" }).waitFor();
    await page.waitForTimeout(300);
    const height = () => page.locator("iframe").evaluate((one) => one.style.height);
    const before = await height();
    await page.evaluate(() => postMessage({ type: "devcapsules:height", height: 3000 }, "*"));
    await page.waitForTimeout(200);
    check((await height()) === before, "a message of the page itself was taken");
    await page.evaluate(async (home) => {
      const sibling = document.createElement("iframe");
      sibling.srcdoc = `<script>parent.frames[0].postMessage({ type: "devcapsules:draft", code: "# a draft of a sibling" }, "*");
        parent.postMessage({ type: "devcapsules:height", height: 3000 }, "*");</script>`;
      document.body.append(sibling);
      frames[0].postMessage({ type: "devcapsules:draft", code: ["# no text"] }, home);
      frames[0].postMessage({ type: "devcapsules:draft", code: "x".repeat(20001) }, home);
      await new Promise((resolve) => setTimeout(resolve, 300));
      sibling.remove();
    }, url);
    check((await frame.locator("textarea").inputValue()) === starter, "a draft of another frame was taken");
    check((await height()) === before, "a height of another frame was taken");
    await page.evaluate((home) => frames[0].postMessage({ type: "devcapsules:draft", code: "# of the page" }, home), url);
    await page.waitForTimeout(200);
    check((await frame.locator("textarea").inputValue()) === "# of the page", "the draft of the page around it is taken");
    await context.close();
  },
};

const results = {};
for (const [name, run] of Object.entries(CASES)) {
  const begun = faults.length;
  try {
    const left = await run();
    results[name] = { ...left, fault: faults.slice(begun).join("; ") };
  } catch (fault) {
    results[name] = { fault: String(fault).slice(0, 1500) };
  }
}
console.log(JSON.stringify(results));
await browser.close();
blog.server.close();
elsewhere.server.close();
