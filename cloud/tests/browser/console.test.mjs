// The MQTT console.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { World, feedIs, says, text, until } from "./world.mjs";

/** @type {World} */
let world;
before(async () => (world = await World.start({ ahead: false })));
after(() => world.stop());

const rows = (/** @type {import("playwright-core").Page} */ page) => page.locator("#messages tr");

test("retained messages come at once, news on top, long payloads are cut", async () => {
  await world.visit({ path: "/console" }, async (page) => {
    await feedIs(page, "live");
    await until(async () => (await rows(page).count()) === 4, "the four retained messages");
    await says(page, "#count", "4 of 4 messages");
    await world.broker.tell("status/note", "hello");
    await says(page, "#messages tr:first-child .payload", "hello");
    assert.equal(await text(page, "#messages tr:first-child .topic"), "ny-power/status/note");
    assert.equal(await text(page, "#messages tr:first-child .size"), "5 B");

    const series = page.locator("#messages tr", { hasText: "archive/co2/24h" });
    assert.match(await series.locator(".topic").innerText(), /retained$/);
    assert.equal((await series.locator(".payload span").innerText()).length, 2048);
    await series.getByRole("button", { name: /^Show all/ }).click();
    assert.ok((await series.locator(".payload").innerText()).length > 5000);
  });
});

test("filter, pause and clear", async () => {
  await world.visit({ path: "/console" }, async (page) => {
    await until(async () => (await rows(page).count()) === 4, "the four retained messages");
    await page.getByLabel("Filter").fill("UPSTREAM");
    await says(page, "#count", "1 of 4 messages");
    await page.getByLabel("Filter").fill("");
    await page.getByRole("button", { name: "Pause" }).click();
    await world.broker.tell("status/note", "while paused");
    await world.broker.tell("status/note", "and more");
    await says(page, "#count", "4 of 4 messages, paused");
    await page.getByRole("button", { name: "Resume" }).click();
    await says(page, "#count", "6 of 6 messages");
    await says(page, "#messages tr:first-child .payload", "and more");
    await page.getByRole("button", { name: "Clear" }).click();
    await says(page, "#count", "0 of 0 messages");
    await says(page, "#empty", /^Nothing has come yet/);
  });
});

test("a thousand messages leave five hundred rows", async () => {
  await world.visit({ path: "/console" }, async (page) => {
    await feedIs(page, "live");
    const lines = Array.from({ length: 1000 }, (_, i) => `message ${i}`).join("\n");
    await world.broker.send(["-t", "ny-power/status/note", "-l"], `${lines}\n`);
    await says(page, "#messages tr:first-child .payload", "message 999");
    assert.equal(await rows(page).count(), 500);
  });
});

test("the line for a terminal is exact", async () => {
  await world.visit({ path: "/console" }, async (page) => {
    const { port } = world.broker;
    assert.equal(await text(page, "#subscribe"), `mosquitto_sub -h 127.0.0.1 -p ${port} -t 'ny-power/#' -v`);
    assert.equal(await text(page, "#socket-url"), `ws://${new URL(world.web.url).host}/mqtt`);
  });
});

test("the old address of the console still shows it", async () => {
  await world.visit({ path: "/mqtt" }, (page) => feedIs(page, "live").then(() => {}));
});
