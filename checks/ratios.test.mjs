// The reading and comparing of ratios; the measuring itself is `trials http`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fallen, ratiosIn, tableFor } from './ratios.mjs';

const OUTPUT = `| figure | ours | beside it | value | bar |
| --- | ---: | ---: | ---: | --- |
| nonce, 137 B, requests/s; axum echo | 8000 | 10000 | 0.80 | ≥ 0.7 passes |
| attestation of a dstack guest, cached, 21458 B, requests/s; axum echo | 4500 | 9000 | 0.50 | ≥ 0.7 MISSED |
| fdatasync of 8 KiB, p50, µs | 900 |  |  |  |
| store, 6014 B, durable, requests/s; rusqlite loop of 64 a commit | 2000 | 4000 | 0.50 | ≥ 0.6 MISSED |
| store at half load, p50 and p99 in ms | 2.10, 9.00 |  | 4.29 | ≤ 10 passes |
| access with SIWE, requests/s; 1 / (statement 90 + payload 60 + record 3 + spend 40.1 µs) | 2500 | 5000 | 0.50 | ≥ 0.6 MISSED |

3 bars missed`;

test('each figure that has a peer has a ratio', () => {
  assert.deepEqual(ratiosIn(OUTPUT), {
    nonce: 0.8,
    'attestation of a dstack guest, cached': 0.5,
    store: 0.5,
    'access with SIWE': 0.5,
  });
});

test('a ratio that fell by a third fails, and one that is gone', () => {
  const kept = { nonce: 0.9, store: 0.6, access: 0.5 };
  assert.deepEqual(fallen(kept, { nonce: 0.61, store: 0.41, access: 0.9 }), []);
  assert.deepEqual(fallen(kept, { nonce: 0.59, store: 0.41 }), [
    'nonce: 0.59, and 0.90 was kept',
    'access: it was not measured',
  ]);
});

test('a machine without a table takes the first', () => {
  const tables = [{ machine: 'a' }, { machine: 'b' }];
  assert.equal(tableFor(tables, 'b'), tables[1]);
  assert.equal(tableFor(tables, 'c'), tables[0]);
});
