// The parts of the runner of guards that need no build.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { depths, keyOf, ordered, shardOf, targetsOf } from './run.mjs';

test('crates are built from the bottom', () => {
  const manifests = {
    cli: '[dependencies]\nserver.workspace = true\nlib = { path = "x" }\n',
    lib: '[dependencies]\n[dev-dependencies]\ncli.workspace = true\n',
    server: '[dependencies]\nlib.workspace = true\n',
  };
  assert.deepEqual(depths(manifests), { cli: 2, lib: 0, server: 1 });
});

test('rows of one crate, one package and one file stand together', () => {
  const row = (name, crate, pkg, file) => [name, `crates/${crate}/src/${file}`, 'g', 'w', pkg, 't'];
  const rows = [row('1', 'b', 'b', 'x.rs'), row('2', 'a', 'b', 'x.rs'), row('3', 'a', 'a', 'y.rs'), row('4', 'a', 'a', 'x.rs')];
  assert.deepEqual(ordered(rows, { a: 0, b: 1 }).map(([name]) => name), ['4', '3', '2', '1']);
});

test('shards are all rows, each once', () => {
  const rows = [...Array(10).keys()];
  assert.deepEqual([1, 2, 3].flatMap((part) => shardOf(rows, `${part}/3`)), rows);
  for (const shard of ['0/3', '4/3', '1', 'a/b', '1/0']) assert.throws(() => shardOf(rows, shard), /a part of several/);
});

test('what a row depends on changes its key', () => {
  const key = keyOf(['a'], 'file', 'package');
  assert.equal(keyOf(['a'], 'file', 'package'), key);
  for (const other of [[['b'], 'file', 'package'], [['a'], 'file2', 'package'], [['a'], 'file', 'package2'], [['a'], 'filep', 'ackage']]) {
    assert.notEqual(keyOf(...other), key);
  }
});

test('only the targets that have the test are built', () => {
  const text = {
    'crates/a/src/x.rs': 'fn unit_test() {}',
    'crates/a/tests/http/held.rs': 'async fn held_test() {} fn both() {}',
    'crates/a/tests/flat.rs': 'fn both() {}',
    'crates/b/tests/cli/main.rs': 'fn runs() {}',
    'crates/b/examples/e.rs': '',
  };
  const of = (pkg, name) => targetsOf(pkg, name, Object.keys(text), (file) => text[file]);
  assert.deepEqual(of('a', 'unit_test'), ['--lib']);
  assert.deepEqual(of('a', 'held::held_test'), ['--test=http']);
  assert.deepEqual(of('a', 'both'), ['--test=http', '--test=flat']);
  assert.deepEqual(of('b', 'runs'), ['--test=cli', '--examples']);
  assert.deepEqual(of('a', 'gone'), []);
});
