// Prints how long the page takes, against the budgets of the dashboard: medians of twenty loads on loopback.
// Not a test: a busy machine would fail it.
//
//   cargo build -p ny-power-cloud && node cloud/tests/browser/measure.mjs

import { co2, step } from "./data.mjs";
import { World, feedIs } from "./world.mjs";

const ROUNDS = 20;

/** @param {number[]} list */
const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];

const world = await World.start();
try {
  for (const [name, rate, paintLimit, chartLimit] of /** @type {[string, number, number | null, number][]} */ ([
    ["full speed", 1, 150, 300], ["CPU slowed 4 times", 4, null, 1000],
  ])) {
    /** @type {number[]} */
    const paints = [];
    /** @type {number[]} */
    const charts = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const context = await world.browser.newContext({ viewport: { width: 390, height: 844 } });
      const page = await context.newPage();
      const session = await context.newCDPSession(page);
      await session.send("Emulation.setCPUThrottlingRate", { rate });
      await page.addInitScript(() => {
        new MutationObserver((_, observer) => {
          if (!document.querySelector("#chart .line")) return;
          observer.disconnect();
          /** @type {any} */ (globalThis).chartAt = performance.now();
        }).observe(document, { childList: true, subtree: true });
      });
      await page.goto(world.web.url);
      await page.waitForFunction(() => /** @type {any} */ (globalThis).chartAt && performance.getEntriesByName("first-contentful-paint").length > 0);
      const [paint, chart] = await page.evaluate(() => [
        performance.getEntriesByName("first-contentful-paint")[0].startTime, /** @type {any} */ (globalThis).chartAt,
      ]);
      paints.push(paint);
      charts.push(chart);
      await context.close();
    }
    console.log(`${name}: first paint ${median(paints).toFixed(0)} ms${paintLimit ? ` (budget ${paintLimit})` : ""}, first chart ${median(charts).toFixed(0)} ms (budget ${chartLimit})`);
  }

  const page = await world.browser.newPage();
  await page.goto(world.web.url);
  await feedIs(page, "live");
  /** @type {number[]} */
  const news = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const value = 300 + round;
    const seen = page.evaluate((wanted) => new Promise((resolve) => {
      const look = () => (document.getElementById("value")?.textContent === wanted ? resolve(Date.now()) : requestAnimationFrame(look));
      look();
    }), String(value));
    const told = Date.now();
    await world.broker.tell("computed/co2", JSON.stringify(co2(step() + 60_000 + round, { value })));
    news.push(/** @type {number} */ (await seen) - told);
  }
  console.log(`publish to pixels, with the start of mosquitto_pub: ${median(news)} ms (budget 250)`);
} finally {
  await world.stop();
}
