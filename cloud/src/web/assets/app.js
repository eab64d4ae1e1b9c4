// Wires the parts of the dashboard. The server has already written the first paint into the page; from
// here on MQTT brings the news, and nothing polls. `cloud/src/web/view.rs` says the same words of the same data.

import { beyondCard } from "./beyond.js";
import { dayChart } from "./day.js";
import { time, timeAndDay, whole } from "./format.js";
import { drawMix } from "./mix.js";
import { subscribe } from "./mqtt.js";
import { find, say, show } from "./page.js";
import { Readings, freshness } from "./readings.js";
import { TOPICS } from "./topics.js";
import { EN, fill } from "./words.js";

const MINUTE = 60_000;

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

// --- Drawing: at most once a frame, and never for nobody ------------------------------------------------------

let due = 0;
const drawAll = () => {
  due = 0;
  const now = serverNow();
  drawNow(now);
  drawFeed(now);
  drawDay(readings.present(now));
  drawBeyond(readings.present(now));
  drawMix(readings.mix, now);
};
const schedule = () => {
  if (due === 0 && !document.hidden) due = requestAnimationFrame(drawAll);
};
const drawDay = dayChart(readings, schedule);
const drawBeyond = beyondCard(readings, schedule);
setInterval(schedule, 10_000);

// --- News -----------------------------------------------------------------------------------------------------

const offerReload = () => show("update", true);
find("update").addEventListener("click", () => location.reload());

const decoder = new TextDecoder();
const prefix = `${page.root}/`;
const feed = subscribe({
  url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/mqtt`,
  filters: [
    TOPICS.carbonNow, TOPICS.carbon24h, TOPICS.mix, TOPICS.forecast, TOPICS.flows, `${TOPICS.zoneNow}+`,
    TOPICS.feedFuelMix, TOPICS.serviceWeb, TOPICS.webUi,
  ].map((topic) => prefix + topic),
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
