import manifest from "../../package.json" with { type: "json" };

/** A file that names the version of unitwatch. package.json has it; `npm run docs` writes the others. */
export interface VersionPlace {
  /** Path from the project's root. */
  readonly path: string;
  /** Text before a version; each match is followed by one. */
  readonly before: RegExp;
}

export const VERSION_PLACES: readonly VersionPlace[] = [
  { path: "Dockerfile", before: /^ARG VERSION=/ },
  { path: "docker-bake.hcl", before: /^variable "VERSION" \{\n {2}default = "/ },
  { path: "deploy/compose.yaml", before: /\bimage: unitwatch:/ },
  { path: "deploy/kubernetes/base/kustomization.yaml", before: /\bnewTag: / },
  { path: "deploy/helm/unitwatch/Chart.yaml", before: /^(?:version|appVersion): / },
  { path: "deploy/swarm.yaml", before: /\bregistry\.example\/unitwatch:/ },
  { path: "deploy/README.md", before: /\bregistry\.example\/unitwatch:/ },
  { path: "docs/getting-started.md", before: /\bmsg="unitwatch starting" version=/ },
  { path: "docs/getting-started.md", before: /\.\/unitwatch-/ },
  { path: "docs/http-api.md", before: /^ {2}"version": "/ },
];

const VERSION = String.raw`\d+\.\d+\.\d+(?:-[\w.]+)?`;

/** Returns the versions that a file names, in their order. */
export function versionsIn(text: string, { before }: VersionPlace): readonly string[] {
  return [...text.matchAll(pattern(before))].map((match) => match[2] ?? "");
}

/** Returns the text with the version of package.json. @throws Error if it names none */
export function withVersion(text: string, place: VersionPlace): string {
  if (versionsIn(text, place).length === 0) throw new Error(`${place.path} has no version`);
  return text.replaceAll(pattern(place.before), `$1${manifest.version}`);
}

const pattern = (before: RegExp): RegExp => new RegExp(`(${before.source})(${VERSION})`, "gm");
