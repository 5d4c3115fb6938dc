// Takes out the guards of `../guards.mjs` one by one, and asks that the test of each fails without
// it.
//
//   ./check guards [--fresh] [--shard I/N] [part of a name]
//   node checks/guards.mjs --look
//
// Works in `target/guards`: a copy of the tree in which only changed files are written, so that
// cargo builds only what changed; a target folder of its own, kept between runs; and what held, by
// the contents that it held for. A run that was broken off goes on where it was, and a row is
// skipped while its line, its file and the package of its test are the same. `--fresh` asks all of
// them again.

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * Longer than any row takes; a test that waits for ever without its guard is a failure that says
 * so.
 */
const ROW_LIMIT_MS = 15 * 60_000;

const read = (file) => readFileSync(file, 'utf8');
const trackedFiles = () =>
  execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0').filter((file) => file && existsSync(file));
const count = (text, guard) => text.split(guard).length - 1;
const functionOf = (test) => new RegExp(`fn \\w*${test.split('::').at(-1)}`);
const sourcesOf = (pkg, files) => files.filter((file) => file.startsWith(`crates/${pkg}/`) && file.endsWith('.rs'));

/** Whether each guard stands in its file once, and its test in its package. */
function look(guards) {
  const files = trackedFiles();
  const tests = {};
  const text = (file) => (existsSync(file) ? read(file) : '');
  const lost = guards.filter(([, file, guard, , pkg, test]) => {
    tests[pkg] ??= sourcesOf(pkg, files).map(read).join();
    return count(text(file), guard) !== 1 || !functionOf(test).test(tests[pkg]);
  });
  for (const [name] of lost) console.log(`HOLE  ${name}: the guard is not in its file once, or its test is gone`);
  console.log(`${guards.length - lost.length} guards stand where they are looked for`);
  return lost.length === 0;
}

/** How many crates of the workspace stand below each: those are built first. */
export function depths(manifests) {
  const depth = {};
  const of = (name) => {
    if (depth[name] !== undefined) return depth[name];
    depth[name] = 0;
    const own = manifests[name].split(/^\[dev-dependencies/m)[0];
    const below = Object.keys(manifests).filter((other) => other !== name && new RegExp(`^${other}[ .=]`, 'm').test(own));
    return (depth[name] = 1 + Math.max(-1, ...below.map(of)));
  };
  Object.keys(manifests).forEach(of);
  return depth;
}

const crateOf = (file) => file.match(/^crates\/([^/]+)\//)?.[1] ?? '';

/**
 * The rows in an order in which little is built again: by the crate of the guard, the package of
 * the test, the file.
 */
export function ordered(guards, depth) {
  const rank = ([, file, , , pkg]) => [depth[crateOf(file)] ?? 99, crateOf(file), depth[pkg] ?? 99, pkg, file];
  const compare = (a, b) => {
    for (const i of a.keys()) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
    return 0;
  };
  return [...guards].sort((a, b) => compare(rank(a), rank(b)));
}

/** The part `I/N` of the rows, from 1: rows that stand together stay so. */
export function shardOf(rows, shard) {
  const [, part, parts] = shard.match(/^(\d+)\/(\d+)$/)?.map(Number) ?? [];
  if (!(part >= 1 && part <= parts)) throw new Error(`--shard ${shard}: a part of several is expected, as in 1/4`);
  const at = (n) => Math.floor((rows.length * n) / parts);
  return rows.slice(at(part - 1), at(part));
}

/**
 * What a row's outcome depends on, as a hash: the row, its file, and the sources of the package of
 * its test.
 */
export function keyOf(row, fileText, packageText) {
  const hash = createHash('sha256');
  for (const part of [JSON.stringify(row), fileText, packageText]) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}

/**
 * Makes `copy` the same as the tracked files, and writes only what differs, since cargo goes by
 * times.
 */
function sync(files, copy) {
  const wanted = new Set(files);
  const clean = (folder) => {
    for (const entry of readdirSync(join(copy, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) clean(path);
      else if (!wanted.has(path)) rmSync(join(copy, path));
    }
  };
  mkdirSync(copy, { recursive: true });
  clean('');
  let written = 0;
  for (const file of files) {
    const to = join(copy, file);
    if (existsSync(to) && readFileSync(to).equals(readFileSync(file))) continue;
    mkdirSync(dirname(to), { recursive: true });
    cpSync(file, to);
    written += 1;
  }
  return written;
}

/**
 * Puts what the ordinary builds made of dependencies into a new target folder, as links: they need
 * not be built again.
 */
function seed(from, to) {
  if (existsSync(join(to, 'debug')) || !existsSync(join(from, 'debug'))) return;
  mkdirSync(join(to, 'debug'), { recursive: true });
  for (const part of ['.fingerprint', 'build', 'deps']) {
    if (existsSync(join(from, 'debug', part))) execFileSync('cp', ['-al', join(from, 'debug', part), join(to, 'debug', part)]);
  }
}

/**
 * The targets of a package that have a test of this name, as arguments of cargo: others need not be
 * linked.
 */
export function targetsOf(pkg, test, files, text = read) {
  const has = sourcesOf(pkg, files).filter((file) => functionOf(test).test(text(file)));
  const targets = new Set();
  for (const file of has) {
    const [, kind, name] = file.match(/^crates\/[^/]+\/(src|tests)\/([^/]+)/) ?? [];
    if (kind === 'src') targets.add('--lib');
    else if (kind === 'tests') targets.add(`--test=${name.replace(/\.rs$/, '')}`);
  }
  // Tests of a program may run the package's examples, which cargo builds only where it is told to.
  if (targets.size > 0 && files.some((file) => file.startsWith(`crates/${pkg}/examples/`))) targets.add('--examples');
  return [...targets];
}

/** Runs one test in the copy. */
function runTest(copy, target, pkg, name, targets) {
  const env = { ...process.env, CARGO_TARGET_DIR: target, CARGO_INCREMENTAL: '1', CARGO_TERM_COLOR: 'never' };
  const args = ['nextest', 'run', '--locked', '-p', pkg, ...targets, '-E', `test(${name})`];
  return new Promise((done) => {
    // A group of its own, so that what a test started ends with it.
    const child = spawn('cargo', args, { cwd: copy, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const end = () => process.kill(-child.pid, 'SIGKILL');
    let output = '';
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end();
    }, ROW_LIMIT_MS);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    const interrupted = () => {
      end();
      process.exit(130);
    };
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
    child.on('error', (error) => (output += error.message));
    child.on('close', (status) => {
      clearTimeout(timer);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
      done({ status, output, late });
    });
  });
}

/** What is wrong with a row, or undefined where its test failed as it must. */
function verdictOf({ status, output, late }, test) {
  if (late) return `${test} was still running after ${ROW_LIMIT_MS / 60_000} minutes`;
  if (/could not compile/.test(output)) return `it does not build without the guard\n${output.slice(-2000)}`;
  if (/no tests to run/.test(output)) return `no test ${test}`;
  if (status === 0) return `${test} passes without the guard`;
  // Only a test that ran and failed counts, not a build or a tool that did.
  if (!new RegExp(`FAIL \\[.*${test}`).test(output)) return `the test did not run\n${output.slice(-2000)}`;
  return undefined;
}

/** One run at a time in one folder. */
function lock(folder) {
  const file = join(folder, 'running');
  const other = existsSync(file) ? Number(read(file)) : 0;
  if (other > 0 && existsSync(`/proc/${other}`)) throw new Error(`process ${other} is taking out guards in ${folder}: wait for it, or end it`);
  writeFileSync(file, String(process.pid));
  process.on('exit', () => rmSync(file, { force: true }));
}

async function takeOut(guards, { fresh, shard, wanted }) {
  const target = resolve(process.env.CARGO_TARGET_DIR ?? 'target');
  const place = join(target, 'guards');
  const [copy, own, kept] = [join(place, 'tree'), join(place, 'target'), join(place, 'results.json')];
  mkdirSync(place, { recursive: true });
  lock(place);
  const files = trackedFiles();
  const manifests = {};
  for (const file of files) if (/^crates\/[^/]+\/Cargo\.toml$/.test(file)) manifests[crateOf(file)] = read(file);
  let rows = ordered(guards, depths(manifests));
  if (shard) rows = shardOf(rows, shard);
  rows = rows.filter(([name]) => name.includes(wanted));
  const results = existsSync(kept) && !fresh ? JSON.parse(read(kept)) : {};
  seed(target, own);
  console.log(`${rows.length} guards; ${sync(files, copy)} files were copied to ${copy}`);

  const packages = {};
  const packageText = (pkg) => (packages[pkg] ??= sourcesOf(pkg, files).map((file) => `${file}\n${read(file)}`).join('\n'));
  const start = Date.now();
  const seconds = (since) => ((Date.now() - since) / 1000).toFixed(1);
  const holes = [];
  let [held, skipped] = [0, 0];
  for (const row of rows) {
    const [name, file, guard, without, pkg, test, also] = row;
    const original = existsSync(file) ? read(file) : '';
    const key = keyOf(row, original, packageText(pkg));
    if (results[name]?.key === key) {
      skipped += 1;
      continue;
    }
    const since = Date.now();
    let verdict;
    if (count(original, guard) !== 1) verdict = 'the guard is not in the file once';
    else {
      const swap = (text, [from, to]) => text.replace(from, () => to);
      let changed = swap(original, [guard, without]);
      if (also) changed = swap(changed, also);
      writeFileSync(join(copy, file), changed);
      verdict = verdictOf(await runTest(copy, own, pkg, test, targetsOf(pkg, test, files)), test);
      writeFileSync(join(copy, file), original);
    }
    console.log(`${verdict ? 'HOLE' : 'held'} ${seconds(since).padStart(6)} s  ${name}${verdict ? `: ${verdict}` : ''}`);
    if (verdict) holes.push(name);
    else held += 1;
    if (verdict) delete results[name];
    else results[name] = { key, seconds: Number(seconds(since)) };
    writeFileSync(`${kept}.new`, JSON.stringify(results, null, 1));
    renameSync(`${kept}.new`, kept);
  }
  console.log(`${held} held, ${skipped} held before for the same contents, ${holes.length} holes; ${seconds(start)} s`);
  for (const name of holes) console.log(`HOLE  ${name}`);
  return holes.length === 0;
}

/** Runs the table as the arguments ask; a hole is exit status 1. */
export async function run(guards, args) {
  const { values, positionals } = parseArgs({
    args: args.filter((arg) => arg !== ''),
    options: { look: { type: 'boolean' }, fresh: { type: 'boolean' }, shard: { type: 'string' } },
    allowPositionals: true,
  });
  const all = values.look ? look(guards) : await takeOut(guards, { ...values, wanted: positionals[0] ?? '' });
  process.exitCode = all ? 0 : 1;
}
