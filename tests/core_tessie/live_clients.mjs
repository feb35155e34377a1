// Live events by clients that others wrote: `ws` from npm, or an EventSource in Chromium. Prints what came as JSON.
//   node live_clients.mjs ws URL KEY SINCE COUNT
//   node live_clients.mjs browser URL TICKET_URL COUNT
//   node live_clients.mjs resume URL TICKET_URL     each event and change of state as a line, until it is closed for good
import { once } from "node:events";
import { createServer } from "node:http";
import WebSocket from "ws";
import { launch } from "../chromium.mjs";

const [kind, url, key, ...rest] = process.argv.slice(2);

async function byWs(since, count) {
  const socket = new WebSocket(`${url}/ws?since=${since}`, ["cloudevents.json"], { headers: { "x-api-key": key } });
  const seen = [];
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => socket.send('{"type":"ping"}'));
    socket.on("message", (data, isBinary) => {
      const event = JSON.parse(data.toString());
      seen.push([event.type, event.sequence ? Number(event.sequence) : null, isBinary]);
      if (seen.filter((one) => one[1]).length >= count && seen.some((one) => one[0] === "live.pong")) socket.close(1000, "done");
    });
    socket.on("close", (code) => resolve({ protocol: socket.protocol, code, seen }));
  });
}

const DASHBOARD = "http://localhost:3000/";

async function inBrowser(work) {
  // A page of the API itself may connect to nowhere: this one is a dashboard of somebody's own, while it is developed.
  const site = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<p>")).listen(0, "127.0.0.1");
  await once(site, "listening");
  const browser = await launch(`--host-resolver-rules=MAP localhost:3000 127.0.0.1:${site.address().port}`);
  try {
    const page = await browser.newPage();
    await page.goto(DASHBOARD);
    return await work(page);
  } finally {
    await browser.close();
  }
}

const byBrowser = (count) => inBrowser((page) =>
  page.evaluate(([address, wanted]) => new Promise((resolve, reject) => {
      const source = new EventSource(address);
      const seen = [];
      source.onmessage = (message) => {
        seen.push([JSON.parse(message.data).type, Number(message.lastEventId)]);
        if (seen.length >= wanted) source.close(), resolve({ seen });
      };
      setTimeout(() => reject(new Error(`only ${seen.length} came`)), 20000);
    }), [`${url}${key}`, count]));

const resuming = () => inBrowser(async (page) => {
  await page.exposeFunction("told", (line) => console.log(JSON.stringify(line)));
  await page.evaluate((address) => new Promise((resolve) => {
    const source = new EventSource(address);
    source.onopen = () => window.told(["open", null]);
    source.onmessage = (message) => window.told([JSON.parse(message.data).type, Number(message.lastEventId)]);
    source.onerror = () => {
      window.told([source.readyState === EventSource.CLOSED ? "closed" : "connecting", null]);
      if (source.readyState === EventSource.CLOSED) resolve();
    };
  }), `${url}${key}`);
  return ["end", null];
});

const kinds = {
  ws: () => byWs(Number(rest[0]), Number(rest[1])),
  browser: () => byBrowser(Number(rest[0])),
  resume: resuming,
};
const told = await kinds[kind]();
console.log(JSON.stringify(told));
process.exit(0);
