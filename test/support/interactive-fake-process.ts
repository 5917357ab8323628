import type { ByteSink } from "../../src/domain/process.ts";
import type { InteractiveProcess } from "../../src/domain/runtime.ts";
import { FakeProcess } from "./fake-process.ts";

/** Input of a fake process, for a test to read. */
export class FakeStdin implements ByteSink {
  text = "";
  ended = false;
  /** Called once, at the first `end()`. */
  onEnd: () => void = () => {};

  write(bytes: Uint8Array | string): void {
    this.text += Buffer.from(bytes).toString();
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.onEnd();
  }
}

/** Fake process with an open input. */
export class InteractiveFakeProcess extends FakeProcess implements InteractiveProcess {
  readonly stdin = new FakeStdin();
}
