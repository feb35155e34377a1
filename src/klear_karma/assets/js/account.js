// Log-in, registration, the user's bookings and calendar.
import { el, field, form, say } from "./dom.js";
import { call, enter, leave } from "./session.js";
import { clock, dayName, money } from "./times.js";

const OPEN = new Set(["requested", "confirmed", "rescheduled"]);

export function entryPage(show, isNew) {
  const then = new URLSearchParams(location.hash.split("?")[1] ?? "").get("then");
  const other = `?${new URLSearchParams(then ? { then } : {})}`;
  const controls = [
    isNew && field("Name", el("input", { name: "name", maxlength: 80, required: true, autocomplete: "name" })),
    field("E-mail", el("input", { name: "email", type: "email", required: true, autocomplete: "email" })),
    field("Password", el("input", {
      name: "password", type: "password", required: true, minlength: 8, autocomplete: isNew ? "new-password" : "current-password",
    })),
  ];
  const submit = async (data) => {
    await enter(isNew ? "register" : "login", Object.fromEntries(data));
    location.hash = then?.startsWith("#/") ? then : "#/appointments";
  };
  show(isNew ? "Register" : "Log in", form(controls.filter(Boolean), submit, isNew ? "Register" : "Log in"),
    el("p", {}, isNew ? el("a", { href: `#/login${other}` }, "I have an account") : el("a", { href: `#/register${other}` }, "Register")));
}

export async function appointmentsPage(show) {
  const { appointments } = await call("GET", "/api/appointments");
  const list = el("ul", { class: "cards" }, appointments.map(entry));
  const feed = el("div", {});
  const link = el("button", { type: "button", class: "plain", onclick: () => subscribe(feed) }, "Calendar link");
  const out = el("button", { type: "button", class: "plain", async onclick() { await leave(); location.hash = "#/"; } }, "Log out");
  show("Appointments", appointments.length ? list : el("p", {}, "There are none yet."), el("div", { class: "row" }, link, out), feed);
}

async function subscribe(feed) {
  const made = await call("POST", "/api/feeds", { side: "customer" });
  const shown = el("input", { readonly: true, value: made.url });
  feed.replaceChildren(field("Address for your calendar; whoever has it reads your appointments", shown));
  shown.select();
}

function entry(one) {
  const other = one.side === "customer" ? one.practitioner : one.customer;
  const state = el("b", {}, one.state);
  const cancel = el("button", {
    type: "button",
    class: "plain",
    async onclick() {
      cancel.disabled = true;
      try {
        const changed = await call("PATCH", `/api/appointments/${encodeURIComponent(one.id)}`, { action: "cancel" });
        state.textContent = changed.state;
        cancel.remove();
        say("The appointment is cancelled.");
      } catch (fault) {
        say(fault.message);
        cancel.replaceWith(el("p", { class: "problem", role: "alert" }, fault.message));
      }
    },
  }, "Cancel");
  return el("li", {},
    el("h2", {}, `${one.service.name} with ${other.name}`),
    el("p", {}, `${dayName(one.starts_at)}, ${clock(one.starts_at)}, ${one.minutes} min, ${money(one.price, one.currency)}`),
    el("p", {}, state), OPEN.has(one.state) && cancel);
}
