// Takes out, one by one, the lines of the table in `../guards.mjs`, and asks that the test of each fails without it.
// Works on a copy of the tree.

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const count = (file, guard) => readFileSync(file, 'utf8').split(guard).length - 1;
const tracked = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0').filter(Boolean);

function look(guards) {
  const sources = (pkg) => tracked.filter((file) => file.startsWith(`crates/${pkg}/`) && file.endsWith('.rs'));
  const tests = Object.fromEntries(
    guards.map(([, , , , pkg]) => [pkg, sources(pkg).map((file) => readFileSync(file, 'utf8')).join()]),
  );
  const lost = guards.filter(
    ([, file, guard, , pkg, test]) =>
      count(file, guard) !== 1 || !new RegExp(`fn \\w*${test.split('::').at(-1)}`).test(tests[pkg]),
  );
  for (const [name] of lost) console.log(`HOLE  ${name}: the guard is not in its file once, or its test is gone`);
  console.log(`${guards.length - lost.length} guards stand where they are looked for`);
  return lost.length === 0;
}

function takeOut(guards, wanted) {
  const copy = mkdtempSync(join(tmpdir(), 'strongroom-guards-'));
  process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
  process.on('SIGINT', () => process.exit(2));
  for (const file of tracked) cpSync(file, join(copy, file));

  // The ordinary target folder, so that dependencies are not built again.
  const env = { ...process.env, CARGO_TARGET_DIR: join(process.cwd(), 'target') };
  const test = (pkg, name) =>
    spawnSync('cargo', ['nextest', 'run', '--locked', '-p', pkg, '-E', `test(${name})`], { cwd: copy, env, encoding: 'utf8' });

  let failed = 0;
  let passed = 0;
  for (const [name, file, guard, without, pkg, testName, also] of guards.filter(([name]) => name.includes(wanted))) {
    const path = join(copy, file);
    const original = readFileSync(path, 'utf8');
    let verdict;
    if (count(path, guard) !== 1) {
      verdict = 'the guard is not in the file once';
    } else {
      const swap = (text, [from, to]) => text.replace(from, () => to);
      let changed = swap(original, [guard, without]);
      if (also) changed = swap(changed, also);
      writeFileSync(path, changed);
      const ran = test(pkg, testName);
      const output = ran.stdout + ran.stderr;
      writeFileSync(path, original);
      if (/could not compile/.test(output)) verdict = `it does not build without the guard\n${output.slice(-2000)}`;
      else if (/no tests to run/.test(output)) verdict = `no test ${testName}`;
      else if (ran.status === 0) verdict = `${testName} passes without the guard`;
      // Only a test that ran and failed counts, not a build or a tool that did.
      else if (!new RegExp(`FAIL \\[.*${testName}`).test(output)) verdict = `the test did not run\n${output.slice(-2000)}`;
    }
    console.log(`${verdict ? 'HOLE' : 'held'}  ${name}${verdict ? `: ${verdict}` : ''}`);
    verdict ? (failed += 1) : (passed += 1);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

/** Runs the table as the arguments ask; a hole is exit status 1. */
export function run(guards, args) {
  process.exitCode = (args[0] === '--look' ? look(guards) : takeOut(guards, args[0] ?? '')) ? 0 : 1;
}
