// Planted trees: what `documents.mjs` must find, and what it must not.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findings } from './documents.mjs';

const WORKSPACE = '[workspace]\nmembers = []\n\n[workspace.lints.rust]\nunsafe_code = "forbid"\n';
const CLEAN = {
  'Cargo.toml': WORKSPACE,
  'CONTRIBUTING.md': '# Contributing\n\n## Crates that may use unsafe\n\n',
};

function plant(t, files) {
  const root = mkdtempSync(join(tmpdir(), 'strongroom-documents-'));
  t.after(() => rmSync(root, { recursive: true }));
  const all = { ...CLEAN, ...files };
  for (const [file, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return [root, Object.keys(all)];
}

const found = (t, files) => findings(...plant(t, files));
const words = (columns) => 'word '.repeat(columns / 5).trim() + '.';

test('a clean tree', (t) => {
  assert.deepEqual(found(t, {}), { missing: [], long: [], unsafety: [] });
});

test('the program fails on a name of no file and prints it', (t) => {
  const [root] = plant(t, { 'docs/a.md': 'See `b.md`.\n' });
  execFileSync('git', ['-C', root, 'init', '-q']);
  execFileSync('git', ['-C', root, 'add', '-A']);
  const program = fileURLToPath(new URL('documents.mjs', import.meta.url));
  const run = spawnSync(process.execPath, [program, root], { encoding: 'utf8' });
  assert.equal(run.status, 1);
  assert.match(run.stdout, /docs\/a\.md:1: b\.md is not there/);
  writeFileSync(join(root, 'docs/a.md'), 'See `a.md`.\n');
  assert.equal(spawnSync(process.execPath, [program, root]).status, 0);
});

test('names are held to the ends of paths', (t) => {
  const files = {
    'crates/x/src/serve/sweeper.rs': '//! See `serve/sweeper.rs`, sweeper.rs and crates/x/src/serve/.\n',
    'README.md': [
      'Good: `serve/sweeper.rs`, crates/x/src/serve/sweeper.rs, [page](docs/p.md#part), `sweeper.rs`.',
      'Bad: `weeper.rs`, serve/connections.rs, docs/q.md, `docs/deploy/`.',
      'A sentence ends with gone.md.',
    ].join('\n'),
    'docs/p.md': 'Up: ../README.md, ../crates/x, ../gone.md\n',
  };
  assert.deepEqual(found(t, files).missing, [
    'README.md:2: weeper.rs is not there',
    'README.md:2: serve/connections.rs is not there',
    'README.md:2: docs/q.md is not there',
    'README.md:2: docs/deploy/ is not there',
    'README.md:3: gone.md is not there',
    'docs/p.md:1: ../gone.md is not there',
  ]);
});

test("a user's files, addresses and patterns are no files of the repository", (t) => {
  const text = [
    '`policy.toml`, `wallet.json`, ~/notes/strongroom.toml, https://example.com/docs/x.md,',
    '`crates/*/src/lib.rs`, crates/…/x.rs, `docs/<page>.md`, testdata/*.json, $HOME/x.sh, e.g. docs/or',
    '`/etc/strongroom/x.conf`, target/debug/strongroom, user@host.rs, strongroom.rs.example',
  ];
  const { missing } = found(t, { 'README.md': text.join('\n'), 'docs/p.md': '', 'testdata/t.json': '{}' });
  assert.deepEqual(missing, ['README.md:2: docs/or is not there']);
});

test('comments are looked at, code and strings are not', (t) => {
  const { missing } = found(t, {
    'src/a.rs': '// one.rs\n/* two.rs */\nlet x = "three.rs"; // four.rs\n/// [`five.rs`]\n',
    'a.mjs': "import './one.mjs'; // two.mjs\n/** three.mjs */\nconst x = ' // four.mjs';\n",
    'a.sh': '#!/bin/sh\n# one.sh\ncat two.sh # three.sh\n',
    'a.toml': '# one.rs\nx = "two.rs # y"\n',
    check: '#!/usr/bin/env bash\n# one.sh\n',
  });
  assert.deepEqual(
    missing.map((line) => line.replace(' is not there', '')),
    [
      'src/a.rs:1: one.rs',
      'src/a.rs:2: two.rs',
      'src/a.rs:3: four.rs',
      'src/a.rs:4: five.rs',
      'a.mjs:1: two.mjs',
      'a.mjs:2: three.mjs',
      'a.sh:2: one.sh',
      'a.sh:3: three.sh',
      'a.toml:1: one.rs',
      'check:2: one.sh',
    ],
  );
});

test('long lines', (t) => {
  const url = `https://example.com/${'x'.repeat(100)}`;
  const fits = ['x'.repeat(101), words(95), `| ${words(105)} |`, `[![${words(105)}](a)](b)`, url, `- ${url}`, `See [this](${url}).`];
  const long = [words(105), `- ${words(105)}`, `${words(105)} ${url}`];
  const fence = ['```sh', words(150), '```'];
  const { long: lines } = found(t, {
    'README.md': [...fits, ...fence, ...long].join('\n'),
    'a.rs': [
      `// ${words(105)}`,
      `//! ${words(90)}`,
      `/// ${words(105)}`,
      '/// ```',
      `/// ${words(105)}`,
      '/// ```',
      `let x = "${words(105)}";`,
      `/* ${words(90)}\n ${words(105)} */`,
    ].join('\n'),
    'a.mjs': `// ${words(105)}\nconst x = '${words(105)}';\n`,
    'a.sh': `# ${words(105)}\necho ${words(105)}\n`,
    'Cargo.toml': `# ${words(105)}\n${WORKSPACE}`,
    'testdata/a.json': `"${words(105)}"`,
  });
  assert.deepEqual(
    lines.map((line) => line.replace(/: \d+ columns$/, '')),
    ['Cargo.toml:1', 'README.md:11', 'README.md:12', 'README.md:13', 'a.rs:1', 'a.rs:3', 'a.rs:9', 'a.mjs:1', 'a.sh:1'],
  );
});

test('columns are characters, not bytes', (t) => {
  assert.deepEqual(found(t, { 'README.md': 'é é '.repeat(25) }).long, []);
});

const LISTED = { 'CONTRIBUTING.md': '## Crates that may use unsafe\n\n- `a`: its lanes.\n- `b`: its devices.\n\n## Other\n- `c`: no.\n' };
const crate = (name, lints, lib = '') => ({
  [`crates/${name}/Cargo.toml`]: `[package]\nname = "${name}"\n\n${lints}`,
  [`crates/${name}/src/lib.rs`]: lib,
});

test('the list of crates that may use unsafe code', (t) => {
  const both = { ...LISTED, ...crate('a', '[lints.rust]\nunsafe_code = "deny"\n'), ...crate('b', '') };
  assert.deepEqual(found(t, { ...both, ...crate('c', '[lints]\nworkspace = true\n') }).unsafety, []);
  const forbidden = [
    crate('b', '[lints]\nworkspace = true\n'),
    crate('b', '[lints.rust]\nmissing_docs = "warn"\nunsafe_code = "forbid"\n'),
    crate('b', '[lints.rust]\nunsafe_code = { level = "forbid", priority = 1 }\n'),
    crate('b', '', '//! B.\n#![forbid(missing_docs, unsafe_code)]\n'),
  ];
  for (const b of forbidden) {
    assert.deepEqual(found(t, { ...both, ...b }).unsafety, [
      'b is listed in CONTRIBUTING.md, and forbids unsafe code or is not there',
    ]);
  }
  assert.deepEqual(found(t, { ...both, ...crate('c', '[lints.rust]\nunsafe_code = "warn"\n') }).unsafety, [
    'c does not forbid unsafe code, and CONTRIBUTING.md does not list it',
  ]);
  assert.match(found(t, { 'CONTRIBUTING.md': '', ...crate('a', '') }).unsafety[0], /has no list .* may: a$/);
});
