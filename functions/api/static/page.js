// What is live says so when it no longer is: a page that has silently stopped would be taken for the truth.
(() => {
  "use strict";
  const stopped = (yes) => { document.getElementById("stopped").hidden = !yes; };

  for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, () => stopped(true));
  }
  document.addEventListener("htmx:afterSwap", () => stopped(false));

  // Nobody looks: nothing is asked. Whoever comes back sees the newest at the next beat.
  document.addEventListener("htmx:beforeRequest", (event) => { if (document.hidden) { event.preventDefault(); } });

  // What is brought up to date keeps what its reader has in hand: the focus, and what was opened.
  const near = (one) => one.closest("li, tr")?.querySelector("a")?.getAttribute("href") ?? "";
  const key = (one) => one.getAttribute("href") ?? `${one.textContent.trim()} ${near(one)}`;
  const alike = (wanted) => [...document.querySelectorAll("main :is(a, button, summary)")].filter((one) => key(one) === wanted);
  const place = (one) => ({key: key(one), number: alike(key(one)).indexOf(one)});
  const found = (where) => alike(where.key)[where.number];
  const PATIENCE = 15;
  let waited = 0;
  let held = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const active = document.activeElement;
    // Who types or marks something is not interrupted, for a while.
    const atIt = active.matches("main input") && event.detail.target.contains(active) || getSelection().type === "Range";
    waited = atIt ? waited + 1 : 0;
    if (atIt && waited < PATIENCE) { event.detail.shouldSwap = false; return; }
    held = {
      scrolled: [...document.querySelectorAll(".scroller")].map((one) => one.scrollLeft),
      focus: active.matches("main :is(a, button, summary)") ? place(active) : null,
      open: [...document.querySelectorAll("main details[open] > summary")].map(place),
    };
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (!held) { return; }
    document.querySelectorAll(".scroller").forEach((one, number) => { one.scrollLeft = held.scrolled[number] ?? 0; });
    for (const summary of held.open.map(found)) { if (summary) { summary.parentElement.open = true; } }
    if (held.focus && document.activeElement === document.body) { found(held.focus)?.focus({preventScroll: true}); }
    held = null;
  });

  // The one sentence that matters is spoken when it changes, and nothing else.
  const sentence = () => document.querySelector("[data-spoken]")?.textContent.trim().replace(/\s+/g, " ");
  let said = sentence();
  document.addEventListener("htmx:afterSettle", () => {
    const now = sentence();
    if (now && now !== said) { document.getElementById("spoken").textContent = said = now; }
  });

  // Times are written in UTC; a pointer on one tells the time on the reader's own clock too.
  document.addEventListener("mouseover", (event) => {
    const time = event.target.closest?.("time[datetime]");
    if (!time || time.dataset.own || new Date().getTimezoneOffset() === 0) { return; }
    time.dataset.own = "yes";
    const own = new Date(time.dateTime).toLocaleString([], {dateStyle: "medium", timeStyle: "short"});
    time.title = `${time.title || time.textContent}, here ${own}`;
  });

  // "/" goes to the search field, as in many places.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    const search = document.querySelector("input[type=search]");
    if (event.key === "/" && !typing && search && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });

  // A menu closes when somebody goes elsewhere.
  const closeMenus = (but) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) { if (menu !== but) { menu.open = false; } }
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
  document.addEventListener("focusin", (event) => closeMenus(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest("details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  // What is to be run elsewhere can be copied, where the browser lets a page do that.
  for (const button of document.querySelectorAll("button[data-copies]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
      button.textContent = "Copied";
    });
  }

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (form.method === "post") { form.dataset.sent = "yes"; }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) { delete form.dataset.sent; }
  });
})();
