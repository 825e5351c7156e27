import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";
import { findOnPath } from "./processes/backend.ts";

/** Debian's Chromium; undefined: this machine has none. `make browser` installs it. */
export const CHROMIUM = process.env["CHROMIUM"] ?? findOnPath("chromium");

const QUIET = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How a page is looked at. */
export interface Look {
  readonly colorScheme: "light" | "dark";
  readonly width: number;
  readonly height: number;
}

export interface TestBrowser {
  /** A fresh profile, that nothing has been seen in yet; to be closed. */
  look(how: Look): Promise<BrowserContext>;
  close(): Promise<void>;
}

/** A browser with a profile of its own, which asks nobody but the page's own address. */
export async function startBrowser(executablePath: string): Promise<TestBrowser> {
  const home = await mkdtemp(join(tmpdir(), "ecs-chromium-"));
  // Chromium keeps files beside its profile, too.
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
  const browser = await chromium.launch({ executablePath, args: QUIET, env });
  return {
    look: ({ colorScheme, width, height }) =>
      browser.newContext({ colorScheme, viewport: { width, height } }),
    async close() {
      await browser.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
