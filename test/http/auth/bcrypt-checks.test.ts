import { hashSync } from "bcryptjs";
import { expect, test } from "@jest/globals";
import { BcryptChecks, IDLE_MS } from "../../../src/http/auth/bcrypt-checks.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { turns } from "../../support/turns.ts";

const HASH = hashSync("wonder", 4);

test("compares passwords with each kind of hash", async () => {
  await using checks = started();
  for (const kind of ["$2a$", "$2b$", "$2y$"]) {
    const hash = HASH.replace(/^\$2.\$/, kind);
    expect(await checks.compare("wonder", hash)).toBe(true);
    expect(await checks.compare("wander", hash)).toBe(false);
  }
  // From the tests of crypt_blowfish.
  const known = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
  expect(await checks.compare("U*U", known)).toBe(true);
});

test("keeps the event loop free while it compares", async () => {
  await using checks = started();
  const slow = checks.compare("wonder", hashSync("wonder", 4).replace("$04$", "$12$"));
  // A check takes a few hundred milliseconds, and a turn of the loop far less.
  expect(await Promise.race([slow, turns()])).toBeUndefined();
  expect(await slow).toBe(false);
});

test("ends the idle thread, and starts it again when needed", async () => {
  await using checks = started();
  expect(checks.isRunning).toBe(false);
  await Promise.all([checks.compare("a", HASH), checks.compare("b", HASH)]);
  expect(checks.isRunning).toBe(true);
  await checks.clock.advance(IDLE_MS - 1);
  await checks.compare("a", HASH);
  await checks.clock.advance(IDLE_MS - 1);
  expect(checks.isRunning).toBe(true);
  await checks.clock.advance(1);
  expect(checks.isRunning).toBe(false);
  expect(await checks.compare("wonder", HASH)).toBe(true);
});

test("rejects pending checks when it closes", async () => {
  await using checks = started();
  const lost = checks.compare("wonder", HASH);
  const [outcome] = await Promise.allSettled([lost, checks.close()]);
  expect(outcome).toMatchObject({
    status: "rejected",
    reason: { message: "the server is closed" },
  });
  expect(checks.isRunning).toBe(false);
});

test("rejects pending checks when the thread fails, and starts another for the next", async () => {
  await using checks = started();
  expect(await checks.compare("wonder", "nonsense")).toBe(false);
  await expect(checks.compare(undefined as never, HASH)).rejects.toThrow("Illegal arguments");
  expect(await checks.compare("wonder", HASH)).toBe(true);
});

class StartedChecks extends BcryptChecks {
  readonly clock: FakeClock;

  constructor(clock: FakeClock) {
    super(clock);
    this.clock = clock;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function started(): StartedChecks {
  return new StartedChecks(new FakeClock());
}
