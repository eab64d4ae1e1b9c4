// The newest message of each topic, read with the same distrust as on the server (domain/src/wire): a
// payload that is not what its topic promises is dropped, and what was held stays.

import { minuteOfDay } from "./format.js";
import { TOPICS, ZONES } from "./topics.js";

/**
 * @typedef {{ ts: number, value: number, life_cycle: number | null, verdict: string | null,
 *   percentile_7d: number | null, percentile_hours: number | null, p33: number | null, p67: number | null,
 *   min_7d: number | null, max_7d: number | null, factor_set: string, complete: boolean,
 *   missing: string[], unknown: string[], consumption: number | null, production_only: string | null,
 *   marginal: number | null, marginal_basis: string | null, origin: string }} Now
 * @typedef {{ ts: number[], values: number[], factor_set: string, origin: string }} Series
 * @typedef {{ ts: number, fuels: Record<string, number>, origin: string }} Mix
 * @typedef {{ ts: number, state: string, reason: string }} FeedStatus
 * @typedef {{ ts: number, net: Record<string, number> }} Flows
 * @typedef {{ ts: number, marginal: number, basis: string, clamped: boolean }} ZoneNow
 * @typedef {{ start: number, end: number, value: number, p10: number, p90: number }} Slot
 * @typedef {{ ts: number, model: string, basis: string, slots: Slot[], origin: string }} Forecast  `ts`: issued
 * @typedef {{ day: number, hours: number, mape: number | null, mae: number | null, coverage: number | null }} Horizon
 * @typedef {{ ts: number, basis: string, days: number, horizons: Horizon[] }} Skill
 */

const MINUTE = 60_000;
const ORIGINS = ["nyiso", "recorded", "generated"];
const VERDICTS = ["clean", "average", "dirty", "flat"];

/** @param {boolean} holds @param {string} what */
const must = (holds, what) => {
  if (!holds) throw new Error(what);
};

/** @param {unknown} text */
const instant = (text) => {
  must(typeof text === "string", "a time that is no text");
  const ts = Date.parse(/** @type {string} */ (text));
  must(Number.isFinite(ts), `${text} is no time`);
  return ts;
};

/** @param {unknown} value @param {number} min @param {number} max */
const number = (value, min, max) => {
  must(typeof value === "number" && min <= value && value <= max, `${value} is outside ${min} to ${max}`);
  return /** @type {number} */ (value);
};

/** @param {unknown} value */
const grams = (value) => number(value, 0, 1500);

/** @template T @param {unknown} value @param {(value: unknown) => T} read */
const optional = (value, read) => (value === undefined || value === null ? null : read(value));

/** @param {unknown} value @param {string[]} known */
const oneOf = (value, known) => {
  must(known.includes(/** @type {string} */ (value)), `${value} is none of ${known.join(", ")}`);
  return /** @type {string} */ (value);
};

/** @param {unknown} value */
const text = (value) => {
  must(typeof value === "string", `${value} is no text`);
  return /** @type {string} */ (value);
};

/** @param {unknown} value @returns {string[]} */
const texts = (value) => {
  must(Array.isArray(value), `${value} is no list`);
  return /** @type {unknown[]} */ (value).map(text);
};

/** @param {any} json @returns {Now} */
const readNow = (json) => ({
  ts: instant(json.ts),
  value: grams(json.value),
  life_cycle: optional(json.life_cycle, grams),
  verdict: optional(json.verdict, (verdict) => oneOf(verdict, VERDICTS)),
  percentile_7d: optional(json.percentile_7d, (value) => number(value, 0, 100)),
  percentile_hours: optional(json.percentile_hours, (value) => number(value, 0, 1e6)),
  p33: optional(json.p33, grams),
  p67: optional(json.p67, grams),
  min_7d: optional(json.min_7d, grams),
  max_7d: optional(json.max_7d, grams),
  factor_set: text(json.factor_set),
  complete: json.complete === true,
  missing: texts(json.missing ?? []),
  unknown: texts(json.unknown ?? []),
  consumption: optional(json.consumption, grams),
  production_only: optional(json.production_only, text),
  marginal: optional(json.marginal, grams),
  marginal_basis: optional(json.marginal_basis, text),
  origin: oneOf(json.origin ?? "nyiso", ORIGINS),
});

/** @param {any} json @returns {Series} */
const readSeries = (json) => {
  must(Array.isArray(json.ts) && Array.isArray(json.values), "a series without its lists");
  must(json.ts.length === json.values.length, `${json.ts.length} times but ${json.values.length} values`);
  const ts = json.ts.map(instant);
  for (let i = 1; i < ts.length; i += 1) must(ts[i] > ts[i - 1], "times that do not ascend");
  const values = json.values.map(grams);
  return { ts, values, factor_set: text(json.factor_set ?? ""), origin: oneOf(json.origin ?? "nyiso", ORIGINS) };
};

/** @param {any} json @returns {Mix} */
const readMix = (json) => {
  must(typeof json.fuels === "object" && json.fuels !== null, "a mix without fuels");
  for (const power of Object.values(json.fuels)) number(power, -5_000, 50_000);
  return { ts: instant(json.ts), fuels: json.fuels, origin: oneOf(json.origin ?? "nyiso", ORIGINS) };
};

/** @param {any} json @returns {FeedStatus} */
const readFeed = (json) => ({ ts: instant(json.checked), state: text(json.state), reason: text(json.reason) });

/** @param {any} json @returns {Flows} */
const readFlows = (json) => {
  must(typeof json.net === "object" && json.net !== null, "flows without neighbors");
  for (const flow of Object.values(json.net)) number(flow, -10_000, 10_000);
  return { ts: instant(json.ts), net: json.net };
};

/** @param {any} json @returns {ZoneNow} */
const readZone = (json) => ({
  ts: instant(json.ts), marginal: grams(json.marginal), basis: text(json.marginal_basis), clamped: json.clamped === true,
});

/** @param {any} json @returns {Forecast} */
const readForecast = (json) => {
  const [start, step] = [instant(json.start), number(json.step_s, 60, 86_400) * 1000];
  const [values, p10, p90] = [json.values, json.p10, json.p90].map((list) => {
    must(Array.isArray(list), "a forecast without its lists");
    return /** @type {number[]} */ (list.map(grams));
  });
  must(p10.length === values.length && p90.length === values.length, "a band of another length than its line");
  const slots = values.map((value, i) => ({
    start: start + i * step, end: start + (i + 1) * step, value, p10: p10[i], p90: p90[i],
  }));
  return {
    ts: instant(json.issued), model: text(json.model), basis: text(json.basis), slots,
    origin: oneOf(json.origin ?? "nyiso", ORIGINS),
  };
};

/** @param {any} json @returns {Skill} */
const readSkill = (json) => {
  must(Array.isArray(json.horizons), "a skill without its days");
  /** @param {unknown} value */
  const positive = (value) => number(value, 0, 1e6);
  const horizons = json.horizons.map((/** @type {any} */ day) => ({
    day: positive(day.day), hours: positive(day.hours), mape: optional(day.mape, positive),
    mae: optional(day.mae, positive), coverage: optional(day.coverage_p10_p90, positive),
  }));
  return { ts: instant(json.ts), basis: text(json.basis), days: positive(json.days), horizons };
};

/** @typedef {"waiting" | "fresh" | "late" | "old"} Freshness */

/** How old the newest reading is. @param {number | undefined} ts @param {number} now @returns {Freshness} */
export const freshness = (ts, now) => {
  if (ts === undefined) return "waiting";
  const age = now - ts;
  // Just after midnight the new day's file appears late.
  if (age <= (minuteOfDay(now) < 30 ? 30 : 20) * MINUTE) return "fresh";
  return age <= 60 * MINUTE ? "late" : "old";
};

export class Readings {
  /** @type {Now | null} */ now = null;
  /** @type {Series | null} */ day = null;
  /** @type {Mix | null} */ mix = null;
  /** @type {FeedStatus | null} */ feed = null;
  /** @type {Flows | null} */ flows = null;
  /** @type {Forecast | null} */ forecast = null;
  /** @type {Skill | null} */ skill = null;
  /** By slug. @type {Record<string, ZoneNow | null>} */ zones = {};

  /**
   * Takes a message of the topic (without its root); says whether the page has to change.
   * @param {string} topic @param {string} payload
   */
  accept(topic, payload) {
    try {
      switch (topic) {
        case TOPICS.carbonNow: return this.#keep(this, "now", readNow, payload);
        case TOPICS.carbon24h: return this.#keep(this, "day", readSeries, payload);
        case TOPICS.mix: return this.#keep(this, "mix", readMix, payload);
        case TOPICS.feedFuelMix: return this.#keep(this, "feed", readFeed, payload);
        case TOPICS.flows: return this.#keep(this, "flows", readFlows, payload);
        case TOPICS.forecast: return this.#keep(this, "forecast", readForecast, payload);
        case TOPICS.skill: return this.#keep(this, "skill", readSkill, payload);
      }
      const zone = topic.startsWith(TOPICS.zoneNow) ? topic.slice(TOPICS.zoneNow.length) : "";
      return ZONES.includes(zone) && this.#keep(this.zones, zone, readZone, payload);
    } catch (error) {
      console.warn(`dropped a message of ${topic}: ${error instanceof Error ? error.message : error}`);
      return false;
    }
  }

  /** What is least like New York's grid wins. */
  get origin() {
    const origins = [this.now, this.mix, this.day, this.forecast].map((message) => message?.origin);
    return ["generated", "recorded"].find((origin) => origins.includes(origin)) ?? "nyiso";
  }

  /** The present: a record that is played back faster runs ahead of the clock. @param {number} now */
  present(now) {
    return Math.max(now, this.now?.ts ?? now);
  }

  /**
   * The last 24 hours, with the newest reading where the series does not have it yet.
   * @returns {{ ts: number, value: number }[]}
   */
  get points() {
    const points = (this.day?.ts ?? []).map((ts, i) => ({ ts, value: this.day?.values[i] ?? 0 }));
    const newest = points.at(-1)?.ts ?? -Infinity;
    if (this.now?.complete && this.now.ts > newest) points.push({ ts: this.now.ts, value: this.now.value });
    const from = (points.at(-1)?.ts ?? 0) - 24 * 3_600_000;
    return points.filter((point) => point.ts >= from);
  }

  /** @param {any} shelf @param {string} name @param {(json: any) => any} read @param {string} payload */
  #keep(shelf, name, read, payload) {
    // An empty payload: the broker has forgotten the topic.
    const message = payload === "" ? null : read(JSON.parse(payload));
    /** @param {any} held */
    const stamp = (held) => (Array.isArray(held.ts) ? (held.ts.at(-1) ?? -Infinity) : held.ts);
    const held = shelf[name];
    if (message && held && stamp(message) < stamp(held)) return false;
    shelf[name] = message;
    return true;
  }
}
