// The pages, selected by the hash of the address.
import { appointmentsPage, entryPage } from "./account.js";
import { practitionerPage } from "./booking.js";
import { el } from "./dom.js";
import { searchPage } from "./search.js";
import { isLoggedIn } from "./session.js";

const main = document.getElementById("main");
let turn = 0;

async function route() {
  const mine = ++turn;
  delete document.body.dataset.ready;
  const show = (heading, ...content) => {
    if (mine !== turn) return;
    document.title = `${heading} | Klear Karma`;
    main.replaceChildren(el("h1", {}, heading), ...content.filter(Boolean));
  };
  const path = location.hash.replace(/^#/, "").split("?")[0] || "/";
  try {
    await pageOf(path, show);
  } catch (fault) {
    if (fault.status === 401) location.hash = `#/login?then=${encodeURIComponent(location.hash)}`;
    else show("That did not work", el("p", { class: "problem", role: "alert" }, fault.message));
  }
  if (mine !== turn) return;
  document.getElementById("nav").replaceChildren(
    el("a", { href: "#/" }, "Search"),
    isLoggedIn() ? el("a", { href: "#/appointments" }, "Appointments") : el("a", { href: "#/login" }, "Log in"),
  );
  document.body.dataset.ready = "";
}

async function pageOf(path, show) {
  const [, name, id] = path.split("/");
  if (name === "practitioners" && id) await practitionerPage(show, decodeURIComponent(id));
  else if (name === "login" || name === "register") entryPage(show, name === "register");
  else if (name === "appointments") await (isLoggedIn() ? appointmentsPage(show) : entryPage(show, false));
  else searchPage(show);
}

addEventListener("hashchange", route);
route();
