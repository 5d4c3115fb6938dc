// The vectors and the worked example of spec/envelope.md, read by the reader that was written from
// that page.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createHash } from 'node:crypto';
import { derive, headerMac, open, payloadKeys, readHeader, secretKey, unwrap } from './reader.mjs';

const vectors = new URL('../envelope/', import.meta.url);
const page = new URL('../../spec/envelope.md', import.meta.url);

test('vectors', async (t) => {
  const names = readdirSync(vectors).filter((name) => name.endsWith('.json'));
  assert.equal(names.length, 124);
  for (const name of names) {
    await t.test(name, () => {
      const vector = JSON.parse(readFileSync(new URL(name, vectors), 'utf8'));
      const bytes = vector.armored ? Buffer.from(vector.armored) : Buffer.from(vector.envelope, 'base64');
      const { outcome, plaintext } = open(bytes, vector.keys);
      assert.equal(outcome, vector.outcome.split(':')[0], vector.comment);
      if (outcome === 'opened') assert.equal(plaintext.toString('hex'), vector.plaintext);
    });
  }
});

// A line is a name, two spaces or more, and hex. A line that begins with spaces continues the
// value.
function readExample() {
  const [, block] = readFileSync(page, 'utf8').match(/^```example\n([^]*?)^```$/m);
  const hex = {};
  let name;
  for (const line of block.trimEnd().split('\n')) {
    const [, title, value] = line.match(/^(?:(\S.*?) {2,}| +)([0-9a-f]+)$/);
    if (title !== undefined) name = title;
    hex[name] = (hex[name] ?? '') + value;
  }
  return Object.fromEntries(Object.entries(hex).map(([title, value]) => [title, Buffer.from(value, 'hex')]));
}

function seedText(seed) {
  const body = Buffer.concat([Buffer.from('004200', 'hex'), seed]);
  const sum = createHash('sha256').update(body).digest().subarray(0, 4);
  return `STRONGROOM-SECRET-KEY-1${Buffer.concat([body, sum]).toString('base64url')}`;
}

test('worked example', () => {
  const example = readExample();
  const same = (name, value) => assert.equal(value.toString('hex'), example[name].toString('hex'), name);
  const { envelope, seed } = example;
  const key = secretKey(seedText(seed));
  same('SHA-256(ek)', createHash('sha256').update(key.encapsulationKey).digest());
  same('key_id', key.keyId);

  const signed = envelope.subarray(0, 12 + envelope.readUInt32BE(8));
  const { binding, envelopeId, policy, stanzas: [stanza] } = readHeader(signed.subarray(12));
  same('envelope_id', envelopeId);
  same('policy', policy);
  same('binding', binding);
  same('key_id', stanza.keyId);
  same('wrapped', stanza.wrapped);

  const sharedSecret = key.decapsulate(stanza.enc);
  const fileKey = unwrap(stanza, sharedSecret, binding);
  same('shared secret', sharedSecret);
  same('file key', fileKey);
  same('mac key', derive(fileKey, 'header'));
  same('header_mac', headerMac(fileKey, signed));
  same('header_mac', envelope.subarray(signed.length, signed.length + 32));

  const payload = envelope.subarray(signed.length + 32);
  same('payload key', derive(fileKey, 'payload'));
  same('salt', payload.subarray(0, 24));
  same('commitment', payloadKeys(derive(fileKey, 'payload'), example.salt, binding).commitment);
  same('commitment', payload.subarray(24, 56));
  same('chunk 0', payload.subarray(56));
  assert.equal(open(envelope, [seedText(seed)]).plaintext.toString(), 'four years');
});
