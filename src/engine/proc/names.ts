import type { ContainerIdentity, UnknownFact } from "../../domain/container.ts";
import type { CgroupContainer, ContainerDescription } from "../../domain/host-container.ts";
import { identifier, type IdentityFacts } from "../format/identity.ts";

/** A container that gets a name. */
export interface Nameable {
  readonly id: string;
  readonly match: CgroupContainer;
  readonly description: ContainerDescription | undefined;
  /** True while it runs: a container that has ended gives its name to another one. */
  readonly isRunning: boolean;
  /** Facts that nothing on this host says of it. */
  readonly unknown: readonly UnknownFact[];
}

/** Digits of an id that engines show. */
const SHORT_ID = 12;

/**
 * The names of containers. A name is one container's: another one that claims it too has it with its id.
 * A container without a name from a registry, or in its path, has its id for one.
 */
export class Names {
  readonly #byId = new Map<string, Nameable & { readonly name: string }>();
  readonly #owners = new Map<string, string>();
  readonly #identify: (facts: IdentityFacts) => ContainerIdentity;

  /** @param namePrefix as of `identifier` */
  constructor(namePrefix: string | undefined) {
    this.#identify = identifier(namePrefix, () => "");
  }

  /** Returns the name of a container, as of the last `set`. */
  of(container: Nameable): string {
    return this.#byId.get(container.id)?.name ?? this.#nameFor(container);
  }

  /** Names the container by what is known of it now. Returns true if it has had another name. */
  set(container: Nameable): boolean {
    const before = this.#byId.get(container.id)?.name;
    const name = this.#nameFor(container);
    if (before !== undefined && before !== name && this.#owners.get(before) === container.id) {
      this.#owners.delete(before);
    }
    this.#owners.set(name, container.id);
    this.#byId.set(container.id, { ...copyOf(container), name });
    return before !== undefined && before !== name;
  }

  release(id: string): void {
    const name = this.#byId.get(id)?.name;
    this.#byId.delete(id);
    if (name !== undefined && this.#owners.get(name) === id) this.#owners.delete(name);
  }

  /** Returns the identity of a container, as the state asks for it: facts that it can't have are added. */
  readonly identify = (facts: IdentityFacts): ContainerIdentity => {
    const identity = this.#identify(facts);
    const known = this.#byId.get(facts.id);
    if (known === undefined) return identity;
    const { description, match, unknown } = known;
    return {
      ...identity,
      runtime: description?.runtime ?? match.runtime,
      node: description?.node ?? identity.node,
      cluster: description?.cluster ?? identity.cluster,
      ...(unknown.length === 0 ? {} : { unknown }),
    };
  };

  #nameFor({ id, match, description }: Nameable): string {
    const short = id.slice(0, SHORT_ID);
    const name = description?.name ?? match.name ?? short;
    const names = [name, `${name}-${short}`];
    return names.find((each) => this.#isFree(each, id)) ?? `${name}-${id}`;
  }

  #isFree(name: string, id: string): boolean {
    const owner = this.#owners.get(name);
    return owner === undefined || owner === id || this.#byId.get(owner)?.isRunning !== true;
  }
}

function copyOf({ id, match, description, isRunning, unknown }: Nameable): Nameable {
  return { id, match, description, isRunning, unknown };
}
