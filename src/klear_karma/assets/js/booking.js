// A practitioner with free slots, and the booking form.
import { el, field, say, select } from "./dom.js";
import { call, get, isLoggedIn } from "./session.js";
import { clock, dayName, dayOf, later, money, ZONE } from "./times.js";

export async function practitionerPage(show, id) {
  const base = `/api/practitioners/${encodeURIComponent(id)}`;
  const person = await get(base);
  const times = el("div", { id: "times" });
  const state = { from: dayOf(new Date()), service: person.services[0]?.id ?? "" };
  const list = async () => {
    const query = new URLSearchParams({ from: state.from, to: later(state.from, 6), zone: ZONE, service_id: state.service });
    const found = await get(`${base}/availability?${query}`);
    times.replaceChildren(...days(found.slots, (slot) => confirm(times, person, state.service, slot)));
    say(`${found.slots.length} free times`);
  };
  const service = select(
    person.services.map((one) => [one.id, `${one.name}, ${one.minutes} min, ${money(one.price, one.currency)}`]),
    state.service,
    { onchange: (event) => { state.service = event.target.value; list(); } },
  );
  const step = (text, by) => el("button", { type: "button", class: "plain", onclick: () => { state.from = later(state.from, by); list(); } }, text);
  show(person.name,
    el("p", {}, [person.headline, person.city].filter(Boolean).join(" · ")),
    el("p", {}, el("a", { href: `/practitioners/${encodeURIComponent(id)}` }, "Profile and reviews")),
    el("p", { class: "text" }, person.bio),
    person.services.length ? field("Service", service) : el("p", {}, "Nothing can be booked right now."),
    el("h2", {}, `Free times (${ZONE})`),
    el("div", { class: "row" }, step("Week before", -7), step("Next week", 7)),
    times);
  if (person.services.length) await list();
}

function days(slots, choose) {
  const byDay = Map.groupBy(slots, (slot) => slot.starts_at.slice(0, 10));
  if (!slots.length) return [el("p", {}, "There is no free time in this week.")];
  return [...byDay].map(([, times]) => el("section", {},
    el("h3", {}, dayName(times[0].starts_at)),
    el("ul", { class: "slots" }, times.map((slot) =>
      el("li", {}, el("button", { type: "button", onclick: () => choose(slot) }, clock(slot.starts_at)))))));
}

function confirm(times, person, service, slot) {
  if (!isLoggedIn()) {
    location.hash = `#/login?then=${encodeURIComponent(location.hash)}`;
    return;
  }
  const key = crypto.randomUUID(); // a second click does not book twice
  const box = el("p", { class: "problem", role: "alert", hidden: true });
  const note = el("input", { name: "note", maxlength: 2000 });
  const book = el("button", {
    type: "button",
    async onclick() {
      book.disabled = true;
      try {
        const body = { practitioner_id: person.id, service_id: service, starts_at: slot.starts_at, note: note.value };
        await call("POST", "/api/appointments", body, { "idempotency-key": key });
        location.hash = "#/appointments";
      } catch (fault) {
        box.textContent = fault.message;
        box.hidden = false;
        book.disabled = false;
      }
    },
  }, "Book this time");
  times.replaceChildren(
    el("h3", { id: "chosen", tabindex: -1 }, `${dayName(slot.starts_at)}, ${clock(slot.starts_at)}`),
    field("Note", note), el("div", { class: "row" }, book), box);
  times.querySelector("h3").focus();
}
