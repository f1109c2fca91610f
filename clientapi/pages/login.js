// The whole login, for clients that do not know how ("Login Fallback", client-server
// API). Parameters of the query that are no credentials go along with the request.
"use strict";
(function () {
  const at = (id) => document.getElementById(id);
  const query = new URLSearchParams(location.search);
  at("form").addEventListener("submit", async (ev) => {
    ev.preventDefault();
    at("error").textContent = "";
    const body = { type: "m.login.password", identifier: { type: "m.id.user", user: at("user").value }, password: at("password").value };
    for (const name of ["device_id", "initial_device_display_name"]) {
      if (query.has(name)) body[name] = query.get(name);
    }
    if (query.get("refresh_token") === "true") body.refresh_token = true;
    const answer = await fetch("/_matrix/client/v3/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const response = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      at("error").textContent = response.error || "That did not work.";
      return;
    }
    at("form").hidden = true;
    if (window.matrixLogin && window.matrixLogin.onLogin) {
      window.matrixLogin.onLogin(response);
    }
  });
})();
