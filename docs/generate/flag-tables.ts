import { variableName } from "../../src/config/flag/flag.ts";
import type { Flag } from "../../src/config/flag/flag.ts";
import { FLAGS, SWITCHES } from "../../src/config/flags.ts";
import { repeatNote } from "../../src/config/help.ts";
import { OTEL_VARIABLES, SERVICE_VARIABLES, ENGINE_VARIABLES } from "./man-text.ts";
import type { Entry } from "./man-text.ts";
import { code, markdownTable } from "./markdown.ts";

/** Returns a row for each flag with a value, then one for each switch. */
export function flagTable(): string {
  const rows = Object.values(FLAGS).map((flag: Flag<unknown>) => [
    code(`--${flag.name}`),
    code(variableName(flag.name)),
    flag.defaultText === "" ? "" : code(flag.defaultText),
    `${flag.help} ${repeatNote(flag.separator)}`.trimEnd(),
  ]);
  const switches = Object.entries(SWITCHES).map(([name, help]) => [
    code(`--${name}`),
    "",
    "",
    help,
  ]);
  return markdownTable(["flag", "variable", "default", "meaning"], [...rows, ...switches]);
}

/** Returns a row for each variable that isn't a flag's: the engine's, OTLP's, systemd's. */
export function variableTable(): string {
  const rows = [...ENGINE_VARIABLES, ...OTEL_VARIABLES, ...SERVICE_VARIABLES].map(
    ({ names, text }: Entry) => [names.map(code).join(", "), text],
  );
  return markdownTable(["variable", "meaning"], rows);
}
