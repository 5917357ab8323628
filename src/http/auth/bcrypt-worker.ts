/**
 * Compares passwords with bcrypt hashes, one after the other, in a thread of its own: each takes
 * time that the event loop doesn't have.
 */
import { parentPort } from "node:worker_threads";
import { compareSync } from "bcryptjs";
import type { BcryptAnswer, BcryptQuestion } from "./bcrypt-checks.ts";

parentPort?.on("message", ({ id, password, hash }: BcryptQuestion) => {
  const answer: BcryptAnswer = { id, matches: compareSync(password, hash) };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  parentPort?.postMessage(answer);
});
