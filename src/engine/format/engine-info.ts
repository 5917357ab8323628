import { objectOf } from "../../platform/data/json.ts";

const HOST_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/** Returns the host's name in what an engine reports of itself: Docker, and podman by API or command. */
export function hostNameIn(info: unknown): string | undefined {
  const { Name: docker, host } = objectOf(info);
  const name = docker ?? objectOf(host)["hostname"];
  return typeof name === "string" && HOST_NAME.test(name) ? name : undefined;
}
