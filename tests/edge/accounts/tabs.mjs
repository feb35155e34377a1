// Four tabs of Chromium with one cookie: each refreshes whenever the computer wakes up, answers come late, out of order,
// and now and then not at all. Prints the statuses of all answers that came, as JSON.
//   node tabs.mjs URL WAKES SEED
import { launch } from "../../chromium.mjs";

const [url, wakes, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

let state = seed;
const random = () => ((state = (state * 1103515245 + 12345) % 2147483648) / 2147483648);

const refresh = async ([wait, delay, patience]) => {
  await new Promise((done) => setTimeout(done, wait));
  try {
    const answer = await fetch("/api/auth/refresh", {
      method: "POST",
      headers: { "content-type": "application/json", "x-delay-ms": String(delay) },
      body: "{}",
      signal: patience ? AbortSignal.timeout(patience) : undefined,
    });
    await answer.json();
    return answer.status;
  } catch (error) {
    return error.name;
  }
};

const browser = await launch();
try {
  const context = await browser.newContext();
  const tabs = await Promise.all([1, 2, 3, 4].map(() => context.newPage()));
  for (const tab of tabs) await tab.goto(`${url}/api/auth/pages/reset`);
  const registered = await tabs[0].evaluate(async () => {
    const body = JSON.stringify({ email: "ada@example.org", password: "correct horse battery" });
    const answer = await fetch("/api/auth/register", { method: "POST", headers: { "content-type": "application/json" }, body });
    return [answer.status, (await answer.json()).refresh_token];
  });
  const statuses = [];
  for (let wake = 0; wake < wakes; wake++) {
    await fetch(`${url}/notes/later`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    const plans = tabs.map(() => [random() * 60, Math.round(random() * 250), random() < 0.08 ? 40 : 0]);
    statuses.push(...(await Promise.all(tabs.map((tab, number) => tab.evaluate(refresh, plans[number])))));
  }
  const cookies = (await context.cookies()).map(({ name, path, httpOnly, sameSite }) => ({ name, path, httpOnly, sameSite }));
  const seen = await tabs[0].evaluate(() => document.cookie);
  console.log(JSON.stringify({ registered, statuses, cookies, seen }));
} finally {
  await browser.close();
}
