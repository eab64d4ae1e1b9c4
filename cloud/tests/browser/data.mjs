// Plausible messages of the stream, made by formula: a clean night, a morning ramp, an evening peak.

const MINUTE = 60_000;

/** Full five minutes before `ms`. @param {number} ms */
export const step = (ms = Date.now()) => Math.floor(ms / (5 * MINUTE)) * 5 * MINUTE;

/** @param {number} ms */
export const iso = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");

/** g/kWh at a moment. @param {number} ms */
export const grams = (ms) => {
  const hour = (ms / 3_600_000 - 5) % 24;
  const daily = 226 + 26 * Math.sin(((hour - 10) / 12) * Math.PI) + 15 * Math.sin(((hour - 5.5) / 6) * Math.PI);
  // Units start, stop and ramp: slow wander and a little noise, the same on every run of a moment.
  const noise = (/** @type {number} */ x) => {
    const sine = Math.sin(x * 12.9898) * 43_758.5453;
    return 2 * (sine - Math.floor(sine)) - 1;
  };
  const smooth = (/** @type {number} */ x) => {
    const at = Math.floor(x);
    const rest = x - at;
    const ease = rest * rest * (3 - 2 * rest);
    return noise(at) * (1 - ease) + noise(at + 1) * ease;
  };
  const wander = 9 * smooth(ms / 7_200_000) + 3.5 * smooth(ms / 1_500_000) + 0.9 * noise(ms / 300_000);
  return Math.round((daily + wander) * 10) / 10;
};

/** @param {number} ts @param {object} [changes] */
export const co2 = (ts, changes = {}) => ({
  ts: iso(ts), value: grams(ts), units: "g / kWh", life_cycle: Math.round(grams(ts) * 1.3),
  verdict: "clean", percentile_7d: 24, percentile_hours: 168, p33: 208, p67: 246, min_7d: 168, max_7d: 334,
  factor_set: "ny-2026.1", complete: true, revised: false, origin: "nyiso", ...changes,
});

/** What `co2` says of its week, as the formula has it: for pictures, where the parts should agree. @param {number} ts */
export const standing = (ts) => {
  const week = [];
  for (let at = ts - 7 * 1440 * MINUTE; at < ts; at += 5 * MINUTE) week.push(grams(at));
  week.sort((a, b) => a - b);
  const quantile = (/** @type {number} */ share) => week[Math.round(share * (week.length - 1))];
  const percentile = (100 * week.filter((value) => value < grams(ts)).length) / week.length;
  return {
    percentile_7d: percentile, verdict: percentile < 33 ? "clean" : percentile > 67 ? "dirty" : "average",
    p33: quantile(1 / 3), p67: quantile(2 / 3), min_7d: quantile(0), max_7d: quantile(1),
  };
};

/** @param {number} end @param {{ without?: (ts: number) => boolean, origin?: string }} [options] */
export const series = (end, { without = () => false, origin = "nyiso" } = {}) => {
  const ts = [];
  for (let at = end - 24 * 60 * MINUTE + 5 * MINUTE; at <= end; at += 5 * MINUTE) if (!without(at)) ts.push(at);
  return { units: "g / kWh", ts: ts.map(iso), values: ts.map(grams), factor_set: "ny-2026.1", origin };
};

/** A mix that has the intensity of `grams`, by the direct factors of ny-2026.1. @param {number} ts @param {object} [changes] */
export const mix = (ts, changes = {}) => {
  const others = { Nuclear: 3290, Hydro: 2814, Wind: 758, "Other Renewables": 237, "Other Fossil Fuels": 21 };
  const emitted = 550 * others["Other Renewables"] + 750 * others["Other Fossil Fuels"];
  const rest = Object.values(others).reduce((sum, power) => sum + power, 0);
  // Dual fuel runs at 0.69 of gas.
  const gas = (grams(ts) * rest - emitted) / (395 + 0.69 * 435 - 1.69 * grams(ts));
  return {
    ts: iso(ts), interval_s: 300, units: "MW",
    fuels: { ...others, "Natural Gas": Math.round(gas), "Dual Fuel": Math.round(0.69 * gas) },
    complete: true, revised: false, origin: "nyiso", ...changes,
  };
};

/** @param {number} ts @param {object} [changes] */
export const feed = (ts, changes = {}) => ({
  newest: iso(ts), checked: iso(Date.now()), state: "fresh", reason: "", origin: "nyiso", ...changes,
});

/** Publishes a whole, live picture. @param {import("./server.mjs").Broker} broker */
export const publishAll = async (broker, { ts = step(), origin = "nyiso", changes = {}, without = undefined } = {}) => {
  await broker.retain("archive/co2/24h", series(ts, { origin, ...(without ? { without } : {}) }));
  await broker.retain("upstream/mix", mix(ts, { origin }));
  await broker.retain("status/feed/fuel-mix", feed(ts, { origin }));
  await broker.retain("computed/co2", co2(ts, { origin, ...changes }));
};
