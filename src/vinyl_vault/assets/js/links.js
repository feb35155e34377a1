// The target pages of links in mails. Opening one changes nothing: the token is sent only after a click.
import { el, field, form } from "./dom.js";
import { post } from "./session.js";

const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
history.replaceState(null, "", location.pathname); // remove the token from the history
const main = document.getElementById("main");
const password = () => field("Password", el("input", { name: "password", type: "password", autocomplete: "new-password", required: true, minlength: 8, maxlength: 256 }), "At least 8 characters; longer is better.");
const done = (text, link) => main.replaceChildren(el("h1", {}, text), el("p", {}, el("a", { class: "button", href: "/#/login" }, link)));

const PAGES = {
  confirm: () => form([el("p", {}, "Choose the password of your account."), password()], async (made) => {
    await post("/api/auth/register/confirm", { token, password: new FormData(made).get("password") });
    done("Your account is ready.", "Log in");
  }, "Make the account", { class: "card" }),
  reset: () => form([password()], async (made) => {
    await post("/api/auth/reset/confirm", { token, password: new FormData(made).get("password") });
    done("Your password is set. All sessions have ended.", "Log in");
  }, "Set the password", { class: "card" }),
  "confirm-email": () => form([el("p", {}, "This makes it the address that you log in with.")], async () => {
    await post("/api/auth/email/confirm", { token });
    done("Your address is confirmed.", "Go on");
  }, "Confirm the address", { class: "card" }),
};

main.classList.add("entry");
if (token) main.append(PAGES[document.body.dataset.link]());
else main.append(el("p", {}, "This page opens by a link in a mail."), el("p", {}, el("a", { href: "/" }, "Vinyl Vault")));
