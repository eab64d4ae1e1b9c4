// The installed Chromium, quiet: no updates, no probes, nothing that leaves the machine.

import { existsSync } from "node:fs";

import { chromium as playwright } from "playwright-core";

const CANDIDATES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const executable = CANDIDATES.find((path) => path && existsSync(path));

export const chromium = () => {
  if (!executable) throw new Error("no Chromium found: install it, or set CHROMIUM to its path");
  return playwright.launch({
    executablePath: executable,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
};
