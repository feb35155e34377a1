// Creates elements. Text is always set as text, never as markup.
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

let fields = 0;
export function field(text, control) {
  control.id ||= `field-${++fields}`;
  return el("div", {}, el("label", { for: control.id }, text), control);
}

export function select(options, value, attributes = {}) {
  const made = el("select", attributes, options.map(([key, text]) => el("option", { value: key }, text)));
  made.value = value ?? "";
  return made;
}

// A form with an async submit function; the button is disabled while it runs, and errors are displayed.
export function form(children, submit, text) {
  const box = el("p", { class: "problem", role: "alert", hidden: true });
  const send = el("button", { type: "submit" }, text);
  return el("form", {
    async onsubmit(event) {
      event.preventDefault();
      send.disabled = true;
      box.hidden = true;
      try {
        await submit(new FormData(event.target));
      } catch (fault) {
        box.textContent = fault.message;
        box.hidden = false;
      }
      send.disabled = false;
    },
  }, ...children, el("div", {}, send), box);
}

export function say(text) {
  document.getElementById("live").textContent = text;
}
