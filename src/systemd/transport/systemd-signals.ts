import type { Clock } from "../../domain/clock.ts";
import { MAX_UNIT_NAME_BYTES } from "../../domain/unit.ts";
import type { Message } from "../dbus/message.ts";
import { PropertyReader } from "../format/dbus-signals.ts";
import { ownerChange } from "../format/manager.ts";
import { BUS } from "../format/objects.ts";
import type { TransportMessage } from "../session/transport.ts";

/**
 * Reads systemd's signals, in the order of the wire. Any client of a bus can send what looks like
 * systemd's, so the sender has to be systemd's owner: match rules filter broadcasts alone.
 */
export class DbusSignals {
  readonly #hasBus: boolean;
  readonly #clock: Clock;
  #heard: () => void = () => {};
  #isReloading = false;
  /** systemd's unique name on the bus; undefined until it is known. */
  #owner: string | undefined;
  /** Changes of that name. */
  #owners = 0;
  #ownerChanged = Promise.withResolvers<void>();
  #onMessage: ((message: TransportMessage) => void) | undefined;
  #properties: PropertyReader | undefined;

  constructor(hasBus: boolean, clock: Clock) {
    this.#hasBus = hasBus;
    this.#clock = clock;
  }

  /** @param heard called with each signal of systemd, before it is passed on */
  passTo(onMessage: (message: TransportMessage) => void, heard: () => void): void {
    this.#heard = heard;
    this.#onMessage = onMessage;
    this.#properties ??= new PropertyReader(onMessage);
  }

  acceptFrom(owner: string): void {
    this.#owner = owner;
  }

  /** True while systemd reloads its units, or executes itself again. */
  get isReloading(): boolean {
    return this.#isReloading;
  }

  /** Number of changes of systemd's name up to now. */
  get owners(): number {
    return this.#owners;
  }

  /** Resolves when systemd has a name, and it changed after `owners` changes. */
  async nextOwner(owners: number): Promise<void> {
    while (this.#owners === owners || this.#owner === "") await this.#ownerChanged.promise;
  }

  readonly read = (message: Message): void => {
    const onMessage = this.#onMessage;
    if (onMessage === undefined || !this.#isGenuine(message)) return;
    if (message.member !== "NameOwnerChanged") this.#heard();
    switch (message.member) {
      case "PropertiesChanged":
        this.#properties?.read(message, this.#clock.nowNs());
        return;
      case "UnitNew":
      case "UnitRemoved": {
        const unit = message.read("so", (reader) => reader.string());
        if (unit.length >= MAX_UNIT_NAME_BYTES) return;
        if (message.member === "UnitNew") onMessage({ kind: "unit-new", unit });
        else onMessage({ kind: "removed", unit, timeNs: this.#clock.nowNs() });
        return;
      }
      case "Reloading": {
        const isActive = message.read("b", (reader) => reader.boolean());
        this.#isReloading = isActive;
        onMessage({ kind: "reloading", isActive });
        return;
      }
      case "StartupFinished":
        onMessage({ kind: "startup-finished" });
        return;
      case "NameOwnerChanged": {
        const [before, after] = ownersOf(message);
        this.#owner = after;
        if (after !== "") this.#isReloading = false;
        this.#owners += 1;
        this.#ownerChanged.resolve();
        this.#ownerChanged = Promise.withResolvers();
        onMessage(ownerChange(before, after));
        return;
      }
      default:
    }
  };

  #isGenuine({ sender, member }: Message): boolean {
    if (!this.#hasBus) return true;
    return sender === (member === "NameOwnerChanged" ? BUS : this.#owner);
  }
}

function ownersOf(message: Message): readonly [before: string, after: string] {
  return message.read("sss", (reader) => {
    reader.skip("s");
    return [reader.string(), reader.string()];
  });
}
