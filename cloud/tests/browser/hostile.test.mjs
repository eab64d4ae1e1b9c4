// Payloads are text. What a publisher writes is shown, never run.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { co2, mix, step } from "./data.mjs";
import { World, feedIs, says, text } from "./world.mjs";

const HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";

/** @type {World} */
let world;
before(async () => (world = await World.start()));
after(() => world.stop());

test("a hostile fuel, factor set and reason stay text on the dashboard", async () => {
  const ts = step() + 1000;
  await world.broker.retain("upstream/mix", mix(ts, { fuels: { ...mix(ts).fuels, [HOSTILE]: 12 }, complete: false }));
  await world.broker.retain("computed/co2", co2(ts, { factor_set: HOSTILE, complete: false, unknown: [HOSTILE] }));
  for (const round of ["written by the script", "written by the server"]) {
    await world.visit({}, async (page) => {
      await feedIs(page, "live");
      await says(page, "#fuels tr:last-child th", /^<img src=x onerror=.* new category$/);
      assert.ok((await text(page, "#basis")).includes(HOSTILE), round);
      assert.ok((await text(page, "#incomplete")).includes(HOSTILE), round);
      assert.equal(await page.locator("main img, main script").count(), 0, round);
      assert.match(await page.title(), /New York grid now$/);
    });
  }
});

test("a hostile payload and topic stay text on the console", async () => {
  await world.broker.retain(`status/${HOSTILE.replaceAll("/", "")}`, HOSTILE);
  await world.visit({ path: "/console" }, async (page) => {
    await page.locator("#messages tr", { hasText: "onerror" }).first().waitFor();
    const row = page.locator("#messages tr", { hasText: "status/<img" });
    assert.equal(await row.locator(".payload").innerText(), HOSTILE);
    assert.equal(await page.locator("main img, main script").count(), 0);
    assert.equal(await page.title(), "MQTT console: NY Grid Carbon");
  });
});
