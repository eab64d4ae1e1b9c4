// A broker, the web service and a browser, for one test file. Every page that is opened here is watched:
// a request that leaves the origin, an error of a script, or a violation of the policy fails the test.

import assert from "node:assert/strict";

import { chromium } from "./browser.mjs";
import { publishAll } from "./data.mjs";
import { Broker, Web, until } from "./server.mjs";

export { until };

export class World {
  static async start({ data = true, ahead = true } = {}) {
    const world = new World();
    world.broker = await Broker.start();
    world.web = await Web.start(world.broker.address);
    world.browser = await chromium();
    if (data) {
      await publishAll(world.broker, { ahead });
      await world.web.ready();
    }
    return world;
  }

  async stop() {
    await this.browser?.close();
    await this.web?.stop();
    await this.broker?.stop();
  }

  /**
   * Opens a page of our own and gives it to `story`; then looks whether anything went wrong beside it.
   * @param {import("playwright-core").BrowserContextOptions & { path?: string, mayFail?: RegExp }} options
   * @param {(page: import("playwright-core").Page) => Promise<void>} story
   */
  async visit({ path = "/", mayFail = /^$/, ...options }, story) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    context.setDefaultTimeout(15_000);
    /** @type {string[]} */
    const trouble = [];
    const { host } = new URL(this.web.url);
    context.on("request", (request) => {
      if (new URL(request.url()).host !== host) trouble.push(`a request left the origin: ${request.url()}`);
    });
    const page = await context.newPage();
    page.on("websocket", (socket) => {
      if (new URL(socket.url()).host !== host) trouble.push(`a socket left the origin: ${socket.url()}`);
    });
    page.on("pageerror", (error) => trouble.push(`an error of a script: ${error.message}`));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !mayFail.test(message.text())) trouble.push(message.text());
    });
    page.on("dialog", (dialog) => {
      trouble.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    try {
      await page.goto(new URL(path, this.web.url).href);
      await story(page);
    } finally {
      await context.close();
    }
    assert.deepEqual(trouble, []);
  }
}

/** Waits until the header says so. @param {import("playwright-core").Page} page @param {string} feed */
export const feedIs = (page, feed) => page.waitForSelector(`#feed[data-feed="${feed}"]`, { timeout: 15_000 });

/** @param {import("playwright-core").Page} page @param {string} selector */
export const text = async (page, selector) => (await page.locator(selector).innerText()).replace(/\s+/g, " ").trim();

/** Waits for a text. @param {import("playwright-core").Page} page @param {string} selector @param {string | RegExp} wanted */
export const says = async (page, selector, wanted) => {
  let last = "";
  const holds = async () => {
    last = await text(page, selector);
    return typeof wanted === "string" ? last === wanted : wanted.test(last);
  };
  await until(holds, `${selector} to say ${wanted}`).catch((error) => {
    throw new Error(`${error.message}; it says ${last}`);
  });
};
