// The search: a place, words, a kind, a day; results by distance, further pages by `next`.
import { el, field, form, say, select } from "./dom.js";
import { get } from "./session.js";
import { money, ZONE } from "./times.js";

const PLACES = [
  ["", "Anywhere"],
  ["52.52,13.41", "Berlin"],
  ["48.14,11.58", "Munich"],
  ["51.51,-0.13", "London"],
  ["48.86,2.35", "Paris"],
  ["40.71,-74.01", "New York"],
  ["35.68,139.69", "Tokyo"],
  ["-33.87,151.21", "Sydney"],
  ["-36.85,174.76", "Auckland"],
];

export function searchPage(show) {
  const results = el("div", { id: "results" });
  const asked = new URLSearchParams(location.hash.split("?")[1] ?? "");
  const controls = [
    field("Place", select(PLACES, asked.get("place") ?? "", { name: "place" })),
    field("Words", el("input", { name: "q", maxlength: 200, type: "search", value: asked.get("q") ?? "" })),
    field("Within, km", el("input", { name: "radius", type: "number", min: 1, max: 500, value: asked.get("radius") ?? "25" })),
    field("Free on", el("input", { name: "available_on", type: "date", value: asked.get("available_on") ?? "" })),
  ];
  const submit = async (data) => {
    const query = new URLSearchParams([...data].filter(([, value]) => value));
    history.replaceState(null, "", `#/?${query}`);
    results.replaceChildren();
    await more(results, pathOf(query));
  };
  show("Find a practitioner", form(controls, submit, "Search"), results);
  if (asked.size) more(results, pathOf(asked)).catch((fault) => results.append(el("p", { class: "problem" }, fault.message)));
}

function pathOf(asked) {
  const query = new URLSearchParams();
  for (const name of ["q", "available_on"]) if (asked.get(name)) query.set(name, asked.get(name));
  if (asked.get("place")) {
    const [lat, lng] = asked.get("place").split(",");
    query.set("lat", lat);
    query.set("lng", lng);
    if (asked.get("radius")) query.set("radius", asked.get("radius"));
  }
  if (asked.get("available_on")) query.set("zone", ZONE);
  return query;
}

async function more(results, query) {
  const page = await get(`/api/practitioners/search?${query}`);
  results.querySelector(".more")?.remove();
  results.append(el("ul", { class: "cards" }, page.practitioners.map(card)));
  say(`${page.practitioners.length} found`);
  if (!page.practitioners.length && !page.next) results.append(el("p", {}, "Nobody was found."));
  if (page.next) {
    const further = new URLSearchParams(query);
    further.set("after", page.next);
    results.append(el("button", { type: "button", class: "plain more", onclick: () => more(results, further) }, "More"));
  }
}

function card(found) {
  const facts = [
    found.city,
    found.distance_km === null ? "" : `${found.distance_km.toFixed(1)} km`,
    found.rating === null ? "no reviews yet" : `${found.rating.toFixed(1)} of 5 (${found.rating_count})`,
    found.min_price === null ? "" : `from ${money(found.min_price, found.currency)}`,
  ];
  return el("li", {},
    el("h2", {}, el("a", { href: `#/practitioners/${encodeURIComponent(found.id)}` }, found.name)),
    el("p", {}, found.headline),
    el("p", {}, facts.filter(Boolean).join(" · ")),
    el("p", {}, found.specializations.join(", ")));
}
