/**
 * `unitwatch status`: prints once what needs attention, or the state of a container or a unit.
 *
 * `ask-unitwatch.ts` gets the state from a running unitwatch, `read-engine.ts` makes it by a watch of
 * its own that ends as soon as everything is known. `selected.ts` finds what was named, the files
 * `…-text.ts` make it text. The text of containers is escaped once, by `lines.ts`.
 *
 * May import what app imports, app, the page's views, and the shared files of commands.
 */
import type { StatusConfig } from "../../config/config.ts";
import type { StatusReport } from "../../domain/status.ts";
import { printable } from "../../platform/data/escape.ts";
import { LineOutput } from "../line-output.ts";
import { askUnitwatch, NoAnswer } from "./ask-unitwatch.ts";
import type { Question } from "./ask-unitwatch.ts";
import { containerText } from "./container-text.ts";
import { overviewText } from "./overview-text.ts";
import { readEngine } from "./read-engine.ts";
import { findContainer, StatusError } from "./selected.ts";
import type { StatusCommandOptions } from "./options.ts";
import { unitText } from "./unit-text.ts";

const LOCAL = new URL("http://localhost:10558");

/** A state, and its source. */
interface Answer {
  readonly report: StatusReport;
  /** True if this command read it, so that it counted nothing. */
  readonly isOwn: boolean;
}

/** Prints the state; resolves to the exit code. */
export async function showStatus(options: StatusCommandOptions): Promise<0 | 1> {
  const { config, stdout, stderr } = options;
  try {
    const { report, isOwn } = await answerOf(options);
    const output = new LineOutput(stdout);
    const text = config.json
      ? `${printable(JSON.stringify(report))}\n`
      : textOf(report, config, isOwn);
    await output.write(text);
    await output.flush();
    if (output.end?.kind === "failed") throw new StatusError("stdout is not writable");
    return 0;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    stderr.write(`unitwatch status: ${printable(error.message)}\n`);
    return 1;
  }
}

async function answerOf(options: StatusCommandOptions): Promise<Answer> {
  const { config, log, signal } = options;
  const { url, timeoutMs } = config;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  if (url === "auto") {
    try {
      return { report: await ask(LOCAL, options, limit), isOwn: false };
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      log.debug("no unitwatch answers here", { err: error });
    }
  } else if (url !== undefined) {
    return { report: await ask(url, options, limit), isOwn: false };
  }
  const report = await readEngine(options);
  if (config.container !== undefined) findContainer(report, config.container);
  return { report, isOwn: true };
}

async function ask(
  url: URL,
  { config }: StatusCommandOptions,
  signal: AbortSignal,
): Promise<StatusReport> {
  const get = (question: Question): Promise<StatusReport> => askUnitwatch(url, question, signal);
  const { container, unit } = config;
  if (container === undefined) return get({ attention: true });
  const units = unit === undefined ? undefined : [unit];
  const named = await get({ container, units });
  if (named.containers.length > 0) return named;
  // An id, or the name of a node.
  const { name } = findContainer(await get({ units: [""] }), container);
  return get({ container: name, units });
}

function textOf(report: StatusReport, config: StatusConfig, isOwn: boolean): string {
  const { container: named, unit, lines } = config;
  const context = { nowMs: Date.parse(report.time), isOwn, lines };
  if (named === undefined) return overviewText(report, context);
  const container = findContainer(report, named);
  return unit === undefined
    ? containerText(container, context)
    : unitText(container, unit, context);
}
