import { systemdExit } from "./exit-code.ts";

/** Names of signals by number, as on x86 and ARM. */
const SIGNALS: readonly string[] =
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
    .split(" ")
    .map((name) => `SIG${name}`);
const FIRST_REALTIME = 34;
const LAST_SIGNAL = 64;

/** Results of a service whose status is a signal's number, and not an exit status. */
const SIGNAL_RESULTS: ReadonlySet<string> = new Set(["signal", "core-dump", "oom-kill"]);
/** Results for which systemd ends the process, which may exit by itself: the signals that it sends. */
const ENDED_RESULTS: ReadonlySet<string> = new Set(["timeout", "watchdog"]);
const SENT_SIGNALS: ReadonlySet<number> = new Set([6, 9, 15]);

/**
 * systemd's own exit statuses: the name, as `systemctl status` shows it, and what failed before the
 * program ran. See "Process exit codes" in systemd.exec(5).
 */
const SYSTEMD_STATUSES: Readonly<Record<number, readonly [name: string, meaning: string]>> = {
  200: ["CHDIR", "its WorkingDirectory= can't be entered"],
  201: ["NICE", "its Nice= can't be set"],
  202: ["FDS", "file descriptors can't be passed to it"],
  203: ["EXEC", "the program can't be executed"],
  204: ["MEMORY", "out of memory before the program ran"],
  205: ["LIMITS", "its resource limits can't be set"],
  206: ["OOM_ADJUST", "its OOMScoreAdjust= can't be set"],
  207: ["SIGNAL_MASK", "its signal mask can't be set"],
  208: ["STDIN", "its standard input can't be opened"],
  209: ["STDOUT", "its standard output can't be opened"],
  210: ["CHROOT", "its root folder can't be entered"],
  211: ["IOPRIO", "its I/O priority can't be set"],
  212: ["TIMERSLACK", "its TimerSlackNSec= can't be set"],
  213: ["SECUREBITS", "its SecureBits= can't be set"],
  214: ["SETSCHEDULER", "its CPU scheduling can't be set"],
  215: ["CPUAFFINITY", "its CPUAffinity= can't be set"],
  216: ["GROUP", "its Group= is unknown, or can't be set"],
  217: ["USER", "its User= is unknown, or can't be set"],
  218: ["CAPABILITIES", "its capabilities can't be set"],
  219: ["CGROUP", "its cgroup can't be set up"],
  220: ["SETSID", "no session can be created"],
  221: ["CONFIRM", "its start was not confirmed"],
  222: ["STDERR", "its standard error can't be opened"],
  224: ["PAM", "its PAM session can't be opened"],
  225: ["NETWORK", "its network namespace can't be set up"],
  226: ["NAMESPACE", "its namespaces can't be set up"],
  227: ["NO_NEW_PRIVILEGES", "its NoNewPrivileges= can't be set"],
  228: ["SECCOMP", "its system call filter can't be set"],
  229: ["SELINUX_CONTEXT", "its SELinux context can't be set"],
  230: ["PERSONALITY", "its Personality= can't be set"],
  231: ["APPARMOR", "its AppArmor profile can't be set"],
  232: ["ADDRESS_FAMILIES", "its RestrictAddressFamilies= can't be set"],
  233: ["RUNTIME_DIRECTORY", "its RuntimeDirectory= can't be created"],
  235: ["CHOWN", "the owner of its socket can't be set"],
  236: ["SMACK_PROCESS_LABEL", "its SMACK label can't be set"],
  237: ["KEYRING", "its kernel keyring can't be set up"],
  238: ["STATE_DIRECTORY", "its StateDirectory= can't be created"],
  239: ["CACHE_DIRECTORY", "its CacheDirectory= can't be created"],
  240: ["LOGS_DIRECTORY", "its LogsDirectory= can't be created"],
  241: ["CONFIGURATION_DIRECTORY", "its ConfigurationDirectory= can't be created"],
  242: ["NUMA_POLICY", "its NUMA policy can't be set"],
  243: ["CREDENTIALS", "its credentials can't be set up"],
  244: ["BPF", "its BPF programs can't be set up"],
};

/** How the main process of a unit ended, or its control process. */
export interface ProcessEnd {
  /** As `systemctl status` names it: `SIGKILL`, `203/EXEC`, `1`. */
  readonly text: string;
  readonly isSignal: boolean;
  /** Meaning of one of systemd's own statuses; undefined for those of the program. */
  readonly meaning: string | undefined;
}

/** Returns `SIGKILL`, `SIGRTMIN+3`, or `signal 99` for a number that is no signal's. */
export function signalName(number: number): string {
  const name = SIGNALS[number - 1];
  if (name !== undefined) return name;
  if (number < FIRST_REALTIME || number > LAST_SIGNAL) return `signal ${number}`;
  return number === FIRST_REALTIME ? "SIGRTMIN" : `SIGRTMIN+${number - FIRST_REALTIME}`;
}

/**
 * Returns how the process of a unit with this Result ended; undefined if its status is 0 or unknown.
 *
 * @param status exit status, or the number of the signal that ended it
 */
export function processEnd(
  result: string | null | undefined,
  status: number | null | undefined,
): ProcessEnd | undefined {
  if (result === null || result === undefined || result === "success") return undefined;
  if (status === null || status === undefined || status === 0) return undefined;
  const isSignal =
    SIGNAL_RESULTS.has(result) || (ENDED_RESULTS.has(result) && SENT_SIGNALS.has(status));
  if (isSignal) return { text: signalName(status), isSignal, meaning: undefined };
  const [name, meaning] = SYSTEMD_STATUSES[status] ?? [];
  return { text: name === undefined ? `${status}` : `${status}/${name}`, isSignal, meaning };
}

/**
 * Returns a container's exit code, with the signal that it stands for: `137 (SIGKILL)`; of a systemd
 * container with what systemd did: `130 (halt)`.
 */
export function exitCodeText(code: number, runsSystemd: boolean): string {
  const request = runsSystemd ? systemdExit(code) : undefined;
  if (request !== undefined) return `${code} (${request})`;
  const signal = code - 128;
  return signal > 0 && signal <= LAST_SIGNAL ? `${code} (${signalName(signal)})` : String(code);
}
