// A chat about the collection, if the server has one configured.
import { el, field, form } from "../dom.js";
import { read } from "../session.js";

const PATH = "/api/chat";
const MOST_TURNS = 30;

export async function chatIsThere(site) {
  if (!navigator.onLine) return false;
  try {
    return (await site.session.call("GET", PATH)).ready;
  } catch {
    return false;
  }
}

export function chat(site, { signal }) {
  const turns = (site.turns ??= []);
  const log = el("ol", { class: "chat", "aria-label": "Conversation" }, turns.map(bubble));
  const input = el("textarea", { name: "text", rows: 2, maxlength: 8000, required: true });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    made.requestSubmit();
  });
  const made = form([field("Your question", input, "Enter sends, Shift and Enter begins a new line.")], async () => {
    const text = input.value.trim();
    if (!text) return;
    const history = turns.slice(-MOST_TURNS);
    turns.push({ role: "user", content: text });
    const answer = { role: "assistant", content: "" };
    const shown = bubble(answer);
    log.append(bubble(turns.at(-1)), shown);
    try {
      await stream(site, { message: text, history, stream: true }, signal, (part) => {
        answer.content += part;
        shown.lastChild.textContent = answer.content;
        shown.scrollIntoView({ block: "nearest" });
      });
      answer.content = answer.content.slice(0, 8000);
      turns.push(answer);
      input.value = "";
    } catch (fault) {
      turns.pop();
      shown.remove();
      log.lastChild.remove();
      if (fault.status === 404 || fault.problem?.setting) site.showChat(false);
      throw fault;
    }
  }, "Ask");
  return { title: "Chat", node: el("div", {}, el("h1", {}, "Chat about your collection"), log, made) };
}

function bubble({ role, content }) {
  return el("li", { class: `turn ${role}` }, el("span", { class: "unseen" }, role === "user" ? "You: " : "Answer: "), el("p", {}, content));
}

// Reads the answer's events: `token` and `tool` as they arrive, then `done` or `error`.
async function stream(site, question, signal, take) {
  const headers = { "content-type": "application/json", accept: "text/event-stream" };
  const answer = await site.session.fetch(PATH, { method: "POST", headers, body: JSON.stringify(question), signal });
  if (!answer.ok) return read(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const events = (rest + (value ?? "")).split("\n\n");
    rest = events.pop();
    for (const [name, data] of events.map(event)) {
      if (name === "token") take(data.text);
      if (name === "error") throw new Error(data.detail ?? data.title);
      if (name === "done") return data;
    }
    if (done) throw new Error("The answer broke off.");
  }
}

function event(block) {
  const lines = block.split("\n");
  const of = (field) => lines.filter((line) => line.startsWith(`${field}: `)).map((line) => line.slice(field.length + 2)).join("\n");
  return [of("event"), of("data") ? JSON.parse(of("data")) : null];
}
