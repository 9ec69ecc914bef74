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

function searchAsYouType(form, results) {
  let timer;
  let running;

  async function show() {
    const url = stateOf(form);
    running?.abort();
    running = new AbortController();
    try {
      const response = await fetch(url, { signal: running.signal, headers: { accept: "text/html" } });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const found = page.getElementById("results");
      if (found === null) throw new Error("the answer is not the page");
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
      history.replaceState(null, "", url);
      results.dataset.shown = url;
    } catch (error) {
      if (error.name !== "AbortError") form.submit();
    }
  }

  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(show, event.target.type === "search" || event.target.type === "text" ? WAIT_MILLISECONDS : 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    show();
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
