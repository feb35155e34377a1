// All genres with their numbers of records; each links to its records.
import { el } from "../dom.js";
import { counted } from "../numbers.js";

export function genres(site, { signal }) {
  const list = el("ul", { class: "tiles" });
  const empty = el("p", { class: "empty" }, "No record has a genre yet.");
  const show = () => {
    const found = counted(site.model.all(), (record) => record.genre ?? []).filter(({ name }) => name !== null);
    empty.hidden = found.length > 0;
    list.replaceChildren(...found.map(({ name, records }) => el("li", {},
      el("a", { class: "card", href: `#/?genre=${encodeURIComponent(name)}` }, el("strong", {}, name), el("span", { class: "dim" }, records === 1 ? "1 record" : `${records} records`)))));
  };
  site.model.addEventListener("change", show, { signal });
  show();
  return { title: "Genres", node: el("div", {}, el("h1", {}, "Genres"), empty, list) };
}
