// Loads the page again when something changed, unless somebody is writing.
(function () {
  "use strict";
  var body = document.body;
  var writing = function () {
    return Array.from(document.querySelectorAll("input.words, .dialog input, .dialog textarea")).some(function (e) {
      return e.type !== "hidden" && e.value !== "";
    });
  };
  var look = function () {
    fetch(body.dataset.watch, { cache: "no-store" })
      .then(function (r) { return r.ok ? r.text() : body.dataset.version; })
      .then(function (now) {
        if (now !== body.dataset.version && !writing() && !document.querySelector(".veil")) { location.reload(); }
      })
      .catch(function () {});
  };
  setInterval(look, 1500);
})();
