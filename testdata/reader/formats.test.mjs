// The vectors of ../formats/, read with nothing but Node. interop/formats.test.mjs also reads those
// that need a primitive which Node lacks, with npm's libraries.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { files, walk } from './formats.mjs';

const folder = new URL('../formats/', import.meta.url);

test('every file has its reader', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  assert.deepEqual(names, Object.keys(files).sort());
});

for (const [name, { count, missing }] of Object.entries(files)) {
  test(name, () => {
    const vectors = JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
    assert.equal(vectors.length, count);
    const lacked = walk(name, vectors, {}, (vector, found) => {
      // The reason after the colon is not compared: readers may find another one first.
      assert.equal(found.outcome.split(':')[0], vector.outcome.split(':')[0], `${vector.name}: ${found.outcome}`);
      assert.deepEqual(found.value, vector.value, vector.name);
    });
    assert.equal(lacked, missing);
  });
}
