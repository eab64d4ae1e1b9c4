// Each state of the page, and the words for it. The connection and the age of the data are two clocks.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { co2, feed, mix, publishAll, step } from "./data.mjs";
import { World, feedIs, says, text } from "./world.mjs";

const MINUTE = 60_000;

/** @type {World} */
let world;
before(async () => (world = await World.start({ data: false })));
after(() => world.stop());

/** Starts over, so that older data are news again. */
const fresh = async () => {
  await world.web.stop();
  await world.broker.kill();
  await world.broker.up();
  world.web = await (await import("./server.mjs")).Web.start(world.broker.address);
};

test("nothing known yet is said calmly, and the first reading ends it", async () => {
  await world.visit({}, async (page) => {
    await feedIs(page, "waiting");
    assert.equal(await text(page, "#value"), "–");
    assert.equal(await text(page, "#verdict"), "Waiting for the first reading");
    assert.match(await text(page, "#age"), /^NYISO publishes every five minutes\. The first reading is expected by \d+:\d\d [AP]M\.$/);
    assert.equal(await text(page, "#chart-none"), "The chart comes with the first readings.");
    await publishAll(world.broker);
    await feedIs(page, "live");
    await says(page, "#verdict", "Clean");
    assert.ok(await page.locator("#chart .line").getAttribute("d"));
  });
});

test("what the server writes and what the script writes are the same", async () => {
  await world.web.ready();
  const parts = ["title", "#now", "#fuels", "#mix-total", "#basis", "#life-cycle", "#hours"];
  /** @param {import("playwright-core").Page} page */
  const read = (page) => page.evaluate((selectors) => selectors.map((selector) => {
    const node = document.querySelector(selector);
    return node?.textContent?.replace(/\s+/g, " ").trim();
  }), parts);
  const bars = (/** @type {import("playwright-core").Page} */ page) =>
    page.locator("#fuels rect").evaluateAll((rects) => rects.map((rect) => [rect.getAttribute("class"), rect.getAttribute("width")]));
  for (const changes of [{}, { percentile_7d: 88, verdict: "dirty", percentile_hours: 60 }, { complete: false, missing: ["Wind"] }]) {
    await publishAll(world.broker, { changes });
    await new Promise((resolve) => setTimeout(resolve, 200));
    /** @type {unknown[]} */
    let written = [];
    await world.visit({ javaScriptEnabled: false }, async (page) => {
      const content = await page.content();
      assert.ok(content.includes('id="value">'));
      written = [await page.locator("#value").innerText(), await page.locator("#fuels tr").count()];
      assert.match(String(written[0]), /^\d+$/);
      assert.equal(written[1], 7);
    });
    await world.visit({ mayFail: /./ }, async (page) => {
      // The page as it came, before its script ran, and after.
      await feedIs(page, "live");
      const after = [await read(page), await bars(page)];
      const html = await (await fetch(page.url())).text();
      const before = await page.evaluate(([source, selectors]) => {
        const came = new DOMParser().parseFromString(/** @type {string} */ (source), "text/html");
        return /** @type {string[]} */ (selectors).map((selector) => came.querySelector(selector)?.textContent?.replace(/\s+/g, " ").trim());
      }, /** @type {const} */ ([html, parts]));
      assert.deepEqual(after[0], before);
    });
  }
});

test("the first paint reads without JavaScript", async () => {
  await publishAll(world.broker, { ts: step() + 1000 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  await world.visit({ javaScriptEnabled: false }, async (page) => {
    assert.match(await text(page, "#value"), /^\d+$/);
    assert.equal(await text(page, "#verdict"), "Clean");
    assert.match(await text(page, "#age"), /^Measured \d+:\d\d [AP]M, .*, NYISO$/);
    assert.match(await text(page, "#feed-text"), /^As of \d+:\d\d [AP]M$/);
    assert.match(await text(page, ".plot"), /The table below has the same numbers/);
    await page.getByText("Show as a table").click();
    assert.ok((await page.locator("#hours tr").count()) >= 22);
    assert.equal(await page.locator("#fuels tr").count(), 7);
  });
});

for (const [name, minutes, state, feedState, age] of /** @type {const} */ ([
  ["late data are dimmed and say how late", 45, "late", "late", /^Measured .*, 4[5-9] min ago\. NYISO has published nothing since\.$/],
  ["old data lose their verdict and keep their number", 90, "old", "old", /^Measured .*, 1 h 3\d min ago\. NYISO has published nothing since\.$/],
])) {
  test(name, async () => {
    await fresh();
    const ts = step() - minutes * MINUTE;
    await publishAll(world.broker, { ts });
    await world.broker.retain("status/feed/fuel-mix", feed(ts, { state: "gone", reason: "not found: HTTP 404" }));
    await world.web.ready();
    await world.visit({}, async (page) => {
      await feedIs(page, feedState);
      assert.equal(await page.locator("#now").getAttribute("data-state"), state);
      assert.match(await text(page, "#age"), age);
      assert.equal(await text(page, "#verdict"), state === "old" ? "No verdict: the data are old" : "Clean");
      assert.match(await text(page, "#value"), /^\d+$/);
      assert.equal(await text(page, "#reason"), "The feed says: not found: HTTP 404");
      assert.ok(await page.locator("#chart .line").getAttribute("d"), "history stays");
      if (state === "old") {
        assert.equal(await page.title(), "Old data: New York grid");
        assert.equal(await page.locator("#marker").isVisible(), false);
      }
    });
  });
}

test("time passes on an open page: fresh, late, old", async () => {
  await fresh();
  await publishAll(world.broker);
  await world.web.ready();
  const context = await world.browser.newContext();
  try {
    const page = await context.newPage();
    await page.clock.install();
    await page.goto(world.web.url);
    await feedIs(page, "live");
    await page.clock.fastForward(36 * MINUTE);
    await page.waitForSelector('#now[data-state="late"]');
    await page.clock.fastForward(40 * MINUTE);
    await page.waitForSelector('#now[data-state="old"]');
    assert.equal(await text(page, "#verdict"), "No verdict: the data are old");
  } finally {
    await context.close();
  }
});

test("a wrong clock of the visitor does not make data old or new", async () => {
  const context = await world.browser.newContext();
  try {
    const page = await context.newPage();
    await page.clock.install({ time: Date.now() + 9 * 60 * MINUTE });
    await page.goto(world.web.url);
    await feedIs(page, "live");
    assert.match(await text(page, "#age"), /^Measured .*, ([0-9] min ago|just now), NYISO$/);
  } finally {
    await context.close();
  }
});

test("an incomplete reading names what is missing", async () => {
  await publishAll(world.broker, { ts: step() + 2000, changes: { complete: false, missing: ["Wind", "Dual Fuel"] } });
  await world.visit({}, async (page) => {
    await says(page, "#incomplete", "Incomplete: there are no data for Wind, Gas or oil. Their share is not in this number.");
  });
});

test("a fuel without data is a dash and a reason, never 0", async () => {
  const { Wind, ...fuels } = mix(step()).fuels;
  await world.broker.retain("upstream/mix", mix(step() + 3000, { fuels, complete: false }));
  await world.visit({}, async (page) => {
    await says(page, "#fuels tr:nth-child(3)", /^Wind –( no data)?/);
    await says(page, "#fuels tr:nth-child(3) td:last-child", "no data");
  });
  assert.ok(Wind);
});

test("with little history there is no verdict, and the page says how much is there", async () => {
  await publishAll(world.broker, { ts: step() + 4000, changes: { verdict: null, percentile_hours: 31.4 } });
  await world.visit({}, async (page) => {
    await says(page, "#verdict", "No verdict yet");
    assert.equal(await text(page, "#standing"), "A verdict needs two days of data; 31 hours are here so far");
    assert.equal(await page.locator("#strip").isVisible(), false);
    assert.equal(await page.locator("#chart .bound").count(), 0);
  });
});

test("a week without swing says so instead of a verdict", async () => {
  await publishAll(world.broker, { ts: step() + 5000, changes: { verdict: "flat" } });
  await world.visit({}, (page) => says(page, "#verdict", "Much the same all week"));
});

for (const [origin, words, suffix] of /** @type {const} */ ([
  ["recorded", "Recorded data: New York’s grid of another day, played back", "(recorded data)"],
  ["generated", "Generated demo data: not New York’s grid", "(demo data)"],
])) {
  test(`${origin} data are labeled on every page`, async () => {
    await fresh();
    await world.visit({}, async (page) => {
      // An open page learns it from the messages, a new one has it written in.
      await publishAll(world.broker, { origin });
      await says(page, "#banner", words);
      assert.ok((await page.title()).endsWith(suffix));
    });
    await world.web.ready();
    for (const path of ["/", "/about", "/console", "/nowhere"]) {
      await world.visit({ path, mayFail: /404/ }, (page) => says(page, ".banner", words));
    }
  });
}

test("a hole in the history stays a hole", async () => {
  await fresh();
  const end = step();
  const hole = (/** @type {number} */ ts) => ts > end - 6 * 60 * MINUTE && ts < end - 3 * 60 * MINUTE;
  await publishAll(world.broker, { ts: end, without: hole });
  await world.web.ready();
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    const path = await page.locator("#chart .line").getAttribute("d") ?? "";
    assert.equal(path.match(/M/g)?.length, 2, "one line before the hole and one after");
    await page.locator("#cursor").fill(String(1440 - 255));
    await says(page, "#readout", /: no data$/);
    await page.getByText("Show as a table").click();
    await says(page, "#hours", /no data/);
  });
});
