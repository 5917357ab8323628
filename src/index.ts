export type { Clock } from "./domain/clock.ts";
export { type Event, EventKind, type NodeTarget } from "./domain/event.ts";
export type { ByteSink, Executor, Process, ProcessExit } from "./domain/process.ts";
export { execaExecutor } from "./platform/process/execa-executor.ts";
export { DockerMonitor, dockerEventsArgs } from "./library/docker-monitor.ts";
export type { ByteInput, RunOptions } from "./platform/process/line-events.ts";
export { SystemdMonitor, systemdMonitorArgs } from "./systemd/transport/systemd-monitor.ts";
export type { Subscription } from "./state/subscription.ts";
export { type StartOptions, Watcher, type WatcherOptions } from "./library/watcher.ts";
