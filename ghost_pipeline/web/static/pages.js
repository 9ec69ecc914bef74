// What the pages do better with a script: search as you type, and buttons that copy. Everything works without it.
"use strict";

const WAIT_MILLISECONDS = 200;

function stateOf(form) {
  const parameters = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value.trim() !== "") parameters.append(name, value.trim());
  }
  const query = parameters.toString();
  return query === "" ? form.action : `${form.action}?${query}`;
}

function fillForm(form, parameters) {
  for (const field of form.elements) {
    if (field.type === "checkbox") field.checked = parameters.getAll(field.name).includes(field.value);
    else if (field.name !== "") field.value = parameters.get(field.name) ?? "";
  }
}

function isTyped(field) {
  return field?.type === "search" || field?.type === "text";
}

function withoutFragment(url) {
  return url.split("#")[0];
}

function searchAsYouType(form, results) {
  let timer;
  let running;
  let shown = withoutFragment(location.href);
  let typedIn = null; // The field whose typing made the newest entry of the history: typing on replaces the entry.

  function report(text) {
    const count = results.querySelector("#count");
    if (count !== null) count.textContent = `${text} What is below is of an earlier search.`;
  }

  // Shows what an address selects; returns false, and keeps what is shown, if the server does not answer with it.
  async function load(url) {
    running?.abort();
    running = new AbortController();
    let found;
    try {
      const response = await fetch(url, { signal: running.signal, headers: { accept: "text/html" } });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      found = page.getElementById("results");
    } catch (error) {
      if (error.name !== "AbortError") report("The server can't be reached: try again.");
      return false;
    }
    if (found === null) {
      report("The server can't answer now: try again.");
      return false;
    }
    // The element that announces the count stays, so that screen readers notice its new text.
    const count = results.querySelector("#count");
    const newCount = found.querySelector("#count");
    if (count !== null && newCount !== null) {
      count.textContent = newCount.textContent.trim();
      while (count.nextSibling !== null) count.nextSibling.remove();
      while (newCount.nextSibling !== null) results.append(newCount.nextSibling);
    } else {
      results.replaceChildren(...found.childNodes);
    }
    showCopyButtons(results);
    shown = url;
    return true;
  }

  async function show(field) {
    const url = stateOf(form);
    const before = shown;
    if (!(await load(url))) return;
    if (url !== before) {
      if (typedIn !== null && typedIn === field) history.replaceState(null, "", url);
      else history.pushState(null, "", url);
    }
    typedIn = isTyped(field) ? field : null;
  }

  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    const field = event.target;
    timer = setTimeout(() => show(field), isTyped(field) ? WAIT_MILLISECONDS : 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    show(isTyped(document.activeElement) ? document.activeElement : typedIn);
  });
  window.addEventListener("popstate", () => {
    const url = withoutFragment(location.href);
    if (url === shown) return; // only the fragment differs
    clearTimeout(timer);
    typedIn = null;
    fillForm(form, new URL(url).searchParams);
    load(url);
  });
}

function showCopyButtons(part) {
  if (navigator.clipboard === undefined) return;
  for (const button of part.querySelectorAll("button.copy")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button.copy");
  if (!button) return;
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "copied";
  } catch {
    button.textContent = "select and copy";
  }
  setTimeout(() => { button.textContent = label; }, 2000);
});

showCopyButtons(document);
const filters = document.getElementById("filters");
const results = document.getElementById("results");
if (filters !== null && results !== null) searchAsYouType(filters, results);
