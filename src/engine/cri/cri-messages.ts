import { ProtobufReader, WireType } from "../../platform/data/protobuf-reader.ts";

/**
 * Messages of the Container Runtime Interface, `runtime.v1` of k8s.io/cri-api, as far as they are needed.
 * Decoding throws ProtobufError if the bytes are no protobuf; fields of an unexpected type are skipped.
 */

/** Longest text that is kept: names, labels, reasons. */
const MAX_TEXT_CHARS = 256;
/** Entries of one map that are kept. */
const MAX_ENTRIES = 256;
/** Containers of one listing, or of one event. */
export const MAX_CONTAINERS = 10_000;

export type CriState = "created" | "running" | "exited" | "unknown";
const STATES: readonly CriState[] = ["created", "running", "exited", "unknown"];

export type CriEventType = "created" | "started" | "stopped" | "deleted";
const EVENT_TYPES: readonly CriEventType[] = ["created", "started", "stopped", "deleted"];

/** A container's or a sandbox's status. Times are Unix nanoseconds, 0n if there is none. */
export interface CriStatus {
  readonly id: string;
  readonly name: string;
  /** Restarts of a pod's container before this one. */
  readonly attempt: number;
  readonly state: CriState;
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
  readonly exitCode: number;
  readonly image: string;
  /** `Completed`, `Error`, `OOMKilled`, or another. */
  readonly reason: string;
  readonly labels: ReadonlyMap<string, string>;
}

export interface CriEvent {
  readonly id: string;
  readonly type: CriEventType;
  /** All containers of the pod, ended ones too. */
  readonly statuses: readonly CriStatus[];
}

export interface CriVersion {
  readonly runtime: string;
  readonly version: string;
}

/** Encodes a request with an id in its field 1, and `verbose` in its field 2. */
export function encodeStatusRequest(id: string, isVerbose: boolean): Buffer {
  const text = Buffer.from(id);
  if (text.length > 127) throw new Error(`an id of ${text.length} bytes, expected at most 127`);
  const verbose = isVerbose ? [2 << 3, 1] : [];
  return Buffer.concat([Buffer.from([(1 << 3) | 2, text.length]), text, Buffer.from(verbose)]);
}

/** Decodes VersionResponse. */
export function decodeVersion(message: Uint8Array): CriVersion {
  let [runtime, version] = ["", ""];
  fields(new ProtobufReader(message), {
    2: (reader) => (runtime = text(reader)),
    3: (reader) => (version = text(reader)),
  });
  return { runtime, version };
}

/** Decodes the ids of ListContainersResponse. */
export function decodeContainerIds(message: Uint8Array): readonly string[] {
  const ids: string[] = [];
  fields(new ProtobufReader(message), {
    1: (container) =>
      fields(container.nested(), {
        1: (reader) => void (ids.length < MAX_CONTAINERS && ids.push(text(reader))),
      }),
  });
  return ids;
}

/** Decodes ContainerStatusResponse or PodSandboxStatusResponse, with the pid of a verbose one. */
export function decodeStatusResponse(message: Uint8Array): {
  readonly status: CriStatus | undefined;
  readonly pid: number | undefined;
} {
  let status: CriStatus | undefined;
  let pid: number | undefined;
  fields(new ProtobufReader(message), {
    1: (reader) => (status = decodeStatus(reader.nested())),
    2: (reader) => (pid = pidOf(entry(reader.nested(), MAX_INFO_CHARS)) ?? pid),
  });
  return { status, pid };
}

/** Decodes ContainerEventResponse. */
export function decodeEvent(message: Uint8Array): CriEvent {
  let id = "";
  let type = EVENT_TYPES[0];
  const statuses: CriStatus[] = [];
  fields(new ProtobufReader(message), {
    1: (reader) => (id = text(reader)),
    2: (reader) => (type = EVENT_TYPES[reader.uint32()]),
    5: (reader) =>
      void (statuses.length < MAX_CONTAINERS && statuses.push(decodeStatus(reader.nested()))),
  });
  return { id, type: type ?? "created", statuses };
}

/** Decodes ContainerStatus. Of PodSandboxStatus, which shares fields 1 to 3, these alone are of use. */
function decodeStatus(reader: ProtobufReader): CriStatus {
  let [id, name, image, reason] = ["", "", "", ""];
  let attempt = 0;
  let state: CriState = "created";
  let [startedAtNs, finishedAtNs] = [0n, 0n];
  let exitCode = 0;
  const labels = new Map<string, string>();
  fields(reader, {
    1: (field) => (id = text(field)),
    2: (field) =>
      fields(field.nested(), {
        1: (inner) => (name = text(inner)),
        2: (inner) => (attempt = number(inner)),
      }),
    3: (field) => (state = STATES[number(field)] ?? "unknown"),
    5: (field) => (startedAtNs = timeNs(field)),
    6: (field) => (finishedAtNs = timeNs(field)),
    7: (field) => (exitCode = number(field) | 0),
    8: (field) => fields(bytesOnly(field), { 1: (inner) => (image = text(inner)) }),
    10: (field) => (reason = text(field)),
    12: (field) => {
      const [key, value] = entry(field.nested(), MAX_TEXT_CHARS);
      if (labels.size < MAX_ENTRIES) labels.set(key, value);
    },
  });
  return { id, name, attempt, state, startedAtNs, finishedAtNs, exitCode, image, reason, labels };
}

type Field = (reader: ProtobufReader) => unknown;

/** Reads the fields that `known` has, and skips others. */
function fields(reader: ProtobufReader, known: Readonly<Record<number, Field>>): void {
  while (reader.next()) {
    const read = Object.hasOwn(known, reader.field) ? known[reader.field] : undefined;
    if (read === undefined) reader.skip();
    else read(reader);
  }
}

const EMPTY = new ProtobufReader(new Uint8Array());

function bytesOnly(reader: ProtobufReader): ProtobufReader {
  if (reader.wireType === WireType.Bytes) return reader.nested();
  reader.skip();
  return EMPTY;
}

function text(reader: ProtobufReader, maxChars = MAX_TEXT_CHARS): string {
  if (reader.wireType !== WireType.Bytes) {
    reader.skip();
    return "";
  }
  return reader.text().slice(0, maxChars).toWellFormed();
}

function number(reader: ProtobufReader): number {
  if (reader.wireType === WireType.Varint) return reader.uint32();
  reader.skip();
  return 0;
}

/** Returns Unix nanoseconds; a time before 1970, as Go has for none, is 0n. */
function timeNs(reader: ProtobufReader): bigint {
  if (reader.wireType !== WireType.Varint) {
    reader.skip();
    return 0n;
  }
  const ns = BigInt.asIntN(64, reader.varint());
  return ns < 0n ? 0n : ns;
}

/** Returns an entry of a map: field 1 is the key, field 2 the value. */
function entry(reader: ProtobufReader, maxChars: number): readonly [string, string] {
  let [key, value] = ["", ""];
  fields(reader, {
    1: (field) => (key = text(field)),
    2: (field) => (value = text(field, maxChars)),
  });
  return [key, value];
}

/** The details of a container, JSON with its whole OCI configuration. */
const MAX_INFO_CHARS = 1024 * 1024;

/** Returns the pid of the entry `info` of a verbose answer. */
function pidOf([key, value]: readonly [string, string]): number | undefined {
  if (key !== "info") return undefined;
  try {
    const info = JSON.parse(value) as { pid?: unknown } | null;
    return typeof info?.pid === "number" ? info.pid : undefined;
  } catch {
    return undefined;
  }
}
