import { dirname, resolve } from "node:path";
import { clipped, quoted } from "../../platform/data/escape.ts";
import { Fields } from "./fields.ts";
import { readTls } from "./tls-settings.ts";
import { TrackedFiles } from "./tracked-files.ts";
import { WebConfigError } from "./web-config.ts";
import type { RateLimit, WebConfig } from "./web-config.ts";

/** The headers that can be set, with their allowed values if these are limited. */
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  "Content-Security-Policy": [],
  "Strict-Transport-Security": [],
  "X-Content-Type-Options": ["nosniff"],
  "X-Frame-Options": ["deny", "sameorigin"],
  "X-XSS-Protection": [],
};

/** The cost has two digits, the salt 22 characters, the hash 31. */
const BCRYPT = /^\$2[aby]?\$(\d{2})\$[./A-Za-z0-9]{53}$/;
/** Each step of the cost doubles the time: at 16 a login takes seconds. */
const MAX_BCRYPT_COST = 16;
const MAX_USERS = 1000;
const MAX_BURST = 1_000_000;

/**
 * Reads a web configuration file in the format of the Prometheus exporter-toolkit, and the files
 * that it names, relative to its folder.
 * https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
 *
 * @param files tracks the files that are read
 * @throws WebConfigError
 */
export async function readWebConfig(path: string, files = new TrackedFiles()): Promise<WebConfig> {
  try {
    // The parser costs memory only if there is such a file.
    const { parseYaml } = await import("./yaml-document.ts");
    const whole = new Fields(parseYaml(await files.read(path))).only([
      "tls_server_config",
      "http_server_config",
      "basic_auth_users",
      "rate_limit",
    ]);
    const http = whole.section("http_server_config").only(["http2", "headers"]);
    const tls = whole.section("tls_server_config");
    return {
      tls: await readTls(tls, (name) => files.read(resolve(dirname(path), name))),
      http2: http.boolean("http2") ?? true,
      headers: readHeaders(http.section("headers")),
      users: readUsers(whole.section("basic_auth_users")),
      rateLimit: readRateLimit(whole.section("rate_limit")),
    };
  } catch (error) {
    if (!(error instanceof WebConfigError)) throw error;
    const name = quoted(clipped(path, 200)).slice(1, -1);
    throw new WebConfigError(`${name}: ${error.message}`, { cause: error });
  }
}

function readHeaders(fields: Fields): ReadonlyMap<string, string> {
  fields.only(Object.keys(HEADERS));
  return new Map(
    fields.names().map((name) => {
      const value = fields.text(name) ?? "";
      const known = HEADERS[name] ?? [];
      if (value !== "" && known.length > 0 && !known.includes(value)) {
        fields.reject(name, known.join(" or "), value);
      }
      try {
        process.getBuiltinModule("node:http").validateHeaderValue(name, value);
      } catch {
        fields.reject(name, "a valid header value", value);
      }
      return [name, value];
    }),
  );
}

function readUsers(fields: Fields): ReadonlyMap<string, string> {
  const names = fields.names();
  if (names.length > MAX_USERS) {
    throw new WebConfigError(`basic_auth_users: expected at most ${MAX_USERS} users`);
  }
  return new Map(
    names.map((name) => {
      // In a client's credentials the name ends at the first colon.
      if (name === "" || /[:\p{Cc}]/u.test(name)) {
        throw new WebConfigError(`${fields.pathOf(name)}: expected a name without a colon`);
      }
      const hash = fields.text(name) ?? "";
      const cost = Number(BCRYPT.exec(hash)?.[1]);
      if (!(cost >= 4)) fields.reject(name, "a bcrypt hash, as `htpasswd -nBC 10 NAME` makes it");
      if (cost > MAX_BCRYPT_COST) {
        fields.reject(name, `a bcrypt hash with a cost of at most ${MAX_BCRYPT_COST}`);
      }
      // The prefix `2` is the first name of `2a`, which bcryptjs doesn't know.
      return [name, hash.replace(/^\$2\$/, "$2a$")];
    }),
  );
}

function readRateLimit(fields: Fields): RateLimit | undefined {
  fields.only(["interval", "burst"]);
  const interval = fields.text("interval") ?? "0";
  const intervalMs =
    goDurationMs(interval) ?? fields.reject("interval", "a duration such as 1s or 500ms", interval);
  const text = fields.text("burst") ?? "0";
  const burst = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(burst <= MAX_BURST)) {
    fields.reject("burst", `a whole number of at most ${MAX_BURST}`, text);
  }
  if (intervalMs === 0) return undefined;
  if (burst === 0) fields.reject("burst", "at least 1, else every request is rejected", text);
  return { intervalMs, burst };
}

const GO_UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Parses a duration in the form of Go: `1.5s`, `1m30s`, `0`. */
function goDurationMs(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:ns|[uµμ]s|ms|s|m|h))+$/.test(text)) return undefined;
  return [...text.matchAll(/([\d.]+)(\D+)/g)].reduce(
    (sum, [, amount, unit = ""]) => sum + Number(amount) * (GO_UNITS_MS[unit] ?? 0),
    0,
  );
}
