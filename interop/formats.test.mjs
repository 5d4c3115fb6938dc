// The vectors of ../testdata/formats/, read by the reader that was written from the spec. npm's
// libraries give it the primitives that Node lacks.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { argon2id } from '@noble/hashes/argon2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { slh_dsa_shake_256f } from '@noble/post-quantum/slh-dsa.js';
import { mnemonicToEntropy } from 'bip39';
import { hexlify, SigningKey } from 'ethers';
import { files, walk } from '../testdata/reader/formats.mjs';
import { fromHex, sign, verify } from './wallet.mjs';

/** Each pair is made once, because SLH-DSA takes long to make one. */
const pairs = new Map();
function slhDsaPair(seed) {
  const name = seed.toString('hex');
  if (!pairs.has(name)) pairs.set(name, slh_dsa_shake_256f.keygen(seed));
  return pairs.get(name);
}

const orNull = (f) => {
  try {
    return f();
  } catch {
    return null;
  }
};

const primitives = {
  argon2id: (passphrase, salt, { memoryKib, passes }) =>
    argon2id(passphrase, salt, { m: memoryKib, t: passes, p: 1, dkLen: 32, version: 0x13 }),
  keccak256: (bytes) => keccak_256(bytes),
  mnemonicToEntropy: (words) => mnemonicToEntropy(words),
  mlKem768PublicKey: (seed) => ml_kem768.keygen(seed).publicKey,
  mlKem768Decapsulate: (seed, capsule) => ml_kem768.decapsulate(capsule, ml_kem768.keygen(seed).secretKey),
  xsalsa20poly1305Open: (key, nonce, sealed) => orNull(() => xsalsa20poly1305(key, nonce).decrypt(sealed)),
  slhDsaPublicKey: (seed) => slhDsaPair(seed).publicKey,
  slhDsaSign: (message, seed, context) => sign(message, slhDsaPair(seed), context),
  slhDsaVerify: (signature, message, publicKey, context) => verify(signature, message, { publicKey }, context),
  recover: (hash, { compact, recoveryId }) =>
    orNull(() => {
      const [r, s] = [compact.subarray(0, 32), compact.subarray(32)].map(hexlify);
      const point = fromHex(SigningKey.recoverPublicKey(hash, { r, s, v: 27 + recoveryId }));
      return keccak_256(point.subarray(1)).subarray(12);
    }),
};

for (const [name, { count }] of Object.entries(files)) {
  test(name, () => {
    const vectors = JSON.parse(readFileSync(new URL(`../testdata/formats/${name}`, import.meta.url), 'utf8'));
    assert.equal(vectors.length, count);
    const lacked = walk(name, vectors, primitives, (vector, found) => {
      assert.equal(found.outcome.split(':')[0], vector.outcome.split(':')[0], `${vector.name}: ${found.outcome}`);
      assert.deepEqual(found.value, vector.value, vector.name);
    });
    assert.equal(lacked, 0);
  });
}
