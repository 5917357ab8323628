import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";
import { ensureCommands, missingCommands } from "./engine/packages.ts";
import { slowMs } from "./slowness.ts";

const COMMAND = "chromium";

/** True if a browser is installed or can be; always true in CI. */
export async function canBrowse(): Promise<boolean> {
  if (process.env["CI"] === "true" || process.getuid?.() === 0) return true;
  return (await missingCommands([COMMAND])).length === 0;
}

/** A page and its errors. */
export interface OpenPage {
  readonly page: Page;
  /** Errors and warnings of the console, exceptions, and violations of the Content-Security-Policy. */
  readonly complaints: readonly string[];
}

/** Headless Chromium with its own profile. */
export class Browser implements AsyncDisposable {
  readonly #open: (options: BrowserContextOptions) => Promise<BrowserContext>;
  readonly #close: () => Promise<void>;

  constructor(
    open: (options: BrowserContextOptions) => Promise<BrowserContext>,
    close: () => Promise<void>,
  ) {
    this.#open = open;
    this.#close = close;
  }

  /** Opens a page at this address in a new context. */
  async visit(url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
    const context = await this.#open(options);
    const page = await context.newPage();
    page.setDefaultTimeout(slowMs(30_000));
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(url);
    return { page, complaints };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** Starts Chromium; installs Debian's with apt if it is missing. */
export async function startBrowser(): Promise<Browser> {
  await ensureCommands({ [COMMAND]: "chromium" });
  const home = await mkdtemp(join(tmpdir(), "unitwatch-browser-"));
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    env: { ...process.env, HOME: home },
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  return new Browser(
    (options) => browser.newContext(options),
    async () => {
      await browser.close();
      await rm(home, { recursive: true, force: true });
    },
  );
}
