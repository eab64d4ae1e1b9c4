// Takes the pictures of the dashboard. Run through scripts/screenshot.sh, which says how.
//
// With an address it photographs that server; without one it starts the web service and a broker of its
// own, with plausible data. The data of the README's picture are labeled as made up.

import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

import { chromium } from "../cloud/tests/browser/browser.mjs";
import { publishAll, standing, step } from "../cloud/tests/browser/data.mjs";
import { Broker, Web } from "../cloud/tests/browser/server.mjs";

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    path: { type: "string", default: "" },
    out: { type: "string", default: "docs/dashboard.png" },
    size: { type: "string", default: "1280x800" },
    scheme: { type: "string", default: "light" },
    origin: { type: "string", default: "generated" },
    age: { type: "string", default: "0" },
    full: { type: "boolean", default: false },
  },
});

const [width, height] = values.size.split("x").map(Number);
if (!width || !height) throw new Error(`--size is ${values.size}: give it as 1280x800`);

let broker;
let web;
let url = values.url;
if (!url) {
  broker = await Broker.start();
  web = await Web.start(broker.address);
  const ts = step() - Number(values.age) * 60_000;
  await publishAll(broker, { ts, origin: values.origin, changes: standing(ts) });
  await web.ready();
  url = web.url;
}
const browser = await chromium();
try {
  const page = await browser.newPage({
    viewport: { width, height },
    colorScheme: /** @type {"light" | "dark"} */ (values.scheme),
    deviceScaleFactor: width < 600 ? 2 : 1.5,
  });
  await page.goto(new URL(values.path, url).href);
  await page.waitForSelector('[data-feed="live"], [data-feed="late"], [data-feed="old"], [data-feed="waiting"]');
  await page.waitForTimeout(500);
  await mkdir(dirname(values.out), { recursive: true });
  await page.screenshot({ path: values.out, fullPage: values.full });
  console.log(`wrote ${values.out}`);
} finally {
  await browser.close();
  await web?.stop();
  await broker?.stop();
}
