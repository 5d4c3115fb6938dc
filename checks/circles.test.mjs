// Planted trees: what `circles.mjs` must find, and what it must not.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { report } from './circles.mjs';

/** A tree with one crate whose `src/` holds these files. */
function plant(t, files, name = 'planted') {
  const root = mkdtempSync(join(tmpdir(), 'strongroom-circles-'));
  t.after(() => rmSync(root, { recursive: true }));
  const crate = join(root, 'crates', name);
  for (const [file, text] of Object.entries(files)) {
    const path = join(crate, 'src', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  writeFileSync(join(crate, 'Cargo.toml'), `[package]\nname = "${name}"\n`);
  return root;
}

const circlesIn = (t, files, options) => report(plant(t, files), options);

/** Asserts that exactly these circles are printed. */
function finds(t, files, circles, options) {
  const lines = circlesIn(t, files, options).filter((line) => line.startsWith('  '));
  assert.deepEqual(lines.map((line) => line.trim()), circles);
}

test('two files that use one another', (t) => {
  finds(
    t,
    {
      'lib.rs': 'mod a;\nmod b;\n',
      'a.rs': 'use crate::b::B;\npub struct A(B);\n',
      'b.rs': '\nuse crate::a::A;\npub struct B(Box<A>);\n',
    },
    ['a.rs:1,2 -> b.rs:2,3 -> a.rs'],
  );
});

test('the program fails on a planted circle and names it', (t) => {
  const root = plant(t, {
    'lib.rs': 'mod a; mod b;',
    'a.rs': 'pub fn a() { crate::b::b() }',
    'b.rs': 'pub fn b() { super::a::a() }',
  });
  const program = fileURLToPath(new URL('circles.mjs', import.meta.url));
  const run = spawnSync(process.execPath, [program, root], { encoding: 'utf8' });
  assert.equal(run.status, 1);
  assert.match(run.stdout, /a\.rs:1 -> b\.rs:1 -> a\.rs/);
});

test('a tree without circles', (t) => {
  finds(
    t,
    {
      'lib.rs': 'mod a;\nmod b;\npub use a::A;\n',
      'a.rs': 'use crate::b::B;\npub struct A(B);\n',
      'b.rs': 'pub struct B;\n',
    },
    [],
  );
});

test('paths in line, by super and through an imported module', (t) => {
  finds(
    t,
    {
      'lib.rs': 'mod a; mod b;',
      'a.rs': 'use crate::b;\npub fn a() { b::b() }',
      'b.rs': 'pub fn b() { super::a::a() }',
    },
    ['a.rs:2 -> b.rs:1 -> a.rs'],
  );
});

test('a circle of three', (t) => {
  finds(
    t,
    {
      'lib.rs': 'mod a; mod b; mod c;',
      'a.rs': 'use crate::b::B; pub struct A;',
      'b.rs': 'use crate::c::C; pub struct B;',
      'c.rs': 'use crate::a::A; pub struct C;',
    },
    ['a.rs:1 -> b.rs:1 -> c.rs:1 -> a.rs'],
  );
});

test('a re-export leads to the file that defines the item', (t) => {
  const files = {
    'lib.rs': 'mod a; mod b; pub use a::A; pub use self::b::*;',
    'a.rs': 'use crate::B;\npub struct A;',
    'b.rs': 'pub struct B;',
  };
  finds(t, files, []);
  finds(t, { ...files, 'b.rs': 'pub struct B(Box<crate::A>);' }, ['a.rs:1 -> b.rs:1 -> a.rs']);
});

test('a renamed import, and a group with self', (t) => {
  finds(
    t,
    {
      'lib.rs': 'mod a; mod b;',
      'a.rs': 'use crate::b::{self, B as Other};\npub struct A(Other);\nfn f() { b::g() }',
      'b.rs': 'use crate::{\n    a::A,\n};\npub struct B(Box<A>);\npub fn g() {}',
    },
    ['a.rs:1,2,3 -> b.rs:2,4 -> a.rs'],
  );
});

test('a parent that declares and re-exports does not need its child, one that calls it does', (t) => {
  const child = 'use super::Shared;\npub struct Item(Shared);\npub fn make() {}';
  finds(t, { 'lib.rs': 'mod p;', 'p.rs': 'mod child;\npub use child::Item;\npub struct Shared;', 'p/child.rs': child }, []);
  const calls = {
    'lib.rs': 'mod p;',
    'p.rs': 'mod child;\npub struct Shared;\npub fn all() { child::make() }',
    'p/child.rs': child,
  };
  finds(t, calls, ['p.rs:3 -> p/child.rs:1,2 -> p.rs']);
  finds(t, calls, [], { butParents: true });
  // By its re-exported name as well.
  finds(
    t,
    { 'lib.rs': 'mod p;', 'p.rs': 'mod child;\npub use child::Item;\npub struct Shared(Option<Item>);', 'p/child.rs': child },
    ['p.rs:3 -> p/child.rs:1,2 -> p.rs'],
  );
});

test('tests, comments and strings are not looked at', (t) => {
  finds(
    t,
    {
      'lib.rs': 'mod a; mod b; #[cfg(test)] mod fixtures;',
      'a.rs': 'use crate::b::B; pub struct A;',
      'b.rs': [
        '//! [`crate::a::A`]',
        '/* crate::a::A /* nested crate::a::A */ crate::a::A */',
        'pub struct B;',
        'const TEXT: &str = "crate::a::A";',
        'const RAW: &str = r#"crate::a::A " "#;',
        "fn life<'a>(x: &'a str) -> char { '\"' }",
        '#[cfg(test)]',
        'use crate::a::A;',
        '#[cfg(all(test, unix))]',
        'impl B { fn a() -> crate::a::A { crate::a::A } }',
        'impl B { #[cfg(test)] fn b() { crate::a::A; } }',
        '#[cfg(test)]',
        'mod tests { use super::*; use crate::a::A; #[test] fn t() { A; } }',
      ].join('\n'),
      'fixtures.rs': 'use crate::a::A;',
    },
    [],
  );
});

test('what is for tests or something else is looked at', (t) => {
  finds(
    t,
    {
      'lib.rs': 'mod a; mod b;',
      'a.rs': 'use crate::b::B; pub struct A;',
      'b.rs': '#[cfg(any(test, feature = "x"))]\nuse crate::a::A;\npub struct B;',
    },
    ['a.rs:1 -> b.rs:2 -> a.rs'],
  );
});

test('a glob of the parent needs what is named through it', (t) => {
  const files = {
    'lib.rs': 'mod p; mod q;',
    'p.rs': 'mod child; use child::go; pub struct Shared; pub struct Other; pub fn run() { go() }',
    'p/child.rs': 'use super::*;\npub fn go() { }',
    'q.rs': '',
  };
  finds(t, files, []);
  finds(t, { ...files, 'p/child.rs': 'use super::*;\npub fn go(x: Shared) { }' }, ['p.rs:1 -> p/child.rs:2 -> p.rs']);
});

test('a use inside of a function, and a path in a macro', (t) => {
  finds(
    t,
    {
      'lib.rs': 'mod a; mod b;',
      'a.rs': 'pub fn a() {\n    use crate::b;\n    b::b();\n}',
      'b.rs': 'pub fn b() { println!("{}", crate::a::a()); }',
    },
    ['a.rs:3 -> b.rs:1 -> a.rs'],
  );
});

test('modules in one file are one', (t) => {
  finds(
    t,
    { 'lib.rs': 'mod a { pub fn f() { super::b::g() } } mod b { pub fn g() { super::a::f() } }' },
    [],
  );
});

test('mod.rs, a path attribute, and a crate by its own name', (t) => {
  finds(
    t,
    {
      'lib.rs': 'pub mod p;\n#[path = "elsewhere.rs"]\npub mod q;\npub mod r { pub mod s; }',
      'p/mod.rs': 'pub mod c;\nuse crate::q::Q;\npub struct P;',
      'p/c.rs': 'pub struct C;',
      'elsewhere.rs': 'use crate::r::s::S;\npub struct Q;',
      'r/s.rs': 'use crate::p::P;\npub struct S;',
      'main.rs': 'fn main() { planted::p::P; }',
    },
    ['elsewhere.rs:1 -> r/s.rs:1 -> p/mod.rs:2 -> elsewhere.rs'],
  );
});

test('a constant with braces in its value does not swallow what follows', (t) => {
  finds(
    t,
    {
      'lib.rs': 'mod a; mod b;',
      'a.rs': 'const X: Y = Y { y: 1 };\npub const fn f() { crate::b::g() }\npub struct Y { y: u8 }',
      'b.rs': 'pub(crate) async unsafe fn g() { crate::a::f() }',
    },
    ['a.rs:2 -> b.rs:1 -> a.rs'],
  );
});

test('inner attributes', (t) => {
  finds(
    t,
    {
      'lib.rs': '#![allow(dead_code)]\nmod a; mod b; mod c;',
      'a.rs': '#![allow(unused)]\npub use crate::b::B;\npub struct A;',
      'b.rs': 'use crate::a::A; pub struct B;',
      'c.rs': '#![cfg(test)]\nuse crate::b::B;',
    },
    ['a.rs:2 -> b.rs:1 -> a.rs'],
  );
});
