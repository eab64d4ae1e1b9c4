// The chart of the last 24 hours and those ahead, with its cursor, its words and its tables.

import { DAY, draw, hourlyMeans, layout, readout } from "./chart.js";
import { hour, weekday, whole } from "./format.js";
import { ahead, basis, best, bestSentence, hourRows } from "./outlook.js";
import { find, keep, kept, say, show, table } from "./page.js";
import { freshness } from "./readings.js";
import { EN, fill } from "./words.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** What the choice of hours ahead is kept under: in this browser, and nowhere else. */
const KEPT = "ny-power-hours";

/** Two days in less than this leave no place for names in the picture: they go below it. */
const ROOM_FOR_NAMES = 480;

/**
 * Makes the chart live; what it returns draws it.
 * @param {import("./readings.js").Readings} readings @param {() => void} schedule asks for a drawing
 */
export const dayChart = (readings, schedule) => {
  const cursor = /** @type {HTMLInputElement} */ (find("cursor"));
  const chart = /** @type {SVGElement} */ (/** @type {unknown} */ (find("chart")));
  /** @type {import("./chart.js").Layout | null} */
  let at = null;
  /** The cursor stands on the newest reading, until someone moves it. */
  let follows = true;
  /** Where the newest reading is on the slider. */
  let home = cursor.value;

  const choices = /** @type {HTMLInputElement[]} */ ([...find("reach").querySelectorAll("input")]);
  const choice = kept(KEPT, choices.map((input) => input.value));
  for (const input of choices) {
    if (input.value === choice) input.checked = true;
    input.addEventListener("change", () => {
      keep(KEPT, input.value);
      schedule();
    });
  }

  cursor.addEventListener("input", () => {
    follows = cursor.value === home;
    schedule();
  });
  /** @param {PointerEvent} event */
  const point = (event) => {
    if (!at || (event.pointerType === "touch" && event.type === "pointermove" && event.buttons === 0)) return;
    const ts = at.ts(event.clientX - chart.getBoundingClientRect().left);
    follows = false;
    cursor.value = String((ts - at.start) / MINUTE);
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

  /** Nothing to draw. @param {string} why */
  const empty = (why) => {
    chart.replaceChildren();
    at = null;
    show("chart-none", true);
    say("chart-none", why);
    say("axis-start", "");
    say("bounds", "");
    find("readout").replaceChildren();
  };

  /** @param {number} now */
  return (now) => {
    const points = readings.points;
    const reach = Number(choices.find((input) => input.checked)?.value ?? 24) * HOUR;
    const slots = ahead(readings.forecast, now, reach);
    say("best", bestSentence(readings.forecast, now));
    say("forecast-basis", basis(readings.forecast, now));
    const rows = hourRows(slots);
    table("hours-ahead", rows);
    show("table-ahead", rows.length > 0);
    show("as-table", points.length + rows.length > 0);
    cursor.disabled = points.length === 0;
    if (points.length === 0) return empty(EN.chart_none);
    const width = chart.clientWidth;
    if (width === 0) return undefined;
    // The past ends with the newest reading; when that is late, now: the gap is part of the picture.
    const newest = points[points.length - 1].ts;
    const end = freshness(newest, now) === "fresh" ? newest : now;
    const shown = points.filter((point) => point.ts > end - DAY);
    if (shown.length === 0) return empty(EN.no_data);
    show("chart-none", false);
    // Nor is it drawn where it has been measured since.
    const drawn = slots.filter((slot) => slot.end > newest);
    show("key-ahead", drawn.length > 0);
    show("reach", drawn.length > 0);
    say("day-title", drawn.length > 0 ? EN.day_title_ahead : EN.day_title);
    const block = best(ahead(readings.forecast, now));
    show("key-best", Boolean(block?.worth));
    const enough = (readings.now?.percentile_hours ?? 168) >= 48;
    const [p33, p67] = readings.now && enough ? [readings.now.p33, readings.now.p67] : [null, null];
    at = layout(shown, drawn, end, [p33, p67], width, chart.clientHeight);
    const longest = String(Math.floor((at.right - at.start) / MINUTE / 15) * 15);
    if (cursor.max !== longest) cursor.max = longest;
    if (follows) {
      cursor.value = String((newest - at.start) / MINUTE);
      home = cursor.value;
    }
    const moment = follows ? newest : at.start + Number(cursor.value) * MINUTE;
    const current = readings.now?.value ?? shown[shown.length - 1].value;
    const named = drawn.length === 0 || width >= ROOM_FOR_NAMES;
    const below = named || p33 === null || p67 === null ? "" : fill(EN.bounds, { clean: whole(p33), dirty: whole(p67) });
    say("bounds", below);
    const name = draw(chart, at, shown, drawn, { p33, p67, named, cursor: moment, current, now, best: block?.worth ? block : null });
    const spoken = block?.worth ? fill(EN.chart_name_best, { chart: name, best: bestSentence(readings.forecast, now) }) : name;
    if (chart.getAttribute("aria-label") !== spoken) chart.setAttribute("aria-label", spoken);
    const read = readout(shown, drawn, moment, now);
    if (find("readout").textContent !== `${read.time}: ${read.grams}${read.likely}`) {
      const grams = document.createElement("b");
      grams.textContent = read.grams;
      find("readout").replaceChildren(`${read.time}: `, grams, read.likely);
    }
    cursor.setAttribute("aria-valuetext", read.spoken);
    say("axis-start", fill(EN.axis_start, { value: whole(at.bottom) }));
    table("hours", hourlyMeans(shown).map(({ start, value }) => [
      fill(EN.table_hour, { day: weekday(start), time: hour(start) }),
      value === null ? EN.no_data : whole(value),
    ]));
    return undefined;
  };
};
