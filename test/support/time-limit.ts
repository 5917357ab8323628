import { jest } from "@jest/globals";
import { slowMs } from "./slowness.ts";

// A limit for hangs, not a measure of speed. A file that needs more sets its own.
jest.setTimeout(slowMs(60_000));
