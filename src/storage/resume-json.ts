import type { ContainerResume } from "../domain/resume.ts";

/** JSON has no whole numbers of that size: they are written as `"123n"`. */
const BIG = /^-?\d+n$/;
/** Members that are times; no text of somebody else's is taken for a number. */
const BIG_MEMBERS = new Set(["startedAtNs", "finishedAtNs", "lastStartNs"]);

/** What is kept of one container as text. */
export function encodeResume(resume: ContainerResume): string {
  return JSON.stringify(resume, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
}

/** @throws where the text is nothing that `encodeResume` made */
export function decodeResume(text: string): ContainerResume {
  const resume = JSON.parse(text, (key, value: unknown) => {
    if (!BIG_MEMBERS.has(key)) return value;
    if (typeof value !== "string" || !BIG.test(value)) throw new Error(`${key} is no time`);
    return BigInt(value.slice(0, -1));
  }) as ContainerResume;
  if (typeof resume.identity?.id !== "string" || typeof resume.lives?.open !== "number") {
    throw new Error("it is no container");
  }
  return {
    ...resume,
    // Members that are undefined aren't in the text.
    health: resume.health,
    lastExitCode: resume.lastExitCode,
    restartsSeen: resume.restartsSeen,
    runsSystemd: resume.runsSystemd,
    systemd: resume.systemd,
  };
}
