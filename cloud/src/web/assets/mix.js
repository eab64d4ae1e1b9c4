// The bars of the fuel mix.

import { element } from "./chart.js";
import { thousands, timeAndDay, whole } from "./format.js";
import { find, say } from "./page.js";
import { EN, fill } from "./words.js";

/** The order of the stack, with the name that the style sheet colors by. */
const STACK = [
  ["Nuclear", "nuclear"], ["Hydro", "hydro"], ["Wind", "wind"], ["Other Renewables", "renewables"],
  ["Natural Gas", "gas"], ["Dual Fuel", "dual"], ["Other Fossil Fuels", "fossil"],
];

let shown = "";

/** @param {import("./readings.js").Mix | null} mix @param {number} now */
export const drawMix = (mix, now) => {
  if (!mix) {
    say("mix-total", EN.mix_none);
    find("fuels").replaceChildren();
    shown = "";
    return;
  }
  const powers = Object.values(mix.fuels);
  const total = powers.reduce((sum, power) => sum + power, 0);
  say("mix-total", fill(EN.mix_total, { total: thousands(total), time: timeAndDay(mix.ts, now) }));
  const text = JSON.stringify(mix);
  if (text === shown) return;
  shown = text;
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
