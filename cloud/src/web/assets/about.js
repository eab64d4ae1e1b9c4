// Keeps the numbers of the page about them true while it is open.

import { timeAndDay, whole } from "./format.js";
import { subscribe } from "./mqtt.js";
import { ahead, basis, bestSentence, hourRows, imports, marginal } from "./outlook.js";
import { find, say, show, table } from "./page.js";
import { Readings } from "./readings.js";
import { TOPICS, ZONES } from "./topics.js";
import { EN, fill } from "./words.js";

const page = JSON.parse(find("data").textContent ?? "{}");
const readings = new Readings();
for (const [topic, message] of Object.entries(page.messages)) readings.accept(topic, JSON.stringify(message));

/** The clock of the server: the visitor's may be wrong. */
const offset = page.now - Date.now();

/** @type {"connecting" | "live" | "reconnecting"} */
let connection = "connecting";

/** The score by day ahead. @param {import("./readings.js").Skill} skill @returns {string[][]} */
const skillRows = (skill) => {
  if (!skill.horizons.some((day) => day.hours > 0)) return [];
  return skill.horizons.map(({ day, hours, mape, mae, coverage }) => {
    /** @param {number | null} value @param {string} words */
    const number = (value, words) => (value === null ? "–" : fill(words, { value: (Math.round(value * 10) / 10).toFixed(1) }));
    return [fill(EN.skill_day, { day }), number(mape, EN.percent), number(mae, EN.grams), number(coverage, EN.percent), String(hours)];
  });
};

/** When the score was made, and of what. @param {import("./readings.js").Skill} skill @param {number} now */
const skillNote = (skill, now) => {
  if (skillRows(skill).length === 0) return EN.skill_none;
  return fill(EN.skill_note, { basis: skill.basis, time: timeAndDay(skill.ts, now), days: skill.days });
};

let due = 0;
const draw = () => {
  due = 0;
  const now = readings.present(Date.now() + offset);
  find("feed").dataset.feed = connection;
  say("feed-text", EN[connection]);
  const { now: reading, forecast, skill, zones } = readings;
  say("imports", reading ? imports(reading) : "");
  say("life-cycle", reading?.life_cycle ? fill(EN.life_cycle, { value: whole(reading.life_cycle) }) : "");
  say("marginal", reading ? marginal(reading) : "");
  const rates = ZONES.flatMap((slug) => {
    const rate = zones[slug];
    return rate ? [[EN[slug], whole(rate.marginal), rate.basis]] : [];
  });
  table("zones", rates);
  show("zones-table", rates.length > 0);

  const hours = hourRows(ahead(forecast, now));
  say("best", bestSentence(forecast, now));
  say("forecast-basis", basis(forecast, now));
  table("hours-ahead", hours);
  show("hours-table", hours.length > 0);

  const scores = skill ? skillRows(skill) : [];
  say("skill-note", skill ? skillNote(skill, now) : EN.skill_none);
  table("skill", scores);
  show("skill-table", scores.length > 0);

  say("banner", readings.origin === "nyiso" ? "" : EN[readings.origin]);
  show("banner", readings.origin !== "nyiso");
};
const schedule = () => {
  if (due === 0 && !document.hidden) due = requestAnimationFrame(draw);
};

const decoder = new TextDecoder();
const prefix = `${page.root}/`;
const feed = subscribe({
  url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/mqtt`,
  filters: [TOPICS.carbonNow, TOPICS.forecast, TOPICS.skill, `${TOPICS.zoneNow}+`].map((topic) => prefix + topic),
  onMessage: (topic, bytes) => {
    if (topic.startsWith(prefix) && readings.accept(topic.slice(prefix.length), decoder.decode(bytes))) schedule();
  },
  onState: (state) => {
    connection = state;
    schedule();
  },
});

// The hours ahead move on without a message too.
setInterval(schedule, 60_000);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  feed.wake();
  schedule();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) feed.wake();
});
for (const name of ["online", "offline"]) addEventListener(name, () => feed.wake());
