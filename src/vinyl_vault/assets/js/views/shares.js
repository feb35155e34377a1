// Links that share the collection: create, copy, revoke. A link is displayed once, as the server stores only its hash.
import { ask, button, el, field, form, say } from "../dom.js";
import { when } from "../fields.js";

const PATH = "/api/shares";

export function shares(site) {
  const list = el("ul", { class: "sessions", id: "share-list" });
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const made = el("div", { "aria-live": "polite" });
  const show = async () => {
    try {
      const found = await site.session.call("GET", PATH);
      list.replaceChildren(...(found.length ? found.map((one) => item(one)) : [el("li", { class: "dim" }, "There are no links.")]));
    } catch (fault) {
      list.replaceChildren(el("li", { class: "dim" }, fault.message));
    }
  };
  const item = (one) => el("li", {}, el("strong", {}, one.name), el("small", { class: "dim" }, `made ${when(one.created_at)}`),
    button("Revoke", () => revoke(one), { class: "danger", "aria-label": `Revoke ${one.name}` }));
  const revoke = async (one) => {
    const answer = await ask(`Revoke “${one.name}”?`, el("p", {}, "Whoever has the link sees nothing any more. A revoked link cannot be brought back."),
      [["yes", "Revoke", "danger"], ["", "Cancel", "quiet"]]);
    if (answer !== "yes") return;
    problem.hidden = true;
    try {
      await site.session.call("DELETE", `${PATH}/${encodeURIComponent(one.id)}`);
      made.replaceChildren();
    } catch (fault) {
      problem.textContent = fault.message;
      problem.hidden = false;
    }
    await show();
  };
  const making = form([field("Name of the link", el("input", { name: "name", type: "text", required: true, maxlength: 100, autocomplete: "off" }), "Whoever has the link sees its name.")], async (sent) => {
    const share = await site.session.call("POST", PATH, { name: new FormData(sent).get("name").trim() });
    sent.reset();
    made.replaceChildren(madeLink(share));
    await show();
  }, "Make a link", { class: "card" });
  show();
  return { title: "Share", node: el("div", {}, el("h1", {}, "Share your collection"),
    el("p", {}, "Whoever has a link sees artists, albums, years, labels, formats, genres, covers and conditions. Nobody sees prices, notes, places or tags."),
    making, made, problem, el("section", { class: "card" }, el("h2", {}, "Links"), list)) };
}

// The token is in the hash of the address, which is sent neither to servers nor in `Referer`.
function madeLink(share) {
  const address = `${location.origin}/shared#${share.path.split("/").at(-1)}`;
  const place = el("input", { type: "text", readonly: true, value: address, onfocus: () => place.select() });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(address);
      say("Copied.");
    } catch {
      place.focus(); // selected, for the keyboard
      say("Copy the selected text.");
    }
  };
  return el("section", { class: "card" }, field("New link", place, "It is shown this once: copy it now."),
    el("div", { class: "row" }, button("Copy", copy), el("a", { class: "button quiet", href: address, target: "_blank", rel: "noopener" }, "Look at it")));
}
