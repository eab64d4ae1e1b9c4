// News reach an open page, and a lost connection comes back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { co2, feed, iso, mix, publishAll, series, step } from "./data.mjs";
import { World, feedIs, says, text } from "./world.mjs";

/** @type {World} */
let world;
before(async () => (world = await World.start()));
after(() => world.stop());

test("a new instant changes the number, the title, the chart, the table and the mix", async () => {
  const ts = step() - 5 * 60_000;
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    const path = () => page.locator("#chart .line").getAttribute("d");
    const before = { path: await path(), mix: await text(page, "#fuels") };
    assert.ok(before.path);

    const newer = ts + 5 * 60_000 + 1000;
    await world.broker.retain("upstream/mix", mix(newer, { fuels: { ...mix(newer).fuels, Wind: 1904 } }));
    await world.broker.retain("computed/co2", co2(newer, { value: 271.4, verdict: "dirty", percentile_7d: 81 }));
    await says(page, "#value", "271");
    await says(page, "#verdict", "Dirty");
    await says(page, "#standing", "Dirtier than 81 of 100 hours this week");
    await says(page, "#fuels", /Wind 1,904 MW/);
    assert.equal(await page.title(), "271 g/kWh, dirty: New York grid now");
    assert.equal(await page.locator("#marker").getAttribute("x"), "81.0%");
    assert.notEqual(await path(), before.path);
    assert.notEqual(await text(page, "#fuels"), before.mix);

    const older = { ...series(ts), values: series(ts).values.map(() => 150) };
    older.ts.push(iso(newer + 1000));
    older.values.push(150);
    await world.broker.retain("archive/co2/24h", older);
    await page.getByText("Show as a table").click();
    await says(page, "#hours tr:nth-child(2) td", "150");
  });
});

test("an older message, and one that is not what it promises, change nothing", async () => {
  const ts = step();
  await world.broker.retain("computed/co2", co2(ts + 2000, { value: 200 }));
  await world.visit({ mayFail: /^dropped a message/ }, async (page) => {
    await says(page, "#value", "200");
    await feedIs(page, "live");
    await world.broker.tell("computed/co2", JSON.stringify(co2(ts - 3_600_000, { value: 300 })));
    await world.broker.tell("computed/co2", JSON.stringify(co2(ts + 3000, { value: 1501 })));
    await world.broker.tell("computed/co2", "<img src=x onerror=alert(1)>");
    await world.broker.tell("computed/co2", JSON.stringify(co2(ts + 4000, { value: 201 })));
    await says(page, "#value", "201");
  });
});

test("the broker is killed and comes back: Reconnecting, then Live, with what is new", { timeout: 90_000 }, async () => {
  await world.visit({ mayFail: /WebSocket connection|connection dropped/ }, async (page) => {
    await feedIs(page, "live");
    for (const value of [221, 222, 223]) {
      const number = await text(page, "#value");
      await world.broker.kill();
      await feedIs(page, "reconnecting");
      assert.equal(await text(page, "#feed-text"), "Reconnecting…");
      assert.equal(await text(page, "#value"), number, "the number stays");
      await world.broker.up();
      await publishAll(world.broker, { ts: step() + 10_000 + value * 10, changes: { value } });
      await feedIs(page, "live");
      await says(page, "#value", String(value));
    }
  });
});

test("a frozen broker is noticed when the page wakes", async () => {
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    world.broker.freeze();
    try {
      const asked = Date.now();
      await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
      await feedIs(page, "reconnecting");
      assert.ok(Date.now() - asked < 5000);
    } finally {
      world.broker.thaw();
    }
    await feedIs(page, "live");
  });
});

test("offline is said, and goes when the network is back", async () => {
  await world.visit({ mayFail: /WebSocket connection|ERR_INTERNET_DISCONNECTED/ }, async (page) => {
    await feedIs(page, "live");
    await page.context().setOffline(true);
    await says(page, "#feed-text", "You are offline");
    await page.context().setOffline(false);
    await feedIs(page, "live");
  });
});

test("a reload is offered when a new build or the operator says so, and never forced", async () => {
  const update = "#update";
  for (const [topic, said] of [
    ["application/webui", "reload"],
    ["status/web", JSON.stringify({ state: "online", version: "1", build: "newer", since: iso(step()) })],
  ]) {
    await world.visit({}, async (page) => {
      await feedIs(page, "live");
      assert.equal(await page.locator(update).isVisible(), false);
      await world.broker.tell(topic, said);
      await page.locator(update).waitFor({ state: "visible" });
      assert.equal(await text(page, update), "Updated: reload");
      await Promise.all([page.waitForEvent("load"), page.locator(update).click()]);
      assert.equal(await page.locator(update).isVisible(), false);
    });
  }
  // The same build, and a retained "reload", which would ask for ever.
  await world.broker.retain("application/webui", "reload");
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    const { build } = JSON.parse(await page.locator("#data").textContent() ?? "");
    assert.ok(build);
    await world.broker.retain("status/web", { state: "online", version: "1", build, since: iso(step()) });
    await world.broker.retain("status/feed/fuel-mix", feed(step()));
    await world.broker.retain("computed/co2", co2(step() + 15_000, { value: 207 }));
    await says(page, "#value", "207");
    assert.equal(await page.locator(update).isVisible(), false);
  });
});

test("only a change of the verdict is announced, and not every five seconds", async () => {
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    const at = step() + 20_000;
    await world.broker.retain("computed/co2", co2(at, { value: 240, verdict: "average" }));
    await says(page, "#value", "240");
    assert.match(await page.locator("#announcer").textContent() ?? "", /^Now average, 240 grams/);
    await world.broker.retain("computed/co2", co2(at + 1000, { value: 260, verdict: "dirty" }));
    await says(page, "#value", "260");
    assert.match(await page.locator("#announcer").textContent() ?? "", /^Now average/);
  });
});

test("three thousand updates, ten days of them, leave heap and nodes flat", { timeout: 120_000 }, async () => {
  await world.visit({}, async (page) => {
    await feedIs(page, "live");
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    const measure = async () => {
      await session.send("HeapProfiler.collectGarbage");
      const { metrics } = await session.send("Performance.getMetrics");
      const of = (/** @type {string} */ name) => metrics.find((metric) => metric.name === name)?.value ?? NaN;
      return { heap: of("JSHeapUsedSize"), nodes: await page.evaluate(() => document.querySelectorAll("*").length) };
    };
    let at = step() + 30_000;
    const send = async (/** @type {number} */ count) => {
      const lines = [];
      for (let i = 0; i < count; i += 1) lines.push(JSON.stringify(co2((at += 10), { value: 200 + (i % 60) })));
      await world.broker.send(["-t", "ny-power/computed/co2", "-l"], `${lines.join("\n")}\n`);
      await says(page, "#value", String(200 + ((count - 1) % 60)));
    };
    await send(100);
    const before = await measure();
    for (let round = 0; round < 6; round += 1) await send(500);
    const after = await measure();
    console.log(`heap ${before.heap} to ${after.heap} bytes, nodes ${before.nodes} to ${after.nodes}`);
    assert.ok(after.heap < 6e6 && after.heap - before.heap < 1e6, `heap ${before.heap} to ${after.heap}`);
    assert.ok(Math.abs(after.nodes - before.nodes) <= 4, `nodes ${before.nodes} to ${after.nodes}`);
  });
});
