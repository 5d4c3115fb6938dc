// slh-shake against `@noble/post-quantum`: both make the same deterministic signatures for random
// keys, messages and contexts. slh-shake runs on every back end that a native build has here, and
// as wasm32.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { sha3_512, shake128_32, shake256_64 } from '@noble/hashes/sha3.js';
import * as noble from '@noble/post-quantum/slh-dsa.js';
import { concat } from './w3pk.mjs';
import { program } from './wasm.mjs';

// Built by ./check.
const native = fileURLToPath(new URL('../target/debug/slh_dsa', import.meta.url));
const asWasm = program('slh_dsa');

/** Exit code and stdout of the native program, and of the wasm one. */
const builds = {
  native: (args, input) => {
    const { status, stdout, stderr } = spawnSync(native, args, { input, maxBuffer: 1 << 20 });
    assert.notEqual(status, 1, String(stderr));
    return { status, stdout };
  },
  wasm: asWasm,
};

/** M' of FIPS 205 §10.2.1; with the last byte of an object identifier, of §10.2.2. */
const pure = (message, context) => concat(Uint8Array.of(0, context.length), context, message);
const preHashed = (number, digest, context) =>
  concat(Uint8Array.of(1, context.length), context, Uint8Array.of(6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, number), digest);

const altered = (bytes, at) => {
  const copy = Uint8Array.from(bytes);
  copy[at] ^= 1;
  return copy;
};

const sets = { '128s': 1, '128f': 4, '192s': 1, '192f': 2, '256s': 1, '256f': 2 };
// In the slow sets JavaScript needs up to a minute to sign. There it only verifies our signatures,
// unless STRONGROOM_SLOW is set.
const signs = (set) => set.endsWith('f') || process.env.STRONGROOM_SLOW !== undefined;
const pick = (list, at) => list[at % list.length];

for (const [set, cases] of Object.entries(sets)) {
  describe(`SLH-DSA-SHAKE-${set}`, () => {
    const slh = noble[`slh_dsa_shake_${set}`];
    const n = Number(set.slice(0, 3)) / 8;
    for (let i = 0; i < cases; i++) {
      test(`${i + 1} of ${cases}`, async () => {
        const seed = randomBytes(3 * n);
        const message = randomBytes(pick([100, 0, 1, 136, 1000], i));
        const context = randomBytes(pick([7, 0, 255], i));
        const { publicKey, secretKey } = slh.keygen(seed);
        const ours = builds.native(['sign', set], concat(seed, pure(message, context)));
        assert.equal(ours.status, 0);
        const signature = new Uint8Array(ours.stdout).slice(2 * n);
        assert.ok(ours.stdout.subarray(0, 2 * n).equals(publicKey));
        assert.ok(slh.verify(signature, message, publicKey, { context }));
        if (signs(set)) {
          assert.ok(Buffer.from(slh.sign(message, secretKey, { extraEntropy: false, context })).equals(signature));
        }
        for (const [name, run] of Object.entries(builds)) {
          if (name === 'wasm' && signs(set)) {
            const { status, stdout } = await run(['sign', set], concat(seed, pure(message, context)));
            assert.equal(status, 0, name);
            assert.ok(Buffer.from(stdout).equals(concat(publicKey, signature)), name);
          }
          const verify = async (bytes) => (await run(['verify', set], concat(publicKey, bytes, pure(message, context)))).status;
          assert.equal(await verify(signature), 0, name);
          assert.equal(await verify(altered(signature, randomBytes(2).readUInt16LE() % signature.length)), 3, name);
        }
      });
    }
  });
}

test('pre-hashed', async () => {
  const hashes = [['128f', sha256, 1], ['128f', shake128_32, 11], ['128f', sha3_512, 10], ['128f', sha512, 3], ['128f', shake256_64, 12]];
  for (const [set, hash, number] of hashes) {
    const slh = noble[`slh_dsa_shake_${set}`];
    const seed = randomBytes((3 * Number(set.slice(0, 3))) / 8);
    const [message, context] = [randomBytes(300), randomBytes(9)];
    const { publicKey, secretKey } = slh.keygen(seed);
    const signature = slh.prehash(hash).sign(message, secretKey, { extraEntropy: false, context });
    const { stdout } = builds.native(['sign', set], concat(seed, preHashed(number, hash(message), context)));
    assert.ok(Buffer.from(stdout).equals(concat(publicKey, signature)), `${set} ${number}`);
  }
});
