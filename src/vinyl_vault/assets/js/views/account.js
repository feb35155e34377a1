// The account: sessions, password, address, export, log-out and deletion.
import { ask, button, download, el, field, form, say } from "../dom.js";
import { when } from "../fields.js";
import { exportUnsent, logOut } from "../leaving.js";
import { read } from "../session.js";

const secret = (name, text, kind, least = 1) =>
  field(text, el("input", { name, type: "password", autocomplete: kind, required: true, minlength: least, maxlength: 256 }));
const values = (made) => Object.fromEntries(new FormData(made));

export function account(site) {
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const leave = async () => {
    try {
      await logOut(site);
    } catch (fault) {
      problem.textContent = fault.message;
      problem.hidden = false;
    }
  };
  const node = el("div", { class: "account" }, el("h1", {}, "Account"),
    el("p", {}, site.session.user.email), problem,
    el("div", { class: "row" }, button("Log out", leave, { id: "log-out" }), el("a", { class: "button quiet", href: "#/import" }, "Import"),
      el("a", { class: "button quiet", href: "#/shares" }, "Share"), el("a", { class: "button quiet", href: "#/trash" }, "Trash"),
      button("Export as CSV", () => exported(site, "csv", "owned", problem), { class: "quiet" }),
      button("Export as JSON", () => exported(site, "json", "owned", problem), { class: "quiet" }),
      button("Export wantlist", () => exported(site, "csv", "wanted", problem), { class: "quiet" })),
    sessions(site), more("Change password", passwordForm(site)), more("Change e-mail", emailForm(site)), more("Delete account", deletionForm(site)));
  return { title: "Account", node };
}

const more = (title, content) => el("details", { class: "card" }, el("summary", {}, title), content);

async function exported(site, format, status, problem) {
  problem.hidden = true;
  try {
    const answer = await site.session.fetch(`/api/collection/export?format=${format}&status=${status}`);
    if (!answer.ok) await read(answer);
    download(`${status === "wanted" ? "wantlist" : "collection"}.${format}`, answer.headers.get("content-type"), [await answer.blob()]);
  } catch (fault) {
    problem.textContent = fault.message;
    problem.hidden = false;
  }
}

function sessions(site) {
  const list = el("ul", { class: "sessions" });
  const load = async () => {
    try {
      const { sessions: found } = await site.session.call("GET", "/api/auth/sessions");
      list.replaceChildren(...found.map((one) => el("li", {},
        el("span", {}, el("strong", { title: one.client }, program(one.client)), " ", one.is_current && el("span", { class: "mark" }, "this one")),
        el("small", { class: "dim" }, `last used ${when(one.last_used_at)}`),
        !one.is_current && button("End", async () => {
          await site.session.call("DELETE", `/api/auth/sessions/${encodeURIComponent(one.id)}`).catch((fault) => say(fault.message));
          await load();
        }, { class: "quiet", "aria-label": `End the session of ${program(one.client)}` }))));
    } catch (fault) {
      list.replaceChildren(el("li", { class: "dim" }, fault.message));
    }
  };
  const endAll = async () => {
    const answer = await ask("End all sessions?", el("p", {}, "All devices are logged out, this one too. What was not sent stays on its device."), [["yes", "End all", "danger"], ["", "Cancel", "quiet"]]);
    if (answer !== "yes") return;
    await site.session.call("DELETE", "/api/auth/sessions").catch((fault) => say(fault.message));
    await site.session.refresh().catch(() => {});
  };
  load();
  return el("section", { class: "card" }, el("h2", {}, "Sessions"), list, button("End all sessions", endAll, { class: "quiet" }));
}

// A short name for the User-Agent of a session.
function program(client) {
  const find = (names) => names.find(([sign]) => client.includes(sign))?.[1];
  const browser = find([["Edg", "Edge"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Safari", "Safari"]]);
  const system = find([["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Mac OS", "macOS"], ["Windows", "Windows"], ["Linux", "Linux"]]);
  return browser ? [browser, system].filter(Boolean).join(", ") : client.slice(0, 60) || "Unknown program";
}

function passwordForm(site) {
  return form([secret("password", "Password now", "current-password"), secret("new_password", "New password", "new-password", 8)], async (made) => {
    site.session.keep(await site.session.call("POST", "/api/auth/password", values(made)));
    made.reset();
    say("The password is changed; all other sessions have ended.");
  }, "Change password");
}

function emailForm(site) {
  return form([secret("password", "Password", "current-password"), field("New e-mail", el("input", { name: "email", type: "email", required: true, maxlength: 254 }))], async (made) => {
    await site.session.call("POST", "/api/auth/email", values(made));
    made.replaceChildren(el("p", { role: "status" }, "See the mail at the new address: a link there confirms it."));
  }, "Change e-mail");
}

// Deleting is final, so unsent changes are offered for export first.
function deletionForm(site) {
  return form([el("p", {}, "All records and sessions are removed from the server at once."), secret("password", "Password", "current-password")], async (made) => {
    const { count } = site.sync;
    const choice = await ask("Delete the account?", el("p", {}, count ? `${count} changes were not sent; they would be lost as well.` : "This cannot be undone."),
      [["yes", "Delete account", "danger"], ...(count ? [["export", "Export what was not sent", "quiet"]] : []), ["", "Cancel", "quiet"]]);
    if (choice === "export") await exportUnsent(site.store);
    if (choice !== "yes") return;
    await site.session.call("DELETE", "/api/auth/me", values(made));
    site.channel.post("left", { userId: site.store.userId });
    await site.close(true);
  }, "Delete account");
}
