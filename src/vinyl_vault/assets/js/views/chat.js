// A chat about the collection, where the server has one.
import { el, field, form } from "../dom.js";
import { read } from "../session.js";

const PATH = "/api/chat";
const MOST_TURNS = 20;

// The route takes POST alone: any answer but 404 and 503 to GET says that it is there.
export async function chatIsThere(site) {
  if (!navigator.onLine) return false;
  try {
    const answer = await site.session.fetch(PATH);
    return ![404, 503].includes(answer.status) && answer.status < 500;
  } catch {
    return false;
  }
}

export function chat(site, { signal }) {
  const turns = (site.turns ??= []);
  const log = el("ol", { class: "chat", "aria-label": "Conversation" }, turns.map(bubble));
  const input = el("textarea", { name: "text", rows: 2, maxlength: 4000, required: true });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    made.requestSubmit();
  });
  const made = form([field("Your question", input, "Enter sends, Shift and Enter begins a new line.")], async () => {
    const text = input.value.trim();
    if (!text) return;
    turns.push({ role: "user", content: text });
    const answer = { role: "assistant", content: "" };
    const shown = bubble(answer);
    log.append(bubble(turns.at(-1)), shown);
    try {
      await stream(site, turns.slice(-MOST_TURNS), signal, (part) => {
        answer.content += part;
        shown.lastChild.textContent = answer.content;
        shown.scrollIntoView({ block: "nearest" });
      });
      turns.push(answer);
      input.value = "";
    } catch (fault) {
      turns.pop();
      shown.remove();
      log.lastChild.remove();
      if ([404, 503].includes(fault.status)) site.hasChat = false;
      throw fault;
    }
  }, "Ask");
  return { title: "Chat", node: el("div", {}, el("h1", {}, "Chat about your collection"), log, made) };
}

function bubble({ role, content }) {
  return el("li", { class: `turn ${role}` }, el("span", { class: "unseen" }, role === "user" ? "You: " : "Answer: "), el("p", {}, content));
}

// Reads OpenAI's dialect: lines of `data: {choices: [{delta: {content}}]}`, or one JSON document.
async function stream(site, messages, signal, take) {
  const headers = { "content-type": "application/json", accept: "text/event-stream" };
  const answer = await site.session.fetch(PATH, { method: "POST", headers, body: JSON.stringify({ messages, stream: true }), signal });
  if (!answer.ok || !(answer.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
    take((await read(answer))?.choices?.[0]?.message?.content ?? "");
    return;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? "")).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data:")) take(delta(line.slice(5).trim()));
    if (done) return;
  }
}

function delta(text) {
  if (text === "[DONE]") return "";
  try {
    return JSON.parse(text).choices?.[0]?.delta?.content ?? "";
  } catch {
    return "";
  }
}
