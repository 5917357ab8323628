import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { CHECK_INTERVAL_MS, WebSettings } from "../../../src/http/web-config/web-settings.ts";
import { type Certificates, makeCertificates } from "../../support/certificates.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedLog } from "../../support/recorded-log.ts";

const HASH = "$2y$10$eUWwyN5bU2dHHyHfpCUU5O.YOCxM13Pixu5.Nh2ZXWoXv39NTQnD2";
const ALICE = `basic_auth_users: {alice: ${HASH}}\n`;
const BOTH = `basic_auth_users: {alice: ${HASH}, bob: ${HASH}}\n`;
const TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n";

let files: Certificates;
let clock: FakeClock;
beforeEach(async () => {
  files = await makeCertificates();
  clock = new FakeClock();
});
afterEach(() => files[Symbol.asyncDispose]());

async function open(text: string, path?: string) {
  const { log, lines } = recordedLog(clock);
  const settings = await WebSettings.open(path ?? (await files.write("web.yml", text)), {
    clock,
    log,
  });
  return {
    settings,
    lines,
    names: () => [...settings.current.users.keys()].join(" "),
    /** Checks the files after a second. */
    async check() {
      await clock.advance(CHECK_INTERVAL_MS);
      await settings.check();
    },
  };
}

test("applies and logs a change at the next check", async () => {
  const web = await open(ALICE);
  await files.write("web.yml", BOTH);
  expect(web.names()).toBe("alice");
  await web.check();
  expect(web.names()).toBe("alice bob");
  await web.check();
  expect(web.lines).toEqual(['level=info msg="web configuration changed"']);
});

test("checks the files at most once a second, once for all requests", async () => {
  const web = await open(ALICE);
  await files.write("web.yml", BOTH);
  expect(web.settings.check()).toBeUndefined();
  await clock.advance(CHECK_INTERVAL_MS);
  const check = web.settings.check();
  expect(check).toBeInstanceOf(Promise);
  expect(web.settings.check()).toBe(check);
  await check;
  expect(web.settings.check()).toBeUndefined();
  expect(web.names()).toBe("alice bob");
  expect(clock.pendingTimers).toBe(0);
});

test("keeps the last configuration and logs once when the file becomes invalid, and when it is valid again", async () => {
  const web = await open(ALICE);
  await files.write("web.yml", "basic_auth_user: {}\n");
  await web.check();
  await web.check();
  await files.write("web.yml", "basic_auth_user: {}\n\n");
  await web.check();
  expect(web.names()).toBe("alice");
  await files.write("web.yml", BOTH);
  await web.check();
  expect(web.names()).toBe("alice bob");
  expect(web.lines).toEqual([
    expect.stringMatching(
      /^level=error msg="web configuration invalid, the last one stays in force" err=".*web\.yml: unknown key basic_auth_user: /,
    ),
    'level=info msg="web configuration restored"',
  ]);
});

test.each([
  ["", ALICE, "removing all users requires a restart"],
  [ALICE, TLS, "turning TLS off requires a restart"],
  [TLS, "", "turning TLS on requires a restart"],
  ["http_server_config: {http2: false}", "", "turning HTTP/2 on or off requires a restart"],
])("rejects %j after %j", async (next, first, why) => {
  const web = await open(first);
  const before = web.settings.current;
  await files.write("web.yml", next);
  await web.check();
  expect(web.settings.current).toBe(before);
  expect(web.lines).toEqual([expect.stringContaining(why)]);
});

test("applies users when there were none", async () => {
  const web = await open("");
  await files.write("web.yml", ALICE);
  await web.check();
  expect(web.names()).toBe("alice");
});

test("applies a changed certificate, and waits for a missing one", async () => {
  const web = await open(TLS);
  const certOf = () => web.settings.current.tls?.context.cert;
  const first = certOf();
  await files.make("server");
  await web.check();
  const second = certOf();
  expect(second).not.toBe(first);

  await files.write("web.yml", TLS.replaceAll("server.", "later."));
  await web.check();
  expect(certOf()).toBe(second);
  expect(web.lines.at(-1)).toContain("later.crt");
  await files.make("later");
  await web.check();
  expect(certOf()).toBe(await files.pem("later.crt"));
});

test("keeps the last configuration when the file is missing", async () => {
  const web = await open(ALICE);
  await rename(join(files.folder, "web.yml"), join(files.folder, "web.yml.old"));
  await web.check();
  expect(web.names()).toBe("alice");
  expect(web.lines).toEqual([expect.stringContaining("web.yml: no such file")]);
});

test("applies a change when links are swapped, as Kubernetes does", async () => {
  const at = (name: string): string => join(files.folder, name);
  for (const [name, text] of [
    ["..1", ALICE],
    ["..2", BOTH],
  ] as const) {
    await mkdir(at(name));
    await writeFile(at(`${name}/web.yml`), text);
  }
  await symlink("..1", at("..data"));
  await symlink("..data/web.yml", at("mounted.yml"));
  const web = await open("", at("mounted.yml"));
  expect(web.names()).toBe("alice");
  await symlink("..2", at("..data_tmp"));
  await rename(at("..data_tmp"), at("..data"));
  await web.check();
  expect(web.names()).toBe("alice bob");
});

test("throws at the start when the file is invalid", async () => {
  await expect(open("x: 1")).rejects.toMatchObject({ name: "WebConfigError" });
});
