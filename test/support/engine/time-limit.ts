import { jest } from "@jest/globals";
import { slowMs } from "../slowness.ts";

// A limit for hangs in tests with a real engine, which other tests and containers slow down. A file
// that needs more sets its own.
jest.setTimeout(slowMs(240_000));
