// The hours ahead, imports and zones on the dashboard; and the page about the numbers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ZONES, co2, flows, forecast, publishAll, skill, step, zoneNow } from "./data.mjs";
import { Web } from "./server.mjs";
import { World, feedIs, says, text, until } from "./world.mjs";

const MINUTE = 60_000;
const BEST = /^(Cleanest 3 hours of the next 24: (today|tonight|tomorrow), \d+:\d\d [AP]M to \d+:\d\d [AP]M, about \d+ g per kWh\.|Now is about as good as it gets in the next 24 hours, near \d+ g per kWh\.)$/;

/** @type {World} */
let world;
before(async () => (world = await World.start()));
after(() => world.stop());

/** Starts over, so that nothing is known. */
const fresh = async () => {
  await world.web.stop();
  await world.broker.kill();
  await world.broker.up();
  world.web = await Web.start(world.broker.address);
};

/** A forecast that dips, so that the best hours are known. @param {number} ts @param {object} [changes] */
const dipping = (ts, changes = {}) => {
  const made = forecast(ts);
  const start = Date.parse(made.start);
  const values = made.values.map((_, i) => (i >= 40 && i < 52 ? 150 : 240));
  return {
    best: [start + 40 * 15 * MINUTE, start + 52 * 15 * MINUTE],
    payload: { ...made, values, p10: values.map((v) => v - 12), p90: values.map((v) => v + 15), ...changes },
  };
};

/** @param {import("playwright-core").Page} page */
const sideways = async (page) => {
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= room, `${wide} px in ${room}`);
};

test("the forecast is drawn after the past, said in a sentence, and read by slider and table", async () => {
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    await says(page, "#day-title", "Last 24 hours and forecast");
    assert.match(await text(page, "#best"), BEST);
    for (const part of [".expected", ".band", ".now-line", ".line"]) {
      assert.equal(await page.locator(`#chart ${part}`).count(), 1, part);
    }
    // The forecast begins where the past ends.
    const [past, ahead] = await page.evaluate(() => ["#chart .line", "#chart .expected"]
      .map((name) => /** @type {SVGGraphicsElement} */ (document.querySelector(name)).getBBox())
      .map(({ x, width }) => [x, x + width]));
    const wide = await page.locator("#chart").evaluate((node) => node.clientWidth);
    assert.ok(Math.abs(ahead[0] - past[1]) < wide / 48, `${past} then ${ahead}`);
    assert.ok(ahead[1] > wide - 30, `it reaches ${ahead[1]} of ${wide}`);

    const name = await page.locator("#chart").getAttribute("aria-label") ?? "";
    assert.match(name, /^Carbon intensity over the last 24 hours: .* Forecast of the next 24 hours: from \d+ to \d+ grams, lowest at /);
    const cursor = page.locator("#cursor");
    await cursor.focus();
    for (let i = 0; i < 8; i += 1) await page.keyboard.press("ArrowRight");
    await says(page, "#readout", /: \d+ g, likely \d+ to \d+$/);
    assert.match(await cursor.getAttribute("aria-valuetext") ?? "", /^\w{3} .*: \d+ grams, forecast, likely \d+ to \d+$/);
    assert.equal(await page.locator("#chart .cursor-dot").count(), 1);
    await page.keyboard.press("End");
    await says(page, "#readout", /: \d+ g, likely \d+ to \d+$/);
    await page.keyboard.press("Home");
    await says(page, "#readout", /^(?!.*likely).*$/);

    await page.getByText("Show as a table").click();
    const rows = await page.locator("#hours-ahead tr").count();
    assert.ok(rows === 24 || rows === 25, `${rows} hours`);
    assert.match(await text(page, "#hours-ahead tr:first-child"), /^\w{3} \d+:\d\d [AP]M \d+ \d+ to \d+$/);
  });
});

test("on a phone the names of the thirds are below the picture", async () => {
  for (const [width, names] of [[390, 0], [1280, 2]]) {
    await world.visit({ viewport: { width, height: 844 } }, async (page) => {
      await feedIs(page, "live");
      assert.equal(await page.locator("#chart .bound").count(), 2);
      assert.equal(await page.locator("#chart .bound-name").count(), names);
      assert.equal(await text(page, "#bounds"), names ? "" : "Dotted: clean below 208, dirty above 246");
      await sideways(page);
    });
  }
});

test("more hours ahead can be asked for, by key too, and the choice is kept", async () => {
  const context = await world.browser.newContext({ viewport: { width: 390, height: 844 } });
  try {
    const page = await context.newPage();
    await page.goto(world.web.url);
    await feedIs(page, "live");
    const max = async () => Number(await page.locator("#cursor").getAttribute("max")) / 60;
    assert.ok(Math.abs(await max() - 48) <= 1, `${await max()} hours`);
    const best = await text(page, "#best");
    await page.getByRole("radio", { name: "24" }).focus();
    await page.keyboard.press("ArrowRight");
    await until(async () => Math.abs(await max() - 72) <= 1, "72 hours");
    await page.getByRole("radio", { name: "96" }).check();
    await until(async () => Math.abs(await max() - 120) <= 1, "120 hours");
    assert.match(await page.locator("#chart").getAttribute("aria-label") ?? "", /Forecast of the next 96 hours/);
    assert.equal(await text(page, "#best"), best, "the best hours are of the next 24");
    await page.locator("#cursor").focus();
    await page.keyboard.press("End");
    await says(page, "#readout", /^\w{3} \d+:\d\d [AP]M: \d+ g, likely \d+ to \d+$/);
    await page.getByText("Show as a table").click();
    assert.ok((await page.locator("#hours-ahead tr").count()) >= 96);
    // No two labels of the axis touch.
    const gaps = await page.locator("#chart text:not(.now-name):not(.bound-name)").evaluateAll((labels) => {
      const row = labels.map((label) => label.getBoundingClientRect()).sort((a, b) => a.left - b.left);
      const bottom = Math.max(...row.map((box) => box.bottom));
      const axis = row.filter((box) => Math.abs(box.bottom - bottom) < 2);
      return axis.slice(1).map((box, i) => box.left - axis[i].right);
    });
    assert.ok(gaps.length >= 3 && gaps.every((gap) => gap > 4), `${gaps}`);
    await sideways(page);
    await page.reload();
    await feedIs(page, "live");
    await until(async () => Math.abs(await max() - 120) <= 1, "120 hours again");
  } finally {
    await context.close();
  }
});

test("a new forecast moves line, sentence and the marked hours, and no one has to ask for it", async () => {
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    const line = () => page.locator("#chart .expected").getAttribute("d");
    const before = await line();
    const requests = [];
    page.on("request", (request) => requests.push(request.url()));
    const { payload, best } = dipping(step(), { issued: new Date(Date.now() + 1000).toISOString().slice(0, 19) + "Z" });
    await world.broker.retain("forecast/co2", payload);
    await says(page, "#best", /^Cleanest 3 hours .*, about 150 g per kWh\.$/);
    assert.notEqual(await line(), before);
    const hour = (/** @type {number} */ ts) => new Intl.DateTimeFormat("en-US", { timeZone: "America/New_York", hour: "numeric", minute: "2-digit" }).format(ts);
    assert.ok((await text(page, "#best")).includes(`${hour(best[0])} to ${hour(best[1])}`), await text(page, "#best"));
    // The shaded hours lie where the sentence says.
    const shaded = await page.locator("#chart .best-hours").evaluate((node) => [Number(node.getAttribute("x")), Number(node.getAttribute("width"))]);
    const wide = await page.locator("#chart").evaluate((node) => node.clientWidth - 48);
    assert.ok(Math.abs(shaded[1] - (wide * 3) / 48) < 4, `${shaded} of ${wide}`);
    assert.match(await page.locator("#chart").getAttribute("aria-label") ?? "", /Cleanest 3 hours of the next 24: /);
    assert.deepEqual(requests, []);
  });
  await world.broker.retain("forecast/co2", forecast(step(), { issued: new Date(Date.now() + 2000).toISOString().slice(0, 19) + "Z" }));
});

test("a forecast that is not what it promises changes nothing", async () => {
  await world.visit({ mayFail: /^dropped a message/ }, async (page) => {
    await feedIs(page, "live");
    // Along the time axis it moves with the clock.
    const heights = async () => (await page.locator("#chart .expected").getAttribute("d") ?? "").match(/ [\d.]+/g);
    const before = await heights();
    assert.ok(before && before.length >= 96);
    const later = { issued: new Date(Date.now() + 3_600_000).toISOString() };
    for (const bad of [{ p10: [1] }, { step_s: 0 }, { values: forecast(step()).values.map(() => 1501) }, { basis: 5 }, { start: "soon" }]) {
      await world.broker.tell("forecast/co2", JSON.stringify(forecast(step(), { ...later, ...bad })));
    }
    await world.broker.retain("computed/co2", co2(step() + 5000, { value: 219 }));
    await says(page, "#value", "219");
    assert.deepEqual(await heights(), before);
  });
});

test("the zone is chosen once, kept in this browser, and its rate stays live", async () => {
  const context = await world.browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(world.web.url);
    await feedIs(page, "live");
    assert.match(await text(page, "#neighbors-caption"), /^From the neighbors, \d+:\d\d [AP]M$/);
    await says(page, "#neighbors", "Québec 1,211 MW Ontario 644 MW New England exporting 220 MW PJM (south and west) 981 MW");
    assert.equal(await page.locator("#zone option").count(), 12);
    await page.getByLabel("Your load zone").selectOption("Long Island");
    const said = "The next kilowatt-hour in Long Island: 435 g CO2 (NYISO implied marginal emission rate, real time).";
    await says(page, "#marginal", said);
    await says(page, "#announcer", said);
    await page.reload();
    await says(page, "#marginal", said);
    assert.equal(await page.locator("#zone").inputValue(), "longil");
    await world.broker.retain("computed/co2/longil", zoneNow(step() + 1000, "longil", { marginal: 801 }));
    await says(page, "#marginal", /Long Island: 801 g CO2/);
    await world.broker.retain("computed/co2/longil", zoneNow(step() + 2000, "longil", { marginal: 1500, clamped: true }));
    await says(page, "#marginal", /Long Island: 1500 g CO2, the bound of what is believed/);
    // The broker forgets it.
    await world.broker.forget("computed/co2/longil");
    await says(page, "#marginal", "What the next kilowatt-hour in Long Island emits is not known right now.");
  } finally {
    await context.close();
  }
});

test("without a place to keep it the choice holds until the page is closed", async () => {
  await world.visit({}, async (page) => {
    await page.addInitScript(() => {
      Object.defineProperty(globalThis, "localStorage", { get: () => { throw new Error("refused"); } });
    });
    await page.reload();
    await feedIs(page, "live");
    await page.getByLabel("Your load zone").selectOption("nyc");
    await says(page, "#marginal", /^The next kilowatt-hour in New York City: 468 g CO2/);
  });
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  for (const width of [390, 1280]) {
    test(`the page about the numbers has them, ${colorScheme}, ${width} px wide`, async () => {
      await publishAll(world.broker, { ts: step() + 6000 });
      await world.visit({ path: "/about", colorScheme, viewport: { width, height: 844 } }, async (page) => {
        await feedIs(page, "live");
        assert.match(await text(page, "#best"), BEST);
        await says(page, "#imports", /^With imports counted: \d+ g CO2 per kWh/);
        assert.match(await text(page, "#life-cycle"), /\d+ g CO2e per kWh/);
        assert.match(await text(page, "#marginal"), /all of New York: 412 g CO2/);
        assert.equal(await page.locator("#zones tr").count(), ZONES.length);
        assert.match(await text(page, "#zones tr:has-text('New York City')"), /^New York City 468 NYISO/);
        assert.ok((await page.locator("#hours-ahead tr").count()) >= 24);
        assert.equal(await page.locator("#skill tr").count(), 4);
        assert.match(await text(page, "#skill tr:first-child"), /^Day 1 5\.1 % 11\.\d g 79\.5 % 719$/);
        assert.match(await text(page, "#skill-note"), /^Of the last 30 days \(average, production, direct\)/);
        await sideways(page);
      });
    });
  }
}

test("the page about the numbers is kept true by the stream, and reads without JavaScript", async () => {
  await world.visit({ path: "/about" }, async (page) => {
    await feedIs(page, "live");
    const horizons = skill(step()).horizons.map((day) => ({ ...day, mape: 3.3 }));
    await world.broker.retain("forecast/co2/skill", skill(step() + 7000, { horizons }));
    await says(page, "#skill tr:first-child td:nth-child(2)", "3.3 %");
    await world.broker.retain("forecast/co2", dipping(step(), { issued: new Date(Date.now() + 5000).toISOString() }).payload);
    await says(page, "#best", /about 150 g per kWh/);
    assert.match(await text(page, "#hours-ahead"), /150 138 to 165/);
  });
  await world.visit({ path: "/about", javaScriptEnabled: false }, async (page) => {
    assert.equal(await text(page, "#skill tr:first-child td:nth-child(2)"), "3.3 %");
    assert.match(await text(page, "#best"), /about 150 g per kWh/);
  });
});

test("what the server writes of the outlook and what the script writes are the same", async () => {
  const parts = {
    "/": ["#best", "#day-title", "#forecast-basis", "#hours-ahead", "#imports", "#neighbors", "#neighbors-caption", "#marginal"],
    "/about": ["#best", "#forecast-basis", "#hours-ahead", "#imports", "#life-cycle", "#marginal", "#zones", "#skill", "#skill-note"],
  };
  const story = async () => {
    for (const [path, selectors] of Object.entries(parts)) {
      await world.visit({ path }, async (page) => {
        const html = await (await fetch(page.url())).text();
        await page.waitForFunction(() => document.querySelector("#feed")?.getAttribute("data-feed") !== "snapshot");
        await page.waitForTimeout(200);
        const [written, shown] = await page.evaluate(([source, names]) => {
          const came = new DOMParser().parseFromString(/** @type {string} */ (source), "text/html");
          const read = (/** @type {Document} */ from) => /** @type {string[]} */ (names).map((name) => from.querySelector(name)?.textContent?.replace(/\s+/g, " ").trim());
          return [read(came), read(document)];
        }, /** @type {const} */ ([html, selectors]));
        assert.deepEqual(shown, written, path);
      });
    }
  };
  await story();
  await world.broker.retain("computed/co2", co2(step() + 9000, { production_only: "no flows have come since 4:05 PM", marginal: null }));
  await world.broker.retain("upstream/flows", flows(step() + 9000, { net: { HQ: -0.4, PJM: -12 } }));
  await world.broker.retain("forecast/co2", forecast(step(), { model: "profile-14d", issued: new Date(Date.now() + 9000).toISOString() }));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await story();
});

test("without a forecast the chart is what it was: no hole, no error, and the reason is said", async () => {
  await fresh();
  await publishAll(world.broker, { ahead: false });
  await world.web.ready();
  for (const width of [390, 1280]) {
    await world.visit({ viewport: { width, height: 844 } }, async (page) => {
      await feedIs(page, "live");
      assert.equal(await text(page, "#day-title"), "Last 24 hours");
      assert.equal(await text(page, "#best"), "No forecast right now: none has arrived yet.");
      assert.equal(await page.locator("#chart :is(.expected, .band, .now-line, .best-hours)").count(), 0);
      assert.equal(await page.locator("#key-ahead").isVisible(), false);
      assert.equal(await page.locator("#reach").isVisible(), false);
      assert.equal(await page.locator("#cursor").getAttribute("max"), "1440");
      const reach = await page.evaluate(() => {
        const { x, width: wide } = /** @type {SVGGraphicsElement} */ (document.querySelector("#chart .line")).getBBox();
        return /** @type {Element} */ (document.querySelector("#chart")).clientWidth - x - wide;
      });
      assert.ok(reach < 20, `the line ends ${reach} px before the edge`);
      assert.equal(await page.locator("#neighbors-table").isVisible(), false);
      await page.getByLabel("Your load zone").selectOption("nyc");
      await says(page, "#marginal", "What the next kilowatt-hour in New York City emits is not known right now.");
      await sideways(page);
    });
  }
  // And comes into an open page.
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    await world.broker.retain("forecast/co2", forecast(step()));
    await page.locator("#chart .expected").waitFor();
    await says(page, "#day-title", "Last 24 hours and forecast");
  });
});

test("a forecast of six hours ago is none, and the page says of when it is", async () => {
  await fresh();
  await publishAll(world.broker, { ahead: false });
  await world.broker.retain("forecast/co2", forecast(step() - 400 * MINUTE));
  await world.web.ready();
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    assert.match(await text(page, "#best"), /^No forecast right now: the newest is of .*\d+:\d\d [AP]M\.$/);
    assert.equal(await page.locator("#chart .expected").count(), 0);
  });
});

test("a forecast that is made up is labeled, whatever the rest is", async () => {
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    await world.broker.retain("forecast/co2", forecast(step(), { origin: "generated" }));
    await says(page, "#banner", "Generated demo data: not New York’s grid");
    assert.ok((await page.title()).endsWith("(demo data)"));
  });
});
