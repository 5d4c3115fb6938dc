// Holds documents and comments to the tree they stand in:
//
// - every file and folder of this repository that they name is there;
// - no line of Markdown and no comment is longer than 100 columns, where it could be broken;
// - `CONTRIBUTING.md` lists the crates that may use unsafe code, and those are the ones that do
//   not forbid it.
//
//   node checks/documents.mjs [ROOT]   ROOT is a git work tree; this repository is the default
//
// Prints everything that it finds.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tokenize } from './rust.mjs';

const COLUMNS = 100;
const UNSAFE_LIST = '## Crates that may use unsafe';

// Names of these kinds are files of this repository wherever they stand. Of other kinds (a user's
// `policy.toml`) only a path that begins with one of the repository's folders is.
const SOURCES = ['rs', 'md', 'mjs', 'sh'];
const KINDS = [...SOURCES, 'toml', 'json', 'yaml', 'yml', 'py', 'service', 'conf', 'der', 'lock', 'ts', 'js'];
const FILE = new RegExp(String.raw`(?<![\w/.@*<>{}…$-])(?:\.{0,2}/)*(?:[\w.-]+/)*[\w.-]*\w\.(?:${KINDS.join('|')})(?![\w/*{<…-]|\.\w)`, 'g');
const URL_LIKE = /\b[a-z][a-z+]*:\/\/[^\s)>`"']+/g;

/**
 * The comments of a text, as `{line, text}` for each of their lines: `text` is what follows the
 * marker.
 */
function commentsOf(file, source) {
  const found = [];
  const add = (text, line, marker) => {
    text.split('\n').forEach((part, i) => found.push({ line: line + i, text: part.replace(marker, '') }));
  };
  if (file.endsWith('.rs')) {
    tokenize(source, (text, line) => add(text, line, /^\s*(?:\/\/[\/!]?|\/\*[*!]?|\*(?!\/))? ?/));
  } else {
    const isScript = file.endsWith('.mjs');
    const start = isScript ? /^\s*(?:\/\/|\/\*\*?|\*) ?/ : /^\s*# ?/;
    const trailing = isScript ? /(?<=[;,{}()\]]\s+)\/\/ .*$/ : /(?<=\s)# .*$/;
    source.split('\n').forEach((text, i) => {
      if (start.test(text) && !text.startsWith('#!')) add(text, i + 1, start);
      else {
        const comment = text.match(trailing);
        const quotes = (text.slice(0, comment?.index).match(/["'`]/g) ?? []).length;
        if (comment && quotes % 2 === 0) add(comment[0], i + 1, /^(?:\/\/|#) /);
      }
    });
  }
  return found;
}

/**
 * What of a file is text for people, line by line; undefined where it has none that is looked at.
 */
function textOf(file, source) {
  if (file.endsWith('.md')) return source.split('\n').map((text, i) => ({ line: i + 1, text }));
  if (/\.(rs|mjs|sh|toml|py)$/.test(file) || /^#!.*\b(ba)?sh\b/.test(source)) return commentsOf(file, source);
  return undefined;
}

/** The names of files and folders in a text, as they are written. */
export function namesIn(text, topFolders) {
  const names = new Set();
  const plain = text.replace(URL_LIKE, ' ');
  for (const [name] of plain.matchAll(FILE)) {
    const path = name.replace(/^(?:\.{0,2}\/)+/, '');
    const kind = path.split('.').at(-1);
    if (SOURCES.includes(kind) || (path.includes('/') && topFolders.includes(path.split('/')[0]))) names.add(name);
  }
  // Folders: only those that begin with one of the repository's, and end where the word does.
  for (const [, name] of plain.matchAll(/(?<![\w/.@*<>{}…$-])((?:[\w.-]+\/)+[\w-]*)(?![\w/*{<…$.-]|\.\w)/g)) {
    const [top, second] = name.split('/');
    if (topFolders.includes(top) && (second || top !== 'docs')) names.add(name);
  }
  return [...names];
}

/**
 * Whether a name is the end of a tracked path, or a folder of one, from the root, the file's folder
 * or anywhere.
 */
function exists(name, file, tracked) {
  const path = name.replace(/\/$/, '');
  const places = [posix.normalize(path), posix.normalize(posix.join(dirname(file), path))];
  if (places.some((place) => tracked.paths.has(place) || tracked.folders.has(place))) return true;
  const end = `/${path.replace(/^(?:\.{0,2}\/)+/, '')}`;
  for (const whole of tracked.paths) if (`/${whole}`.endsWith(end)) return true;
  // A module's folder is named within its crate.
  for (const whole of tracked.folders) if (`/${whole}`.endsWith(end)) return true;
  return false;
}

function isBreakable(text) {
  // A line is as long as its first word makes it; what is one word, or one link, cannot be broken.
  const words = text.trim().replace(/^(?:[-*+>]|\d+\.|#+) /, '');
  return words.includes(' ');
}

/** The lines of a text that are too long though they could be broken. */
function longLines(file, source) {
  const lines = source.split('\n');
  const found = [];
  let fence;
  for (const { line, text } of textOf(file, source) ?? []) {
    const mark = text.match(/^\s*(`{3,}|~{3,})/)?.[1];
    if (mark && (!fence || mark.startsWith(fence))) {
      fence = fence ? undefined : mark;
      continue;
    }
    const whole = lines[line - 1];
    const length = [...whole].length;
    if (length <= COLUMNS || fence) continue;
    const isTable = /^\s*\|/.test(text);
    const isCode = /^\s{4,}\S/.test(text) && !file.endsWith('.md');
    const isBadge = /^\s*\[?!\[/.test(text);
    const isHeading = file.endsWith('.md') && /^#+ /.test(text);
    const withoutUrls = [...whole.replace(/\]\([^)\s]*\)/g, '](#)').replace(URL_LIKE, '')].length;
    if (isTable || isCode || isBadge || isHeading || withoutUrls <= COLUMNS || !isBreakable(text)) continue;
    found.push({ line, length });
  }
  return found;
}

/**
 * The names in a list of `- `name`: reason` under a heading; undefined where the heading is not
 * there.
 */
function listUnder(heading, text) {
  const lines = text.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) return undefined;
  const end = lines.findIndex((line, i) => i > start && line.startsWith('#'));
  return lines.slice(start + 1, end < 0 ? undefined : end).flatMap((line) => line.match(/^- `([^`]+)`: \S/)?.[1] ?? []);
}

const tableOf = (toml, name) => toml.split(/^\[/m).find((part) => part.startsWith(`${name}]`));
const forbids = (table) => /^unsafe_code *= *(?:"forbid"|\{[^}]*level *= *"forbid")/m.test(table ?? '');

/**
 * The packages of which neither the manifest nor the root of the library or the program forbids
 * unsafe code.
 */
export function mayUseUnsafe(root, files) {
  const read = (file) => readFileSync(join(root, file), 'utf8');
  const workspace = forbids(tableOf(read('Cargo.toml'), 'workspace.lints.rust'));
  const found = [];
  for (const manifest of files.filter((file) => file.endsWith('/Cargo.toml') && !file.startsWith('testdata/'))) {
    const toml = read(manifest);
    const name = tableOf(toml, 'package')?.match(/^name *= *"([^"]+)"/m)?.[1];
    if (!name) continue;
    const inherits = /^workspace *= *true/m.test(tableOf(toml, 'lints') ?? '');
    const roots = ['lib.rs', 'main.rs'].map((file) => posix.join(dirname(manifest), 'src', file)).filter((file) => files.includes(file));
    const inCode = roots.length > 0 && roots.every((file) => /^#!\[forbid\([^)]*\bunsafe_code\b/m.test(read(file)));
    if (!(inherits ? workspace : forbids(tableOf(toml, 'lints.rust'))) && !inCode) found.push(name);
  }
  return found.sort();
}

/** What is wrong in a tree of these files: three lists of lines to print. */
export function findings(root, files) {
  const tracked = { paths: new Set(files), folders: new Set() };
  for (const file of files) for (let at = dirname(file); at !== '.'; at = dirname(at)) tracked.folders.add(at);
  const topFolders = [...tracked.folders].filter((folder) => !folder.includes('/') && !folder.startsWith('.'));
  const missing = [];
  const long = [];
  for (const file of files) {
    const source = readFileSync(join(root, file), 'utf8');
    const texts = textOf(file, source);
    if (!texts) continue;
    for (const { line, text } of texts) {
      for (const name of namesIn(text, topFolders)) {
        if (!exists(name, file, tracked)) missing.push(`${file}:${line}: ${name} is not there`);
      }
    }
    for (const { line, length } of longLines(file, source)) long.push(`${file}:${line}: ${length} columns`);
  }
  const unsafety = [];
  const listed = files.includes('CONTRIBUTING.md') ? listUnder(UNSAFE_LIST, readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')) : undefined;
  const may = mayUseUnsafe(root, files);
  if (!listed) unsafety.push(`CONTRIBUTING.md has no list under "${UNSAFE_LIST}"; these crates may: ${may.join(', ')}`);
  else {
    for (const name of may) if (!listed.includes(name)) unsafety.push(`${name} does not forbid unsafe code, and CONTRIBUTING.md does not list it`);
    for (const name of listed) if (!may.includes(name)) unsafety.push(`${name} is listed in CONTRIBUTING.md, and forbids unsafe code or is not there`);
  }
  return { missing, long, unsafety };
}

function main(root) {
  const files = execFileSync('git', ['-C', root, 'ls-files', '-z'], { encoding: 'utf8' })
    .split('\0')
    .filter((file) => file && existsSync(join(root, file)));
  const { missing, long, unsafety } = findings(root, files);
  const print = (title, lines) => {
    if (lines.length === 0) return;
    console.log(`${title} (${lines.length})`);
    for (const line of lines) console.log(`  ${line}`);
  };
  print('files that are named and are not there', missing);
  print(`lines of Markdown and of comments over ${COLUMNS} columns`, long);
  print('crates that may use unsafe code', unsafety);
  const count = missing.length + long.length + unsafety.length;
  console.log(count === 0 ? `${files.length} files: documents and comments fit the tree` : `${count} findings`);
  return count === 0;
}

if (basename(process.argv[1] ?? '') === 'documents.mjs') {
  process.exitCode = main(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url))) ? 0 : 1;
}
