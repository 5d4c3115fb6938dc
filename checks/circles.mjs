// Looks for circles between the modules of each crate. Two files that need one another cannot be
// read, moved or tested one without the other, so a circle is a failure.
//
//   node checks/circles.mjs [--but-parents] [ROOT]
//
// ROOT holds `crates/`; this repository is the default. `--but-parents` leaves out what a parent
// names of the modules below it, and shows what remains.
//
// A file needs another where it names an item that is defined there: in a `use`, or in a path such
// as `crate::a::b::f()`. Re-exports are followed to the file that defines the item. A parent's
// `mod` and `pub use` of what is below it are no needs, since they only say where things are found;
// a child's use of its parent's items is one. Code for tests alone is left out, and so are comments
// and strings.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outerAttribute, tokenize, trees } from './rust.mjs';

const ITEMS = new Set(['fn', 'struct', 'enum', 'union', 'trait', 'type', 'const', 'static', 'macro_rules']);
const QUALIFIERS = new Set(['pub', 'unsafe', 'async', 'extern', 'default', 'auto', 'safe']);

/** Whether an attribute keeps an item for tests alone: `cfg(test)`, or `cfg(all(…, test, …))`. */
function isTestOnly(attribute) {
  const [name, group] = attribute.children;
  if (name?.text === 'test' || attribute.children.at(-1)?.text === 'test') return true;
  const needsTest = ([head, inner]) =>
    head?.text === 'test' || (head?.text === 'all' && splitAtCommas(inner.children).some(needsTest));
  return name?.text === 'cfg' && needsTest(group?.children ?? []);
}

function splitAtCommas(nodes) {
  const parts = [[]];
  for (const node of nodes) node.text === ',' ? parts.push([]) : parts.at(-1).push(node);
  return parts;
}

/** Takes out of a body whatever stands under an attribute that keeps it for tests. */
function withoutTests(nodes) {
  const kept = [];
  for (let i = 0; i < nodes.length; ) {
    const attribute = outerAttribute(nodes, i);
    if (attribute && isTestOnly(attribute)) {
      i += 2;
      while (outerAttribute(nodes, i)) i += 2;
      while (i < nodes.length && nodes[i].text !== ';' && nodes[i].text !== ',' && nodes[i].open !== '{') i += 1;
      i += 1;
      continue;
    }
    const node = nodes[i];
    kept.push(node.open ? { ...node, children: withoutTests(node.children) } : node);
    i += 1;
  }
  return kept;
}

function leaves(nodes, out = []) {
  for (const node of nodes) {
    out.push(node);
    if (node.open) {
      leaves(node.children, out);
      out.push({ text: node.close, line: node.line });
    }
  }
  return out;
}

const isName = (node) => node?.kind === 'name';

/** The leaves of a `use` tree: each with its whole path, its name, and its line. */
function useLeaves(nodes, prefix = []) {
  const found = [];
  for (const part of splitAtCommas(nodes)) {
    const path = [...prefix];
    let alias;
    let ended = false;
    for (let i = 0; i < part.length; i += 1) {
      const node = part[i];
      if (node.text === '::') {
        if (i === 0 && prefix.length === 0) path.push({ text: '', line: node.line });
      } else if (node.text === 'as') {
        alias = part[i + 1];
        i += 1;
      } else if (node.open === '{') {
        found.push(...useLeaves(node.children, path));
        ended = true;
      } else if (isName(node) || node.text === '*') {
        path.push(node);
      }
    }
    if (ended || path.length === prefix.length) continue;
    // `use a::{self}` is `use a`.
    const names = path.map(({ text }) => text);
    if (names.length > 1 && names.at(-1) === 'self') names.pop();
    found.push({ path: names, name: alias?.text ?? names.at(-1), line: path.at(-1).line });
  }
  return found;
}

class Module {
  constructor(file, parent, name) {
    Object.assign(this, { file, parent, name, entries: new Map(), globs: [], uses: [], bodies: [] });
  }

  get root() {
    return this.parent ? this.parent.root : this;
  }

  add(name, entry) {
    if (!this.entries.has(name)) this.entries.set(name, []);
    this.entries.get(name).push(entry);
  }

  isWithin(other) {
    return this === other || (this.parent?.isWithin(other) ?? false);
  }
}

/**
 * Reads a module's items out of its token trees. `folder` is where the files of its children are.
 */
function readItems(module, nodes, folder) {
  for (let i = 0; i < nodes.length; ) {
    let attribute;
    let pathAttribute;
    while ((attribute = outerAttribute(nodes, i))) {
      if (attribute.children[0]?.text === 'path') pathAttribute = attribute.children[2]?.value;
      module.bodies.push([attribute]);
      i += 2;
    }
    const start = i;
    let isPublic = false;
    while (i < nodes.length && QUALIFIERS.has(nodes[i].text)) {
      if (nodes[i].text === 'pub') {
        isPublic = true;
        if (nodes[i + 1]?.open === '(') i += 1;
      }
      i += 1;
      if (nodes[i]?.kind === 'string') i += 1;
    }
    if (i >= nodes.length) break;
    const word = nodes[i].text;
    if (word === '#') {
      // An inner attribute, `#![…]`.
      if (isTestOnly(nodes[i + 2])) return;
      i += 3;
      continue;
    }
    if (word === 'use') {
      const end = nodes.findIndex((node, at) => at > i && node.text === ';');
      for (const leaf of useLeaves(nodes.slice(i + 1, end))) {
        const use = { ...leaf, isPublic };
        module.uses.push(use);
        if (leaf.name === '*') module.globs.push({ path: leaf.path.slice(0, -1), isPublic, line: leaf.line });
        else module.add(leaf.name, { use });
      }
      i = end + 1;
      continue;
    }
    if (word === 'mod' && isName(nodes[i + 1])) {
      const name = nodes[i + 1].text;
      const body = nodes[i + 2];
      if (body?.open === '{') {
        const child = new Module(module.file, module, name);
        module.add(name, { module: child });
        readItems(child, body.children, join(folder, name));
      } else {
        const file = pathAttribute
          ? join(dirname(module.file), pathAttribute)
          : [join(folder, `${name}.rs`), join(folder, name, 'mod.rs')].find(existsSync);
        if (file && existsSync(file)) {
          const child = new Module(file, module, name);
          module.add(name, { module: child });
          readFile(child, file.endsWith('mod.rs') ? dirname(file) : file.replace(/\.rs$/, ''));
        }
      }
      i += 3;
      continue;
    }
    // `const fn`, `const unsafe fn`: what counts is the last word before the name.
    let at = i;
    while (nodes[at]?.text === 'const' && ['fn', 'unsafe', 'async', 'extern'].includes(nodes[at + 1]?.text)) at += 1;
    while (QUALIFIERS.has(nodes[at]?.text) || (nodes[at]?.kind === 'string' && at > i)) at += 1;
    const kind = nodes[at]?.text;
    if (ITEMS.has(kind)) {
      const named = nodes.slice(at + 1, at + 4).find(isName);
      if (named && named.text !== '_') module.add(named.text, { item: kind, module });
    }
    // A value may have braces inside; other items end with theirs.
    const endsAtSemicolon = ['const', 'static', 'type'].includes(kind);
    let end = at;
    while (end < nodes.length && nodes[end].text !== ';' && (endsAtSemicolon || nodes[end].open !== '{')) end += 1;
    module.bodies.push(nodes.slice(start, end + 1));
    i = end + 1;
  }
}

function readFile(module, folder) {
  readItems(module, withoutTests(trees(tokenize(readFileSync(module.file, 'utf8')))), folder);
}

/**
 * Where a path leads from a module: items with their modules, or a module itself. Nothing where it
 * leaves the crate.
 */
function resolve(path, module, own, seen = new Set()) {
  let [first, ...rest] = path;
  if (first === 'crate' || first === own.name) return descend(module.root, first === 'crate' ? module.root : own.root, rest, own, seen);
  if (first === 'self') return descend(module, module, rest, own, seen);
  if (first === 'super') {
    let at = module.parent;
    while (rest[0] === 'super') {
      at = at?.parent;
      rest = rest.slice(1);
    }
    return at ? descend(module, at, rest, own, seen) : [];
  }
  return descend(module, module, path, own, seen);
}

function descend(from, module, path, own, seen) {
  if (path.length === 0) return [{ module }];
  const [name, ...rest] = path;
  const found = lookUp(module, name, own, seen);
  if (rest.length === 0) return found;
  const modules = found.filter(({ item }) => !item);
  // Of a type and a module of one name, the module is what a path goes on from, if it leads
  // anywhere.
  const through = modules.flatMap((entry) => descend(from, entry.module, rest, own, seen));
  if (through.length > 0) return through;
  const items = found.filter(({ item }) => item);
  if (items.length > 0) return items;
  return modules.length > 0 ? [{ module: modules[0].module, unknown: rest[0] }] : [];
}

function lookUp(module, name, own, seen) {
  const key = `${module.file}\0${module.name}\0${name}`;
  if (seen.has(key)) return [];
  const within = new Set(seen).add(key);
  const found = [];
  for (const entry of module.entries.get(name) ?? []) {
    if (entry.use) found.push(...resolve(entry.use.path, module, own, within));
    else found.push(entry.item ? { item: entry.item, module: entry.module } : { module: entry.module });
  }
  if (found.length > 0) return found;
  for (const glob of module.globs) {
    for (const { module: target, item } of resolve(glob.path, module, own, within)) {
      if (!item && target !== module) found.push(...lookUp(target, name, own, within));
    }
    if (found.length > 0) break;
  }
  return found;
}

/** The paths in a body, each with its line; and the names that stand there without one. */
function pathsOf(nodes) {
  const flat = leaves(nodes);
  const paths = [];
  for (let i = 0; i < flat.length; i += 1) {
    if (!isName(flat[i])) continue;
    const before = flat[i - 1]?.text;
    if (before === '.' || before === "'" || before === 'fn') continue;
    if (before === '::' && (isName(flat[i - 2]) || flat[i - 2]?.text === '>')) continue;
    const path = [flat[i].text];
    let at = i;
    while (flat[at + 1]?.text === '::' && isName(flat[at + 2])) {
      at += 2;
      path.push(flat[at].text);
    }
    const isRooted = before === '::';
    if (!isRooted) paths.push({ path, line: flat[i].line, next: flat[at + 1]?.text ?? flat[at + 1]?.open });
    i = at;
  }
  return paths;
}

/** The `use`s inside of functions, which name things as those of a module do. */
function localUses(nodes) {
  const found = [];
  for (let i = 0; i < nodes.length; i += 1) {
    if (nodes[i].text === 'use' && nodes[i].kind === 'name') {
      const end = nodes.findIndex((node, at) => at > i && node.text === ';');
      if (end > 0) found.push(...useLeaves(nodes.slice(i + 1, end)));
    }
    if (nodes[i].open) found.push(...localUses(nodes[i].children));
  }
  return found;
}

/** Every need of one crate root: `add(from, to, line)`. */
function needs(module, own, add) {
  const to = (targets, line, but = () => false) => {
    for (const target of targets) {
      if (!target.item && !target.unknown) continue;
      if (target.module.file !== module.file && !but(target)) add(module.file, target.module.file, line);
    }
  };
  for (const use of module.uses) {
    if (use.name === '*') continue;
    // A re-export of what is below says where it is found, no more.
    to(resolve(use.path, module, own), use.line, (target) => use.isPublic && target.module.isWithin(module));
  }
  for (const body of module.bodies) {
    const scope = new Module(module.file, module, `${module.name} (body)`);
    for (const use of localUses(body)) {
      if (use.name === '*') {
        // The names of an enum, or of a module.
        const path = use.path.slice(0, -1);
        scope.globs.push({ path });
        to(resolve(path, module, own).filter(({ item }) => item), use.line);
      } else {
        scope.add(use.name, { use: { ...use, path: use.path } });
        to(resolve(use.path, module, own), use.line);
      }
    }
    for (const { path, line, next } of pathsOf(body)) {
      const name = path[0];
      if (path.length === 1) {
        if (['crate', 'self', 'super', 'Self'].includes(name)) continue;
        // A name is a use of an item where it looks like one: a type or a constant, or a function
        // that is called.
        if (!/^[A-Z]/.test(name) && next !== '(' && next !== '!') continue;
        to(resolve(path, module, own), line);
      } else {
        const local = scope.entries.get(name);
        const targets = local
          ? local.flatMap(({ use }) => resolve([...use.path, ...path.slice(1)], module, own))
          : resolve(path, module, own);
        to(targets, line);
      }
    }
  }
  for (const entries of module.entries.values()) {
    for (const entry of entries) if (entry.module && entry.module !== module && !entry.item) needs(entry.module, own, add);
  }
}

/** The needs of a crate, as file -> file -> lines. */
export function needsOf(folder, { butParents = false } = {}) {
  const source = join(folder, 'src');
  const edges = new Map();
  const below = (file) => (/\/(lib|main|mod)\.rs$/.test(file) ? dirname(file) : file.replace(/\.rs$/, '')) + '/';
  const add = (from, to, line) => {
    if (butParents && to.startsWith(below(from))) return;
    if (!edges.has(from)) edges.set(from, new Map());
    const lines = edges.get(from);
    if (!lines.has(to)) lines.set(to, new Set());
    lines.get(to).add(line);
  };
  const manifest = existsSync(join(folder, 'Cargo.toml')) ? readFileSync(join(folder, 'Cargo.toml'), 'utf8') : '';
  const name = (manifest.match(/^name *= *"([^"]+)"/m)?.[1] ?? '').replaceAll('-', '_');
  const bin = join(source, 'bin');
  const roots = [
    join(source, 'lib.rs'),
    join(source, 'main.rs'),
    ...(existsSync(bin) ? readdirSync(bin).filter((file) => file.endsWith('.rs')).map((file) => join(bin, file)) : []),
  ];
  const own = {};
  for (const file of roots.filter(existsSync)) {
    const root = new Module(file, undefined, 'crate');
    readFile(root, file.startsWith(bin + '/') ? bin : source);
    if (file.endsWith('/lib.rs')) Object.assign(own, { name, root });
    needs(root, own, add);
  }
  return edges;
}

/** The parts of a graph whose nodes all lead to one another (Tarjan), of two nodes or more. */
function components(edges) {
  const index = new Map();
  const low = new Map();
  const stack = [];
  const found = [];
  const visit = (node) => {
    index.set(node, index.size);
    low.set(node, index.get(node));
    stack.push(node);
    for (const next of edges.get(node)?.keys() ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node), low.get(next)));
    }
    if (low.get(node) !== index.get(node)) return;
    const part = stack.splice(stack.indexOf(node));
    if (part.length > 1) found.push(part);
  };
  for (const node of edges.keys()) if (!index.has(node)) visit(node);
  return found;
}

/** The shortest way from one node back to another inside of a part. */
function wayBack(edges, part, from, to) {
  const came = new Map([[from, undefined]]);
  for (const queue = [from]; queue.length > 0; ) {
    const node = queue.shift();
    if (node === to) {
      const way = [];
      for (let at = to; at !== undefined; at = came.get(at)) way.unshift(at);
      return way;
    }
    for (const next of edges.get(node)?.keys() ?? []) {
      if (part.includes(next) && !came.has(next)) {
        came.set(next, node);
        queue.push(next);
      }
    }
  }
  return [];
}

/**
 * For each part that is tied together, circles that go over every edge of it: the shortest one for
 * each edge.
 */
export function circlesOf(edges) {
  return components(edges).map((part) => {
    const circles = new Map();
    for (const from of [...part].sort()) {
      for (const to of edges.get(from)?.keys() ?? []) {
        if (!part.includes(to)) continue;
        const circle = wayBack(edges, part, to, from);
        const first = circle.indexOf([...circle].sort()[0]);
        const turned = [...circle.slice(first), ...circle.slice(0, first)];
        circles.set(turned.join('\0'), turned);
      }
    }
    return { files: [...part].sort(), circles: [...circles.values()].sort((a, b) => a.length - b.length) };
  });
}

/** What is wrong in a tree, in lines to print; empty where nothing is. */
export function report(root, options) {
  const lines = [];
  const crates = join(root, 'crates');
  for (const crate of readdirSync(crates).sort()) {
    if (!existsSync(join(crates, crate, 'src'))) continue;
    const source = join(crates, crate, 'src');
    const edges = needsOf(join(crates, crate), options);
    for (const { files, circles } of circlesOf(edges)) {
      lines.push(`${crate}: ${files.length} files need one another: ${files.map((file) => relative(source, file)).join(', ')}`);
      for (const circle of circles) {
        const steps = circle.map((file, i) => {
          const where = [...edges.get(file).get(circle[(i + 1) % circle.length])].sort((a, b) => a - b);
          return `${relative(source, file)}:${where.join(',')}`;
        });
        lines.push(`  ${steps.join(' -> ')} -> ${relative(source, circle[0])}`);
      }
    }
  }
  return lines;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  const root = args.find((arg) => !arg.startsWith('-')) ?? fileURLToPath(new URL('..', import.meta.url));
  const lines = report(root, { butParents: args.includes('--but-parents') });
  for (const line of lines) console.log(line);
  console.log(lines.length === 0 ? 'no circles between modules' : 'each step above is a file and the lines where it names items of the next one');
  process.exitCode = lines.length === 0 ? 0 : 1;
}
