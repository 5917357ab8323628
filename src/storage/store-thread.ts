/** The thread that waits for the disk: does what `threadLink` asks for, in turn. */
import { parentPort } from "node:worker_threads";
import type { RecordRow } from "../domain/record-queue.ts";
import { storeCalls, storeErrorOf } from "./store-link.ts";
import type { StoreCalls } from "./store-link.ts";

/** One call, as it is sent to the thread. */
export type StoreRequest = {
  readonly [Name in keyof StoreCalls]: {
    readonly name: Name;
    readonly args: Parameters<StoreCalls[Name]>;
  };
}[keyof StoreCalls];

/** The answers come in the order of the requests. */
export type StoreReply =
  | { readonly value: unknown }
  | { readonly error: { readonly message: string; readonly isFinal: boolean } };

function answer(calls: StoreCalls, { name, args }: StoreRequest): StoreReply {
  try {
    const call = calls[name] as (...args: unknown[]) => unknown;
    return { value: call(...args) };
  } catch (error) {
    const { message, isFinal } = storeErrorOf(error);
    return { error: { message, isFinal } };
  }
}

/** Gives back what copies of rows took at once: a thread that does little else collects it late. */
function free(rows: readonly RecordRow[]): void {
  for (const { bytes } of rows) if (bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}

const port = parentPort;
if (port === null) throw new Error("this is no thread");
const calls = await storeCalls();
port.on("message", (request: StoreRequest) => {
  const reply = answer(calls, request);
  const rows =
    request.name === "read" && "value" in reply ? (reply.value as readonly RecordRow[]) : [];
  port.postMessage(
    reply,
    rows.map(({ bytes }) => bytes.buffer as ArrayBuffer),
  );
  if (request.name === "commit") free(request.args[0].rows);
});
