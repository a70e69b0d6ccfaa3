// Shows the OpenAPI document. Requests that are tried out go to the host that the page came from, with what was
// given under "Authorize" or with the session's cookie.
"use strict";

// A session needs the token that came with its last answer for whatever changes something.
const TOKEN = "X-Harbor-CSRF-Token";
let token = "";

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
  requestInterceptor: (request) => {
    if (token && !request.headers.Authorization) request.headers[TOKEN] = token;
    return request;
  },
  responseInterceptor: (response) => {
    token = response.headers[TOKEN.toLowerCase()] || token;
    return response;
  },
});
