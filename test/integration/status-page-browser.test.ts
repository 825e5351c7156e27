import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHttpServer, type HttpServer } from "../../src/observe/http/http-server.ts";
import { CHROMIUM, type Look, startBrowser, type TestBrowser } from "../support/browser.ts";
import { busyNight, pictured, PROJECT, quiet, storeAway } from "../support/page-scenes.ts";

/*
 * The pages in a real browser, light and dark, on a desktop and on a phone. The pictures stay in .cache/screenshots.
 * STATUS_PICTURE=1 also makes the picture of the README again.
 */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PICTURES = join(ROOT, ".cache", "screenshots");
const README_PICTURE = join(ROOT, "docs", "status-page.png");

const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd5989";
const SCENES = { busy: busyNight(), quiet: quiet(), away: storeAway(), picture: pictured() };
const PAGES = [
  ["busy", "first", "/"],
  ["busy", "command", "/commands/heal-web-04-5e0d"],
  ["busy", "ended", "/commands/heal-db-03-90aa"],
  ["busy", "server", `/servers/${PROJECT}/${SERVER}`],
  ["quiet", "first", "/"],
  ["quiet", "unknown", "/commands/nobody"],
  ["away", "first", "/"],
  ["away", "command", "/commands/heal-web-04-5e0d"],
] as const;

const LOOKS: readonly (readonly [string, Look])[] = [
  ["light-desktop", { colorScheme: "light", width: 1280, height: 860 }],
  ["dark-desktop", { colorScheme: "dark", width: 1280, height: 860 }],
  ["light-phone", { colorScheme: "light", width: 375, height: 780 }],
  ["dark-phone", { colorScheme: "dark", width: 375, height: 780 }],
];

if (CHROMIUM === undefined) {
  process.stderr.write(
    "\nstatus-page-browser.test.ts: NOT RUN. This machine has no Chromium: `make browser` installs it.\n\n",
  );
}

describe.skipIf(CHROMIUM === undefined)("in a browser", () => {
  let browser: TestBrowser;
  const servers = new Map<string, HttpServer>();

  beforeAll(async () => {
    await mkdir(PICTURES, { recursive: true });
    browser = await startBrowser(CHROMIUM ?? "");
    for (const [name, scene] of Object.entries(SCENES)) {
      const onError = (error: unknown) => {
        throw error;
      };
      const server = createHttpServer({ host: "127.0.0.1", port: 0, ...scene, onError });
      await server.start();
      servers.set(name, server);
    }
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all([...servers.values()].map((server) => server.stop()));
  });

  const address = (scene: string, path: string) =>
    `http://127.0.0.1:${servers.get(scene)?.address()?.port}${path}`;

  describe.each(LOOKS)("%s", (look, how) => {
    it.each(PAGES)(
      "%s, %s: can be read by everybody, and runs nothing",
      async (scene, name, path) => {
        const context = await browser.look(how);
        try {
          const page = await context.newPage();
          const complaints = listenTo(page);
          await page.goto(address(scene, path));
          // With scripts allowed: what a bad sender wrote would have run by now.
          expect(await page.title()).not.toBe("owned");
          expect(await widerThanTheWindow(page)).toEqual([]);
          expect(await violations(page)).toEqual([]);
          expect(complaints()).toEqual([]);
          const picture = join(PICTURES, `${scene}-${name}-${look}.png`);
          await page.screenshot({ path: picture, fullPage: true });
        } finally {
          await context.close();
        }
      },
    );
  });

  it("leads from the first page to a command and its server, and back, by the keyboard too", async () => {
    const context = await browser.look({ colorScheme: "light", width: 1280, height: 860 });
    try {
      const page = await context.newPage();
      await page.goto(address("busy", "/?stay=1"));
      await page.getByRole("link", { name: "heal-web-05-5e0d" }).first().click();
      await page.getByRole("heading", { level: 1, name: "heal-web-05-5e0d" }).waitFor();
      await page.getByLabel("Server or command").fill(SERVER);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { level: 1, name: SERVER }).waitFor();
      await page.getByRole("link", { name: "ecs-reinstall", exact: true }).click();
      await page.getByRole("heading", { level: 1, name: "Reinstalls" }).waitFor();
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.textContent.trim()")).toBe(
        "To the content",
      );
    } finally {
      await context.close();
    }
  });

  it("refreshes itself without a script", async () => {
    const context = await browser.look({ colorScheme: "light", width: 1280, height: 860 });
    try {
      const page = await context.newPage();
      await page.goto(address("quiet", "/"));
      const loads: string[] = [];
      page.on("load", () => loads.push(page.url()));
      await expect.poll(() => loads, { timeout: 20_000, interval: 100 }).toHaveLength(1);
    } finally {
      await context.close();
    }
  });

  it.runIf(process.env["STATUS_PICTURE"] === "1")("makes the picture of the README", async () => {
    const context = await browser.look({ colorScheme: "light", width: 1120, height: 1240 });
    const page = await context.newPage();
    await page.goto(address("picture", "/?stay=1"));
    await page.screenshot({ path: README_PICTURE });
    await context.close();
  });
});

/** What the browser complains of: errors, and what the Content-Security-Policy did not let through. */
function listenTo(page: Page): () => readonly string[] {
  const complaints: string[] = [];
  page.on("console", (line) => {
    // The answer's own status (404, 503) is logged by the browser as a failed load.
    if (!line.text().startsWith("Failed to load resource")) complaints.push(line.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return () => complaints;
}

async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate<axe.AxeResults>("axe.run()");
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** Elements that make a page scroll sideways, where it does. */
async function widerThanTheWindow(page: Page): Promise<readonly string[]> {
  const script = `document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
    [...document.querySelectorAll("body *")]
      .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
      .map((one) => one.outerHTML.slice(0, 120))`;
  return page.evaluate<readonly string[]>(script);
}
