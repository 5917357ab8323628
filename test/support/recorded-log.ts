import type { Clock } from "../../src/domain/clock.ts";
import type { Logger } from "../../src/domain/log.ts";
import { createLogger } from "../../src/platform/log/log.ts";
import { FakeClock } from "./fake-clock.ts";

/** Makes a log of all levels that records its lines without their time. */
export function recordedLog(clock: Clock = new FakeClock()): {
  readonly log: Logger;
  readonly lines: string[];
} {
  const lines: string[] = [];
  const write = (line: string): boolean => {
    lines.push(line.trimEnd().replace(/^time=\S+ /, ""));
    return true;
  };
  return { log: createLogger({ level: "debug", format: "logfmt", clock, write }), lines };
}
