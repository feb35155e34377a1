// Live events by clients that others wrote: `ws` from npm, or an EventSource in Chromium. Prints what came as JSON.
//   node live_clients.mjs ws URL KEY SINCE COUNT
//   node live_clients.mjs browser URL TICKET_URL COUNT
import { once } from "node:events";
import { createServer } from "node:http";
import WebSocket from "ws";
import { chromium } from "playwright-core";

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

async function byBrowser(count) {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  });
  try {
    const page = await browser.newPage();
    // A page of the API itself may connect to nowhere: this one is a dashboard of somebody's own.
    const site = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<p>")).listen(0, "127.0.0.1");
    await once(site, "listening");
    await page.goto(`http://127.0.0.1:${site.address().port}/`);
    return await page.evaluate(([address, wanted]) => new Promise((resolve, reject) => {
      const source = new EventSource(address);
      const seen = [];
      source.onmessage = (message) => {
        seen.push([JSON.parse(message.data).type, Number(message.lastEventId)]);
        if (seen.length >= wanted) source.close(), resolve({ seen });
      };
      setTimeout(() => reject(new Error(`only ${seen.length} came`)), 20000);
    }), [`${url}${key}`, count]);
  } finally {
    await browser.close();
  }
}

const told = kind === "ws" ? await byWs(Number(rest[0]), Number(rest[1])) : await byBrowser(Number(rest[0]));
console.log(JSON.stringify(told));
process.exit(0);
