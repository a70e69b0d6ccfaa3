// What pages do beyond HTML. Each works without this file, but for what is only there with it (`.js-only`).
"use strict";
(() => {
  const status = document.getElementById("status");
  const tell = (words) => { if (status) status.textContent = words; };

  async function copy(button) {
    const source = button.dataset.copyFrom ? document.getElementById(button.dataset.copyFrom) : null;
    const text = source ? (source.value ?? source.textContent) : button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // without https there is no clipboard for pages
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "visually-hidden";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.classList.add("copied");
    tell(button.dataset.said || "");
    setTimeout(() => button.classList.remove("copied"), 1500);
  }

  // A button that deletes wakes up when the name was typed; the server looks at it all the same.
  function weigh(field) {
    const button = field.form.querySelector("[data-confirms]");
    if (button) button.disabled = field.value.trim() !== field.dataset.expect;
  }
  const weighAll = () => document.querySelectorAll("[data-expect]").forEach(weigh);

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (button) copy(button);
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = document.querySelector("details.menu[open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
    }
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = document.querySelector("main input[type=search]") || document.querySelector("input[type=search]");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-expect]")) weigh(event.target);
  });
  // An icon says in words what it does when the pointer rests on it.
  document.addEventListener("pointerover", (event) => {
    const icon = event.target.closest?.(".btn-icon[aria-label]:not([title])");
    if (icon) icon.title = icon.getAttribute("aria-label");
  });
  document.addEventListener("change", (event) => {
    event.target.closest("form.quiet")?.classList.add("changed");
    if (event.target.matches("[data-sends]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-all]")) {
      event.target.closest("fieldset").querySelectorAll("input[type=checkbox]").forEach((box) => {
        if (box !== event.target && !box.disabled) box.checked = event.target.checked;
      });
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    const button = event.submitter;  // a second click sends nothing twice
    if (button) setTimeout(() => { button.disabled = true; button.classList.add("btn-loading"); }, 0);
  });
  addEventListener("pageshow", () => {
    document.querySelectorAll(".btn-loading").forEach((button) => {
      button.disabled = false;
      button.classList.remove("btn-loading");
    });
    weighAll();
  });
  document.addEventListener("htmx:responseError", (event) => {
    const page = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
    const words = page.querySelector("[data-problem]");
    const place = document.getElementById("troubles");
    if (place) place.textContent = words ? words.textContent : document.body.dataset.trouble;
  });
  document.addEventListener("htmx:sendError", () => {
    const place = document.getElementById("troubles");
    if (place) place.textContent = document.body.dataset.trouble;
  });
  document.addEventListener("htmx:beforeRequest", () => {
    const place = document.getElementById("troubles");
    if (place) place.textContent = "";
  });
  // Progress is asked for again and again, and spoken only when it has come further.
  let told = "";
  document.addEventListener("htmx:afterSwap", () => {
    const words = document.querySelector("[data-tell]")?.dataset.tell || "";
    if (words !== told) tell(words);
    told = words;
  });
  // On a phone a row of tabs is wider than the page: it begins where one is.
  document.querySelectorAll(".tabs [aria-current]").forEach((tab) => {
    const row = tab.closest(".tabs"), { left, width } = tab.getBoundingClientRect();
    row.scrollLeft += left + width / 2 - row.getBoundingClientRect().left - row.clientWidth / 2;
  });
  weighAll();
})();
