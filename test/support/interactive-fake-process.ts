import type { ByteSink } from "../../src/domain/process.ts";
import type { InteractiveProcess } from "../../src/domain/runtime.ts";
import { FakeProcess } from "./fake-process.ts";

/** Where a test sees what a process was told. */
export class FakeStdin implements ByteSink {
  text = "";
  ended = false;
  /** Gets called once, at the first `end()`. */
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

/** A fake process whose input is open. */
export class InteractiveFakeProcess extends FakeProcess implements InteractiveProcess {
  readonly stdin = new FakeStdin();
}
