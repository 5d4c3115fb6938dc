// A stanza is an ordinary HPKE message: `@hpke/core` with `@hpke/ml-kem` opens ours, and we open
// those that it seals.
import assert from 'node:assert/strict';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core';
import { MlKem1024 } from '@hpke/ml-kem';
import { output, temporaryDirectory } from './binary.mjs';
import { derive, headerMac, payloadKeys, readHeader } from '../testdata/reader/reader.mjs';

const suite = new CipherSuite({ kem: new MlKem1024(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const info = Buffer.from('strongroom/envelope/1');
const exact = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);

const keyFile = join(temporaryDirectory(), 'key');
output(['keygen', '-o', keyFile]);
const body = (text, prefix) => Buffer.from(text.trim().slice(prefix.length), 'base64url').subarray(0, -4);
const secret = body(readFileSync(keyFile, 'utf8').split('\n').at(-2), 'STRONGROOM-SECRET-KEY-1');
const seed = secret.subarray(3);
const publicKey = body(output(['pubkey', keyFile]).toString(), 'strongroom-pk-1').subarray(2);

const privateKey = await suite.kem.deserializePrivateKey(exact(seed));
const recipient = await suite.kem.deserializePublicKey(exact(publicKey));

test('it opens the file key that we wrapped', async () => {
  const sealed = output(['encrypt', '-r', `strongroom-pk-1${text(0x42, publicKey)}`], 'four years');
  const end = 12 + sealed.readUInt32BE(8);
  const { binding, stanzas: [stanza] } = readHeader(sealed.subarray(12, end));
  const opened = await suite.open({ recipientKey: privateKey, enc: exact(stanza.enc), info }, exact(stanza.wrapped), exact(binding));
  const fileKey = Buffer.from(opened);
  assert.equal(fileKey.length, 32);
  assert.ok(headerMac(fileKey, sealed.subarray(0, end)).equals(sealed.subarray(end, end + 32)), 'it is the file key');
});

test('we open the file key that it wrapped', async () => {
  const [fileKey, id, salt] = [randomBytes(32), randomBytes(16), randomBytes(24)];
  const bound = Buffer.concat([Buffer.from([1, 0x50]), id, Buffer.from([0x41, 0xa0, 0xf6])]);
  const binding = createHash('sha256').update('strongroom/envelope/1 binding').update(Buffer.from([0x84])).update(bound).digest();
  const { enc, ct } = await suite.seal({ recipientPublicKey: recipient, info }, exact(fileKey), exact(binding));
  const keyId = createHash('sha256').update('strongroom/key-id/1').update(Buffer.from([0, 0x42])).update(publicKey).digest().subarray(0, 16);
  const header = Buffer.concat([
    Buffer.from([0x85]), bound, Buffer.from([0x81, 0x84, 0x18, 0x42, 0x50]), keyId,
    Buffer.from([0x59, 0x06, 0x20]), Buffer.from(enc), Buffer.from([0x58, 0x30]), Buffer.from(ct),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(header.length);
  const head = Buffer.concat([Buffer.from('SRENV\0\0\x01', 'latin1'), length, header]);
  const { key, baseNonce, commitment } = payloadKeys(derive(fileKey, 'payload'), salt, binding);
  const cipher = createCipheriv('aes-256-gcm', key, baseNonce);
  const chunk = Buffer.concat([cipher.update('four years'), cipher.final(), cipher.getAuthTag()]);
  const envelope = Buffer.concat([head, headerMac(fileKey, head), salt, commitment, chunk]);
  assert.equal(output(['decrypt', '-i', keyFile], envelope).toString(), 'four years');
});

function text(kemId, key) {
  const content = Buffer.concat([Buffer.from([kemId >> 8, kemId & 255]), key]);
  return Buffer.concat([content, createHash('sha256').update(content).digest().subarray(0, 4)]).toString('base64url');
}
