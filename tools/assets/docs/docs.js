"use strict";

// An operation's summary is a button: a link within it would be a control in a control.
const plainLinks = (system) => ({
  components: { DeepLink: ({ text }) => system.React.createElement("span", {}, text) },
});

// Swagger UI leaves some of its fields without a name, and what scrolls without the keyboard.
const NAMES = { servers: "Server" };

function amend() {
  for (const field of document.querySelectorAll("#reference :is(select, input, textarea):not([aria-label])")) {
    const row = field.closest("tr[data-param-name]")?.dataset.paramName;
    const wrapped = field.closest("label")?.querySelector("span, small")?.textContent;
    const near = field.closest("[class*=content-type], .response-control-media-type, .body-param")?.className;
    field.ariaLabel = NAMES[field.id] ?? row ?? wrapped ?? (/body-param/.test(near ?? "") ? "Body" : near ? "Media type" : field.placeholder || "Value");
  }
  for (const button of document.querySelectorAll("#reference button:empty:not([aria-label])")) button.ariaLabel = "Copy";
  for (const button of document.querySelectorAll("#reference .close-modal:not([aria-label])")) button.ariaLabel = "Close";
  for (const button of document.querySelectorAll("#reference .modal-btn[aria-label]")) button.removeAttribute("aria-label"); // it has text
  for (const region of document.querySelectorAll("#reference [role=region]:not([aria-label])")) {
    const isLive = region.classList.contains("live-responses-table");
    const operation = region.closest(".opblock")?.id.replace(/^operations-/, "") ?? "";
    region.ariaLabel = `${isLive ? "Answer" : "Responses"} ${operation}`.trim();
  }
  for (const part of document.querySelectorAll("#reference :is(pre, .microlight, .table-container, .model-box):not([tabindex])")) {
    if (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight) part.tabIndex = 0;
  }
}

let isDue = false;
new MutationObserver(() => {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    amend();
  });
}).observe(document.getElementById("reference"), { childList: true, subtree: true });

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
  plugins: [plainLinks],
  onComplete() {
    document.title = `${document.querySelector(".info .title")?.firstChild?.textContent ?? "API"} – reference`;
  },
});
