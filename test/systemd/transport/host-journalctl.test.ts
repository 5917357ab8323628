import { expect, test } from "@jest/globals";
import { filesError } from "../../../src/systemd/transport/host-journalctl.ts";
import { SocketError } from "../../../src/systemd/transport/socket-error.ts";

test.each<[string, string, Error]>([
  ["another way", "HostJournalError", new SocketError("a link", "missing")],
  ["another way", "HostJournalError", new SocketError("too many files", "broken")],
  ["another way", "HostJournalError", Object.assign(new Error("EACCES"), { code: "EACCES" })],
  ["another attempt", "SocketError", new SocketError("has ended", "outside")],
  ["another attempt", "SocketError", new SocketError("gone", "missing", { isLasting: true })],
])("asks for %s by a %s", (_what, name, cause) => {
  expect(filesError(cause)).toMatchObject({ name });
});
