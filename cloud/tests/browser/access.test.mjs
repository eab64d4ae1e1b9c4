// For everyone: an automatic checker in light and dark, narrow and wide; the keyboard; the room it needs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { publishAll, step } from "./data.mjs";
import { World, feedIs, says, text } from "./world.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** @type {World} */
let world;
before(async () => (world = await World.start()));
after(() => world.stop());

/** @param {import("playwright-core").Page} page @returns {Promise<string[]>} */
const violations = async (page) => {
  await page.evaluate(axe);
  return page.evaluate(async (tags) => {
    const found = await /** @type {any} */ (globalThis).axe.run(document, { runOnly: tags });
    return found.violations.map((/** @type {any} */ v) => `${v.id}: ${v.nodes.map((/** @type {any} */ n) => n.html).join(" ")}`);
  }, TAGS);
};

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  for (const width of [320, 1280]) {
    for (const path of ["/", "/about", "/console", "/nowhere"]) {
      test(`no violation on ${path}, ${colorScheme}, ${width} px wide`, async () => {
        await world.visit({ path, colorScheme, viewport: { width, height: 900 }, bypassCSP: true, mayFail: /404/ }, async (page) => {
          if (path !== "/nowhere") await feedIs(page, "live");
          if (path === "/") await page.getByText("Show as a table").click();
          assert.deepEqual(await violations(page), []);
          const room = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
          assert.ok(room[0] <= room[1], `${room[0]} px in ${room[1]}`);
        });
      });
    }
  }
}

for (const [name, options] of /** @type {[string, any][]} */ ([
  ["late", { ts: step() - 40 * 60_000 }],
  ["old", { ts: step() - 100 * 60_000 }],
  ["demo", { origin: "generated" }],
  ["dirty and incomplete", { changes: { verdict: "dirty", percentile_7d: 90, complete: false, missing: ["Wind"] } }],
  ["average", { changes: { verdict: "average", percentile_7d: 50 } }],
  ["without a forecast", { ahead: false }],
  ["young", { changes: { verdict: null, percentile_hours: 12 } }],
])) {
  test(`no violation in the state: ${name}`, async () => {
    const other = await World.start({ data: false });
    try {
      await publishAll(other.broker, options);
      await other.web.ready();
      for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
        await other.visit({ colorScheme, bypassCSP: true }, async (page) => {
          await page.waitForSelector("#chart .line");
          assert.deepEqual(await violations(page), []);
        });
      }
    } finally {
      await other.stop();
    }
  });
}

test("the checker would catch a fault", async () => {
  await world.visit({ bypassCSP: true }, async (page) => {
    await feedIs(page, "live");
    await page.evaluate(() => document.querySelector("html")?.removeAttribute("lang"));
    assert.match((await violations(page)).join(), /html-has-lang/);
  });
});

test("the keyboard reaches everything, and the slider reads out", async () => {
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    const reached = [];
    for (let i = 0; i < 20; i += 1) {
      await page.keyboard.press("Tab");
      reached.push(await page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent?.trim()));
    }
    for (const wanted of ["Skip to content", "NY Grid Carbon", "Forecast", "Fuel mix", "Console", "cursor", "Show as a table", "zone", "Schemas"]) {
      assert.ok(reached.includes(wanted), `${wanted} is not among ${reached}`);
    }
    await page.locator("#cursor").focus();
    const at = () => page.locator("#cursor").getAttribute("aria-valuetext");
    const first = await at();
    assert.match(first ?? "", /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+:\d\d [AP]M( E[SD]T)?: \d+ grams$/);
    for (let i = 0; i < 12; i += 1) await page.keyboard.press("ArrowLeft");
    await says(page, "#readout", /\d+ g$/);
    assert.notEqual(await at(), first);
    assert.equal(await page.locator("#chart .cursor-dot").count(), 1);
    assert.match(await page.locator("#chart").getAttribute("aria-label") ?? "", /^Carbon intensity over the last 24 hours: from \d+ to \d+ grams/);
  });
});

test("twice the text size needs no sideways scrolling", async () => {
  await world.visit({ viewport: { width: 640, height: 900 } }, async (page) => {
    await feedIs(page, "live");
    await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
    await page.waitForTimeout(100);
    const room = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(room[0] <= room[1], `${room[0]} px in ${room[1]}`);
  });
});

test("forced colors keep words and borders, reduced motion moves nothing", async () => {
  await world.visit({ forcedColors: "active", reducedMotion: "reduce" }, async (page) => {
    await feedIs(page, "live");
    assert.equal(await text(page, "#verdict"), "Clean");
    const chip = await page.locator(".chip").evaluate((node) => getComputedStyle(node).borderTopStyle);
    assert.notEqual(chip, "none");
    const motion = await page.evaluate(() =>
      [...document.querySelectorAll("*")].filter((node) => getComputedStyle(node).transitionDuration !== "0s").length);
    assert.equal(motion, 0);
  });
});

test("the page does not jump while it loads", async () => {
  await world.visit({ viewport: { width: 390, height: 844 } }, async (page) => {
    await feedIs(page, "live");
    await page.waitForTimeout(300);
    const shift = await page.evaluate(() => new Promise((resolve) => {
      let sum = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) sum += /** @type {any} */ (entry).value;
      }).observe({ type: "layout-shift", buffered: true });
      setTimeout(() => resolve(sum), 200);
    }));
    assert.ok(/** @type {number} */ (shift) <= 0.02, `layout shift ${shift}`);
  });
});
