"use strict";

/** The table of targets: of any number of rows, only those in view are in the page. */
function showTargets(columns) {
  const ROW = 31;
  const BEYOND = 24;
  const PRINTED = 500;
  const section = document.getElementById("targets");
  const scroller = section.querySelector(".scroll");
  const table = section.querySelector("table");
  const body = table.tBodies[0];
  const heads = [...table.querySelectorAll("th")];
  const keys = heads.map((head) => head.dataset.key);
  const search = document.getElementById("search");
  const boxes = [...section.querySelectorAll("input[name=state]")];
  const names = [];
  const signs = [];
  for (const box of boxes) {
    names[box.value] = box.dataset.state;
    signs[box.value] = box.parentElement.querySelector(".sign");
  }
  const total = columns.state.length;
  const searched = ["account_id", "region", "instance_id", "code", "message", "labels", "request_id"];
  const haystack = Array.from({ length: total }, (_, row) => searched.map((key) => columns[key][row]).join("\n").toLowerCase());
  let shown = [];
  let sorted = { key: null, direction: 1 };
  let printing = false;
  let drawn = { first: 0, last: 0 };

  const moment = (seconds) => (seconds == null ? "" : new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " "));
  const told = {
    state: (row) => names[columns.state[row]],
    started_at: (row) => moment(columns.started_at[row]),
    finished_at: (row) => moment(columns.finished_at[row]),
    started_here: (row) => (columns.started_here[row] ? "yes" : "no"),
  };
  const text = (key, row) => (told[key] ? told[key](row) : String(columns[key][row]));

  /** Whether a row has a word of the search; `cause:2` finds those behind the second cause. */
  const has = (row, word) => (/^cause:\d+$/.test(word) ? columns.cause[row] === Number(word.slice(6)) : haystack[row].includes(word));

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const states = new Set(boxes.filter((box) => box.checked).map((box) => Number(box.value)));
    shown = [];
    for (let row = 0; row < total; row += 1) {
      if ((!states.size || states.has(columns.state[row])) && words.every((word) => has(row, word))) shown.push(row);
    }
    order();
  }

  function order() {
    const { key, direction } = sorted;
    if (key) {
      const values = columns[key];
      const empty = (value) => value === null || value === "";
      shown.sort((one, other) => {
        const [a, b] = [values[one], values[other]];
        if (a === b) return one - other;
        if (empty(a) || empty(b)) return empty(a) ? 1 : -1;
        return (a < b ? -1 : 1) * direction;
      });
    }
    heads.forEach((head) => head.setAttribute("aria-sort", head.dataset.key !== key ? "none" : direction > 0 ? "ascending" : "descending"));
    section.querySelector("#shown").textContent = shown.length === total
      ? `${total.toLocaleString("en")} targets`
      : `${shown.length.toLocaleString("en")} of ${total.toLocaleString("en")} targets`;
    table.setAttribute("aria-rowcount", shown.length + 1);
    scroller.scrollTop = 0;
    render();
  }

  function cell(key, row) {
    const made = document.createElement("td");
    if (key === "instance_id") {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "code";
      button.textContent = text(key, row);
      made.append(button);
    } else {
      if (key === "account_id") made.className = "code";
      if (key === "state") made.append(signs[columns.state[row]].cloneNode(true), " ");
      made.append(text(key, row));
      made.title = text(key, row);
    }
    return made;
  }

  function line(index) {
    const made = document.createElement("tr");
    made.dataset.row = shown[index];
    made.setAttribute("aria-rowindex", index + 2);
    made.append(...keys.map((key) => cell(key, shown[index])));
    return made;
  }

  function spacer(rows) {
    const made = document.createElement("tr");
    made.className = "spacer";
    made.setAttribute("aria-hidden", "true");
    const only = made.insertCell();
    only.colSpan = keys.length;
    only.style.height = `${rows * ROW}px`;
    return made;
  }

  function inView() {
    const first = Math.min(shown.length, Math.floor(scroller.scrollTop / ROW));
    return { first, last: Math.min(shown.length, first + Math.ceil(scroller.clientHeight / ROW) + 1) };
  }

  function render() {
    const view = inView();
    const first = printing ? 0 : Math.max(0, view.first - BEYOND);
    const last = Math.min(shown.length, printing ? PRINTED : view.last + BEYOND);
    drawn = { first, last };
    const focused = body.contains(document.activeElement) ? document.activeElement.closest("tr").dataset.row : null;
    const lines = [];
    for (let index = first; index < last; index += 1) lines.push(line(index));
    body.replaceChildren(...(printing ? lines : [spacer(first), ...lines, spacer(shown.length - last)]));
    if (focused !== null) body.querySelector(`tr[data-row="${focused}"] button`)?.focus({ preventScroll: true });
  }

  function tell(row) {
    const dialog = section.querySelector("dialog");
    const facts = ["account_id", "region", "state", "code", "message", "next_action", "api", "attempts", "started_here", "started_at", "finished_at", "request_id", "wave", "labels"];
    dialog.querySelector("h3").textContent = columns.instance_id[row];
    dialog.querySelector("dl").replaceChildren(...facts.filter((key) => text(key, row)).map((key) => {
      const [group, name, value] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
      if (["message", "next_action", "labels"].includes(key)) group.className = "wide";
      name.textContent = key.replaceAll("_", " ");
      value.textContent = text(key, row);
      group.append(name, value);
      return group;
    }));
    dialog.showModal();
  }

  let waiting = false;
  scroller.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const view = inView();
      if (view.first < drawn.first || view.last > drawn.last) render();
    });
  });
  search.addEventListener("input", filter);
  section.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
  boxes.forEach((box) => box.addEventListener("change", filter));
  heads.forEach((head) => head.querySelector("button").addEventListener("click", () => {
    const { key } = head.dataset;
    sorted = { key, direction: sorted.key === key ? -sorted.direction : 1 };
    order();
  }));
  body.addEventListener("click", (event) => {
    if (event.target.closest("button")) tell(Number(event.target.closest("tr").dataset.row));
  });
  document.querySelectorAll(".show").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      boxes.forEach((box) => { box.checked = false; });
      search.value = `cause:${button.dataset.cause}`;
      filter();
      section.scrollIntoView();
    });
  });
  addEventListener("beforeprint", () => {
    printing = true;
    render();
    if (shown.length > PRINTED) section.querySelector("#shown").append(`, of which the first ${PRINTED.toLocaleString("en")} are printed`);
  });
  addEventListener("afterprint", () => { printing = false; order(); });
  addEventListener("resize", render);
  filter();
}
