// Looks for losses of speed. `trials http` measures each figure next to one of a bare program with
// the same sizes. This compares the ratio of the two with the one that was kept, because ratios
// depend far less on a machine and its other work than figures do. A ratio that fell by a third or
// more is measured again, and the check fails if it fell three times.
//
//   node checks/ratios.mjs           compares with bench/ratios.json
//   node checks/ratios.mjs --keep    measures three times and keeps the medians for this machine
//
// It runs the dev build that the tests made. Server and peer are both built without optimisation,
// so the ratios differ from those of a release, but they fall when those fall. A table names the
// machine that it was made on. If this machine has none, the first table is taken.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SECONDS = '3';
const FALL = 1 / 3;
const KEPT = fileURLToPath(new URL('../bench/ratios.json', import.meta.url));

/** The name of this machine, as a table gives it. */
export const machine = () => `${cpus()[0].model}, ${cpus().length} processors`;

/**
 * The ratios in the output of `trials http`, by the name of their row. Rows without a peer have
 * none.
 */
export function ratiosIn(output) {
  const ratios = {};
  for (const line of output.split('\n')) {
    const [, what, ours, beside] = line.match(/^\| ([^|]+) \| ([\d.]+) \| ([\d.]+) \|/) ?? [];
    // In the table a row's name is followed by its sizes and its peer.
    if (what) ratios[what.split(/, \d+ B|, requests\/s/)[0]] = Number(ours) / Number(beside);
  }
  return ratios;
}

/**
 * A line to print for each kept ratio that is now a third or more lower, or missing.
 */
export function fallen(kept, now) {
  return Object.entries(kept).flatMap(([what, ratio]) => {
    if (now[what] === undefined) return [`${what}: it was not measured`];
    return now[what] <= ratio * (1 - FALL) ? [`${what}: ${now[what].toFixed(2)}, and ${ratio.toFixed(2)} was kept`] : [];
  });
}

/** The table of this machine, or the first one. */
export const tableFor = (tables, name) => tables.find(({ machine }) => machine === name) ?? tables[0];

function measure() {
  const program = join(process.env.CARGO_TARGET_DIR ?? 'target', 'debug', 'trials');
  const run = spawnSync(program, ['http', SECONDS], { encoding: 'utf8' });
  // The bars that `trials http` itself checks are for a release build.
  if (!/bars missed/.test(run.stdout ?? '')) {
    throw new Error(`trials http did not end: ${run.error?.message ?? ''}${run.stdout}${run.stderr}`);
  }
  return ratiosIn(run.stdout);
}

const median = (figures) => figures.sort((a, b) => a - b)[Math.floor(figures.length / 2)];
const print = (ratios, kept) => {
  for (const [what, ratio] of Object.entries(ratios)) {
    console.log(`${ratio.toFixed(2)}${kept ? `  (kept ${kept[what]?.toFixed(2) ?? 'none'})` : ''}  ${what}`);
  }
};

function keep(tables) {
  const runs = [measure(), measure(), measure()];
  const ratios = {};
  for (const what of Object.keys(runs[0])) ratios[what] = Number(median(runs.map((run) => run[what])).toFixed(3));
  print(ratios);
  const others = tables.filter((table) => table.machine !== machine());
  writeFileSync(KEPT, `${JSON.stringify([...others, { machine: machine(), profile: 'dev', ratios }], null, 2)}\n`);
}

function compare(tables) {
  const table = tableFor(tables, machine());
  if (table.machine !== machine()) console.log(`no table is of this machine; this one is of ${table.machine}`);
  // Other work of the machine lowers single figures, but seldom three times.
  const best = {};
  let lost;
  for (let times = 1; times <= 3; times += 1) {
    for (const [what, ratio] of Object.entries(measure())) best[what] = Math.max(ratio, best[what] ?? 0);
    print(best, table.ratios);
    lost = fallen(table.ratios, best);
    if (lost.length === 0) break;
    if (times < 3) console.log(`fell by a third or more, so all is measured again:\n  ${lost.join('\n  ')}`);
  }
  for (const line of lost) console.error(`SLOWER  ${line}`);
  return lost.length === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const tables = existsSync(KEPT) ? JSON.parse(readFileSync(KEPT, 'utf8')) : [];
  if (process.argv[2] === '--keep') keep(tables);
  else process.exitCode = compare(tables) ? 0 : 1;
}
