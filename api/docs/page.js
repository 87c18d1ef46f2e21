// Shows the OpenAPI document. No validator: it would be a request to a
// stranger.
SwaggerUIBundle({
  url: "openapi.yaml",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
  displayRequestDuration: true,
  defaultModelExpandDepth: 3,
  defaultModelsExpandDepth: 0,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
