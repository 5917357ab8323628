import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Styles the text if standard output is a terminal with colours. */
function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

function line(text = ""): void {
  process.stdout.write(`${text}\n`);
}

const LABEL_WIDTH = 12;

/** Result of a step, and its description. */
export interface StepResult<T> {
  readonly value: T;
  readonly text: string;
}

/** Output of the demo. */
export const terminal = {
  line,

  heading(text: string): void {
    line(styled("bold", text));
  },

  note(text: string): void {
    line(styled("dim", text));
  },

  /**
   * Runs a step of the setup, and prints its result and duration.
   *
   * @param hint printed if the step takes longer than `hintAfterMs`
   */
  async step<T>(
    label: string,
    { hint, hintAfterMs }: { readonly hint: string; readonly hintAfterMs: number },
    work: () => Promise<StepResult<T>>,
  ): Promise<T> {
    const head = `  ${label.padEnd(LABEL_WIDTH)}`;
    const startedAt = performance.now();
    const timer = setTimeout(() => line(`${head}${hint} …`), hintAfterMs);
    try {
      const { value, text } = await work();
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      line(`${head}${text} ${styled("dim", `(${seconds} s)`)}`);
      return value;
    } finally {
      clearTimeout(timer);
    }
  },

  /** @param atMs Unix milliseconds */
  did(atMs: number, what: string): void {
    line();
    line(`${clockTime(atMs)}  ${styled("cyan", "did")}  ${what}`);
  },

  /** @param afterMs delays after the action; the shortest and the longest are printed */
  saw(afterMs: readonly number[], severity: string, what: string): void {
    const range = [...new Set([Math.min(...afterMs), Math.max(...afterMs)].map(rounded))];
    const after = `+${range.join("…")} ms`.padStart(12);
    const style = SEVERITY_STYLES[severity] ?? "green";
    const times = afterMs.length > 1 ? `${afterMs.length} × ` : "";
    line(`${after}  ${styled(style, `saw  ${severity.padEnd(5)}`)}  ${times}${what}`);
  },

  missed(what: string): void {
    line(`${" ".repeat(14)}${styled("red", `missed ${what}`)}`);
  },
} as const;

const SEVERITY_STYLES: Readonly<Record<string, Style>> = { ERROR: "red", WARN: "yellow" };

/** Returns tenths of a millisecond below 10 ms, whole milliseconds above. */
function rounded(ms: number): string {
  return ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
}

/** Returns `12:03:44.112` in the machine's time zone. */
function clockTime(unixMs: number): string {
  const date = new Date(unixMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
