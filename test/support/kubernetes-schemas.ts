import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { parse } from "yaml";
import { builtOnce, goEnv } from "./go-program.ts";

/** Versions of Kubernetes: an old one, one between, and the newest. */
export const KUBERNETES_VERSIONS = ["v1.31.14", "v1.34.4", "v1.37.2"] as const;
const OPERATOR = "v0.85.0";
/** Value of kubeconform's option -schema-location below a folder of schemas. */
export const SCHEMA_FILES = "{{.ResourceKind}}{{.KindSuffix}}.json";

type Json = Readonly<Record<string, unknown>>;

interface Definition extends Json {
  readonly "x-kubernetes-group-version-kind"?: readonly GroupVersionKind[];
}

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/**
 * Returns a folder with the API of this version as schemas for kubeconform that refuse unknown fields,
 * made from the OpenAPI file of the module of Kubernetes, which is downloaded once per machine.
 */
export function kubernetesSchemas(version: string): Promise<string> {
  return builtOnce(`kubernetes-schemas-${version}`, ".", async (to) => {
    const file = "api/openapi-spec/swagger.json";
    const [text] = await moduleFiles(`k8s.io/kubernetes@${version}`, [file]);
    const { definitions } = JSON.parse(text ?? "") as {
      readonly definitions: Readonly<Record<string, Definition>>;
    };
    await write(to, "_definitions.json", { definitions: strict(definitions) });
    for (const [name, definition] of Object.entries(definitions)) {
      for (const kind of definition["x-kubernetes-group-version-kind"] ?? []) {
        await write(to, fileName(kind), { $ref: `_definitions.json#/definitions/${name}` });
      }
    }
  });
}

/** Returns the definitions of the kinds of the Prometheus operator that the chart has, as YAML. */
export function operatorDefinitions(): Promise<readonly string[]> {
  const folder = "example/prometheus-operator-crd/monitoring.coreos.com_";
  const files = ["podmonitors", "prometheusrules"].map((name) => `${folder}${name}.yaml`);
  return moduleFiles(`github.com/prometheus-operator/prometheus-operator@${OPERATOR}`, files);
}

/** Returns a folder with schemas of these kinds. */
export function operatorSchemas(): Promise<string> {
  return builtOnce(`operator-schemas-${OPERATOR}`, ".", async (to) => {
    for (const text of await operatorDefinitions()) {
      const { spec } = parse(text) as {
        readonly spec: {
          readonly group: string;
          readonly names: { readonly kind: string };
          readonly versions: readonly {
            readonly name: string;
            readonly schema: { readonly openAPIV3Schema: Json };
          }[];
        };
      };
      for (const { name: version, schema } of spec.versions) {
        const kind = { group: spec.group, version, kind: spec.names.kind };
        const { properties, ...rest } = schema.openAPIV3Schema;
        const open = { ...(properties as Json), metadata: { type: "object" } };
        await write(to, fileName(kind), strict({ ...rest, properties: open }));
      }
    }
  });
}

/** Returns the schema with unknown fields refused, and with both types that some texts may have. */
function strict<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map((each: unknown) => strict(each)) as T;
  if (typeof schema !== "object" || schema === null) return schema;
  const entries = Object.entries(schema);
  const made = Object.fromEntries(entries.map(([key, value]) => [key, strict(value as unknown)]));
  if (typeof made["$ref"] === "string") return { $ref: made["$ref"] } as T;
  const isEither =
    made["format"] === "int-or-string" || made["x-kubernetes-int-or-string"] === true;
  if (isEither) return { type: ["string", "integer"] } as T;
  const isClosed = made["type"] === "object" && isObject(made["properties"]);
  return { ...made, ...(isClosed && !("additionalProperties" in made) && CLOSED) } as T;
}

const CLOSED = { additionalProperties: false };

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

function fileName({ group, version, kind }: GroupVersionKind): string {
  const [first = ""] = group.split(".");
  return (
    [kind, first, version]
      .filter((part) => part !== "")
      .join("-")
      .toLowerCase() + ".json"
  );
}

async function write(folder: string, name: string, content: object): Promise<void> {
  await writeFile(join(folder, name), JSON.stringify(content));
}

/** Downloads a Go module, and keeps nothing of it; returns the texts of some of its files. */
async function moduleFiles(module: string, files: readonly string[]): Promise<readonly string[]> {
  const work = await mkdtemp(join(tmpdir(), "unitwatch-module-"));
  const env = { ...goEnv(), GOMODCACHE: join(work, "mod"), GOFLAGS: "-modcacherw" };
  try {
    await mkdir(join(work, "mod"));
    const { stdout } = await execa("go", ["mod", "download", "-json", module], { cwd: work, env });
    const { Dir } = JSON.parse(stdout) as { readonly Dir: string };
    return await Promise.all(files.map((file) => readFile(join(Dir, file), "utf8")));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
