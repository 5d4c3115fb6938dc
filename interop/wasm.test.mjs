// The library built for wasm32, under Node, against the native binary: each opens what the other
// seals.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { output, temporaryDirectory } from './binary.mjs';
import { program } from './wasm.mjs';

const directory = temporaryDirectory();
const file = (name) => join(directory, name);
const envelope = program('envelope');

/** stdout of the wasm program; its exit code must be `expected`. */
async function wasm(args, input, expected = 0) {
  const { status, stdout, stderr } = await envelope(args, input);
  assert.equal(status, expected, stderr);
  return stdout;
}

const sizes = [0, 1, 16_383, 16_384, 16_385, 300_000];

for (const kem of ['mlkem1024', 'mlkem1024-p384']) {
  describe(kem, () => {
    const keyFile = file(kem);
    output(['keygen', '--kem', kem, '-o', keyFile]);
    const publicKey = output(['pubkey', keyFile]).toString().trim();
    const secretKey = readFileSync(keyFile, 'utf8').trim().split('\n').at(-1);

    test('wasm opens what the native build sealed', async () => {
      for (const size of sizes) {
        const plaintext = randomBytes(size);
        const sealed = output(['encrypt', '-r', publicKey], plaintext);
        assert.ok((await wasm(['open', secretKey], sealed)).equals(plaintext), `${size} bytes`);
      }
    });

    test('the native build opens what wasm sealed', async () => {
      for (const size of sizes) {
        const plaintext = randomBytes(size);
        const sealed = await wasm(['seal', publicKey], plaintext);
        assert.ok(output(['decrypt', '-i', keyFile], sealed).equals(plaintext), `${size} bytes`);
        assert.match(output(['inspect'], sealed).toString(), /from wasm/);
      }
    });

    test('wasm refuses what was altered', async () => {
      const sealed = output(['encrypt', '-r', publicKey], 'four years');
      sealed[sealed.length - 1] ^= 1;
      await wasm(['open', secretKey], sealed, 1);
    });
  });
}
