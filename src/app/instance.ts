import { randomUUID } from "node:crypto";

/** Tells this process apart from others, in ids that others may see: 32 hex digits. */
export const INSTANCE = randomUUID().replaceAll("-", "");
