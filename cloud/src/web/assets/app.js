// Wires the parts of the dashboard. The server has already written the first paint into the page; from
// here on MQTT brings the news, and nothing polls. `cloud/src/web/view.rs` says the same words of the same data.

import { DAY, draw, element, hourlyMeans, layout, readout } from "./chart.js";
import { hour, minuteOfDay, thousands, time, timeAndDay, weekday, whole } from "./format.js";
import { subscribe } from "./mqtt.js";
import { Readings } from "./readings.js";
import { TOPICS } from "./topics.js";
import { EN, fill } from "./words.js";

const MINUTE = 60_000;

/** @param {string} id */
const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Says it only where it changes, so that a selection or a screen reader is not disturbed. @param {string} id @param {string} text */
const say = (id, text) => {
  const node = find(id);
  if (node.textContent !== text) node.textContent = text;
};

/** @param {string} id @param {boolean} shown */
const show = (id, shown) => {
  const node = find(id);
  if (shown === node.hasAttribute("hidden")) node.toggleAttribute("hidden", !shown);
};

const page = JSON.parse(find("data").textContent ?? "{}");
const readings = new Readings();
for (const [topic, message] of Object.entries(page.messages)) readings.accept(topic, JSON.stringify(message));

/** @type {"connecting" | "live" | "reconnecting"} */
let connection = "connecting";
const expectedBy = (Math.floor(page.now / (5 * MINUTE)) + 2) * 5 * MINUTE;

// --- The clock ---------------------------------------------------------------------------------------
// Ages are counted on the server's clock. A page that the browser kept, or a clock that is wrong, shows as
// a difference; then the server is asked once, since only it knows which of the two it is.

let offset = page.now - Date.now();
if (Math.abs(offset) < 2 * MINUTE) {
  offset = 0;
} else {
  fetch("/healthz", { method: "HEAD", cache: "no-store" })
    .then((answer) => {
      const server = Date.parse(answer.headers.get("date") ?? "");
      if (Number.isFinite(server)) offset = server - Date.now();
      schedule();
    })
    .catch(() => {});
}
const serverNow = () => Date.now() + offset;

// --- What is said to a screen reader --------------------------------------------------------------------

let announcedAt = -Infinity;
/** At most one in five minutes: nobody asked for it. @param {string} text */
const announce = (text) => {
  if (performance.now() - announcedAt < 5 * MINUTE) return;
  announcedAt = performance.now();
  say("announcer", text);
};

// --- Now -------------------------------------------------------------------------------------------------

/** @param {number | undefined} ts @param {number} now @returns {"waiting" | "fresh" | "late" | "old"} */
const freshness = (ts, now) => {
  if (ts === undefined) return "waiting";
  const age = now - ts;
  // Just after midnight the new day's file appears late.
  if (age <= (minuteOfDay(now) < 30 ? 30 : 20) * MINUTE) return "fresh";
  return age <= 60 * MINUTE ? "late" : "old";
};

/** @param {number} span */
const age = (span) => {
  const minutes = Math.floor(span / MINUTE);
  if (minutes < 1) return EN.just_now;
  if (minutes < 60) return fill(EN.minutes_ago, { n: minutes });
  if (minutes < 2880) return fill(EN.hours_ago, { h: Math.floor(minutes / 60), m: minutes % 60 });
  return fill(EN.days_ago, { n: Math.floor(minutes / 1440) });
};

/** @param {import("./readings.js").Now} reading */
const historyHours = (reading) => reading.percentile_hours ?? 168;

/** @param {import("./readings.js").Now} reading */
const standing = (reading) => {
  const percentile = reading.percentile_7d;
  if (percentile === null) return "";
  const hours = Math.floor(historyHours(reading));
  if (historyHours(reading) < 48) return fill(EN.too_short, { hours });
  const dirtier = percentile > 50;
  const n = whole(Math.min(dirtier ? percentile : 100 - percentile, 99));
  const week = historyHours(reading) >= 160;
  const words = dirtier ? (week ? EN.dirtier_week : EN.dirtier_so_far) : week ? EN.cleaner_week : EN.cleaner_so_far;
  return fill(words, { n, hours });
};

/** @param {import("./readings.js").Now} reading */
const incomplete = ({ complete, missing, unknown }) => {
  if (complete) return "";
  const names = missing.map((name) => EN[name] ?? name).join(", ");
  if (missing.length > 1) return fill(EN.missing_many, { names });
  if (missing.length === 1) return fill(EN.missing_one, { names });
  if (unknown.length > 0) return fill(EN.unknown, { names: unknown.join(", ") });
  return EN.incomplete;
};

let announcedVerdict = find("now").dataset.verdict;

/** @param {number} now */
const drawNow = (now) => {
  const reading = readings.now;
  const state = freshness(reading?.ts, now);
  const old = state === "old";
  const verdict = old ? "none" : (reading?.verdict ?? "none");
  find("now").dataset.state = state;
  find("now").dataset.verdict = verdict;

  say("value", reading ? whole(reading.value) : "–");
  say("verdict", !reading ? EN.waiting_title : old ? EN.no_verdict_old : reading.verdict ? EN[reading.verdict] : EN.no_verdict);
  say("standing", reading && !old ? standing(reading) : "");

  const percentile = reading?.percentile_7d ?? null;
  const strip = reading && percentile !== null && reading.min_7d !== null && reading.max_7d !== null && historyHours(reading) >= 48;
  show("strip", Boolean(strip));
  if (strip && reading.min_7d !== null && reading.max_7d !== null && percentile !== null) {
    const [min, max] = [whole(reading.min_7d), whole(reading.max_7d)];
    show("marker", !old);
    find("marker").setAttribute("x", `${percentile.toFixed(1)}%`);
    find("strip-picture").setAttribute("aria-label", fill(EN.strip, { min, max, n: whole(percentile) }));
    say("cleanest", fill(EN.cleanest, { value: min }));
    say("dirtiest", fill(EN.dirtiest, { value: max }));
  }

  if (reading) {
    const words = EN[`${state === "fresh" ? "measured" : "late"}_${reading.origin}`];
    say("age", fill(words, { time: timeAndDay(reading.ts, now), age: age(now - reading.ts) }));
    say("basis", fill(EN.basis, { factor_set: reading.factor_set }));
    say("life-cycle", reading.life_cycle === null ? "" : fill(EN.life_cycle, { value: whole(reading.life_cycle) }));
  } else {
    say("age", fill(EN.waiting_detail, { time: time(expectedBy) }));
  }
  say("incomplete", reading ? incomplete(reading) : "");
  show("incomplete", Boolean(reading && !reading.complete));
  const reason = state === "fresh" ? "" : (readings.feed?.reason ?? "");
  say("reason", reason === "" ? "" : fill(EN.feed_reason, { reason }));

  let title = EN.title_waiting;
  if (old) title = EN.title_old;
  else if (reading?.verdict) title = fill(EN.title_verdict, { value: whole(reading.value), verdict: EN[reading.verdict].toLowerCase() });
  else if (reading) title = fill(EN.title, { value: whole(reading.value) });
  if (readings.origin !== "nyiso") title = fill(EN[`title_${readings.origin}`], { title });
  if (document.title !== title) document.title = title;

  if (reading && verdict !== announcedVerdict && verdict !== "none") {
    announce(fill(EN.announce_verdict, { verdict: EN[verdict].toLowerCase(), value: whole(reading.value) }));
  }
  announcedVerdict = verdict;
  say("banner", readings.origin === "nyiso" ? "" : EN[readings.origin]);
  show("banner", readings.origin !== "nyiso");
};

// --- The feed line ---------------------------------------------------------------------------------------
// Two clocks, never confused: this line is the connection's, the age beside the number is the data's.

/** @param {number} now */
const drawFeed = (now) => {
  const state = freshness(readings.now?.ts, now);
  /** @type {string} */
  let feed = connection;
  if (!navigator.onLine) feed = "offline";
  else if (connection === "live" && state !== "fresh") feed = state;
  find("feed").dataset.feed = feed;
  say("feed-text", EN[feed]);
};

// --- The last 24 hours -------------------------------------------------------------------------------------

const cursor = /** @type {HTMLInputElement} */ (find("cursor"));
const chart = /** @type {SVGElement} */ (/** @type {unknown} */ (find("chart")));
/** @type {import("./chart.js").Layout | null} */
let at = null;
/** The cursor stands on the newest reading, until someone moves it. */
let follows = true;

/** @param {number} now */
const drawDay = (now) => {
  const points = readings.points;
  const width = chart.clientWidth;
  show("chart-none", points.length === 0);
  show("as-table", points.length > 0);
  cursor.disabled = points.length === 0;
  if (points.length === 0) {
    chart.replaceChildren();
    say("chart-none", EN.chart_none);
    say("axis-start", "");
    say("readout", "");
    return;
  }
  if (width === 0) return;
  // The right edge is the newest reading; when it is late, now: the gap is part of the picture.
  const newest = points[points.length - 1].ts;
  const end = freshness(newest, now) === "fresh" ? newest : now;
  const shown = points.filter((point) => point.ts > end - DAY);
  const bounds = readings.now && historyHours(readings.now) >= 48 ? [readings.now.p33, readings.now.p67] : [null, null];
  if (shown.length === 0) {
    chart.replaceChildren();
    show("chart-none", true);
    say("chart-none", EN.no_data);
    return;
  }
  at = layout(shown, end, bounds, width, chart.clientHeight);
  if (follows) cursor.value = String(1440 - (end - newest) / MINUTE);
  const moment = follows ? newest : end - (1440 - Number(cursor.value)) * MINUTE;
  const current = readings.now?.value ?? shown[shown.length - 1].value;
  draw(chart, at, shown, { p33: bounds[0], p67: bounds[1], cursor: moment, current });
  const read = readout(shown, moment, now);
  const when = document.createElement("b");
  when.textContent = read.grams;
  if (find("readout").textContent !== `${read.time}: ${read.grams}`) find("readout").replaceChildren(`${read.time}: `, when);
  cursor.setAttribute("aria-valuetext", read.spoken);
  say("axis-start", fill(EN.axis_start, { value: whole(at.bottom) }));
  drawTable(shown);
};

let tableOf = "";
/** @param {import("./chart.js").Point[]} points */
const drawTable = (points) => {
  const rows = hourlyMeans(points).map(({ start, value }) => [
    fill(EN.table_hour, { day: weekday(start), time: hour(start) }),
    value === null ? EN.no_data : whole(value),
  ]);
  const text = JSON.stringify(rows);
  if (text === tableOf) return;
  tableOf = text;
  find("hours").replaceChildren(...rows.map(([when, grams]) => {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = when;
    row.append(head);
    row.insertCell().textContent = grams;
    return row;
  }));
};

// --- The fuel mix --------------------------------------------------------------------------------------------

/** The order of the stack, with the name that the style sheet colors by. */
const STACK = [
  ["Nuclear", "nuclear"], ["Hydro", "hydro"], ["Wind", "wind"], ["Other Renewables", "renewables"],
  ["Natural Gas", "gas"], ["Dual Fuel", "dual"], ["Other Fossil Fuels", "fossil"],
];

let mixOf = 0;
/** @param {number} now */
const drawMix = (now) => {
  const mix = readings.mix;
  if (!mix) {
    say("mix-total", EN.mix_none);
    find("fuels").replaceChildren();
    mixOf = 0;
    return;
  }
  const powers = Object.values(mix.fuels);
  const total = powers.reduce((sum, power) => sum + power, 0);
  say("mix-total", fill(EN.mix_total, { total: thousands(total), time: timeAndDay(mix.ts, now) }));
  const key = JSON.stringify(mix);
  if (key === String(mixOf)) return;
  mixOf = /** @type {any} */ (key);
  const largest = Math.max(0, ...powers);
  const known = STACK.map(([name]) => name);
  const rows = [
    ...STACK.map(([name, look]) => fuelRow(EN[name], EN[`${name} detail`], look, mix.fuels[name], largest, total)),
    ...Object.keys(mix.fuels).filter((name) => !known.includes(name)).sort()
      .map((name) => fuelRow(name, EN.unknown_fuel, "unknown", mix.fuels[name], largest, total)),
  ];
  find("fuels").replaceChildren(...rows);
};

/** @param {string} label @param {string | undefined} detail @param {string} look @param {number | undefined} power @param {number} largest @param {number} total */
const fuelRow = (label, detail, look, power, largest, total) => {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = label;
  if (detail) {
    const small = document.createElement("small");
    small.textContent = detail;
    head.append(" ", small);
  }
  const width = power === undefined || largest <= 0 ? 0 : (100 * Math.max(power, 0)) / largest;
  const picture = element("svg", { "aria-hidden": "true" });
  picture.append(element("rect", { class: `fuel-${look}`, width: `${width.toFixed(1)}%` }));
  row.append(head);
  const bar = row.insertCell();
  bar.className = "bar";
  bar.append(picture);
  row.insertCell().textContent = power === undefined ? "–" : fill(EN.megawatts, { value: thousands(power) });
  row.insertCell().textContent = power === undefined
    ? EN.no_data
    : fill(EN.share, { value: whole(total > 0 ? (100 * power) / total : 0) });
  return row;
};

// --- Drawing: at most once a frame, and never for nobody ------------------------------------------------------

let due = 0;
const drawAll = () => {
  due = 0;
  const now = serverNow();
  drawNow(now);
  drawFeed(now);
  drawDay(now);
  drawMix(now);
};
const schedule = () => {
  if (due === 0 && !document.hidden) due = requestAnimationFrame(drawAll);
};

cursor.addEventListener("input", () => {
  follows = cursor.value === cursor.max;
  schedule();
});
/** @param {PointerEvent} event */
const point = (event) => {
  if (!at || (event.pointerType === "touch" && event.type === "pointermove" && event.buttons === 0)) return;
  const ts = at.ts(event.clientX - chart.getBoundingClientRect().left);
  follows = false;
  cursor.value = String(1440 - (at.end - ts) / MINUTE);
  schedule();
};
chart.addEventListener("pointermove", point);
chart.addEventListener("pointerdown", point);
chart.addEventListener("pointerleave", (event) => {
  // A finger that is lifted leaves too: what it pointed at stays.
  if (event.pointerType !== "mouse") return;
  follows = true;
  schedule();
});
new ResizeObserver(schedule).observe(chart);
setInterval(schedule, 10_000);

// --- News -----------------------------------------------------------------------------------------------------

const offerReload = () => show("update", true);
find("update").addEventListener("click", () => location.reload());

const decoder = new TextDecoder();
const prefix = `${page.root}/`;
const feed = subscribe({
  url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/mqtt`,
  filters: [TOPICS.carbonNow, TOPICS.carbon24h, TOPICS.mix, TOPICS.feedFuelMix, TOPICS.serviceWeb, TOPICS.webUi]
    .map((topic) => prefix + topic),
  onMessage: (name, bytes, retained) => {
    if (!name.startsWith(prefix)) return;
    const topic = name.slice(prefix.length);
    const payload = decoder.decode(bytes);
    if (topic === TOPICS.webUi) {
      // Retained it would ask every page for a reload, for ever.
      if (payload === "reload" && !retained) offerReload();
    } else if (topic === TOPICS.serviceWeb) {
      noticeBuild(payload);
    } else if (readings.accept(topic, payload)) {
      schedule();
    }
  },
  onState: (state) => {
    if (state === "reconnecting" && connection === "live") announce(EN.announce_lost);
    connection = state;
    schedule();
  },
});

/** @param {string} payload */
const noticeBuild = (payload) => {
  try {
    const { build, state } = JSON.parse(payload);
    if (state === "online" && typeof build === "string" && build !== "" && page.build !== "" && build !== page.build) offerReload();
  } catch {
    // Not ours to judge: the page goes on.
  }
};

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  feed.wake();
  schedule();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) feed.wake();
});
for (const name of ["online", "offline"]) {
  addEventListener(name, () => {
    feed.wake();
    schedule();
  });
}

document.documentElement.classList.add("js");
schedule();
