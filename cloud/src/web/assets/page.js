// What every page does with its elements.

/** @param {string} id */
export const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Says it only where it changes, so that a selection or a screen reader is not disturbed. @param {string} id @param {string} text */
export const say = (id, text) => {
  const node = find(id);
  if (node.textContent !== text) node.textContent = text;
};

/** @param {string} id @param {boolean} shown */
export const show = (id, shown) => {
  const node = find(id);
  if (shown === node.hasAttribute("hidden")) node.toggleAttribute("hidden", !shown);
};

/** What each table shows. @type {Map<string, string>} */
const shownRows = new Map();

/** The rows of a table, each its head and its cells; made anew only where they change. @param {string} id @param {string[][]} rows */
export const table = (id, rows) => {
  const text = JSON.stringify(rows);
  if (shownRows.get(id) === text) return;
  shownRows.set(id, text);
  find(id).replaceChildren(...rows.map(([name, ...cells]) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    row.append(head);
    for (const cell of cells) row.insertCell().textContent = cell;
    return row;
  }));
};

/** What was kept in this browser under a name; nothing where it is none of those allowed, or nothing may be kept. @param {string} name @param {string[]} allowed */
export const kept = (name, allowed) => {
  try {
    const value = localStorage.getItem(name) ?? "";
    return allowed.includes(value) ? value : "";
  } catch {
    return "";
  }
};

/** Keeps a choice in this browser; where that is refused it holds until the page is closed. @param {string} name @param {string} value */
export const keep = (name, value) => {
  try {
    localStorage.setItem(name, value);
  } catch {
    // As said.
  }
};
