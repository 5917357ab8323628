import type { ServiceEvidence } from "../../domain/systemd.ts";
import { type ActiveState, isActiveState } from "../../domain/unit.ts";
import type { Message } from "../dbus/message.ts";
import { hasStatuses, restartPolicy, STATUSES } from "./restart-policy.ts";
import { timeNsOf } from "./timestamps.ts";
import { INVOCATION_BYTES, systemdWord } from "./unit-signals.ts";

/** Level of "Failed with result ...", as in syslog(3). */
const LOG_WARNING = 4;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Reads the answer of GetAll for all interfaces of a service, which is of one moment. Returns undefined
 * if it has no state of systemd.
 *
 * @param timeNs time of receipt, in Unix nanoseconds
 */
export function readEvidence(
  reply: Message,
  unit: string,
  timeNs: bigint,
): ServiceEvidence | undefined {
  let activeState: ActiveState | undefined;
  let isForced = false;
  const evidence: Mutable<ServiceEvidence> = {
    kind: "evidence",
    isAfterSignals: false,
    unit,
    activeState: "inactive",
    subState: "",
    stateChangeNs: 0n,
    activeEnterNs: 0n,
    invocationId: "",
    result: undefined,
    restarts: undefined,
    exitStatus: undefined,
    policy: undefined,
    restartDelayNs: 0n,
    hasJob: false,
    mainStartNs: 0n,
    mainExitNs: 0n,
    inactiveExitNs: 0n,
    isUnlogged: false,
    timeNs,
  };
  reply.read("a{sv}", (reader) => {
    const outer = reader.enterArray(8);
    const time = (): bigint => timeNsOf(reader.enterVariant("t").uint64(), timeNs, 0n);
    while (reader.more) {
      switch (reader.struct().string()) {
        case "ActiveState": {
          const word = reader.enterVariant("s").string();
          if (isActiveState(word)) activeState = word;
          break;
        }
        case "SubState":
          evidence.subState = systemdWord(reader.enterVariant("s").string()) ?? "";
          break;
        case "StateChangeTimestamp":
          evidence.stateChangeNs = time();
          break;
        case "ActiveEnterTimestamp":
          evidence.activeEnterNs = time();
          break;
        case "InvocationID":
          evidence.invocationId = reader.enterVariant("ay").hexBytes(INVOCATION_BYTES);
          break;
        case "Job":
          evidence.hasJob = reader.enterVariant("(uo)").struct().uint32() > 0;
          reader.skip("o");
          break;
        case "Result":
          evidence.result = systemdWord(reader.enterVariant("s").string());
          break;
        case "NRestarts":
          evidence.restarts = reader.enterVariant("u").uint32();
          break;
        case "ExecMainStatus":
          evidence.exitStatus = reader.enterVariant("i").int32();
          break;
        case "ExecMainStartTimestamp":
          evidence.mainStartNs = time();
          break;
        case "ExecMainExitTimestamp":
          evidence.mainExitNs = time();
          break;
        case "InactiveExitTimestamp":
          evidence.inactiveExitNs = time();
          break;
        case "RestartUSec":
          evidence.restartDelayNs = reader.enterVariant("t").uint64() * 1_000n;
          break;
        case "RestartForceExitStatus":
          isForced = hasStatuses(reader.enterVariant(STATUSES));
          break;
        case "LogLevelMax":
          evidence.isUnlogged = leavesOutFailures(reader.enterVariant("i").int32());
          break;
        case "Restart":
          evidence.policy = systemdWord(reader.enterVariant("s").string());
          break;
        default:
          reader.skipVariant();
      }
    }
    reader.leave(outer);
  });
  if (activeState === undefined) return undefined;
  return { ...evidence, activeState, policy: restartPolicy(evidence.policy, isForced) };
}

/** -1 means that all levels are logged. */
function leavesOutFailures(logLevelMax: number): boolean {
  return logLevelMax >= 0 && logLevelMax < LOG_WARNING;
}
