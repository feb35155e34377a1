"use strict";

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
  onComplete() {
    document.title = `${document.querySelector(".info .title")?.firstChild?.textContent ?? "API"} – reference`;
  },
});
