import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { LOOK_EVERY_MS, WebSettings } from "../../../src/http/web-config/web-settings.ts";
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
    /** Looks after a second. */
    async look() {
      await clock.advance(LOOK_EVERY_MS);
      await settings.look();
    },
  };
}

test("a change counts from the next look on, and is told", async () => {
  const web = await open(ALICE);
  await files.write("web.yml", BOTH);
  expect(web.names()).toBe("alice");
  await web.look();
  expect(web.names()).toBe("alice bob");
  await web.look();
  expect(web.lines).toEqual(['level=info msg="web configuration changed"']);
});

test("files are looked at once a second at most, and by one for all", async () => {
  const web = await open(ALICE);
  await files.write("web.yml", BOTH);
  expect(web.settings.look()).toBeUndefined();
  await clock.advance(LOOK_EVERY_MS);
  const look = web.settings.look();
  expect(look).toBeInstanceOf(Promise);
  expect(web.settings.look()).toBe(look);
  await look;
  expect(web.settings.look()).toBeUndefined();
  expect(web.names()).toBe("alice bob");
  expect(clock.pendingTimers).toBe(0);
});

test("what becomes invalid leaves the last one, says so once, and says when it is right again", async () => {
  const web = await open(ALICE);
  await files.write("web.yml", "basic_auth_user: {}\n");
  await web.look();
  await web.look();
  await files.write("web.yml", "basic_auth_user: {}\n\n");
  await web.look();
  expect(web.names()).toBe("alice");
  await files.write("web.yml", BOTH);
  await web.look();
  expect(web.names()).toBe("alice bob");
  expect(web.lines).toEqual([
    expect.stringMatching(
      /^level=error msg="web configuration can't be used, the last one stays" err=".*web\.yml: unknown key basic_auth_user: /,
    ),
    'level=info msg="web configuration is back"',
  ]);
});

test.each([
  ["", ALICE, "letting everybody in takes a restart"],
  [ALICE, TLS, "turning TLS off takes a restart"],
  [TLS, "", "turning TLS on takes a restart"],
  ["http_server_config: {http2: false}", "", "turning HTTP/2 on or off takes a restart"],
])("%j isn't taken after %j", async (next, first, why) => {
  const web = await open(first);
  const before = web.settings.current;
  await files.write("web.yml", next);
  await web.look();
  expect(web.settings.current).toBe(before);
  expect(web.lines).toEqual([expect.stringContaining(why)]);
});

test("users can be asked for where there were none", async () => {
  const web = await open("");
  await files.write("web.yml", ALICE);
  await web.look();
  expect(web.names()).toBe("alice");
});

test("a certificate that is another is taken, one that isn't there yet is waited for", async () => {
  const web = await open(TLS);
  const certOf = () => web.settings.current.tls?.context.cert;
  const first = certOf();
  await files.make("server");
  await web.look();
  const second = certOf();
  expect(second).not.toBe(first);

  await files.write("web.yml", TLS.replaceAll("server.", "later."));
  await web.look();
  expect(certOf()).toBe(second);
  expect(web.lines.at(-1)).toContain("later.crt");
  await files.make("later");
  await web.look();
  expect(certOf()).toBe(await files.pem("later.crt"));
});

test("a file that is gone leaves the last one", async () => {
  const web = await open(ALICE);
  await rename(join(files.folder, "web.yml"), join(files.folder, "web.yml.old"));
  await web.look();
  expect(web.names()).toBe("alice");
  expect(web.lines).toEqual([expect.stringContaining("web.yml: there is no such file")]);
});

test("links that are swapped, as Kubernetes does, are seen", async () => {
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
  await web.look();
  expect(web.names()).toBe("alice bob");
});

test("a file that can't be used is an error at the start", async () => {
  await expect(open("x: 1")).rejects.toMatchObject({ name: "WebConfigError" });
});
