/**
 * An event as the engine writes it. `status`, `id` and `from`, which older engines add, repeat its
 * members. The attributes are the container's labels, overridden by `name`, `image`, `exitCode`.
 *
 *     {"Type":"container","Action":"die","Actor":{"ID":"5cb9…","Attributes":{"exitCode":"137",
 *      "image":"busybox","name":"sind-dev-worker-0"}},"scope":"local","time":1795345339,
 *      "timeNano":1795345339060434057}
 */
export interface DockerMessage {
  /** `container` if absent. */
  readonly Type?: unknown;
  readonly Action?: unknown;
  readonly Actor?: unknown;
  /** Unix seconds; older podman gives an RFC 3339 text as `Time`. */
  readonly time?: unknown;
  readonly Time?: unknown;
  /** Unix nanoseconds: more than a JavaScript number can hold. */
  readonly timeNano?: unknown;
}
