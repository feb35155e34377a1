// Log-in, registration, and requesting a new password.
import { el, field, form } from "../dom.js";
import { post } from "../session.js";

const email = (value = "") => field("E-mail", el("input", { name: "email", type: "email", autocomplete: "username", required: true, maxlength: 254, value }));
const password = (kind, hint) => field("Password", el("input", { name: "password", type: "password", autocomplete: kind, required: true, minlength: kind === "new-password" ? 8 : 1, maxlength: 256 }), hint);

const values = (made) => Object.fromEntries(new FormData(made));

function page(title, lead, ...content) {
  return { title, node: el("div", { class: "entry" }, el("h1", {}, title), lead && el("p", { class: "dim" }, lead), ...content) };
}

export function login(site) {
  const made = form([email(site.session.user?.email), password("current-password")], async (sent) => {
    const { email: address, password: secret } = values(sent);
    const tokens = await post("/api/auth/login", { email: address.trim(), password: secret });
    await site.enter(tokens, address.trim());
  }, "Log in", { class: "card" });
  return page("Log in", "Your records, on all devices and without a network.", made,
    el("p", {}, el("a", { href: "#/register" }, "Register"), " · ", el("a", { href: "#/forgot" }, "Forgotten password")),
    site.store && el("p", {}, el("a", { href: "#/" }, "Back to the records on this device")));
}

export function register(site) {
  const made = form([email(), password("new-password", "At least 8 characters; longer is better.")], async (sent) => {
    const { email: address, password: secret } = values(sent);
    const tokens = await post("/api/auth/register", { email: address.trim(), password: secret });
    if (tokens.access_token) await site.enter(tokens, address.trim());
    else made.replaceWith(el("p", { class: "card", role: "status" }, "See your mail: a link there confirms your address."));
  }, "Register", { class: "card" });
  return page("Register", "", made, el("p", {}, el("a", { href: "#/login" }, "I have an account")));
}

export function resetting() {
  const made = form([email()], async (sent) => {
    await post("/api/auth/reset", { email: values(sent).email.trim() });
    made.replaceWith(el("p", { class: "card", role: "status" }, "If there is an account with this address, a mail with a link is under way."));
  }, "Send a link", { class: "card" });
  return page("Forgotten password", "A link by mail lets you set a new one.", made, el("p", {}, el("a", { href: "#/login" }, "Back")));
}
