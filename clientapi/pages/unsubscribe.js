// Ends mails about unread messages: the token of the link proves who got one.
"use strict";
(function () {
  const at = (id) => document.getElementById(id);
  at("form").addEventListener("submit", async (ev) => {
    ev.preventDefault();
    at("error").textContent = "";
    const answer = await fetch(location.pathname + location.search, { method: "POST" });
    const response = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      at("error").textContent = response.error || "That did not work.";
      return;
    }
    at("form").hidden = true;
    at("done").hidden = false;
  });
})();
