// Embeds capsules in a page: <div data-capsule="cap_…" data-key="dk_…"></div>, followed by this script.
// data-lang is en, de or nl; data-theme auto, light or dark; data-start="click" loads after a click.
(() => {
  "use strict";
  const home = new URL(document.currentScript.src).origin;
  const frames = new Set();
  const TALLEST = 4000;
  const LONGEST = 20000;

  function stored(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  }

  function store(name, code) {
    try {
      if (code === null) localStorage.removeItem(name);
      else localStorage.setItem(name, code);
    } catch { /* this page cannot store anything either */ }
  }

  function show(place) {
    const { capsule, key, lang, theme, title } = place.dataset;
    const query = new URLSearchParams({ key });
    if (lang) query.set("lang", lang);
    if (theme) query.set("theme", theme);
    const frame = document.createElement("iframe");
    frame.src = `${home}/embed/${encodeURIComponent(capsule)}?${query}`;
    frame.title = title || "DevCapsules";
    frame.loading = "lazy";
    frame.setAttribute("sandbox", "allow-scripts allow-same-origin");
    frame.setAttribute("allow", "clipboard-write");
    frame.referrerPolicy = "strict-origin-when-cross-origin";
    frame.style.cssText = "display:block;width:100%;height:640px;border:0";
    frames.add(frame);
    place.replaceChildren(frame);
  }

  function mount(place) {
    if (place.dataset.mounted || !place.dataset.capsule || !place.dataset.key) return;
    place.dataset.mounted = "yes";
    if (place.dataset.start !== "click") return show(place);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = place.dataset.title || "▶ DevCapsules";
    button.addEventListener("click", () => {
      show(place);
      place.firstChild.focus();
    });
    place.append(button);
  }

  addEventListener("message", (event) => {
    if (event.origin !== home || !event.data || typeof event.data !== "object") return;
    const frame = [...frames].find((one) => one.contentWindow === event.source);
    if (!frame) return;
    const { type, height, capsule, code } = event.data;
    const name = `devcapsules ${String(capsule).slice(0, 80)}`;
    if (type === "devcapsules:height" && Number.isFinite(height)) {
      frame.style.height = `${Math.min(TALLEST, Math.max(200, Math.ceil(height)))}px`;
    } else if (type === "devcapsules:ready") {
      // Browsers block storage for frames of other sites, so this page stores the draft for the widget.
      frame.contentWindow.postMessage({ type: "devcapsules:draft", code: stored(name) }, home);
    } else if (type === "devcapsules:draft") {
      store(name, typeof code === "string" ? code.slice(0, LONGEST) : null);
    } else if (type === "devcapsules:solved" && typeof capsule === "string") {
      frame.dispatchEvent(new CustomEvent("devcapsules:solved", { bubbles: true, detail: { capsule } }));
    }
  });

  const mountAll = () => document.querySelectorAll("[data-capsule]").forEach(mount);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", mountAll);
  else mountAll();
  globalThis.DevCapsules = { mount, mountAll };
})();
