"""Pages for the links of mails, for apps without pages of their own; opening one changes nothing."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from typing import NamedTuple

from edge.auth.accounts.links import Purpose
from edge.auth.accounts.password_rules import LONGEST, SHORTEST
from edge.http import Response

SCRIPT = """
const form = document.querySelector("form"), status = document.querySelector("[role=status]");
const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
history.replaceState(null, "", location.pathname);
if (!token) status.textContent = "This page is opened by the link of a mail.";
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button"), field = form.querySelector("input[type=password]");
  button.disabled = true;
  status.textContent = "One moment …";
  const body = field ? { token, password: field.value } : { token };
  try {
    const response = await fetch(form.dataset.target, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
    if (response.ok) {
      status.textContent = form.dataset.done;
      form.hidden = true;
      return;
    }
    const problem = await response.json();
    status.textContent = problem.errors ? `The password ${problem.errors[0].detail}.` : `${problem.title}.`;
  } catch {
    status.textContent = "The service was not reached; try again.";
  }
  button.disabled = false;
});
"""
STYLE = """
body { font: 1.1rem/1.5 system-ui, sans-serif; margin: 0; background: Canvas; color: CanvasText; }
main { max-width: 26rem; margin: 10vh auto; padding: 0 1rem; }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; }
input, button { padding: .6rem; margin: .4rem 0 1rem; }
:root { color-scheme: light dark; }
"""


class Words(NamedTuple):
    """The texts of a page: its heading, its button, and its final message."""

    heading: str
    button: str
    done: str


WORDS = {
    Purpose.REGISTER: Words("Confirm your address", "Create the account", "Your account is there. You are logged in."),
    Purpose.RESET: Words("Choose a new password", "Set the password", "The password is set. Log in with it."),
    Purpose.EMAIL: Words("Confirm your new address", "Confirm", "Your account has this address now."),
}
TARGETS = {
    Purpose.REGISTER: "/register/confirm",
    Purpose.RESET: "/reset/confirm",
    Purpose.EMAIL: "/email/confirm",
}


def page(purpose: Purpose, prefix: str, site: str) -> Response:
    """Return the page of a purpose; its script reads the token after the `#` and posts it on request."""
    words = WORDS[purpose]
    target = f"{prefix}{TARGETS[purpose]}"
    data = f'data-target="{escape(target)}" data-done="{escape(words.done)}"'
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(words.heading)} - {escape(site)}'
        '</title><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(words.heading)}</h1><p>{escape(site)}</p>"
        f"<form {data}>{'' if purpose is Purpose.EMAIL else _field()}"
        f"<button>{escape(words.button)}</button></form>"
        f'<p role="status"></p></main><script>{SCRIPT}</script></body></html>'
    )
    response = Response.text(text, media_type="text/html; charset=utf-8")
    response.headers += [
        ("content-security-policy", _policy()),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ]
    return response


def _field() -> str:
    return (
        f'<label for="password">Password, {SHORTEST} characters or more</label><input id="password" type="password" '
        f'autocomplete="new-password" required minlength="{SHORTEST}" maxlength="{LONGEST}">'
    )


@cache
def _policy() -> str:
    return (
        f"default-src 'none'; script-src {_source(SCRIPT)}; style-src {_source(STYLE)}; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


def _source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
