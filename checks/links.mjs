// Checks links, without a network. Prints each one that is broken, and ends with 1 if there are
// any.
//
//     node checks/links.mjs             every relative link of every tracked .md: the file is there, and its anchor
//     node checks/links.mjs --orphans   that docs/SUMMARY.md names each page of docs/ and spec/, once, and no other
//     node checks/links.mjs --files     prints the files that the pages of docs/SUMMARY.md link to, pages left out
//     node checks/links.mjs --html DIR  every relative link of the site that was built into DIR, and its anchor
//
// Anchors of Markdown are made as GitHub makes them. The site's own ids are read from its HTML.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join, normalize, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const top = join(dirname(fileURLToPath(import.meta.url)), "..");
const broken = [];

/**
 * The text without what is shown as it is: fenced blocks, code spans, comments. Lines stay lines.
 */
function prose(text) {
  const blank = (part) => part.replace(/[^\n]/g, " ");
  return text
    .replace(/^([ \t]*)(```+|~~~+)[^\n]*\n[\s\S]*?^[ \t]*\2[`~]*[ \t]*$/gm, blank)
    .replace(/<!--[\s\S]*?-->/g, blank)
    .replace(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, blank);
}

/**
 * Anchors of a page's headings: lower case, punctuation left out, spaces as hyphens, repeats
 * counted.
 */
function anchorsOf(text) {
  const fences = /^([ \t]*)(```+|~~~+)[^\n]*\n[\s\S]*?^[ \t]*\2[`~]*[ \t]*$/gm;
  const anchors = new Set();
  for (const [, heading] of text.replace(fences, "").matchAll(/^#{1,6}[ \t]+(.+?)[ \t]*#*$/gm)) {
    const shown = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[`*]/g, "");
    const plain = shown.toLowerCase().replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, "").replaceAll(" ", "-");
    let anchor = plain;
    for (let n = 1; anchors.has(anchor); n += 1) anchor = `${plain}-${n}`;
    anchors.add(anchor);
  }
  for (const [, id] of prose(text).matchAll(/<[a-z]+ [^>]*?\b(?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

/** Where each link of a page goes, with the line that it is in. */
function linksOf(text) {
  const shown = prose(text);
  const patterns = [
    /\[(?:[^\]\\]|\\.|\[[^\]]*\])*\]\(\s*<?([^()\s<>]+(?:\([^()\s]*\)[^()\s<>]*)?)>?(?:\s+"[^"]*")?\s*\)/g,
    /^[ \t]*\[[^\]^][^\]]*\]:[ \t]*<?([^\s<>]+)>?/gm,
    /<(?:a|img)\b[^>]*?\b(?:href|src)="([^"]+)"/g,
  ];
  return patterns.flatMap((pattern) =>
    [...shown.matchAll(pattern)].map((match) => ({
      to: match[1],
      line: shown.slice(0, match.index).split("\n").length,
    })),
  );
}

const isOutside = (to) => /^[a-z][a-z0-9+.-]*:|^\/\//i.test(to);

function checkSources() {
  const tracked = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: top })
    .toString()
    .split("\0")
    .filter((path) => path && existsSync(join(top, path)));
  const files = new Set(tracked);
  const isThere = (path) => files.has(path) || tracked.some((file) => file.startsWith(`${path.replace(/\/$/, "")}/`));
  const texts = new Map();
  const read = (path) => {
    if (!texts.has(path)) texts.set(path, readFileSync(join(top, path), "utf8"));
    return texts.get(path);
  };
  const pages = tracked.filter((path) => path.endsWith(".md"));
  let count = 0;
  for (const page of pages) {
    // The summary's links are the site's: its pages are laid out from the top.
    const base = page === "docs/SUMMARY.md" ? "." : dirname(page);
    for (const { to, line } of linksOf(read(page))) {
      if (isOutside(to)) continue;
      count += 1;
      const [path, anchor] = to.split("#", 2).map(decodeURIComponent);
      const target = path === "" ? page : normalize(join(base, path));
      if (target !== "." && !isThere(target)) broken.push(`${page}:${line}: ${to}: no such file`);
      else if (anchor && target.endsWith(".md") && !anchorsOf(read(target)).has(anchor))
        broken.push(`${page}:${line}: ${to}: no such heading`);
    }
  }
  return `${count} links of ${pages.length} pages`;
}

function checkOrphans() {
  const summary = readFileSync(join(top, "docs/SUMMARY.md"), "utf8");
  const named = linksOf(summary).map(({ to }) => to);
  named.forEach((page, at) => {
    if (!existsSync(join(top, page))) broken.push(`docs/SUMMARY.md: ${page}: no such page`);
    if (named.indexOf(page) !== at) broken.push(`docs/SUMMARY.md: ${page}: named twice`);
  });
  const pages = ["docs", "spec"].flatMap((folder) =>
    readdirSync(join(top, folder), { recursive: true })
      .filter((name) => name.endsWith(".md") && join(folder, name) !== "docs/SUMMARY.md")
      .map((name) => join(folder, name)),
  );
  for (const page of pages) if (!named.includes(page)) broken.push(`${page}: docs/SUMMARY.md does not name it`);
  return `${pages.length} pages of docs/ and spec/`;
}

function linkedFiles() {
  const files = new Set();
  for (const { to: page } of linksOf(readFileSync(join(top, "docs/SUMMARY.md"), "utf8"))) {
    for (const { to } of linksOf(readFileSync(join(top, page), "utf8"))) {
      const file = normalize(join(dirname(page), decodeURIComponent(to.split("#")[0])));
      const isFile = !isOutside(to) && existsSync(join(top, file)) && statSync(join(top, file)).isFile();
      if (isFile && !file.endsWith(".md")) files.add(file);
    }
  }
  return [...files].sort();
}

function checkSite(folder) {
  const pages = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".html"));
  const ids = new Map();
  const idsOf = (path) => {
    if (!ids.has(path)) {
      const found = [...readFileSync(path, "utf8").matchAll(/\s(?:id|name)=["']?([^"'\s>]+)/g)];
      ids.set(path, new Set(found.map(([, id]) => unescape(id))));
    }
    return ids.get(path);
  };
  const unescape = (text) => text.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'");
  let count = 0;
  for (const page of pages) {
    // mdBook's page for unknown paths has its links from the site's top, and its table of contents
    // is in a frame.
    if (page === "404.html" || page === "toc.html") continue;
    const text = readFileSync(join(folder, page), "utf8").replace(/<(script|style)\b[\s\S]*?<\/\1>/g, "");
    for (const [, raw] of text.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
      const to = unescape(raw);
      if (to === "" || isOutside(to)) continue;
      count += 1;
      const [path, anchor] = to.split("#", 2).map(decodeURIComponent);
      const file = path === "" ? resolve(folder, page) : resolve(folder, dirname(page), path);
      if (relative(folder, file).startsWith("..")) broken.push(`${page}: ${to}: outside of the site`);
      else if (!existsSync(file) || statSync(file).isDirectory()) broken.push(`${page}: ${to}: no such file`);
      else if (anchor && file.endsWith(".html") && !idsOf(file).has(anchor))
        broken.push(`${page}: ${to}: no such anchor`);
    }
  }
  return `${count} links of ${pages.length} pages of the site`;
}

const [what, folder] = process.argv.slice(2);
let looked;
if (what === undefined) looked = checkSources();
else if (what === "--orphans") looked = checkOrphans();
else if (what === "--files") {
  for (const file of linkedFiles()) console.log(file);
  process.exit(0);
} else if (what === "--html" && folder !== undefined) looked = checkSite(resolve(folder));
else {
  console.error("usage: node checks/links.mjs [--orphans | --files | --html DIR]");
  process.exit(2);
}
for (const line of broken) console.error(line);
console.log(`${looked}: ${broken.length === 0 ? "nothing is broken" : `${broken.length} broken`}`);
process.exitCode = broken.length === 0 ? 0 : 1;
