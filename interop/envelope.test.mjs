// Envelopes between `strongroom` and the w3pk scheme on two ML-KEM libraries, in every direction.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { getBytes, hexlify, Wallet } from 'ethers';
import { output, run, temporaryDirectory } from './binary.mjs';
import { concat, deriveSeed, embeddedPublicKey, fromBase64, libraries, toBase64, utf8 } from './w3pk.mjs';

const plaintexts = {
  'the poem': utf8('苟全性命於亂世,不求聞達於諸侯。'),
  'the sentence': utf8('🔐 My quantum-safe secret data! Testing store+access flow.'),
  'nothing': new Uint8Array(0),
  '100 kB of random text': utf8(randomBytes(75_000).toString('base64')),
};
const sentence = plaintexts['the sentence'];

const directory = temporaryDirectory();
const newEthKey = () => getBytes(Wallet.createRandom().privateKey);
const file = (name, content) => {
  const path = join(directory, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};

const ethKey = newEthKey();
const ours = libraries.mlkem.deriveKeypair(ethKey);
const stranger = libraries.mlkem.deriveKeypair(newEthKey());
const third = libraries.noble.deriveKeypair(newEthKey());
const ethKeyFile = file('eth-key', `${hexlify(ethKey)}\n`);
const keyFile = join(directory, 'key');

const text = (stdout) => stdout.toString().trimEnd();
const decrypt = (payload, key = keyFile) => run(['decrypt', '-i', key], JSON.stringify(payload));

function assertOpens(payload, plaintext, key) {
  const { status, stdout, stderr } = decrypt(payload, key);
  assert.equal(status, 0, stderr);
  assert.ok(stdout.equals(plaintext), 'another plaintext');
}

/** Refused with exit code 1 and an empty stdout; returns what was said. */
function refusal(payload, key) {
  const { status, stdout, stderr } = decrypt(payload, key);
  assert.deepEqual({ status, stdout: stdout.length }, { status: 1, stdout: 0 }, stderr);
  assert.match(stderr, /^error: /m);
  return stderr;
}

/** Base64 of the same bytes but for the last one. */
const flip = (base64) => {
  const bytes = fromBase64(base64);
  bytes[bytes.length - 1] ^= 1;
  return toBase64(bytes);
};

const eachPair = Object.keys(libraries).flatMap((name) => [1, 2].map((generation) => [name, generation]));

describe('the libraries agree', () => {
  test('on keys', () => {
    assert.deepEqual(libraries.noble.deriveKeypair(ethKey), ours);
    assert.deepEqual(embeddedPublicKey(ours.secretKey), ours.publicKey);
  });

  for (const [sealer, generation] of eachPair) {
    const opener = sealer === 'mlkem' ? 'noble' : 'mlkem';
    test(`${opener} opens what ${sealer} seals, generation ${generation}`, async () => {
      for (const plaintext of Object.values(plaintexts)) {
        const keys = [stranger.publicKey, ours.publicKey, third.publicKey];
        const payload = await libraries[sealer].seal(plaintext, keys, generation);
        assert.deepEqual(await libraries[opener].open(payload, ours.secretKey, ours.publicKey), plaintext);
      }
    });
  }

  for (const [sealer, opener] of [['mlkem', 'noble'], ['noble', 'mlkem']]) {
    test(`${opener} opens the older payload of ${sealer}, and its transcoding (§3)`, async () => {
      const older = await libraries[sealer].sealOlder(sentence, ours.publicKey);
      assert.deepEqual(await libraries[opener].open(older, ours.secretKey), sentence);

      const { ciphertext, ...data } = older;
      const entry = toBase64(concat(fromBase64(ciphertext), new Uint8Array(32)));
      const transcoded = { recipients: [{ publicKey: toBase64(ours.publicKey), ciphertext: entry }], ...data };
      assert.deepEqual(await libraries[opener].open(transcoded, ours.secretKey), sentence);
    });
  }
});

describe('strongroom', () => {
  before(() => output(['keygen', '--from-eth-key-file', ethKeyFile, '-o', keyFile]));

  for (const context of [undefined, 'mlkem-v1', 'another context']) {
    test(`derives the keys of w3pk: context ${context ?? 'left out'}`, () => {
      const args = context === undefined ? [] : ['--context', context];
      const secretKeyFile = output(['keygen', '--from-eth-key-file', ethKeyFile, ...args]);
      const path = file(`key in ${context}`, secretKeyFile);
      for (const library of Object.values(libraries)) {
        const { publicKey } = library.deriveKeypair(ethKey, context);
        assert.equal(text(output(['pubkey', '--base64', path])), toBase64(publicKey));
        assert.equal(text(output(['pubkey', path])), keyText('strongroom-pk-1', [0x00, 0x42], publicKey));
      }
      const seed = keyText('STRONGROOM-SECRET-KEY-1', [0x00, 0x42, 0], deriveSeed(ethKey, context));
      const lines = text(secretKeyFile).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      assert.deepEqual(lines, [seed]);
    });
  }

  for (const [name, generation] of eachPair) {
    const library = libraries[name];
    for (const [what, plaintext] of Object.entries(plaintexts)) {
      test(`opens what ${name} seals, generation ${generation}: ${what}`, async () => {
        assertOpens(await library.seal(plaintext, [ours.publicKey], generation), plaintext);
      });

      test(`seals what ${name} opens, generation ${generation}: ${what}`, async () => {
        const args = ['encrypt', '--format', `w3pk${generation}`, '-r', toBase64(ours.publicKey)];
        const payload = written(output(args, plaintext), generation, [ours], plaintext.length);
        assert.deepEqual(await library.open(payload, ours.secretKey, ours.publicKey), plaintext);
      });
    }

    test(`finds its entry as the second of three by ${name}, generation ${generation}`, async () => {
      const keys = [stranger.publicKey, ours.publicKey, third.publicKey];
      assertOpens(await library.seal(sentence, keys, generation), sentence);
    });

    test(`opens with the expanded key of ${name} as bare base64, generation ${generation}`, async () => {
      const expanded = library.deriveKeypair(ethKey).secretKey;
      const path = file(`expanded-${name}-${generation}`, `# from ${name}\n${toBase64(expanded)}\n`);
      assertOpens(await library.seal(sentence, [ours.publicKey], generation), sentence, path);
    });
  }

  for (const [format, generation] of [['w3pk1', 1], ['w3pk2', 2], ['w3pk', 2]]) {
    test(`seals for three, in the order given, as ${format}`, async () => {
      const recipients = [toBase64(stranger.publicKey), text(output(['pubkey', keyFile])), toBase64(third.publicKey)];
      const stdout = output(['encrypt', '--format', format, ...recipients.flatMap((key) => ['-r', key])], sentence);
      const payload = written(stdout, generation, [stranger, ours, third], sentence.length);
      for (const { secretKey } of [stranger, ours, third]) {
        assert.deepEqual(await libraries.noble.open(payload, secretKey), sentence);
      }
    });
  }

  for (const [name, library] of Object.entries(libraries)) {
    test(`opens the older payload of ${name}`, async () => {
      const payload = await library.sealOlder(sentence, ours.publicKey);
      assertOpens(payload, sentence);
      const damaged = refusal({ ...payload, authTag: flip(payload.authTag) });
      assert.equal(refusal(await library.sealOlder(sentence, stranger.publicKey)), damaged, 'one error (§3)');
    });
  }

  for (const generation of [1, 2]) {
    test(`tells "not mine" from "damaged", generation ${generation}`, async () => {
      const notMine = refusal(await libraries.mlkem.seal(sentence, [stranger.publicKey], generation));
      const payload = await libraries.mlkem.seal(sentence, [ours.publicKey], generation);
      const damagedTag = refusal({ ...payload, authTag: flip(payload.authTag) });
      assert.notEqual(damagedTag, notMine);

      const [{ publicKey, ciphertext }] = payload.recipients;
      const damagedKey = refusal({ ...payload, recipients: [{ publicKey, ciphertext: flip(ciphertext) }] });
      assert.equal(damagedKey, damagedTag, 'one error after the entry was found (§2)');
    });
  }

  for (const version of [3, 1, 0, '2', null]) {
    test(`refuses version ${JSON.stringify(version)}`, async () => {
      const payload = await libraries.mlkem.seal(sentence, [ours.publicKey], 2);
      assert.match(refusal({ ...payload, version }), /version/);
    });
  }

  test('refuses what is no payload', async () => {
    const older = await libraries.mlkem.sealOlder(sentence, ours.publicKey);
    const payload = await libraries.mlkem.seal(sentence, [ours.publicKey], 1);
    const json = JSON.stringify(payload);
    const refused = {
      'neither shape': '{}',
      'both shapes': JSON.stringify({ ...payload, ciphertext: older.ciphertext }),
      'no recipients': JSON.stringify({ ...payload, recipients: [] }),
      'a field twice': json.replace('"iv":', `"iv":"${payload.iv}","iv":`),
      'entries of the first generation under version 2': JSON.stringify({ ...payload, version: 2 }),
      'base64 without padding': json.replace(/=+"/, '"'),
      'the end missing': json.slice(0, -1),
      'something after the end': `${json}{}`,
    };
    for (const [what, input] of Object.entries(refused)) {
      const { status, stdout } = run(['decrypt', '-i', keyFile], input);
      // The specification names the error, not whether a malformed input is "refused" or "usage or
      // I/O".
      assert.ok([1, 2].includes(status), `${what}: exit code ${status}`);
      assert.equal(stdout.length, 0, what);
    }
  });

  test('drops fields it does not know, and takes white space around the payload', async () => {
    const payload = await libraries.mlkem.seal(sentence, [ours.publicKey], 2);
    const input = `\n ${JSON.stringify({ ...payload, note: { any: ['thing'] } }, null, 2)}\n`;
    const { status, stdout } = run(['decrypt', '-i', keyFile], input);
    assert.equal(status, 0);
    assert.ok(stdout.equals(sentence));
  });
});

/** §1: base64url of what the prefix introduces, with the first 4 bytes of its SHA-256. */
function keyText(prefix, head, key) {
  const body = concat(Uint8Array.from(head), key);
  const checksum = createHash('sha256').update(body).digest().subarray(0, 4);
  return prefix + Buffer.from(concat(body, checksum)).toString('base64url');
}

/** §2 "Writing": the fields in order, without white space, each of its size. */
function written(stdout, generation, recipients, plaintextBytes) {
  const json = stdout.toString();
  const payload = JSON.parse(json);
  const { version, recipients: entries, encryptedData, iv, authTag } = payload;
  const inOrder = entries.map(({ publicKey, ciphertext }) => ({ publicKey, ciphertext }));
  const again = { ...(generation === 2 && { version: 2 }), recipients: inOrder, encryptedData, iv, authTag };
  assert.equal(json, JSON.stringify(again));
  assert.equal(version, generation === 2 ? 2 : undefined);
  assert.deepEqual(entries.map((entry) => entry.publicKey), recipients.map(({ publicKey }) => toBase64(publicKey)));
  const fields = [encryptedData, iv, authTag, ...entries.map((entry) => entry.ciphertext)];
  assert.deepEqual(
    fields.map((base64) => fromBase64(base64).length),
    [plaintextBytes, 12, 16, ...entries.map(() => (generation === 2 ? 1608 : 1600))],
  );
  return payload;
}
