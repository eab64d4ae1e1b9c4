// The MQTT console: every message below the root, newest first. Payloads are text, never markup.

import { timeWithSeconds } from "./format.js";
import { subscribe } from "./mqtt.js";
import { EN, fill } from "./words.js";

const MOST_ROWS = 500;
const MOST_SHOWN = 2048;

/** @param {string} id */
const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const page = JSON.parse(find("data").textContent ?? "{}");
const filter = /** @type {HTMLInputElement} */ (find("filter"));
const rows = find("messages");
const decoder = new TextDecoder();

let paused = false;
/** Arrived while paused, oldest first. @type {HTMLTableRowElement[]} */
let waiting = [];

/** @param {number} bytes */
const size = (bytes) => (bytes < 1000 ? fill(EN.bytes, { n: bytes }) : fill(EN.kilobytes, { n: (bytes / 1000).toFixed(1) }));

/** @param {HTMLTableRowElement} row */
const matches = (row) => {
  const wanted = filter.value.trim().toLowerCase();
  return wanted === "" || (row.dataset.text ?? "").includes(wanted);
};

const count = () => {
  const all = [...rows.children];
  const shown = all.filter((row) => !row.hasAttribute("hidden")).length;
  find("count").textContent = fill(paused ? EN.console_paused : EN.console_count, { shown, kept: all.length });
  find("table").toggleAttribute("hidden", all.length === 0);
  find("empty").toggleAttribute("hidden", all.length > 0);
};

let due = 0;
const countSoon = () => {
  due ||= requestAnimationFrame(() => {
    due = 0;
    count();
  });
};

/** @param {HTMLTableRowElement} row */
const add = (row) => {
  row.toggleAttribute("hidden", !matches(row));
  rows.prepend(row);
  while (rows.children.length > MOST_ROWS) rows.lastElementChild?.remove();
};

/** @param {string} topic @param {Uint8Array} bytes @param {boolean} retained */
const makeRow = (topic, bytes, retained) => {
  const payload = decoder.decode(bytes);
  const row = document.createElement("tr");
  row.dataset.text = `${topic} ${payload.slice(0, MOST_SHOWN)}`.toLowerCase();
  const when = document.createElement("th");
  when.scope = "row";
  when.textContent = timeWithSeconds(Date.now());
  row.append(when);
  const name = row.insertCell();
  name.className = "topic";
  name.textContent = topic;
  if (retained) {
    const flag = document.createElement("small");
    flag.textContent = EN.retained;
    name.append(" ", flag);
  }
  const bulk = row.insertCell();
  bulk.className = "size";
  bulk.textContent = size(bytes.length);
  const cell = row.insertCell();
  cell.className = "payload";
  const text = document.createElement("span");
  text.textContent = payload.slice(0, MOST_SHOWN);
  cell.append(text);
  if (payload.length > MOST_SHOWN) {
    const more = document.createElement("button");
    more.type = "button";
    more.textContent = fill(EN.console_more, { size: size(bytes.length) });
    more.addEventListener("click", () => {
      text.textContent = payload;
      more.remove();
    });
    cell.append(more);
  }
  return row;
};

filter.addEventListener("input", () => {
  for (const row of rows.children) row.toggleAttribute("hidden", !matches(/** @type {HTMLTableRowElement} */ (row)));
  count();
});

find("pause").addEventListener("click", () => {
  paused = !paused;
  find("pause").textContent = paused ? EN.resume : EN.pause;
  find("pause").setAttribute("aria-pressed", String(paused));
  if (!paused) {
    waiting.forEach(add);
    waiting = [];
  }
  count();
});

find("clear").addEventListener("click", () => {
  rows.replaceChildren();
  waiting = [];
  count();
});

find("copy").addEventListener("click", async () => {
  const line = find("subscribe");
  try {
    await navigator.clipboard.writeText(line.textContent ?? "");
    find("copy").textContent = EN.copied;
  } catch {
    // No clipboard without TLS: the line is selected, the keyboard does the rest.
    getSelection()?.selectAllChildren(line);
    find("copy").textContent = EN.copy_failed;
  }
  setTimeout(() => (find("copy").textContent = EN.copy), 2000);
});

const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/mqtt`;
find("socket-url").textContent = url;
find("update").addEventListener("click", () => location.reload());

const drawFeed = () => {
  const feed = navigator.onLine ? connection : "offline";
  find("feed").dataset.feed = feed;
  find("feed-text").textContent = EN[feed];
};

/** Demo data are labeled here too. @param {string} payload */
const noticeOrigin = (payload) => {
  const origin = /"origin":"(recorded|generated)"/.exec(payload)?.[1];
  if (!origin || find("banner").textContent === EN.generated) return;
  find("banner").textContent = EN[origin];
  find("banner").removeAttribute("hidden");
};

let connection = "connecting";
const feed = subscribe({
  url,
  filters: [`${page.root}/#`],
  onMessage: (topic, bytes, retained) => {
    noticeOrigin(decoder.decode(bytes.subarray(0, 65_536)));
    if (topic === `${page.root}/application/webui` && !retained && decoder.decode(bytes) === "reload") {
      find("update").removeAttribute("hidden");
    }
    const row = makeRow(topic, bytes, retained);
    if (paused) {
      waiting.push(row);
      if (waiting.length > MOST_ROWS) waiting.shift();
    } else {
      add(row);
    }
    countSoon();
  },
  onState: (state) => {
    connection = state;
    drawFeed();
  },
});

document.addEventListener("visibilitychange", () => document.hidden || feed.wake());
addEventListener("pageshow", (event) => event.persisted && feed.wake());
for (const name of ["online", "offline"]) {
  addEventListener(name, () => {
    feed.wake();
    drawFeed();
  });
}

document.documentElement.classList.add("js");
count();
