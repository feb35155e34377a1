// Bundles packages from npm as static files: `node tools/bundles/build.mjs` writes build/bundles/{app}/ (make bundles).
// third_party.txt beside them has the licences of all that is inside.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const out = join(root, "build", "bundles", "devcapsules");
const common = { absWorkingDir: root, bundle: true, minify: true, charset: "ascii", legalComments: "none", metafile: true };

const bundles = [
  { entryPoints: [join(here, "editor.mjs")], format: "esm", outfile: join(out, "widget", "editor.js") },
  {
    // The tool that takes types out of TypeScript, as a script that defines `sucrase`.
    stdin: { contents: 'export { transform } from "sucrase";', resolveDir: root },
    format: "iife", globalName: "sucrase", target: "es2020", outfile: join(out, "sucrase.js"),
  },
];

function packageOf(input) {
  const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input) ?? [];
  return name;
}
function notice(name) {
  const folder = join(root, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(join(folder, file), "utf8").trim() : "";
  return `${name} ${version} (${license})\n\n${text}`.trim();
}

const names = new Set();
for (const bundle of bundles) {
  const { metafile } = await build({ ...common, ...bundle });
  for (const input of Object.keys(metafile.inputs)) if (packageOf(input)) names.add(packageOf(input));
}
if (!existsSync(out)) mkdirSync(out, { recursive: true });
writeFileSync(join(out, "third_party.txt"), [...names].sort().map(notice).join("\n\n----\n\n") + "\n");
