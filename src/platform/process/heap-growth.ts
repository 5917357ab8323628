import { setFlagsFromString } from "node:v8";

/**
 * Room for young objects grows to 48 MB by itself as soon as much happens at once, and stays so. Nearly
 * all of ours die at once: looking after the little room that there is at the start costs next to
 * nothing. The flag is heeded whenever that room would grow, so it has to be set before anything large
 * is loaded.
 */
const SMALL_YOUNG_GENERATION = "--semi-space-growth-factor=1";

/**
 * What lives long may grow by little, and not to its twofold and more, before V8 looks what of it has
 * died, and gives back the memory. It is the mode that browsers have for machines with little of it.
 */
const SMALL_OLD_GENERATION = "--memory-saver-mode";
const ANY_OLD_GENERATION = "--no-memory-saver-mode";

/** With more, each look takes longer, and holds up all else for longer, than what it saves is worth. */
export const MANY_CONTAINERS = 120;

/** How V8 lets the heap of this process grow. It starts with a small one. */
export class HeapGrowth {
  readonly #setFlag: (flag: string) => void;
  #isSmall = true;

  /** To be made before anything large is loaded. */
  constructor(setFlag: (flag: string) => void = setFlagsFromString) {
    this.#setFlag = setFlag;
    setFlag(SMALL_YOUNG_GENERATION);
    setFlag(SMALL_OLD_GENERATION);
  }

  /** So many containers are known now. Cheap where that changes nothing. */
  fitTo(containers: number): void {
    const isSmall = containers <= MANY_CONTAINERS;
    if (isSmall === this.#isSmall) return;
    this.#isSmall = isSmall;
    this.#setFlag(isSmall ? SMALL_OLD_GENERATION : ANY_OLD_GENERATION);
  }
}
