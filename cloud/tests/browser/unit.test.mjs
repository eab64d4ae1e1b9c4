// The parts that need no browser.

import assert from "node:assert/strict";
import { test } from "node:test";

const assets = new URL("../../src/web/assets/", import.meta.url);
const { hour, minuteOfDay, thousands, time, timeAndDay, whole } = await import(new URL("format.js", assets).href);
const { hourlyMeans, linePath, readingAt, slotAt } = await import(new URL("chart.js", assets).href);
const { ahead, best, bestSentence, hourRows, neighborRows, zoneMarginal } = await import(new URL("outlook.js", assets).href);
const { framer, subscribe } = await import(new URL("mqtt.js", assets).href);
const { Readings } = await import(new URL("readings.js", assets).href);
const { EN, fill } = await import(new URL("words.js", assets).href);

const at = (/** @type {string} */ text) => Date.parse(text);

test("times of day, both one o'clocks of November, and the hour that March skips", () => {
  for (const [ts, now, expected] of [
    ["2026-03-10T22:00:00Z", "2026-03-10T22:12:00Z", "6:00 PM"],
    ["2026-03-10T04:05:00Z", "2026-03-10T22:12:00Z", "12:05 AM"],
    ["2026-03-10T03:55:00Z", "2026-03-10T22:12:00Z", "Mon 11:55 PM"],
    ["2026-03-03T22:00:00Z", "2026-03-10T22:12:00Z", "Mar 3, 5:00 PM"],
    ["2026-11-01T05:05:00Z", "2026-11-01T05:10:00Z", "1:05 AM EDT"],
    ["2026-11-01T06:05:00Z", "2026-11-01T06:10:00Z", "1:05 AM EST"],
    ["2026-11-01T07:05:00Z", "2026-11-01T07:10:00Z", "2:05 AM"],
    ["2026-03-08T07:00:00Z", "2026-03-08T07:10:00Z", "3:00 AM"],
  ]) assert.equal(timeAndDay(at(ts), at(now)), expected);
  assert.equal(hour(at("2026-11-01T06:00:00Z")), "1 AM EST");
  assert.equal(time(at("2026-03-08T06:55:00Z")), "1:55 AM");
  assert.equal(minuteOfDay(at("2026-03-08T07:10:00Z")), 190);
  assert.equal(minuteOfDay(at("2026-03-10T04:05:00Z")), 5);
});

test("numbers are whole, have commas, and no minus before zero", () => {
  for (const [value, expected] of [[0, "0"], [-0.4, "0"], [999.5, "1,000"], [5413, "5,413"], [-1234, "-1,234"]]) {
    assert.equal(thousands(value), expected);
  }
  assert.equal(whole(207.5), "208");
  assert.equal(whole(-0.2), "0");
});

const minutes = (/** @type {number[]} */ ...list) => list.map((minute) => ({ ts: at("2026-03-10T22:00:00Z") + minute * 60_000, value: 200 + minute }));
const same = (/** @type {number} */ value) => value;

test("a hole in the readings is a hole in the line, and a lone reading is a dot", () => {
  const path = linePath(minutes(0, 5, 20, 36, 60, 65), (/** @type {number} */ ts) => (ts - at("2026-03-10T22:00:00Z")) / 60_000, same);
  assert.equal(path, "M0.0 200.0L5.0 205.0L20.0 220.0M36.0 236.0h0.1M60.0 260.0L65.0 265.0");
});

test("a moment has the reading that stands for it, and none in a hole", () => {
  const points = minutes(0, 5, 60);
  const read = (/** @type {number} */ minute) => readingAt(points, at("2026-03-10T22:00:00Z") + minute * 60_000)?.value;
  assert.deepEqual([-20, -10, 0, 3, 5, 6, 44, 46, 60, 61].map(read), [undefined, 200, 200, 205, 205, undefined, undefined, 260, 260, undefined]);
});

test("hourly means weigh by duration and leave holes", () => {
  const points = [[0, 100], [30, 100], [45, 100], [60, 200], [185, 300], [240, 300]].map(([minute, value]) => ({ ts: at("2026-03-10T22:00:00Z") + minute * 60_000, value }));
  const means = hourlyMeans(points).map(({ start, value }) => [new Date(start).toISOString().slice(11, 16), value && Math.round(value)]);
  assert.deepEqual(means, [["01:00", 300], ["00:00", 300], ["23:00", null], ["22:00", 133], ["21:00", 100]]);
});

// The same cases as in cloud/src/web/view/outlook.rs.
const NOW = "2026-03-10T22:12:00Z";
const forecastOf = (/** @type {(slot: number) => number} */ value, issued = NOW) => {
  const start = at("2026-03-10T22:00:00Z");
  const slots = Array.from({ length: 384 }, (_, i) => ({
    start: start + i * 900_000, end: start + (i + 1) * 900_000, value: value(i), p10: value(i) - 10, p90: value(i) + 12,
  }));
  return { ts: at(issued), model: "ny-power", basis: "average, production, direct", slots, origin: "nyiso" };
};
const dip = (/** @type {number} */ from) => (/** @type {number} */ slot) => (slot >= from && slot < from + 12 ? 190 : 220);

test("the best hours are one sentence with their day", () => {
  const noon = "2026-03-11T14:00:00Z";
  for (const [value, now, expected] of /** @type {[(slot: number) => number, string, string][]} */ ([
    [dip(8), NOW, "Cleanest 3 hours of the next 24: tonight, 8:00 PM to 11:00 PM, about 190 g per kWh."],
    [dip(29), NOW, "Cleanest 3 hours of the next 24: tonight, 1:15 AM to 4:15 AM, about 190 g per kWh."],
    [dip(64), NOW, "Cleanest 3 hours of the next 24: tomorrow, 10:00 AM to 1:00 PM, about 190 g per kWh."],
    [dip(72), noon, "Cleanest 3 hours of the next 24: today, 12:00 PM to 3:00 PM, about 190 g per kWh."],
    [dip(200), NOW, "Now is about as good as it gets in the next 24 hours, near 220 g per kWh."],
    [(slot) => (slot > 20 ? 210 : 220), NOW, "Now is about as good as it gets in the next 24 hours, near 210 g per kWh."],
  ])) assert.equal(bestSentence(forecastOf(value, now), at(now)), expected);
  assert.equal(best(ahead(forecastOf(dip(8)), at(NOW)))?.worth, true);
  assert.equal(best(ahead(forecastOf(dip(200)), at(NOW)))?.worth, false);
  assert.equal(bestSentence(null, at(NOW)), "No forecast right now: none has arrived yet.");
  const old = forecastOf(dip(8), "2026-03-10T22:00:00Z");
  assert.equal(bestSentence(old, at("2026-03-11T04:01:00Z")), "No forecast right now: the newest is of Tue 6:00 PM.");
  const short = { ...old, slots: old.slots.slice(0, 3) };
  assert.equal(bestSentence(short, at(NOW)), "The forecast reaches less than 3 hours ahead.");
  assert.deepEqual(ahead({ ...old, slots: [] }, at(NOW)), []);
});

test("the forecast reads by the hour, also where an hour comes twice", () => {
  const rows = hourRows(ahead(forecastOf((slot) => 200 + Math.floor(slot / 4)), at(NOW)));
  assert.deepEqual(rows.slice(0, 2), [["Tue 6:00 PM", "200", "190 to 212"], ["Tue 7:00 PM", "201", "191 to 213"]]);
  assert.equal(rows.length, 25);
  const slots = [0, 1, 2].map((hour) => ({ start: at("2026-11-01T05:00:00Z") + hour * 3_600_000, end: 0, value: 1, p10: 1, p90: 1 }));
  assert.deepEqual(hourRows(slots).map(([when]) => when), ["Sun 1:00 AM EDT", "Sun 1:00 AM EST", "Sun 2:00 AM"]);
});

test("a slot stands for its quarter of an hour, and the last one for its end", () => {
  const slots = forecastOf((slot) => slot).slots.slice(0, 2);
  const read = (/** @type {number} */ minute) => slotAt(slots, at("2026-03-10T22:00:00Z") + minute * 60_000)?.value;
  assert.deepEqual([-1, 0, 14, 15, 29, 30, 31].map(read), [undefined, 0, 0, 1, 1, 1, undefined]);
});

test("flows and rates that are too old say so", () => {
  const held = { ts: at("2026-03-10T22:00:00Z"), net: { HQ: 1250, "New England": -220, PJM: -0.4 } };
  assert.deepEqual(neighborRows(held, at(NOW)), [
    ["Québec", "1,250 MW"], ["Ontario", "no data"], ["New England", "exporting 220 MW"], ["PJM (south and west)", "0 MW"],
  ]);
  assert.deepEqual(neighborRows(held, at("2026-03-10T23:01:00Z")), []);
  const rate = { ts: at("2026-03-10T22:00:00Z"), marginal: 455.2, basis: "x", clamped: false };
  assert.equal(zoneMarginal("nyc", rate, at(NOW)), "The next kilowatt-hour in New York City: 455 g CO2 (x).");
  assert.equal(zoneMarginal("nyc", rate, at("2026-03-10T23:01:00Z")), "What the next kilowatt-hour in New York City emits is not known right now; the newest is of 6:00 PM.");
  assert.equal(zoneMarginal("nyc", null, at(NOW)), "What the next kilowatt-hour in New York City emits is not known right now.");
});

test("packets come out whole however they are split or joined", () => {
  const stream = Uint8Array.from([0xd0, 0, 0x30, 0x82, 0x01, ...new Array(130).fill(7), 0xd0, 0]);
  for (let step = 1; step <= stream.length; step += 1) {
    /** @type {number[][]} */
    const seen = [];
    const push = framer((/** @type {number} */ first, /** @type {Uint8Array} */ body) => seen.push([first, body.length]));
    for (let i = 0; i < stream.length; i += step) push(stream.subarray(i, i + step));
    assert.deepEqual(seen, [[0xd0, 0], [0x30, 130], [0xd0, 0]], `in pieces of ${step}`);
  }
  assert.throws(() => framer(() => {})(Uint8Array.from([0x30, 0xff, 0xff, 0xff, 0xff, 1])), /without end/);
  assert.throws(() => framer(() => {})(Uint8Array.from([0x30, 0xff, 0xff, 0xff, 0x7f])), /268435455 bytes/);
});

test("the client pings by what it says, not by what it hears, and gives up on silence", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  let now = 0;
  t.mock.method(performance, "now", () => now);
  t.mock.method(Math, "random", () => 0);
  /** @type {any[]} */
  const sockets = [];
  class FakeSocket {
    static OPEN = 1;
    readyState = 1;
    /** @type {number[]} */
    kinds = [];
    constructor() {
      sockets.push(this);
    }
    send(/** @type {Uint8Array} */ bytes) {
      this.kinds.push(bytes[0] >> 4);
    }
    close() {
      this.readyState = 3;
    }
    hear(/** @type {number[]} */ ...bytes) {
      /** @type {any} */ (this).onmessage({ data: Uint8Array.from(bytes).buffer });
    }
  }
  const real = globalThis.WebSocket;
  globalThis.WebSocket = /** @type {any} */ (FakeSocket);
  try {
    /** @type {string[]} */
    const states = [];
    subscribe({ url: "ws://x/mqtt", filters: ["a/#"], onMessage: () => {}, onState: (/** @type {string} */ state) => states.push(state) });
    const welcome = () => {
      sockets.at(-1).onopen();
      sockets.at(-1).hear(0x20, 2, 0, 0);
      sockets.at(-1).hear(0x90, 3, 0, 1, 0);
    };
    welcome();
    assert.deepEqual([states, sockets[0].kinds], [["connecting", "live"], [1, 8]]);

    // A busy stream for a minute: something is heard each second.
    for (let second = 0; second < 60; second += 1) {
      now += 1000;
      t.mock.timers.tick(1000);
      sockets[0].hear(0x30, 3, 0, 1, 0x61);
    }
    assert.deepEqual(sockets[0].kinds.slice(2), [12, 12, 12]);

    // Then silence.
    for (let second = 0; second < 51; second += 1) {
      now += 1000;
      t.mock.timers.tick(1000);
    }
    assert.equal(states.at(-1), "reconnecting");
    now += 1000;
    t.mock.timers.tick(1000);
    assert.equal(sockets.length, 2);
    welcome();
    assert.equal(states.at(-1), "live");

    // A refusal drops the connection, and the waits grow.
    t.mock.method(console, "warn", () => {});
    for (const wait of [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]) {
      const before = sockets.length;
      if (sockets.at(-1).onclose) sockets.at(-1).onclose();
      t.mock.timers.tick(wait - 1);
      assert.equal(sockets.length, before);
      t.mock.timers.tick(1);
      assert.equal(sockets.length, before + 1, `after ${wait} ms`);
    }
    sockets.at(-1).onopen();
    sockets.at(-1).hear(0x20, 2, 0, 5);
    assert.equal(states.at(-1), "reconnecting");
  } finally {
    globalThis.WebSocket = real;
  }
});

test("readings keep the newest and drop what is not promised", (t) => {
  t.mock.method(console, "warn", () => {});
  const co2 = (/** @type {string} */ ts, /** @type {object} */ changes = {}) =>
    JSON.stringify({ ts, value: 200, units: "g / kWh", factor_set: "x", complete: true, ...changes });
  const readings = new Readings();
  assert.equal(readings.accept("computed/co2", co2("2026-03-10T22:00:00Z")), true);
  assert.equal(readings.accept("computed/co2", co2("2026-03-10T21:00:00Z", { value: 1 })), false);
  for (const bad of ["<img>", "null", "{}", co2("yesterday"), co2("2026-03-10T23:00:00Z", { value: 1501 }),
    co2("2026-03-10T23:00:00Z", { verdict: "green" }), co2("2026-03-10T23:00:00Z", { missing: "Wind" }),
    co2("2026-03-10T23:00:00Z", { origin: "elsewhere" })]) {
    assert.equal(readings.accept("computed/co2", bad), false, bad);
  }
  assert.equal(readings.now?.value, 200);
  assert.equal(readings.accept("archive/co2/24h", '{"ts":["2026-03-10T22:00:00Z"],"values":[]}'), false);
  assert.equal(readings.accept("upstream/mix", '{"ts":"2026-03-10T22:00:00Z","fuels":{"Wind":"1"}}'), false);
  assert.equal(readings.accept("computed/co2", ""), true);
  assert.equal(readings.now, null);
});

test("every sentence that the scripts ask for is there", async () => {
  const { readFile, readdir } = await import("node:fs/promises");
  for (const name of (await readdir(assets)).filter((name) => name.endsWith(".js"))) {
    const script = await readFile(new URL(name, assets), "utf8");
    for (const [, key] of script.matchAll(/\bEN\.(\w+)/g)) assert.ok(key in EN, `${name} asks for ${key}`);
  }
  assert.equal(fill("{a} and {b}", { a: "{b}", b: 2 }), "{b} and 2");
});
