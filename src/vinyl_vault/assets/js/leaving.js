// Log-out with unsent edits: the user decides, and nothing is discarded without asking.
import { ask, download, el, say } from "./dom.js";
import { closeIfEmpty, waiting } from "./outbox.js";
import { Away, Refused } from "./session.js";

let isAsking = false;

const several = (count) => (count === 1 ? "1 change is" : `${count} changes are`);

export async function exportUnsent(store) {
  const found = await waiting(store);
  const content = { user: store.userId, waiting: found.frozen, edits: found.edits };
  download("vinyl-vault-not-sent.json", "application/json", [JSON.stringify(content, null, 2)]);
}

async function question(site, title, isLoggedIn) {
  const { count } = await waiting(site.store);
  const text = `${several(count)} on this device alone. ${isLoggedIn ? "" : "Log in again to send. "}What you keep is sent when you log in here again.`;
  return ask(title, el("p", {}, text), [
    ["send", isLoggedIn ? "Send and log out" : "Log in and send"],
    ["export", "Export to a file", "quiet"],
    ["keep", "Keep on this device", "quiet"],
    ["discard", "Discard…", "danger"],
    ...(isLoggedIn ? [["", "Cancel", "quiet"]] : []),
  ]);
}

async function isSure(count) {
  const text = `${several(count)} not on the server and cannot be brought back.`;
  const answer = await ask("Discard what was not sent?", el("p", {}, text), [["no", "Do not discard"], ["yes", "Discard", "danger"]]);
  return answer === "yes";
}

// The session has ended: if there are unsent edits, ask the user once.
export async function sessionEnded(site) {
  const { count } = await waiting(site.store);
  if (!count || isAsking) return;
  isAsking = true;
  try {
    await choose(site, "Your session has ended", false);
  } finally {
    isAsking = false;
  }
}

// Logs out on this device after the session has ended.
export async function leaveFor(site) {
  const { count } = await waiting(site.store);
  if (count) return choose(site, "Leave with changes that were not sent?", false);
  return leave(site, false);
}

export async function logOut(site) {
  const { count } = await waiting(site.store);
  if (count) return choose(site, "Log out with changes that were not sent?", true);
  return end(site, false);
}

async function choose(site, title, isLoggedIn) {
  for (;;) {
    const choice = await question(site, title, isLoggedIn);
    if (choice === "export") {
      await exportUnsent(site.store);
      continue;
    }
    if (choice === "send" && !isLoggedIn) return site.go("#/login");
    if (choice === "send") {
      await site.sync.now();
      if (!(await waiting(site.store)).count) return end(site, false);
      continue;
    }
    if (choice === "keep" && isLoggedIn) return end(site, false);
    if (choice !== "discard") return undefined;
    if (!(await isSure((await waiting(site.store)).count))) continue;
    return isLoggedIn ? end(site, true) : leave(site, true);
  }
}

// Ends the session on the server, which also removes the cookie; then logs out here.
async function end(site, isDiscarded) {
  try {
    const answer = await fetch("/api/auth/logout", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    if (!answer.ok && answer.status !== 401) throw new Refused(answer.status, await answer.json().catch(() => null));
  } catch (fault) {
    throw fault instanceof Refused ? fault : new Away();
  }
  await leave(site, isDiscarded);
}

// Closes the database in all tabs; deletes it if nothing is unsent, or if unsent edits are discarded.
async function leave(site, isDiscarded) {
  const isRemoved = isDiscarded || (await closeIfEmpty(site.store));
  site.channel.post("left", { userId: site.store.userId });
  if (isRemoved) await caches.delete("covers");
  await site.close(isRemoved);
  say("Logged out.");
}
