import type { ContainerIdentity } from "../../domain/container.ts";

/** Tells who a container is from what an event or inspect says of it. */
export type Identify = (facts: {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly label: (key: string) => string | undefined;
}) => ContainerIdentity;
