// One stage of user-interactive authentication, for clients that do not know it
// ("Fallback", client-server API). The stage is in the path, the session in the query.
"use strict";
(function () {
  const at = (id) => document.getElementById(id);
  const stage = decodeURIComponent(location.pathname.split("/auth/")[1].split("/")[0]);
  const session = new URLSearchParams(location.search).get("session") || "";
  const stages = {
    "m.login.dummy": { title: "Continue", text: "Nothing more is asked." },
    "m.login.password": { title: "Your password", text: "Confirm that it is you.", label: "Password", field: "password", type: "password" },
    "m.login.registration_token": { title: "Registration token", text: "This server lets in who has a token.", label: "Token", field: "token", type: "text" },
    "m.login.terms": { title: "Terms", text: "Please read and accept this to make an account." },
  };
  const ask = stages[stage];
  const fail = (text) => { at("error").textContent = text; };
  if (!ask || !session) {
    at("form").hidden = true;
    fail("This page was opened without what it needs. Go back to the app and try again.");
    return;
  }
  at("title").textContent = ask.title;
  at("text").textContent = ask.text;
  if (ask.field) {
    at("label").textContent = ask.label;
    at("value").type = ask.type;
    at("label").hidden = at("value").hidden = false;
    at("value").focus();
  }
  if (stage === "m.login.terms") {
    at("go").textContent = "I accept";
    fetch("/_matrix/static/client/terms").then((r) => r.json()).then((terms) => {
      const link = document.createElement("a");
      link.textContent = terms.name || "";
      if (/^https?:\/\//.test(terms.url)) link.href = terms.url;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      at("links").append(link);
    });
  }
  at("form").addEventListener("submit", async (ev) => {
    ev.preventDefault();
    fail("");
    const body = { session: session };
    if (ask.field) body[ask.field] = at("value").value;
    const answer = await fetch(location.pathname, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    if (!answer.ok) {
      fail((await answer.json().catch(() => ({}))).error || "That did not work.");
      return;
    }
    at("form").hidden = true;
    at("text").textContent = "Thank you. You can go back to the app.";
    if (window.onAuthDone) {
      window.onAuthDone();
    } else if (window.opener && window.opener.postMessage) {
      window.opener.postMessage("authDone", "*");
    }
  });
})();
