import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "@jest/globals";
import { execa } from "execa";
import {
  killCommand,
  MARK,
  marked,
  Marks,
  marksIn,
  parseScan,
  SCAN,
} from "../../../src/systemd/format/mark.ts";

const A = `unitwatch-${"a".repeat(32)}`;
const B = `unitwatch-${"b".repeat(32)}`;

/** Starts a group of two processes, of which the first has the arguments. */
async function startGroup(...args: readonly string[]) {
  const script = "sleep 600 & echo $!; wait";
  const child = spawn("sh", ["-c", script, ...args], { detached: true });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { pid: child.pid ?? 0, second: Number(String(line)), ended: once(child, "close") };
}

async function run(command: readonly string[]): Promise<string> {
  const [program = "", ...args] = command;
  return (await execa(program, args)).stdout;
}

test("puts the mark in place of each placeholder", () => {
  expect(marked(["a", MARK, `x=${MARK},y`], A)).toEqual(["a", A, `x=${A},y`]);
  expect(marksIn(["sh", `x=${A},y`, B, "unitwatch-12", `${A}0`])).toEqual([A, B]);
});

test("knows its own marks, each of which differs", () => {
  const [ours, theirs] = [new Marks(), new Marks()];
  const marks = [ours.next(), ours.next(), theirs.next()];
  expect(marks.map((mark) => marksIn([mark]))).toEqual(marks.map((mark) => [mark]));
  expect(new Set(marks).size).toBe(3);
  expect(marks.map((mark) => ours.has(mark))).toEqual([true, true, false]);
});

test("finds marked processes and kills exactly the given ones with their groups", async () => {
  const marks = new Marks();
  const [left, kept] = [marks.next(), marks.next()];
  const first = await startGroup(left);
  const second = await startGroup(kept);
  try {
    const found = parseScan(await run(marked(SCAN, marks.next())));
    const own = found.filter(({ mark }) => marks.has(mark));
    const uid = process.getuid?.() ?? 0;
    expect(own).toContainEqual({ pid: first.pid, uid, mark: left });
    expect(own).toContainEqual({ pid: second.pid, uid, mark: kept });

    const reused = { pid: second.pid, uid, mark: left };
    const kill = killCommand([{ pid: first.pid, uid, mark: left }, reused]);
    expect(marksIn(kill)).toEqual([]);
    await run(marked(kill, marks.next()));
    // Its stdout is closed when both of the group have ended.
    await first.ended;
    expect(process.kill(second.second, 0)).toBe(true);
  } finally {
    for (const { pid } of [first, second]) {
      try {
        process.kill(-pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
  }
});

test("leaves out what runs another instance's command", async () => {
  const marks = new Marks();
  const mark = marks.next();
  const child = spawn("sh", ["-c", "echo; read -r end", mark], { argv0: "docker" });
  await once(child.stdout, "data");
  try {
    const found = parseScan(await run(marked(SCAN, marks.next())));
    expect(found.filter((each) => each.mark === mark)).toEqual([]);
  } finally {
    child.kill("SIGKILL");
  }
});

const IS_ROOT = process.getuid?.() === 0;

(IS_ROOT ? describe : describe.skip)("with a container inside", () => {
  test("leaves out processes of containers inside this one", async () => {
    const marks = new Marks();
    const mark = marks.next();
    const inside = ["--pid", "--fork", "--kill-child", "sh", "-c", "echo; read -r end", mark];
    const child = spawn("unshare", inside);
    await once(child.stdout, "data");
    try {
      const found = parseScan(await run(marked(SCAN, marks.next())));
      expect(found.filter((each) => each.mark === mark)).toEqual([]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

test.each([
  ["", []],
  [
    `12 0 ${A}\nrubbish\n13 65534 ${B}`,
    [
      [12, 0, A],
      [13, 65534, B],
    ],
  ],
  [`1 0 ${A}\n0 0 ${A}\n-5 0 ${A}\n12 0 ${A}x\n12 ${A}\n1e3 0 ${A}`, []],
])("reads only what the scan can print: %j", (text, expected) => {
  expect(parseScan(text).map(({ pid, uid, mark }) => [pid, uid, mark])).toEqual(expected);
});

test("bounds the processes that one scan returns", () => {
  expect(parseScan(`12 0 ${A}\n`.repeat(5_000))).toHaveLength(1_000);
});
