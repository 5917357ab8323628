import { expect, test } from "@jest/globals";
import { BasicAuth, MAX_PENDING, MAX_REMEMBERED } from "../../../src/http/auth/basic-auth.ts";
import { FAILURES_OF_ALL, FAILURES_OF_ONE } from "../../../src/http/auth/login-limits.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const USERS = new Map([
  ["alice", "hash of wonder"],
  ["bob", "hash of builder"],
]);

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** Passwords match `hash of PASSWORD`; all checks are counted. */
function auth() {
  const clock = new FakeClock();
  const checks: string[] = [];
  const subject = new BasicAuth((password, hash) => {
    checks.push(`${password} ${hash}`);
    return Promise.resolve(hash === `hash of ${password}`);
  }, clock);
  return {
    clock,
    checks,
    subject,
    status: async (user: string, password: string, from = "192.0.2.1", users = USERS) =>
      (await subject.check(basic(user, password), users, from)).status,
  };
}

test("accepts a correct password, and checks it once", async () => {
  const { status, checks } = auth();
  expect(await status("alice", "wonder")).toBe(200);
  expect(await status("alice", "wonder")).toBe(200);
  expect(await status("bob", "builder")).toBe(200);
  expect(checks).toEqual(["wonder hash of wonder", "builder hash of builder"]);
});

test("rejects a wrong password, and another user's", async () => {
  const { status, checks } = auth();
  expect(await status("alice", "builder")).toBe(401);
  expect(await status("alice", "")).toBe(401);
  expect(await status("alice", "builder")).toBe(401);
  expect(checks).toEqual(["builder hash of wonder", " hash of wonder"]);
});

test("rejects an unknown user after a check, even with a known password", async () => {
  const { status, checks } = auth();
  for (const user of ["mallory", "", "Alice", "__proto__"]) {
    expect(await status(user, "wonder")).toBe(401);
    expect(await status(user, "builder")).toBe(401);
  }
  expect(checks).toHaveLength(8);
  // The decoy is always the same for a name, so the time of a check reveals nothing.
  const standIns = new Set(checks.slice(0, 2).map((check) => check.replace(/^\w+ /, "")));
  expect(standIns.size).toBe(1);
});

test.each([
  undefined,
  "",
  "Basic",
  "Basic ",
  "Basic !!!",
  "Basic YWxpY2U=",
  `Bearer ${Buffer.from("alice:wonder").toString("base64")}`,
  `${basic("alice", "wonder")} x`,
])("rejects %j without a check", async (header) => {
  const { subject, checks } = auth();
  for (let count = 0; count < 1000; count += 1) {
    expect((await subject.check(header, USERS, "192.0.2.1")).status).toBe(401);
  }
  expect(checks).toEqual([]);
});

test("accepts a scheme in any case, and a password with colons or beyond ASCII", async () => {
  const { subject } = auth();
  const users = new Map([["ä", "hash of a:ü"]]);
  const header = basic("ä", "a:ü").replace("Basic", "bASIC");
  expect((await subject.check(header, users, "")).status).toBe(200);
});

test("checks a login again when its hash or its user changes", async () => {
  const { status } = auth();
  expect(await status("alice", "wonder")).toBe(200);
  const changed = new Map([["alice", "hash of land"]]);
  expect(await status("alice", "wonder", "192.0.2.1", changed)).toBe(401);
  expect(await status("alice", "land", "192.0.2.1", changed)).toBe(200);
  const gone = new Map([["bob", "hash of builder"]]);
  expect(await status("alice", "wonder", "192.0.2.1", gone)).toBe(401);
});

test("limits failures of one address, but not its known logins", async () => {
  const { status, subject, clock, checks } = auth();
  expect(await status("alice", "wonder")).toBe(200);
  for (let count = 0; count < FAILURES_OF_ONE.burst; count += 1) {
    expect(await status("alice", "guess")).toBe(401);
  }
  expect(await status("alice", "guess")).toBe(429);
  // A correct guess gets the same answer as a wrong one.
  expect(await status("bob", "builder")).toBe(429);
  expect(await subject.check(basic("bob", "builder"), USERS, "192.0.2.1")).toEqual({
    status: 429,
    retryAfterMs: FAILURES_OF_ONE.intervalMs,
  });
  expect(await status("alice", "wonder")).toBe(200);
  expect(await status("bob", "builder", "192.0.2.2")).toBe(200);
  const before = checks.length;
  await clock.advance(FAILURES_OF_ONE.intervalMs);
  expect(await status("alice", "guess again")).toBe(401);
  expect(await status("alice", "guess again")).toBe(429);
  expect(checks).toHaveLength(before + 1);
});

test("limits failures of all addresses, and counts an IPv6 network as one", async () => {
  const { status, clock } = auth();
  expect(await status("alice", "wonder", "2001:db8::1")).toBe(200);
  for (let count = 0; count < FAILURES_OF_ONE.burst; count += 1) {
    await status("alice", `guess ${count}`, `2001:db8:0:0:${count}::1`);
  }
  expect(await status("alice", "guess", "2001:db8::2:1")).toBe(429);
  expect(await status("alice", "guess", "2001:db8:0:1::1")).toBe(401);
  for (let count = FAILURES_OF_ONE.burst + 1; count < FAILURES_OF_ALL.burst; count += 1) {
    expect(await status("alice", "guess", `198.51.100.${count}`)).toBe(401);
  }
  expect(await status("alice", "guess", "203.0.113.1")).toBe(429);
  expect(await status("alice", "wonder", "203.0.113.1")).toBe(200);
  await clock.advance(FAILURES_OF_ALL.intervalMs);
  expect(await status("bob", "builder", "203.0.113.1")).toBe(200);
});

test("checks concurrent equal logins once, and limits pending ones", async () => {
  const answers: PromiseWithResolvers<boolean>[] = [];
  const subject = new BasicAuth(() => {
    const answer = Promise.withResolvers<boolean>();
    answers.push(answer);
    return answer.promise;
  }, new FakeClock());
  const check = (password: string, from: string) =>
    subject.check(basic("alice", password), USERS, from);

  const same = Array.from({ length: 5 }, () => check("wonder", "192.0.2.1"));
  const others = Array.from({ length: MAX_PENDING - 1 }, (_, at) => check(`${at}`, `10.0.0.${at}`));
  expect(await check("one more", "192.0.2.9")).toEqual({ status: 503, retryAfterMs: 1000 });
  expect(answers).toHaveLength(MAX_PENDING);
  answers.forEach(({ resolve }, at) => resolve(at === 0));
  expect((await Promise.all(same)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(new Set((await Promise.all(others)).map(({ status }) => status))).toEqual(new Set([401]));
});

test("rejects when a check fails, and checks again", async () => {
  let isBroken = true;
  const subject = new BasicAuth(
    () => (isBroken ? Promise.reject(new Error("no thread")) : Promise.resolve(true)),
    new FakeClock(),
  );
  await expect(subject.check(basic("alice", "x"), USERS, "")).rejects.toThrow("no thread");
  isBroken = false;
  expect((await subject.check(basic("alice", "x"), USERS, "")).status).toBe(200);
});

test("checks the oldest login again when there are too many to remember", async () => {
  const { status, checks } = auth();
  const users = new Map(
    Array.from({ length: MAX_REMEMBERED + 1 }, (_, at) => [`user${at}`, `hash of ${at}`]),
  );
  for (const [at, user] of [...users.keys()].entries()) {
    expect(await status(user, `${at}`, "192.0.2.1", users)).toBe(200);
  }
  await status("user1", "1", "192.0.2.1", users);
  expect(checks).toHaveLength(MAX_REMEMBERED + 1);
  await status("user0", "0", "192.0.2.1", users);
  expect(checks).toHaveLength(MAX_REMEMBERED + 2);
});
