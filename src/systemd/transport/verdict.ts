/**
 * Verdict of a failed attempt on its way to systemd:
 *
 * - `missing`: the container lacks the command, or the host doesn't show its tree, so that no attempt
 *   can succeed
 * - `absent`: there was nothing to connect to, as in a node that boots
 * - `broken`: it connected, and failed in another way
 * - `outside`: the engine or the container kept us from it (unreachable, paused, stopped, a full
 *   process table), which says nothing about the way
 */
export type Verdict = "missing" | "absent" | "broken" | "outside";
