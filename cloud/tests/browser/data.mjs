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

/**
 * The hours ahead, by the same formula: 15-minute slots from the quarter hour of `ts`.
 * @param {number} ts @param {object} [changes]
 */
export const forecast = (ts, changes = {}) => {
  const start = Math.floor(ts / (15 * MINUTE)) * 15 * MINUTE;
  const slots = Array.from({ length: 384 }, (_, i) => i);
  // Without the noise, which nobody can forecast: half an hour is averaged.
  const values = slots.map((i) => {
    const around = [-10, 0, 10, 20].map((minutes) => grams(start + (15 * i + minutes) * MINUTE));
    return Math.round(around.reduce((sum, value) => sum + value, 0) / 0.4) / 10;
  });
  const half = slots.map((i) => 5 + 1.6 * Math.sqrt(i / 4));
  return {
    issued: iso(start), model: "ny-power", units: "g / kWh", basis: "average, production, direct",
    start: iso(start), step_s: 900, values,
    p10: values.map((value, i) => Math.round((value - half[i]) * 10) / 10),
    p90: values.map((value, i) => Math.round((value + 1.1 * half[i]) * 10) / 10),
    factor_set: "ny-2026.1", origin: "nyiso", ...changes,
  };
};

/** @param {number} ts @param {object} [changes] */
export const flows = (ts, changes = {}) => ({
  ts: iso(ts), units: "MW", net: { HQ: 1210.5, Ontario: 644, "New England": -220.4, PJM: 981 }, points: {}, origin: "nyiso", ...changes,
});

export const ZONES = ["capitl", "centrl", "dunwod", "genese", "hud-vl", "longil", "mhk-vl", "millwd", "nyc", "north", "west"];

/** @param {number} ts @param {string} zone @param {object} [changes] */
export const zoneNow = (ts, zone, changes = {}) => ({
  ts: iso(ts), zone, marginal: 380 + 11 * ZONES.indexOf(zone), units: "g / kWh",
  marginal_basis: "NYISO implied marginal emission rate, real time", clamped: false, origin: "nyiso", ...changes,
});

/** @param {number} ts @param {object} [changes] */
export const skill = (ts, changes = {}) => ({
  ts: iso(ts), basis: "average, production, direct", model: "ny-power", days: 30,
  from: iso(ts - 30 * 1440 * MINUTE), to: iso(ts),
  horizons: [1, 2, 3, 4].map((day) => ({ day, hours: 720 - day, mape: 4.1 + day, mae: 9.25 + 2 * day, coverage_p10_p90: 80.5 - day })),
  origin: "nyiso", ...changes,
});

/**
 * Publishes a whole, live picture; with `ahead: false` one without the hours ahead, imports and zones.
 * @param {import("./server.mjs").Broker} broker
 */
export const publishAll = async (broker, { ts = step(), origin = "nyiso", changes = {}, without = undefined, ahead = true } = {}) => {
  await broker.retain("archive/co2/24h", series(ts, { origin, ...(without ? { without } : {}) }));
  await broker.retain("upstream/mix", mix(ts, { origin }));
  await broker.retain("status/feed/fuel-mix", feed(ts, { origin }));
  if (ahead) {
    await Promise.all([
      broker.retain("forecast/co2", forecast(ts, { origin })),
      broker.retain("forecast/co2/skill", skill(ts, { origin })),
      broker.retain("upstream/flows", flows(ts, { origin })),
      ...ZONES.map((zone) => broker.retain(`computed/co2/${zone}`, zoneNow(ts, zone, { origin }))),
    ]);
  }
  const imports = {
    consumption: Math.round(grams(ts) * 9.1) / 10, marginal: 412, marginal_basis: "state-wide estimate, ±15 %, fossil at the margin",
  };
  await broker.retain("computed/co2", co2(ts, { origin, ...(ahead ? imports : {}), ...changes }));
};
