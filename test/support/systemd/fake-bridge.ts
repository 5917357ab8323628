import type { ByteSink, ProcessExit } from "../../../src/domain/process.ts";
import type { InteractiveProcess } from "../../../src/domain/runtime.ts";
import { FakeProcess } from "../fake-process.ts";
import { FakeSystemd } from "./fake-systemd.ts";

export interface FakeBridgeOptions {
  readonly hasBus: boolean;
  /** Called with each event and call, in order. */
  readonly note: (what: string) => void;
}

/** `systemd-stdio-bridge` with a systemd behind it. It ends by itself at the end of its input. */
export class FakeBridge extends FakeProcess implements InteractiveProcess {
  readonly systemd: FakeSystemd;
  readonly stdin: ByteSink;
  /** Number of times that its input was ended. */
  inputEnds = 0;
  /** If false, it goes on after the end of its input, until a kill. */
  endsWithInput = true;
  readonly #note: (what: string) => void;

  constructor({ hasBus, note }: FakeBridgeOptions) {
    super();
    this.#note = note;
    this.systemd = new FakeSystemd({
      hasBus,
      say: (bytes) => {
        if (!this.stdout.writableEnded) this.stdout.write(bytes);
      },
      asked: (question) => note(`asked ${question}`),
    });
    this.stdin = {
      write: (bytes) => {
        if (this.inputEnds > 0) throw new Error("write after end");
        this.systemd.push(Buffer.from(bytes));
      },
      end: () => {
        if (this.inputEnds === 0) note("end of input");
        this.inputEnds += 1;
        if (this.endsWithInput) this.ends();
      },
    };
  }

  /** Ends by itself: EOF on its output, then its exit. */
  ends(exit: Partial<ProcessExit> = { exitCode: 0 }): void {
    if (!this.stdout.writableEnded) this.stdout.end();
    this.exit(exit);
  }

  override kill(): void {
    super.kill();
    this.#note("kill");
    this.ends({ signal: "SIGKILL" });
  }
}
