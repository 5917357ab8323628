import { setFlagsFromString } from "node:v8";

/**
 * Keeps the young generation at its first size. By default it grows to 48 MB in the first burst, and
 * stays so. Nearly all of our objects die at once, so collecting a small one costs next to nothing.
 * V8 reads the flag whenever the generation would grow: set it before anything large is loaded.
 */
const SMALL_YOUNG_GENERATION = "--semi-space-growth-factor=1";

/**
 * Lets the old generation grow by little, in place of to its twofold and more, before V8 collects it
 * and frees memory. Browsers use this mode on machines with little memory.
 */
const SMALL_OLD_GENERATION = "--memory-saver-mode";
const ANY_OLD_GENERATION = "--no-memory-saver-mode";

/**
 * Leaves out the compiler between the fast and the optimizing one. Its code, its memory and the pages of its
 * program cost 6 MB, and code that runs often is optimized as soon without it.
 */
const NO_MIDDLE_COMPILER = "--no-maglev";

/** With more containers, a collection takes longer, and delays all else, than it is worth. */
export const MANY_CONTAINERS = 120;

/** Sets how V8 lets the memory of this process grow. It starts small. */
export class HeapGrowth {
  readonly #setFlag: (flag: string) => void;
  #isSmall = true;

  /** Create it before anything large is loaded. */
  constructor(setFlag: (flag: string) => void = setFlagsFromString) {
    this.#setFlag = setFlag;
    setFlag(NO_MIDDLE_COMPILER);
    setFlag(SMALL_YOUNG_GENERATION);
    setFlag(SMALL_OLD_GENERATION);
  }

  /** Adapts to the number of known containers. Cheap if that changes nothing. */
  fitTo(containers: number): void {
    const isSmall = containers <= MANY_CONTAINERS;
    if (isSmall === this.#isSmall) return;
    this.#isSmall = isSmall;
    this.#setFlag(isSmall ? SMALL_OLD_GENERATION : ANY_OLD_GENERATION);
  }
}
