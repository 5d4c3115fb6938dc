// The flows of the seed document against a running vault: seal, store, sign in, access. Then what
// the vault must refuse.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { Wallet } from 'ethers';
import { startServer } from './binary.mjs';
import { concat, deriveKeypair, fromBase64, libraries, open, seal, sealOlder, toBase64, utf8 } from './w3pk.mjs';
import { assertRefused, call, freshNonce, signed, signIn, statement, store, stored } from './vault.mjs';

const server = await startServer();
const { body: attestation } = await call(server, 'GET', '/secret/attestation');
const vaultKey = fromBase64(attestation.mlkemPublicKey);
const client = deriveKeypair(randomBytes(32));

const poem = '苟全性命於亂世,不求聞達於諸侯。';
const sentence = '🔐 My quantum-safe secret data! Testing store+access flow.';

/** A fresh payload for the client and the vault, the client first. */
const sealForBoth = (text = sentence, generation = 2) =>
  seal(utf8(text), [client.publicKey, vaultKey], generation);

const access = (slot, headers, prefix = '/secret') => call(server, 'GET', `${prefix}/access/${slot}`, { headers });
const remove = (slot, headers) => call(server, 'DELETE', `/secret/${slot}`, { headers });

/** Signs in afresh as `wallet` and asserts the whole answer. */
async function assertAccess(slot, wallet, answer, { fields, prefix } = {}) {
  const { status, body } = await access(slot, await signIn(server, wallet, fields), prefix);
  assert.deepEqual({ status, body }, { status: 200, body: answer });
}

describe('attestation', () => {
  for (const path of ['/attestation', '/secret/attestation', '/chest/attestation']) {
    test(`${path} binds the key and the nonce`, async () => {
      const nonce = randomBytes(32).toString('hex');
      const { status, body } = await call(server, 'GET', `${path}?nonce=${nonce}`);
      assert.equal(status, 200);
      assertEvidence(body, nonce);
    });
  }

  test('without a nonce it is 32 zero bytes', () => assertEvidence(attestation, '00'.repeat(32)));

  test('a nonce of another length is refused', async () => {
    assertRefused(await call(server, 'GET', '/attestation?nonce=00'), 400, 'malformed_nonce');
  });
});

describe('store and access', () => {
  const ways = {
    'the domain without port, as test-store-and-access': () => ({
      domain: 'localhost',
      statement: 'Access encrypted secret from the vault',
    }),
    'the domain with port, as the w3pk example': () => ({ statement: 'Access encrypted secret' }),
    'no statement text': () => ({}),
    'resources of its own and of others': (slot) => ({
      resources: ['https://example.org/terms', `urn:strongroom:access:${slot}`],
    }),
  };

  for (const prefix of ['/secret', '/chest']) {
    for (const [name, library] of Object.entries(libraries)) {
      for (const generation of [1, 2]) {
        test(`${prefix}, ${name}, generation ${generation}`, async () => {
          const wallet = Wallet.createRandom();
          const payload = await library.seal(utf8(poem), [client.publicKey, vaultKey], generation);
          const slot = await stored(server, payload, [wallet.address], { prefix });
          for (const fields of Object.values(ways)) {
            await assertAccess(slot, wallet, { secret: poem }, { fields: fields(slot), prefix });
          }
          assert.deepEqual(await library.open(payload, client.secretKey, client.publicKey), utf8(poem));
        });
      }
    }
  }

  test('with the one blank line that w3pk writes where there is no statement', async () => {
    const wallet = Wallet.createRandom();
    const slot = await stored(server, await sealForBoth(), [wallet.address]);
    const standard = statement(server, wallet, await freshNonce(server));
    const message = standard.replace('\n\n\nURI: ', '\n\nURI: ');
    assert.equal(message.length, standard.length - 1);
    const { status, body } = await access(slot, await signed(wallet, message));
    assert.deepEqual({ status, body }, { status: 200, body: { secret: sentence } });
  });

  test('with a nonce for this wallet alone', async () => {
    const [wallet, other] = [Wallet.createRandom(), Wallet.createRandom()];
    const slot = await stored(server, await sealForBoth(), [wallet.address, other.address]);
    const nonce = await freshNonce(server, { address: wallet.address });
    const asked = async (signer) => access(slot, await signed(signer, statement(server, signer, nonce)));
    assertRefused(await asked(other), 401, 'nonce_unknown');
    assert.equal((await asked(wallet)).status, 200);
  });

  test('the payload as a string, and an older payload', async () => {
    const wallet = Wallet.createRandom();
    for (const secret of [JSON.stringify(await sealForBoth()), await sealOlder(utf8(sentence), vaultKey)]) {
      await assertAccess(await stored(server, secret, [wallet.address]), wallet, { secret: sentence });
    }
  });

  test('a secret that is no text comes as base64', async () => {
    const wallet = Wallet.createRandom();
    const bytes = Uint8Array.of(0xff, 0x00, 0xfe);
    const slot = await stored(server, await seal(bytes, [vaultKey]), [wallet.address]);
    await assertAccess(slot, wallet, { secretBase64: toBase64(bytes) });
  });

  test('the stored payload comes back and opens locally', async () => {
    const wallet = Wallet.createRandom();
    const slot = await stored(server, await sealForBoth(), [wallet.address]);
    const { status, headers, body } = await call(server, 'GET', `/secret/envelope/${slot}`, {
      headers: await signIn(server, wallet),
    });
    assert.deepEqual([status, headers.get('etag')], [200, '"1"']);
    assert.deepEqual(await open(body, client.secretKey), utf8(sentence));
  });

  test('every reader that was named, in any case of hex', async () => {
    const readers = [Wallet.createRandom(), Wallet.createRandom()];
    const addresses = [readers[0].address.toLowerCase(), `0x${readers[1].address.slice(2).toUpperCase()}`];
    const slot = await stored(server, await sealForBoth(), addresses);
    for (const reader of readers) await assertAccess(slot, reader, { secret: sentence });
  });

  test('without an entry for the vault it stores and does not open', async () => {
    const wallet = Wallet.createRandom();
    const payload = await seal(utf8(sentence), [client.publicKey]);
    const slot = await stored(server, payload, [wallet.address], { openable: false });
    assertRefused(await access(slot, await signIn(server, wallet)), 422, 'vault_not_recipient');
  });
});

describe('refused sign-ins', () => {
  const minutesAgo = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
  const refusedFields = [
    ['another domain', { domain: 'vault.example' }, 'sign_in_wrong_domain'],
    ['another port', { domain: 'localhost:1' }, 'sign_in_wrong_domain'],
    ['another URI', { uri: 'https://vault.example' }, 'sign_in_wrong_domain'],
    ['issued long ago', { issuedAt: minutesAgo(8) }, 'sign_in_expired'],
    ['issued in the future', { issuedAt: minutesAgo(-3) }, 'sign_in_expired'],
    ['expired', { expirationTime: minutesAgo(1) }, 'sign_in_expired'],
    ['not valid yet', { notBefore: minutesAgo(-1) }, 'sign_in_expired'],
    ['for another act', { resources: [`urn:strongroom:access:${'0'.repeat(64)}`] }, 'sign_in_for_another_act'],
  ];
  for (const [what, fields, code] of refusedFields) {
    test(`${what}: ${code}, and the nonce is not spent`, async () => {
      const wallet = Wallet.createRandom();
      const slot = await stored(server, await sealForBoth(), [wallet.address]);
      const nonce = await freshNonce(server);
      assertRefused(await access(slot, await signed(wallet, statement(server, wallet, nonce, fields))), 401, code);
      assert.equal((await access(slot, await signed(wallet, statement(server, wallet, nonce)))).status, 200);
    });
  }

  test('a replayed nonce', async () => {
    const wallet = Wallet.createRandom();
    const slot = await stored(server, await sealForBoth(), [wallet.address]);
    const nonce = await freshNonce(server);
    const first = await signed(wallet, statement(server, wallet, nonce));
    const other = await signed(wallet, statement(server, wallet, nonce, { statement: 'another statement' }));
    assert.equal((await access(slot, first)).status, 200);
    for (const headers of [first, other]) assertRefused(await access(slot, headers), 401, 'nonce_spent');
  });

  test("a nonce of the client's own", async () => {
    const wallet = Wallet.createRandom();
    const slot = await stored(server, await sealForBoth(), [wallet.address]);
    const own = await signed(wallet, statement(server, wallet, randomBytes(40).toString('hex')));
    assertRefused(await access(slot, own), 401, 'nonce_unknown');
  });

  test("another wallet's signature", async () => {
    const [wallet, other] = [Wallet.createRandom(), Wallet.createRandom()];
    const slot = await stored(server, await sealForBoth(), [wallet.address]);
    const forged = await signed(other, statement(server, wallet, await freshNonce(server)));
    assertRefused(await access(slot, forged), 401, 'wrong_signer');
  });

  test('one header or none', async () => {
    const wallet = Wallet.createRandom();
    const slot = await stored(server, await sealForBoth(), [wallet.address]);
    const both = await signIn(server, wallet);
    const one = { 'x-siwe-message': both['x-siwe-message'] };
    for (const headers of [{}, one]) assertRefused(await access(slot, headers), 401, 'sign_in_required');
  });

  test('another wallet, and a slot that never was, look alike', async () => {
    const [wallet, other] = [Wallet.createRandom(), Wallet.createRandom()];
    const slot = await stored(server, await sealForBoth(), [wallet.address]);
    const answers = [];
    for (const asked of [slot, randomBytes(32).toString('hex')]) {
      const answer = await access(asked, await signIn(server, other));
      assertRefused(answer, 404, 'slot_not_found');
      answers.push({ ...answer.body, requestId: undefined });
    }
    assert.deepEqual(answers[0], answers[1]);
  });
});

describe('refused payloads', () => {
  const addresses = [Wallet.createRandom().address];

  test('plaintext', async () => {
    assertRefused(await store(server, sentence, addresses), 400, 'not_sealed');
  });

  test('an unknown version', async () => {
    assertRefused(await store(server, { ...(await sealForBoth()), version: 3 }, addresses), 400, 'malformed_payload');
  });

  test('an entry relabelled for the vault', async () => {
    const payload = await seal(utf8(sentence), [client.publicKey]);
    payload.recipients[0].publicKey = attestation.mlkemPublicKey;
    assertRefused(await store(server, payload, addresses), 422, 'vault_cannot_open');
  });

  test('the vault twice', async () => {
    const payload = await seal(utf8(sentence), [vaultKey, vaultKey]);
    assertRefused(await store(server, payload, addresses), 422, 'vault_recipient_repeated');
  });
});

describe('delete', () => {
  test('only with the resource of this slot', async () => {
    const wallet = Wallet.createRandom();
    const slot = await stored(server, await sealForBoth(), [wallet.address]);
    const resources = [undefined, [`urn:strongroom:access:${slot}`], [`urn:strongroom:delete:${'0'.repeat(64)}`]];
    for (const wrong of resources) {
      const headers = await signIn(server, wallet, { resources: wrong });
      assertRefused(await remove(slot, headers), 401, 'sign_in_for_another_act');
    }
    const bound = await signIn(server, wallet, { resources: [`urn:strongroom:delete:${slot}`] });
    assert.equal((await remove(slot, bound)).status, 204);
    assertRefused(await access(slot, await signIn(server, wallet)), 404, 'slot_not_found');
  });

  test('only by the owner', async () => {
    const readers = [Wallet.createRandom(), Wallet.createRandom()];
    const slot = await stored(server, await sealForBoth(), readers.map((reader) => reader.address));
    const resources = [`urn:strongroom:delete:${slot}`];
    const asked = async (wallet) => remove(slot, await signIn(server, wallet, { resources }));
    assertRefused(await asked(readers[0]), 403, 'no_owner');
    assertRefused(await asked(Wallet.createRandom()), 404, 'slot_not_found');
  });
});

describe('held ciphertext', () => {
  test('a retry finds its slot, another wallet is refused, also after deletion', async () => {
    const [wallet, thief] = [Wallet.createRandom(), Wallet.createRandom()];
    const payload = await sealForBoth();
    const slot = await stored(server, payload, [wallet.address]);
    assert.equal(await stored(server, payload, [wallet.address]), slot);
    assert.equal(await stored(server, JSON.stringify(payload), [wallet.address.toLowerCase()]), slot);

    const stolen = () => store(server, payload, [thief.address]);
    assertRefused(await stolen(), 409, 'ciphertext_held');
    assertRefused(await store(server, payload, [wallet.address, thief.address]), 409, 'ciphertext_held');
    await remove(slot, await signIn(server, wallet, { resources: [`urn:strongroom:delete:${slot}`] }));
    assertRefused(await stolen(), 409, 'ciphertext_held');
  });

  test('an older payload, and its transcoding into the first generation', async () => {
    const [wallet, thief] = [Wallet.createRandom(), Wallet.createRandom()];
    const { ciphertext, ...data } = await sealOlder(utf8(sentence), vaultKey);
    await stored(server, { ciphertext, ...data }, [wallet.address]);
    const entry = toBase64(concat(fromBase64(ciphertext), new Uint8Array(32)));
    const transcoded = { recipients: [{ publicKey: attestation.mlkemPublicKey, ciphertext: entry }], ...data };
    assertRefused(await store(server, transcoded, [thief.address]), 409, 'ciphertext_held');
  });
});

/**
 * attestation.md, "Evidence" and "What the report binds": every field, and report_data recomputed
 * from them.
 */
function assertEvidence(evidence, nonce) {
  const { report, timestamp, mlkemPublicKey, vaultId, keyId, configDigest } = evidence;
  assert.deepEqual(evidence, {
    platform: 'none', report, measurement: '', timestamp, mlkemPublicKey, version: 1, nonce, vaultId, keyId, epoch: 1,
    keyOrigin: 'generated', configDigest, tlsSpkiSha256: '', evidence: { type: 'none' }, collateral: {},
  });
  for (const digest of [vaultId, configDigest]) assert.match(digest, /^[0-9a-f]{64}$/);
  assert.equal(mlkemPublicKey, attestation.mlkemPublicKey);
  assert.equal(fromBase64(mlkemPublicKey).length, 1568);
  assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 5 * 60_000, timestamp);

  const encapsulationKey = fromBase64(mlkemPublicKey);
  const idInput = concat(utf8('strongroom/key-id/1'), Uint8Array.of(0x00, 0x42), encapsulationKey);
  assert.equal(keyId, createHash('sha256').update(idInput).digest('hex').slice(0, 32));

  const hex = (text) => Buffer.from(text, 'hex');
  const fields = [
    utf8('none'), utf8('1'), hex(vaultId), utf8('1'), encapsulationKey,
    utf8('generated'), hex(configDigest), hex(''), hex(nonce), utf8(timestamp),
  ];
  const reportData = createHash('sha512').update('strongroom/attestation/1\0');
  for (const field of fields) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(field.length);
    reportData.update(length).update(field);
  }
  assert.equal(report, reportData.digest('base64'));
}
