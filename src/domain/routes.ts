/** Fixed paths of the HTTP interface. */
export const ROUTES = {
  index: "/",
  healthy: "/-/healthy",
  ready: "/-/ready",
  /** Below it, the scripts and styles of the status page. */
  page: "/-/page/",
  state: "/api/v1/state",
  events: "/api/v1/events",
} as const;

/** Returns whether a path can't be the telemetry path: the index, and all below `/-/` and `/api/`. */
export function isReservedPath(path: string): boolean {
  return path === ROUTES.index || /^\/(?:-|api)(?:\/|$)/.test(path);
}
