// Shows the OpenAPI document. Requests that are tried out go to the host that the page came from, with what was
// given under "Authorize" or with the session's cookie.
"use strict";

const place = document.getElementById("reference");
SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  displayRequestDuration: true,
  operationsSorter: "alpha",
  tagsSorter: "alpha",
  validatorUrl: null,
});
