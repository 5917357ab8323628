import { randomBytes } from "node:crypto";

/** Stands for the mark of a command in its arguments. */
export const MARK = "unitwatch-mark";

const PATTERN = "unitwatch-[0-9a-f]{32}";
const PREFIX = "unitwatch-";
const MARKS = new RegExp(`\\b${PATTERN}\\b`, "g");
const INSTANCE_BYTES = 8;
/** Marked processes that one scan returns. */
const MAX_FOUND = 1_000;

/** Makes the marks of one process of unitwatch: each command that it starts in a container has its own. */
export class Marks {
  readonly #instance = PREFIX + randomBytes(INSTANCE_BYTES).toString("hex");

  next(): string {
    return this.#instance + randomBytes(INSTANCE_BYTES).toString("hex");
  }

  /** Returns true for a mark that this object made. */
  has(mark: string): boolean {
    return mark.startsWith(this.#instance);
  }
}

export function marked(command: readonly string[], mark: string): readonly string[] {
  return command.map((argument) => argument.replaceAll(MARK, mark));
}

export function marksIn(args: readonly string[]): readonly string[] {
  return args.flatMap((argument) => argument.match(MARKS) ?? []);
}

/** A process in a container whose arguments have a mark. */
export interface MarkedProcess {
  /** In the container's namespace. */
  readonly pid: number;
  readonly uid: number;
  readonly mark: string;
}

/**
 * Prints pid, uid and mark of each marked process that can be a command of ours in this container: a
 * program that runs another instance's command has its mark too, and an engine inside the container
 * shows the processes of its own containers, which are in a namespace of theirs.
 */
export const SCAN = [
  "sh",
  "-c",
  `for file in $(grep -lsE '${PATTERN}' /proc/[0-9]*/cmdline); do
  program=$(tr '\\0' '\\n' <"$file" | head -n 1)
  case \${program##*/} in sh | systemd-stdio-bridge) ;; *) continue ;; esac
  dir=\${file%/cmdline} uid= inner=
  while read -r key value rest; do
    case $key in Uid:) uid=$value ;; NSpid:) inner=$rest ;; esac
  done <"$dir/status"
  [ -z "$inner" ] || continue
  for mark in $(tr '\\0' '\\n' <"$file" | grep -oE '${PATTERN}'); do
    echo "\${dir#/proc/} $uid $mark"
  done
done 2>/dev/null
exit 0`,
  MARK,
] as const;

/** Returns what {@link SCAN} printed; lines that it can't have printed are left out. */
export function parseScan(text: string): readonly MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const line of text.split("\n")) {
    const [, pid, uid, mark] = /^(\d{1,9}) (\d{1,10}) (unitwatch-[0-9a-f]{32})$/.exec(line) ?? [];
    if (mark === undefined || Number(pid) < 2 || found.length === MAX_FOUND) continue;
    found.push({ pid: Number(pid), uid: Number(uid), mark });
  }
  return found;
}

/**
 * Returns a command that kills these processes, each with its group, for it is the first of its exec.
 * A pid that another process has by then is left alone. The marks lack their prefix, so that
 * this command isn't taken for one of the processes.
 */
export function killCommand(processes: readonly MarkedProcess[]): readonly string[] {
  const script = `while [ $# -ge 2 ]; do
  if tr '\\0' '\\n' <"/proc/$1/cmdline" | grep -q -e "${PREFIX}$2"; then
    kill -9 "-$1" || kill -9 "$1"
  fi
  shift 2
done 2>/dev/null
exit 0`;
  const args = processes.flatMap(({ pid, mark }) => [String(pid), mark.slice(PREFIX.length)]);
  return ["sh", "-c", script, MARK, ...args];
}
