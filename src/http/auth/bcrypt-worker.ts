/** Compares passwords with bcrypt hashes, in a thread: each comparison blocks for a long time. */
import { compareSync } from "bcryptjs";
import { answerCalls } from "../../platform/process/worker-calls.ts";
import type { BcryptRequest } from "./bcrypt-checks.ts";

answerCalls(({ password, hash }: BcryptRequest) => compareSync(password, hash));
