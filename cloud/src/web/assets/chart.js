// The chart of a day and what is ahead: SVG by hand, so that CSS colors it, paper prints it, and tests read it.

import { hour, minuteOfDay, thousands, time, timeAndDay, weekday, whole } from "./format.js";
import { EN, fill } from "./words.js";

const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** A reading stands for at most this long before its stamp; what is longer is a hole (domain/src/series.rs). */
export const LONGEST_INTERVAL = 15 * 60_000;

const NAMESPACE = "http://www.w3.org/2000/svg";
const LEFT = 38, RIGHT = 10, TOP = 12, BOTTOM = 24;

/** @typedef {{ ts: number, value: number }} Point */
/** @typedef {import("./readings.js").Slot} Slot */

/** @param {string} name @param {Record<string, string | number>} attributes @param {string} [text] */
export const element = (name, attributes, text) => {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
};

/** A step of 1, 2, 2.5 or 5 times a power of ten that gives at most `most` ticks. @param {number} span @param {number} most */
const niceStep = (span, most) => {
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 2.5, 5].find((factor) => factor * power >= rough) ?? 10) * power;
};

/**
 * The path of a line; a hole in the readings is a hole in the line, and a lone reading is a dot.
 * @param {Point[]} points @param {(ts: number) => number} x @param {(value: number) => number} y
 */
export const linePath = (points, x, y) => {
  let path = "";
  points.forEach((point, i) => {
    const before = points[i - 1];
    const joined = before !== undefined && point.ts - before.ts <= LONGEST_INTERVAL;
    path += `${joined ? "L" : "M"}${x(point.ts).toFixed(1)} ${y(point.value).toFixed(1)}`;
    const after = points[i + 1];
    if (!joined && (after === undefined || after.ts - point.ts > LONGEST_INTERVAL)) path += "h0.1";
  });
  return path;
};

/**
 * The reading that stands for the moment `ts`: the first at or after it, if its interval reaches back so far.
 * @param {Point[]} points @param {number} ts
 */
export const readingAt = (points, ts) => {
  const i = points.findIndex((point) => point.ts >= ts);
  if (i < 0) return undefined;
  const start = Math.max(points[i - 1]?.ts ?? -Infinity, points[i].ts - LONGEST_INTERVAL);
  return points[i].ts === ts || start < ts ? points[i] : undefined;
};

/**
 * Duration-weighted means by the hour, newest first; an hour without data stays, without a value.
 * The same as `Window::means` of domain/src/series.rs.
 * @param {Point[]} points @returns {{ start: number, value: number | null }[]}
 */
export const hourlyMeans = (points) => {
  /** @type {Map<number, { grams: number, span: number }>} */
  const hours = new Map();
  points.forEach((point, i) => {
    const before = points[i - 1]?.ts;
    let from = before === undefined ? point.ts - 5 * 60_000 : Math.max(before, point.ts - LONGEST_INTERVAL);
    while (from < point.ts) {
      const start = Math.floor(from / HOUR) * HOUR;
      const until = Math.min(point.ts, start + HOUR);
      const sum = hours.get(start) ?? { grams: 0, span: 0 };
      sum.grams += (until - from) * point.value;
      sum.span += until - from;
      hours.set(start, sum);
      from = until;
    }
  });
  const newest = points.at(-1)?.ts ?? 0;
  const starts = [...hours.keys()].filter((start) => start + HOUR <= newest);
  const rows = [];
  for (let start = Math.max(...starts); start >= Math.min(...starts); start -= HOUR) {
    const sum = hours.get(start);
    rows.push({ start, value: sum ? sum.grams / sum.span : null });
  }
  return rows;
};

/**
 * The slot that holds the moment `ts`.
 * @param {Slot[]} slots @param {number} ts
 */
export const slotAt = (slots, ts) => slots.find((slot) => slot.start <= ts && ts < slot.end) ?? (slots.at(-1)?.end === ts ? slots.at(-1) : undefined);

/** A slot is its mean: the line passes through its middle. @param {Slot} slot */
const middle = (slot) => (slot.start + slot.end) / 2;

/** @param {Slot[]} slots @param {"value" | "p10" | "p90"} name @returns {Point[]} */
const along = (slots, name) => slots.map((slot) => ({ ts: middle(slot), value: slot[name] }));

/**
 * Where the line of the 24 hours until `end` lies, and what is ahead of it. The scale does not start at 0: a day's
 * swing is some 34 g, and would be flat; so the page says where it starts.
 * @param {Point[]} points @param {Slot[]} slots @param {number} end @param {(number | null)[]} bounds @param {number} width @param {number} height
 */
export const layout = (points, slots, end, bounds, width, height) => {
  const values = [
    ...points.map((point) => point.value), ...bounds.filter((bound) => bound !== null),
    ...slots.flatMap((slot) => [slot.p10, slot.p90]),
  ];
  const lowest = Math.min(...values);
  const highest = Math.max(...values);
  const step = niceStep(Math.max(highest - lowest, 20), height > 220 ? 5 : 4);
  const bottom = Math.max(0, Math.floor((lowest - step * 0.15) / step) * step);
  const top = Math.ceil((highest + step * 0.15) / step) * step;
  const start = end - DAY;
  const right = Math.max(end, slots.at(-1)?.end ?? end);
  return {
    start, end, right, bottom, top, step, width, height,
    /** @param {number} ts */
    x: (ts) => LEFT + ((ts - start) / (right - start)) * (width - LEFT - RIGHT),
    /** @param {number} value */
    y: (value) => TOP + ((top - value) / (top - bottom)) * (height - TOP - BOTTOM),
    /** @param {number} x */
    ts: (x) => start + ((x - LEFT) / (width - LEFT - RIGHT)) * (right - start),
  };
};

/** @typedef {ReturnType<typeof layout>} Layout */

/** @param {Layout} at */
const grid = (at) => {
  const parts = [];
  for (let value = at.bottom; value <= at.top + 1e-9; value += at.step) {
    const y = at.y(value).toFixed(1);
    parts.push(element("path", { class: value === at.bottom ? "axis" : "grid", d: `M${LEFT} ${y}H${at.width - RIGHT}` }));
    parts.push(element("text", { x: LEFT - 8, y: Number(y) + 4, "text-anchor": "end" }, whole(value)));
  }
  const perHour = ((at.width - LEFT - RIGHT) * HOUR) / (at.right - at.start);
  const every = [3, 6, 12].find((hours) => hours * perHour > 56) ?? 24;
  for (let ts = Math.ceil(at.start / HOUR) * HOUR; ts <= at.right; ts += HOUR) {
    const minute = minuteOfDay(ts);
    if (minute % (every * 60) !== 0) continue;
    const x = at.x(ts);
    parts.push(element("path", { class: "grid", d: `M${x.toFixed(1)} ${TOP}V${at.height - BOTTOM}` }));
    // A label that would hang over an edge is left out: its line stays.
    if (x < LEFT + 16 || x > at.width - 18) continue;
    const label = minute === 0 ? weekday(ts) : hour(ts);
    parts.push(element("text", { x: x.toFixed(1), y: at.height - 6, "text-anchor": "middle" }, label));
  }
  return parts;
};

/**
 * A line at one of the week's thirds. Its name, if it is to have one, stands where the curve is farthest from it.
 * @param {Layout} at @param {Point[]} points @param {number | null} bound @param {string} words @param {number} shift
 */
const boundary = (at, points, bound, words, shift) => {
  if (bound === null) return [];
  const y = at.y(bound);
  const line = element("path", { class: "bound", d: `M${LEFT} ${y.toFixed(1)}H${at.width - RIGHT}` });
  if (words === "") return [line];
  const room = 110;
  // At an edge of the picture the name goes to the other side of its line.
  if (y + shift < TOP + 12 || y + shift > at.height - BOTTOM - 4) shift = shift < 0 ? 16 : -7;
  /** @param {number} left */
  const clearance = (left) => Math.min(at.height, ...points
    .filter((point) => at.x(point.ts) > left - 8 && at.x(point.ts) < left + room)
    .map((point) => Math.abs(at.y(point.value) - (y + shift - 4))));
  let best = LEFT + 8;
  // Over the past only: in the band it would not read.
  for (let left = best; left + room < at.x(at.end); left += 24) {
    if (clearance(left) > clearance(best) + 1) best = left;
  }
  // The left edge is where eyes look first: good enough there is better than best elsewhere.
  const left = clearance(LEFT + 8) > 16 ? LEFT + 8 : best;
  return [
    line,
    element("text", { class: "bound-name", x: left, y: (y + shift).toFixed(1) }, fill(words, { value: whole(bound) })),
  ];
};

/**
 * What is expected: the band of 8 in 10 outcomes, the line, the best hours, and where now is.
 * @param {Layout} at @param {Slot[]} slots @param {number} now @param {{ start: number, end: number } | null} best
 */
const outlook = (at, slots, now, best) => {
  if (slots.length === 0) return { behind: [], before: [] };
  const [low, high] = [along(slots, "p10"), along(slots, "p90")];
  /** @param {Point} point */
  const spot = (point) => `${at.x(point.ts).toFixed(1)} ${at.y(point.value).toFixed(1)}`;
  const behind = [element("path", { class: "band", d: `M${[...high, ...low.reverse()].map(spot).join("L")}Z` })];
  if (best) {
    const from = Math.max(at.x(best.start), LEFT);
    const width = (Math.min(at.x(best.end), at.width - RIGHT) - from).toFixed(1);
    const [x, bottom] = [from.toFixed(1), at.height - BOTTOM];
    behind.unshift(element("rect", { class: "best-hours", x, y: TOP, width, height: bottom - TOP }));
    behind.push(element("rect", { class: "best-bar", x, y: bottom - 3, width, height: 6, rx: 2 }));
  }
  const x = at.x(Math.min(Math.max(now, at.start), at.right));
  const before = [
    element("path", { class: "now-line", d: `M${x.toFixed(1)} ${TOP}V${at.height - BOTTOM}` }),
    element("text", { class: "now-name", x: x.toFixed(1), y: TOP - 2, "text-anchor": "middle" }, EN.now_line),
    element("path", { class: "expected", d: `M${along(slots, "value").map(spot).join("L")}` }),
  ];
  return { behind, before };
};

/** @template T @param {T[]} list @param {(item: T) => number} of @returns {[T, T]} the lowest and the highest */
const ends = (list, of) => [list.reduce((a, b) => (of(b) < of(a) ? b : a)), list.reduce((a, b) => (of(b) > of(a) ? b : a))];

/**
 * Draws the chart anew; returns what it shows, in a sentence.
 * @param {SVGElement} svg @param {Layout} at @param {Point[]} points @param {Slot[]} slots
 * @param {{ p33: number | null, p67: number | null, named: boolean, cursor: number, current: number, now: number,
 *   best: { start: number, end: number } | null }} options
 */
export const draw = (svg, at, points, slots, { p33, p67, named, cursor, current, now, best }) => {
  const newest = points[points.length - 1];
  const { behind, before } = outlook(at, slots, now, best);
  const parts = [
    ...behind,
    ...grid(at),
    ...boundary(at, points, p33, named ? EN.clean_below : "", 16),
    ...boundary(at, points, p67, named ? EN.dirty_above : "", -7),
    ...before,
    element("path", { class: "line", d: linePath(points, at.x, at.y) }),
    element("circle", { class: "end", cx: at.x(newest.ts).toFixed(1), cy: at.y(newest.value).toFixed(1), r: 5 }),
  ];
  const read = readingAt(points, cursor) ?? slotAt(slots, cursor);
  if (cursor !== newest.ts) {
    const x = at.x(cursor).toFixed(1);
    parts.push(element("path", { class: "cursor-line", d: `M${x} ${TOP}V${at.height - BOTTOM}` }));
    if (read) parts.push(element("circle", { class: "cursor-dot", cx: x, cy: at.y(read.value).toFixed(1), r: 5 }));
  }
  svg.setAttribute("viewBox", `0 0 ${at.width} ${at.height}`);
  svg.replaceChildren(...parts);

  const [low, high] = ends(points, (point) => point.value);
  const past = fill(EN.chart_name, {
    min: thousands(low.value), max: thousands(high.value), value: whole(current),
    low: timeAndDay(low.ts, at.end), high: timeAndDay(high.ts, at.end),
  });
  if (slots.length === 0) return past;
  const [least, most] = ends(slots, (slot) => slot.value);
  return fill(EN.chart_name_ahead, {
    past, hours: Math.round((at.right - at.end) / HOUR), min: whole(least.value), max: whole(most.value),
    low: timeAndDay(least.start, at.end), high: timeAndDay(most.start, at.end),
  });
};

/** The words for a moment of the chart. @param {Point[]} points @param {Slot[]} slots @param {number} ts @param {number} now */
export const readout = (points, slots, ts, now) => {
  const read = readingAt(points, ts);
  const slot = read ? undefined : slotAt(slots, ts);
  const value = read?.value ?? slot?.value;
  const likely = slot && { low: whole(slot.p10), high: whole(slot.p90) };
  const said = { time: `${weekday(ts)} ${time(ts)}`, value: value === undefined ? "" : whole(value), ...likely };
  return {
    time: timeAndDay(read && read.ts - ts < 1 ? read.ts : ts, now),
    grams: value === undefined ? EN.no_data : fill(EN.grams, { value: whole(value) }),
    likely: likely ? `, ${fill(EN.readout_likely, likely)}` : "",
    spoken: fill(read ? EN.readout_spoken : slot ? EN.readout_ahead : EN.readout_none, said),
  };
};
