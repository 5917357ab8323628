/**
 * Returns a script that runs a command, which must not read its input, until the script's own input ends:
 * that happens however unitwatch or the engine's command end. When the command ends by itself, the
 * script does too. It waits for all that it starts: a container whose process 1 reaps no orphans would
 * keep them as zombies.
 */
export function untilInputEnds(command: string, kill: "kill" | "kill -9"): string {
  return `exec 3<&0
${command} </dev/null 3<&- &
p=$!
{ while read -r line; do :; done <&3; ${kill} $p; } >/dev/null 2>&1 &
w=$!
exec 3<&-
wait $p
s=$?
{ kill $w; wait $w; } >/dev/null 2>&1
exit $s`;
}
