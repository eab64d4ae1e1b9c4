// What comes over the borders, and the next kilowatt-hour, in the zone that was chosen.

import { timeAndDay } from "./format.js";
import { imports, marginal, neighborRows, zoneMarginal } from "./outlook.js";
import { find, keep, kept, say, show, table } from "./page.js";
import { ZONES } from "./topics.js";
import { EN, fill } from "./words.js";

/** What the choice is kept under: in this browser, and nowhere else. */
const KEPT = "ny-power-zone";

/**
 * Makes the chooser live; what it returns draws the card.
 * @param {import("./readings.js").Readings} readings @param {() => void} schedule asks for a drawing
 */
export const beyondCard = (readings, schedule) => {
  /** Someone has just chosen: a screen reader says what came of it. */
  let asked = false;
  const chooser = /** @type {HTMLSelectElement} */ (find("zone"));
  chooser.value = kept(KEPT, ZONES);
  chooser.addEventListener("change", () => {
    keep(KEPT, chooser.value);
    asked = true;
    schedule();
  });

  /** @param {number} now */
  return (now) => {
    const reading = readings.now;
    say("imports", reading ? imports(reading) : "");
    const rows = neighborRows(readings.flows, now);
    table("neighbors", rows);
    show("neighbors-table", rows.length > 0);
    if (readings.flows) say("neighbors-caption", fill(EN.neighbors, { time: timeAndDay(readings.flows.ts, now) }));
    const zone = chooser.value;
    if (zone !== "") say("marginal", zoneMarginal(zone, readings.zones[zone], now));
    else say("marginal", reading ? marginal(reading) : "");
    if (asked) say("announcer", find("marginal").textContent ?? "");
    asked = false;
  };
};
