import { setFlagsFromString } from "node:v8";

/**
 * V8's optimizing compilers. Their program code and their work take 10 MB. What they make pays off
 * only where much is to be done: until then, compiling takes as much CPU time as it saves. V8 reads
 * the flags whenever a function is hot.
 */
const COMPILERS = ["maglev", "turbofan"];

/** Containers whose scrapes and changes are worth it. */
const MANY_CONTAINERS = 50;
/** Changes that are worth it, and as many in a second as don't count. */
const MANY_CHANGES = 1_000;
const FREE_PER_SECOND = 10;

/** Lets V8 compile hot functions to fast code only once there is much work; from then on for good. */
export class FastCode {
  readonly #setFlag: (flag: string) => void;
  #isOn = false;
  #changes = 0;
  #sinceMs = 0;

  /** Create it before anything large is loaded. */
  constructor(setFlag: (flag: string) => void = setFlagsFromString) {
    this.#setFlag = setFlag;
    for (const name of COMPILERS) setFlag(`--no-${name}`);
  }

  turnOn(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    for (const name of COMPILERS) this.#setFlag(`--${name}`);
  }

  /** Adapts to the number of known containers. */
  fitTo(containers: number): void {
    if (containers > MANY_CONTAINERS) this.turnOn();
  }

  /** Counts a change. */
  changed(): void {
    this.#changes += 1;
    if (this.#changes >= MANY_CHANGES) this.turnOn();
  }

  /** Forgets changes that came slowly. Call it now and then. @param nowMs monotonic milliseconds */
  sweep(nowMs: number): void {
    const free = ((nowMs - this.#sinceMs) / 1_000) * FREE_PER_SECOND;
    this.#changes = Math.max(0, this.#changes - free);
    this.#sinceMs = nowMs;
  }
}
