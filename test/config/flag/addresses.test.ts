import { expect, test } from "@jest/globals";
import {
  busPath,
  dockerHost,
  engineFilter,
  listenAddress,
  telemetryPath,
} from "../../../src/config/flag/addresses.ts";
import { formatListenAddress } from "../../../src/domain/listen-address.ts";

test.each([
  [":10558", undefined, 10_558],
  [":0", undefined, 0],
  ["localhost:65535", "localhost", 65_535],
  ["127.0.0.1:9100", "127.0.0.1", 9100],
  ["my-host.example_1.org:80", "my-host.example_1.org", 80],
  ["[::1]:9100", "::1", 9100],
  ["[::]:0", "::", 0],
  ["[fe80::1%eth0]:9100", "fe80::1%eth0", 9100],
])("parses the listen address %s", (text, host, port) => {
  expect(listenAddress(text)).toEqual({ host, port });
  expect(formatListenAddress({ host, port })).toBe(text);
});

test.each([
  "",
  "9100",
  ":",
  "localhost",
  "localhost:",
  ":65536",
  ":-1",
  ":1e3",
  "::1:9100",
  "[::1]",
  "[::1]9100",
  "[localhost]:80",
  "[]:80",
  "1.2.3.4.5:80",
  "256.0.0.1:80",
  "-a:80",
  "a b:80",
  "http://a:80",
  "a:80/path",
  " :80",
])("rejects the listen address %j", (text) => {
  expect(() => listenAddress(text)).toThrow(
    "expected host:port, :port or [::1]:port with a port from 0 to 65535",
  );
});

test.each(["/metrics", "/a/b-c_d.e~f/1", "/apiary", "/-x", "/...", "/.well-known/x"])(
  "accepts the telemetry path %s",
  (path) => {
    expect(telemetryPath(path)).toBe(path);
  },
);

test.each(["/", "/-", "/-/healthy", "/-/ready", "/-/else", "/api", "/api/v1/state"])(
  "rejects the reserved path %s",
  (path) => {
    expect(() => telemetryPath(path)).toThrow(/^expected a path other than/);
  },
);

test.each([
  "",
  "metrics",
  "/metrics/",
  "//metrics",
  "/a//b",
  "/a/../b",
  "/.",
  "/a/.",
  "/m%20",
  "/m?a",
  "/m#a",
  "/:id",
  "/*",
  "/{a}",
  "/é",
  "/m\n",
  `/${"a".repeat(300)}`,
])("rejects the telemetry path %j", (path) => {
  expect(() => telemetryPath(path)).toThrow(/^expected a path such as/);
});

test.each([
  "unix:///var/run/docker.sock",
  "unix:///run/user/1000/podman podman.sock",
  "tcp://127.0.0.1:2375",
  "tcp://[::1]:2376",
  "tcp://docker.example.org:2376/prefix",
  "ssh://root@host:22",
  "ssh://host",
])("accepts the engine host %s", (text) => {
  expect(dockerHost(text)).toBe(text);
});

test.each([
  "",
  "/var/run/docker.sock",
  "unix://",
  "unix://var/run/docker.sock",
  "unix:///a\nb",
  "npipe:////./pipe/docker_engine",
  "http://host:2375",
  "tcp://",
  "tcp://:2375",
  "tcp://host:99999",
  "tcp://user@host:2375",
  "tcp://user:password@host",
  "ssh://user:password@host",
  "ssh://-oProxyCommand=x",
  "ssh://%2doProxyCommand=x",
  "ssh://-oProxyCommand@host",
  "ssh://host?x",
  "ssh://host#x",
  "tcp://a b",
])("rejects the engine host %j", (text) => {
  expect(() => dockerHost(text)).toThrow(
    "expected unix:///PATH, tcp://HOST:PORT or ssh://[USER@]HOST[:PORT]",
  );
});

test("requires a key and a value in a filter", () => {
  for (const filter of ["label=a", "label=a=b,c=d", "name=^x$"]) {
    expect(engineFilter(filter)).toBe(filter);
  }
  for (const filter of ["", "label", "label=", "=a", "Label=a", "la bel=a", "label=a\nb"]) {
    expect(() => engineFilter(filter)).toThrow(/^expected KEY=VALUE/);
  }
  for (const filter of ["type=network", "event=die", "status=running"]) {
    expect(() => engineFilter(filter)).toThrow("expected a filter by label, name, id or ancestor");
  }
  expect(() => engineFilter("name=(")).toThrow("a regular expression");
});

test.each([
  ["unix:path=/run/dbus/system_bus_socket", "/run/dbus/system_bus_socket"],
  ["unix:guid=ab12,path=/run/my%20bus", "/run/my bus"],
  ["tcp:host=localhost;unix:path=/b;unix:path=/c", "/b"],
  ["unix:abstract=/tmp/bus", "\0/tmp/bus"],
])("parses the address of a bus %s", (text, path) => {
  expect(busPath(text)).toBe(path);
});

test.each([
  "",
  "/run/dbus",
  "unix:path=run",
  "unix:path=/a%00b",
  "unix:path=",
  "tcp:host=a,port=1",
])("rejects the address of a bus %j", (text) => {
  expect(() => busPath(text)).toThrow("unix:path=/PATH or unix:abstract=NAME");
});
