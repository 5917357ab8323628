import type { TakeMessage, UnitIds } from "../../domain/systemd.ts";
import type { UnitRow } from "../../domain/unit.ts";
import { MAX_NAMED_UNITS, type Transport } from "./transport.ts";

export interface UnitQueriesOptions {
  readonly take: TakeMessage;
  /** Returns the names whose units are requested. */
  readonly names: () => readonly string[];
  /** Lists all units, in place of a query by name. */
  readonly relist: () => void;
  /** Called with the error of a query that failed. */
  readonly failed: (error: unknown) => void;
}

/** Queries what no signal carries, of the units that signals report: one query of each kind at a time. */
export class UnitQueries {
  readonly #transport: Transport;
  readonly #options: UnitQueriesOptions;
  /** Units that were loaded since the last query by name. */
  #newUnits = new Set<string>();
  #isQuerying = false;
  /** Services whose OOMKills are due. */
  #oomQueries = new Set<string>();
  #isQueryingOomKills = false;

  constructor(transport: Transport, options: UnitQueriesOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  /** Queries the row of a unit, which no signal carries. */
  row(unit: string): void {
    const { take, names, relist, failed } = this.#options;
    if (this.#transport.findUnits === undefined) {
      relist();
      return;
    }
    // More than can be looked up by name are read by listing all, whichever they are.
    if (this.#newUnits.size <= MAX_NAMED_UNITS) this.#newUnits.add(unit);
    if (this.#isQuerying) return;
    this.#isQuerying = true;
    const query = async (): Promise<void> => {
      while (this.#newUnits.size > 0) {
        const some = [...this.#newUnits];
        this.#newUnits = new Set();
        const read = (rows: readonly UnitRow[], ids: UnitIds): void => {
          const named = names().length === 0 ? {} : { ids };
          take({ kind: "loaded", rows, ...named });
        };
        await this.#transport.findUnits?.(some, read, names());
      }
      this.#isQuerying = false;
    };
    query().catch(failed);
  }

  /** The unit is gone: its row isn't queried any more. */
  removed(unit: string): void {
    if (this.#newUnits.size <= MAX_NAMED_UNITS) this.#newUnits.delete(unit);
  }

  /** Queries OOMKills of services. */
  oomKills(services: readonly string[]): void {
    if (this.#transport.oomKills === undefined) return;
    for (const service of services) this.#oomQueries.add(service);
    if (this.#isQueryingOomKills || this.#oomQueries.size === 0) return;
    this.#isQueryingOomKills = true;
    const query = async (): Promise<void> => {
      while (this.#oomQueries.size > 0) {
        const some = [...this.#oomQueries];
        this.#oomQueries = new Set();
        await this.#transport.oomKills?.(some, (unit, count) => {
          this.#options.take({ kind: "oom-kills", unit, count });
        });
      }
      this.#isQueryingOomKills = false;
    };
    query().catch(this.#options.failed);
  }
}
