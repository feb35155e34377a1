// Creates elements. Text is always set as text, never as markup.
const XML = document.createElement("div").namespaceURI;

export function el(name, attributes = {}, ...children) {
  return filled(document.createElementNS(XML, name), attributes, children);
}

// The SVG namespace, read from an icon in the page.
export function svg(name, attributes = {}, ...children) {
  const space = document.querySelector("svg").namespaceURI;
  return filled(document.createElementNS(space, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

let fields = 0;
// A label with its control: `control` is an element, `hint` its description for screen readers.
export function field(text, control, hint = "") {
  const id = control.id || `field-${++fields}`;
  control.id = id;
  if (hint) control.setAttribute("aria-describedby", `${id}-hint`);
  return el("div", { class: "field" }, el("label", { for: id }, text), control,
    hint && el("p", { class: "hint", id: `${id}-hint` }, hint));
}

export function select(options, value, attributes = {}) {
  const made = el("select", attributes, options.map(([key, text]) => el("option", { value: key }, text)));
  made.value = value ?? "";
  return made;
}

const SAID_MS = 6000;
let silence = 0;
// Announces a message to screen readers, and displays it for some seconds.
export function say(text) {
  const live = document.getElementById("live");
  if (!live) return;
  live.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { live.textContent = ""; }, SAID_MS);
}

export function alertBox() {
  const box = el("p", { class: "problem", role: "alert", hidden: true });
  return { box, show: (text) => { box.textContent = text; box.hidden = !text; } };
}

// A form with an async submit function; the button is disabled while it runs, and errors are displayed.
export function form(children, submit, text, attributes = {}) {
  const alerts = alertBox();
  const send = el("button", { type: "submit" }, text);
  const made = el("form", { novalidate: false, ...attributes }, ...children, alerts.box, el("div", { class: "row" }, send));
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    alerts.show("");
    send.disabled = true;
    try {
      await submit(made);
    } catch (fault) {
      alerts.show(fault.message);
    } finally {
      send.disabled = false;
    }
  });
  return made;
}

// A modal dialog; resolves with the value of the button, or "" if it was closed.
export function ask(title, content, choices) {
  return new Promise((resolve) => {
    const heading = el("h2", { id: "ask-title" }, title);
    const buttons = choices.map(([value, text, kind]) =>
      button(text, () => dialog.close(value), { class: kind ?? "", "data-choice": value }));
    const dialog = el("dialog", { "aria-labelledby": "ask-title" }, heading, content, el("div", { class: "row" }, buttons));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

export function download(name, type, parts) {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
