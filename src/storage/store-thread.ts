/** The thread that waits for the disk: does what `threadLink` requests, in order. */
import type { RecordRow } from "../domain/record-queue.ts";
import { answerCalls } from "../platform/process/worker-calls.ts";
import { storeCalls, storeErrorOf } from "./store-link.ts";
import type { StoreCalls } from "./store-link.ts";

/** One call, as it is sent to the thread. */
export type StoreRequest = {
  readonly [Name in keyof StoreCalls]: {
    readonly name: Name;
    readonly args: Parameters<StoreCalls[Name]>;
  };
}[keyof StoreCalls];

/** Its result. An error loses its own properties between threads: its parts are sent. */
export type StoreReply =
  | { readonly value: unknown }
  | { readonly error: { readonly message: string; readonly isFinal: boolean } };

const calls = await storeCalls();

answerCalls(answer, (reply, { name }) =>
  name === "read" && "value" in reply ? buffersOf(reply.value as readonly RecordRow[]) : [],
);

function answer({ name, args }: StoreRequest): StoreReply {
  try {
    const call = calls[name] as (...args: unknown[]) => unknown;
    return { value: call(...args) };
  } catch (error) {
    const { message, isFinal } = storeErrorOf(error);
    return { error: { message, isFinal } };
  } finally {
    // Frees the copies of rows at once: a thread that does little else collects them late.
    if (name === "commit") for (const buffer of buffersOf(args[0].rows)) buffer.transfer(0);
  }
}

function buffersOf(rows: readonly RecordRow[]): ArrayBuffer[] {
  return rows.map(({ bytes }) => bytes.buffer as ArrayBuffer);
}
