// What the pages say of the hours ahead, of imports and of the next kilowatt-hour. Pure. `cloud/src/web/view/outlook.rs`
// says the same of the same data.

import { dayWord, thousands, time, timeAndDay, weekday, whole } from "./format.js";
import { EN, fill } from "./words.js";

/** @typedef {import("./readings.js").Slot} Slot */
/** @typedef {import("./readings.js").Forecast} Forecast */

const HOUR = 3_600_000;

/** A forecast that is older says nothing: the service that makes it is gone. */
const OLDEST = 6 * HOUR;
/** What is older says nothing of now. */
const OLD = HOUR;
const AHEAD = 24 * HOUR;
/** The best hours are one block of this length. */
const BEST = 3 * HOUR;
/** A block that is not cleaner than now by this share is not worth waiting for. */
const WORTH_WAITING = 0.95;

/**
 * The slots of the hours ahead, from the one that holds `now`; none where the forecast is too old to be shown.
 * @param {Forecast | null} forecast @param {number} now @param {number} [span] @returns {Slot[]}
 */
export const ahead = (forecast, now, span = AHEAD) => {
  if (!forecast || now - forecast.ts > OLDEST) return [];
  return forecast.slots.filter((slot) => slot.end > now && slot.start < now + span);
};

/**
 * The first block of the lowest mean, and whether it is worth waiting for.
 * @param {Slot[]} slots @returns {{ start: number, end: number, value: number, worth: boolean } | null}
 */
export const best = (slots) => {
  const length = slots.length > 0 ? Math.floor(BEST / (slots[0].end - slots[0].start)) : 0;
  if (length === 0 || slots.length < length) return null;
  /** @param {number} at */
  const block = (at) => {
    const held = slots.slice(at, at + length);
    const value = held.reduce((sum, slot) => sum + slot.value, 0) / length;
    return { start: held[0].start, end: held[length - 1].end, value };
  };
  const first = block(0);
  let lowest = first;
  for (let at = 1; at + length <= slots.length; at += 1) {
    const next = block(at);
    if (next.value < lowest.value) lowest = next;
  }
  return { ...lowest, worth: lowest.value <= WORTH_WAITING * first.value };
};

/** The sentence of the cleanest hours, or why there is none. @param {Forecast | null} forecast @param {number} now */
export const bestSentence = (forecast, now) => {
  if (!forecast) return EN.forecast_none;
  const slots = ahead(forecast, now);
  if (slots.length === 0) return fill(EN.forecast_old, { time: timeAndDay(forecast.ts, now) });
  const block = best(slots);
  if (!block) return EN.forecast_short;
  if (!block.worth) return fill(EN.best_now, { value: whole(block.value) });
  return fill(EN[dayWord(block.start, now)], { from: time(block.start), to: time(block.end), value: whole(block.value) });
};

/** What the dashed line is. @param {Forecast | null} forecast @param {number} now */
export const basis = (forecast, now) => {
  if (!forecast || ahead(forecast, now).length === 0) return "";
  const words = fill(EN.forecast_basis, { basis: forecast.basis, time: timeAndDay(forecast.ts, now) });
  const model = { "profile-14d": ` ${EN.model_profile}`, static: ` ${EN.model_static}` }[forecast.model] ?? "";
  return words + model;
};

/** Means by the full hour, the next one first. @param {Slot[]} slots @returns {string[][]} */
export const hourRows = (slots) => {
  /** @type {Map<number, Slot[]>} */
  const hours = new Map();
  for (const slot of slots) {
    const hour = Math.floor(slot.start / HOUR);
    hours.set(hour, [...(hours.get(hour) ?? []), slot]);
  }
  return [...hours.values()].map((held) => {
    /** @param {"value" | "p10" | "p90"} name */
    const mean = (name) => whole(held.reduce((sum, slot) => sum + slot[name], 0) / held.length);
    const [{ start }] = held;
    return [
      fill(EN.table_hour, { day: weekday(start), time: time(start) }),
      mean("value"),
      fill(EN.range, { low: mean("p10"), high: mean("p90") }),
    ];
  });
};

/** Production beside imports, or why not. @param {import("./readings.js").Now} reading */
export const imports = ({ consumption, production_only: reason }) => {
  if (consumption !== null) return fill(EN.consumption, { value: whole(consumption) });
  return reason === null ? "" : fill(EN.production_only, { reason });
};

const NEIGHBORS = ["HQ", "Ontario", "New England", "PJM"];

/** What comes over the borders: a row a neighbor; none when it is too old. @param {import("./readings.js").Flows | null} flows @param {number} now @returns {string[][]} */
export const neighborRows = (flows, now) => {
  if (!flows || now - flows.ts > OLD) return [];
  return NEIGHBORS.map((name) => {
    const flow = flows.net[name];
    if (flow === undefined) return [EN[name], EN.no_data];
    const out = whole(flow).startsWith("-");
    return [EN[name], fill(out ? EN.exporting : EN.megawatts, { value: thousands(Math.abs(flow)) })];
  });
};

/** The next kilowatt-hour of the whole state. @param {import("./readings.js").Now} reading */
export const marginal = ({ marginal: value, marginal_basis: of }) =>
  value === null ? EN.marginal_none : fill(EN.marginal, { value: whole(value), basis: of ?? "" });

/** The next kilowatt-hour of a load zone. @param {string} slug @param {import("./readings.js").ZoneNow | null | undefined} rate @param {number} now */
export const zoneMarginal = (slug, rate, now) => {
  const zone = EN[slug];
  if (!rate) return fill(EN.zone_none, { zone });
  if (now - rate.ts > OLD) return fill(EN.zone_old, { zone, time: timeAndDay(rate.ts, now) });
  return fill(rate.clamped ? EN.zone_clamped : EN.zone_marginal, { zone, value: whole(rate.marginal), basis: rate.basis });
};
