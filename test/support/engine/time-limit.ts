import { jest } from "@jest/globals";

// A limit for hangs in tests with a real engine, which other tests and containers slow down. A file
// that needs more sets its own.
jest.setTimeout(240_000);
