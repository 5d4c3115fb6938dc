// Wallet backups (../spec/backup.md) between `strongroom`, its server and a wallet on npm
// libraries, in both directions.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { generateMnemonic } from 'bip39';
import { output, run, startServer, temporaryDirectory } from './binary.mjs';
import { assertRefused, call, freshNonce } from './vault.mjs';
import { concat, toBase64, utf8 } from './w3pk.mjs';
import {
  backup, ciphers, compatibleKeys, dated, fromHex, kems, open, owner, seal, sessionStatement, sign, signPayload,
  spellings, strongroomKeys, toHex, verify, verifyPayload,
} from './wallet.mjs';
import { open as openEnvelope } from '../testdata/reader/reader.mjs';

const server = await startServer(['--verification-rate', '0']);
const directory = temporaryDirectory();
const file = (name, content) => {
  const path = join(directory, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};

const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const ok = { status: 200, body: { message: 'Ok' } };
const answer = ({ status, body }) => ({ status, body });

/** A call on a connection of its own. fetch may use an old one, and has no option against that. */
const callAfresh = (method, path) =>
  new Promise((resolve, reject) => {
    const sent = request(server.origin + path, { method, agent: false, maxHeaderSize: 256 * 1024 }, async (response) => {
      const body = JSON.parse((await response.toArray()).join(''));
      resolve({ status: response.statusCode, headers: new Headers(response.headers), body });
    });
    sent.on('error', reject).end();
  });

/** The same hex with its last bit changed. */
const flip = (hex) => hex.slice(0, -1) + (parseInt(hex.at(-1), 16) ^ 1).toString(16);

const mnemonic = generateMnemonic(128);
const words = ['--mnemonic-file', file('words', `${mnemonic}\n`)];
const keys = compatibleKeys(mnemonic);
const nativeKeys = strongroomKeys(mnemonic);
const publicKey = toHex(keys.signing.publicKey);

/** A wallet's JSON; no two of them are alike. */
const walletJson = (content) =>
  utf8(JSON.stringify({ content, id: randomUUID(), note: '苟全性命於亂世 🔐' }, null, 2));

const pairs = Object.keys(kems).flatMap((kem) => Object.keys(ciphers).map((cipher) => ({ kem, cipher })));

/** A backup of each pair as the wallet in node writes it. */
const written = pairs.map(({ kem, cipher }) => {
  const plaintext = walletJson(`${kem}, ${cipher}`);
  return { name: `${kem}, ${cipher}`, plaintext, json: backup(seal(plaintext, keys, kem, cipher), keys) };
});

describe('the keys of a mnemonic', () => {
  const longMnemonic = generateMnemonic(256);
  const passphrase = 'Ångström ﬁve';
  const ways = {
    '12 words': { mnemonic, args: words },
    '24 words, one a line': {
      mnemonic: longMnemonic,
      args: ['--mnemonic-file', file('long', longMnemonic.replaceAll(' ', '\n'))],
    },
    '12 words and a passphrase': {
      mnemonic,
      passphrase,
      args: [...words, '--mnemonic-passphrase-file', file('passphrase', `${passphrase}\n`)],
    },
  };

  /** The output of `backup keys`, without the user id that it chose. */
  function said(args) {
    const { userId, ...rest } = JSON.parse(output(['backup', 'keys', '--json', ...args]));
    assert.match(userId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    return rest;
  }

  const expected = (form, { signing, mlkem1024 }) => ({
    form,
    publicKey: toHex(signing.publicKey),
    owner: owner(signing.publicKey),
    encapsulationKey: toHex(mlkem1024.publicKey),
  });

  for (const [name, way] of Object.entries(ways)) {
    for (const number of [0, 1]) {
      const args = [...way.args, '--account', String(number)];

      test(`compatible, index ${number}: ${name}`, () => {
        const derived = compatibleKeys(way.mnemonic, number, way.passphrase);
        const encapsulationKey768 = toHex(derived.mlkem768.publicKey);
        assert.deepEqual(said([...args, '--compat']), { ...expected('compatible', derived), encapsulationKey768 });
      });

      test(`strongroom, account ${number}: ${name}`, () => {
        const derived = strongroomKeys(way.mnemonic, number, way.passphrase);
        assert.deepEqual(said(args), expected('native', derived));
      });
    }
  }

  for (const number of [0, 1]) {
    test(`keygen makes the ML-KEM key of account ${number}`, () => {
      const keyFile = join(directory, `key-${number}`);
      output(['keygen', '--from-mnemonic-file', words[1], '--account', String(number), '-o', keyFile]);
      const { mlkem1024 } = strongroomKeys(mnemonic, number);
      assert.equal(output(['pubkey', '--base64', keyFile]).toString().trim(), toBase64(mlkem1024.publicKey));
    });
  }
});

describe('compatible backups in files', () => {
  for (const { name, plaintext, json } of written) {
    test(`strongroom verifies and restores what the wallet wrote: ${name}`, () => {
      const input = JSON.stringify(json);
      assert.match(output(['backup', 'verify', '--public-key', publicKey], input).toString(), /^form: +compatible$/m);
      const facts = output(['backup', 'verify', ...words], input).toString();
      assert.match(facts, new RegExp(`^sha256: +${sha256(plaintext).toString('hex')}$`, 'm'));
      assert.ok(output(['backup', 'restore', ...words], input).equals(plaintext), 'another plaintext');
    });
  }

  for (const { kem, cipher } of pairs) {
    test(`the wallet verifies and opens what strongroom wrote: ${kem}, ${cipher}`, () => {
      const plaintext = walletJson('from strongroom');
      const args = ['backup', 'create', '--compat', '--kem', kem, '--cipher', cipher, ...words];
      const { payload } = readCompatible(output(args, plaintext), keys);
      const { capsule, symmetricCiphertext, nonce } = payload;
      assert.deepEqual(
        [capsule, symmetricCiphertext, nonce].map((hex) => fromHex(hex).length),
        [kem === 'mlkem768' ? 1088 : 1568, plaintext.length + 16, cipher === 'aes-256-gcm' ? 12 : 24],
      );
      assert.deepEqual(open(utf8(JSON.stringify(payload)), keys), plaintext);
    });
  }

  test('the signature is the one that the wallet makes, here of index 1; the default is the stronger pair', () => {
    const other = compatibleKeys(mnemonic, 1);
    const plaintext = walletJson('of index 1');
    const stdout = output(['backup', 'create', '--compat', '--account', '1', ...words], plaintext);
    const { payload, signature } = readCompatible(stdout, other);
    const bytes = utf8(JSON.stringify(payload));
    assert.equal(signature, toHex(signPayload(bytes, other)));
    assert.deepEqual([fromHex(payload.capsule).length, fromHex(payload.nonce).length], [1568, 12]);
    assert.deepEqual(open(bytes, other), plaintext);
  });

  test('strongroom refuses what was altered, and what is of another mnemonic', () => {
    const [{ json }, other] = written;
    const othersWords = ['--mnemonic-file', file('other-words', generateMnemonic(128))];
    const refused = {
      'an altered signature': [{ ...json, signature: flip(json.signature) }, words],
      'an altered payload': [{ ...json, payload: flip(json.payload) }, words],
      'the signature of another payload': [{ ...json, signature: other.json.signature }, words],
      'other words': [json, othersWords],
    };
    for (const [what, [altered, args]] of Object.entries(refused)) {
      const { status, stdout } = run(['backup', 'restore', ...args], JSON.stringify(altered));
      assert.deepEqual({ what, status, stdout: stdout.length }, { what, status: 1, stdout: 0 });
    }
  });
});

const userId = randomUUID();
const now = new Date();

const place = (user = userId) => `/backups/${publicKey}/users/${user}`;
const upload = (json, path = place()) => call(server, 'POST', path, { json });

/** Deterministic, so that each message is signed once. */
const signatures = new Map();
function signed(message, { signing = keys.signing, context } = {}) {
  const key = [signing.publicKey, message].map(toHex).join(context);
  if (!signatures.has(key)) signatures.set(key, toHex(sign(message, signing, context)));
  return signatures.get(key);
}

const query = (message, json = {}) =>
  call(server, 'POST', `/backups/${publicKey}/query`, { json: { signature: signed(message), ...json } });

const inEachSpelling = Object.values(spellings).map((spell) => spell(now));
const [isoDate] = inEachSpelling;

/** Asserts that each of these dated messages has this answer. */
async function assertEach(messages, json, expected) {
  for (const message of messages) assert.deepEqual(answer(await query(message, json)), { status: 200, body: expected });
}

function assertTime(text) {
  assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  assert.ok(Math.abs(Date.parse(text) - Date.now()) < 5 * 60_000, text);
}

const pull = (...args) => output(['backup', 'pull', '--compat', ...words, '--server', server.origin, ...args]);

describe('a field wallet over HTTP', () => {
  const [first, second, third] = written;
  const listMessages = inEachSpelling.map((date) => dated.list(keys.signing.publicKey, date));
  const readMessages = inEachSpelling.map((date) => dated.read(userId, date));

  test('uploads, again after a lost answer, and with hex of upper case in path and body', async () => {
    assert.deepEqual(answer(await upload(first.json)), ok);
    assert.deepEqual(answer(await upload(first.json)), ok);
    const upper = (hex) => `0x${hex.slice(2).toUpperCase()}`;
    const path = `/backups/${upper(publicKey)}/users/${userId.toUpperCase()}`;
    const json = { payload: upper(first.json.payload), signature: upper(first.json.signature) };
    assert.deepEqual(answer(await upload(json, path)), ok);
  });

  test('lists and reads by dated messages in both spellings', async () => {
    const { body: { backups: [{ updatedAt }] } } = await query(listMessages[0]);
    assertTime(updatedAt);
    await assertEach(listMessages, {}, { backups: [{ userId, updatedAt, version: 1 }] });
    await assertEach(readMessages, { userId }, { backup: { userId, updatedAt, version: 1, ...first.json } });
  });

  test('strongroom pulls what it uploaded', () => {
    assert.ok(pull().equals(first.plaintext), 'another plaintext');
    assert.ok(pull('--user', userId).equals(first.plaintext), 'another plaintext');
  });

  test('reads what strongroom pushed, and the version before it', async () => {
    const plaintext = walletJson('pushed');
    const form = ['--compat', '--kem', 'mlkem768', '--cipher', 'xsalsa20-poly1305'];
    output(['backup', 'push', ...form, ...words, '--server', server.origin, '--user', userId], plaintext);
    const { status, body: { backup: { payload, signature, version } } } = await query(readMessages[0], { userId });
    assert.deepEqual({ status, version }, { status: 200, version: 2 });
    assert.ok(verifyPayload(fromHex(signature), fromHex(payload), keys));
    assert.deepEqual(open(fromHex(payload), keys), plaintext);

    const { body: { backup: before } } = await query(readMessages[1], { userId, version: 1 });
    assert.deepEqual({ ...before, updatedAt: '' }, { userId, updatedAt: '', version: 1, ...first.json });
    const { body: { versions, next } } = await query(readMessages[0], { userId, versions: true });
    assert.deepEqual(versions.map((each) => each.version), [2, 1]);
    assert.equal(next.counter, 3);
  });

  test('cannot put an older payload back: 409 backup_superseded', async () => {
    assertRefused(await upload(first.json), 409, 'backup_superseded');
    assertRefused(await upload(first.json, place(randomUUID())), 409, 'backup_superseded');
  });

  test('deletes by query and by DELETE, in both spellings; the versions stay readable by number', async () => {
    const [isoDelete, usDelete] = inEachSpelling.map((date) => dated.delete(userId, date));
    assert.deepEqual(answer(await query(isoDelete, { userId, delete: true })), ok);
    await assertEach([listMessages[0]], {}, { backups: [] });
    assertRefused(await query(readMessages[0], { userId }), 404, 'backup_not_found');
    const { body } = await query(readMessages[0], { userId, version: 1 });
    assert.equal(body.backup.payload, first.json.payload);
    assertRefused(await upload(first.json), 409, 'backup_superseded');

    assert.deepEqual(answer(await upload(second.json)), ok);
    assert.ok(pull().equals(second.plaintext), 'another plaintext');
    const remove = () => call(server, 'DELETE', place(), { json: { signature: signed(usDelete) } });
    assert.deepEqual(answer(await remove()), ok);
    assert.deepEqual(answer(await remove()), ok, 'where there is none');
    await assertEach([listMessages[1]], {}, { backups: [] });

    assert.deepEqual(answer(await upload(third.json)), ok);
    const { body: { backups } } = await query(listMessages[0]);
    assert.deepEqual(backups.map((each) => [each.userId, each.version]), [[userId, 4]]);
  });
});

describe('refusals', () => {
  const [{ json }, other] = written;
  const readMessage = dated.read(userId, isoDate);

  test('a signature that was altered, or is of another payload, key or act: 401 bad_signature', async () => {
    const ofAnotherKey = JSON.parse(output(['backup', 'create', '--compat', '--account', '1', ...words], '{}'));
    const uploads = [
      { ...json, signature: flip(json.signature) },
      { ...json, signature: other.json.signature },
      { ...json, signature: signed(readMessage) },
      ofAnotherKey,
    ];
    for (const refused of uploads) assertRefused(await upload(refused), 401, 'bad_signature');
    for (const act of [{}, { userId: randomUUID() }, { userId, delete: true }]) {
      assertRefused(await query(readMessage, act), 401, 'bad_signature');
    }
    const remove = await call(server, 'DELETE', place(), { json: { signature: signed(readMessage) } });
    assertRefused(remove, 401, 'bad_signature');
  });

  test('a dated message of the day before yesterday: 401 bad_signature', async () => {
    const date = spellings['YYYY-MM-DD'](new Date(now - 2 * 86_400_000));
    assertRefused(await query(dated.read(userId, date), { userId }), 401, 'bad_signature');
  });

  test('a signature in the query string, on every call: 414 signature_in_uri', async () => {
    const uri = `?signature=${signed(readMessage)}`;
    assert.equal(uri.length, '?signature='.length + 99_714);
    for (const path of [`/backups/${publicKey}`, place(), `${place()}/versions`]) {
      assertRefused(await callAfresh('GET', path + uri), 414, 'signature_in_uri');
    }
    assertRefused(await callAfresh('DELETE', place() + uri), 414, 'signature_in_uri');
  });

  const malformed = {
    'a payload of odd length': [{ ...json, payload: `${json.payload}0` }, 'malformed_backup'],
    'a payload that is no hex': [{ ...json, payload: `${json.payload}zz` }, 'malformed_backup'],
    'a signature of 49,855 bytes': [{ ...json, signature: json.signature.slice(0, -2) }, 'malformed_signature'],
    'a signature of 49,857 bytes': [{ ...json, signature: `${json.signature}00` }, 'malformed_signature'],
  };
  for (const [what, [body, code]] of Object.entries(malformed)) {
    test(`${what}: 400 ${code}`, async () => assertRefused(await upload(body), 400, code));
  }

  test('a user id that is no UUID: 400 malformed_user_id', async () => {
    for (const user of ['me', userId.replaceAll('-', ''), `${userId}0`]) {
      assertRefused(await upload(json, place(user)), 400, 'malformed_user_id');
      assertRefused(await query(readMessage, { userId: user }), 400, 'malformed_user_id');
    }
  });

  test('a public key of another length: 400 malformed_public_key', async () => {
    assertRefused(await upload(json, `/backups/${publicKey}00/users/${userId}`), 400, 'malformed_public_key');
  });
});

const inSession = 'strongroom/session/1';

const statement = async (signing, resources) =>
  sessionStatement(server, signing.publicKey, await freshNonce(server), resources);

const exchange = (message, signing, context) =>
  call(server, 'POST', '/auth/session', {
    json: { message, publicKey: toHex(signing.publicKey), signature: signed(utf8(message), { signing, context }) },
  });

/**
 * The header of a session. First asserts that the answer and the visible parts of the token are
 * right.
 */
async function session(message, signing, resources = []) {
  const { status, body } = await exchange(message, signing, inSession);
  assert.equal(status, 201);
  assert.deepEqual(Object.keys(body).sort(), ['expiresAt', 'token']);
  const [, encoded] = body.token.match(/^strongroom-session-1([\w-]+)$/);
  const token = Buffer.from(encoded, 'base64url');
  const expiry = Number(token.readBigUInt64BE());
  assert.equal(expiry * 1000, Date.parse(body.expiresAt));
  assert.ok(Math.abs(expiry - 600 - Date.now() / 1000) < 60, body.expiresAt);
  const shown = concat(sha256(signing.publicKey), Uint8Array.of(resources.length), ...resources.map(sha256));
  assert.ok(token.subarray(8, -32).equals(shown), 'owner and scope');
  return { authorization: `Bearer ${body.token}` };
}

const get = (path, headers) => call(server, 'GET', path, { headers });

describe('sessions', () => {
  const { json } = written[3];
  const user = randomUUID();
  const { signing } = keys;

  test('one without scope lists and reads, and deletes nothing', async () => {
    assert.deepEqual(answer(await upload(json, place(user))), ok);
    const message = await statement(signing);
    const headers = await session(message, signing);
    assertRefused(await exchange(message, signing, inSession), 401, 'nonce_spent');

    const { body: { backups: [newest] } } = await get(`/backups/${publicKey}`, headers);
    const { updatedAt } = newest;
    assertTime(updatedAt);
    assert.deepEqual(newest, { userId: user, updatedAt, version: 1 });
    const backup = { userId: user, updatedAt, version: 1, ...json };
    for (const version of ['', '?version=1']) {
      assert.deepEqual(answer(await get(place(user) + version, headers)), { status: 200, body: { backup } });
    }
    assertRefused(await get(`${place(user)}?version=2`, headers), 404, 'backup_not_found');

    const { status, body: { versions, next } } = await get(`${place(user)}/versions`, headers);
    const [{ bytes }] = versions;
    const digest = toHex(keccak_256(fromHex(json.payload))).slice(2);
    assert.deepEqual({ status, versions }, { status: 200, versions: [{ version: 1, updatedAt, bytes, digest }] });
    assert.ok(Number.isInteger(bytes), bytes);
    assert.equal(next.counter, 2);
  });

  test("it serves no bound act and no other key, and another's token is none", async () => {
    const headers = await session(await statement(signing), signing);
    assertRefused(await call(server, 'DELETE', place(user), { headers }), 401, 'sign_in_for_another_act');
    const others = `/backups/${toHex(nativeKeys.signing.publicKey)}`;
    assertRefused(await get(others, headers), 401, 'sign_in_for_another_act');
    assertRefused(await get(`/backups/${publicKey}`), 401, 'sign_in_required');
    const altered = { authorization: `${headers.authorization.slice(0, -4)}AAAA` };
    assertRefused(await get(`/backups/${publicKey}`, altered), 401, 'session_malformed');
  });

  test('one whose scope names a deletion deletes that backup, and does nothing else', async () => {
    const resources = [`urn:strongroom:backup-delete:${user}`];
    const headers = await session(await statement(signing, resources), signing, resources);
    assertRefused(await get(`/backups/${publicKey}`, headers), 401, 'sign_in_for_another_act');
    assertRefused(await call(server, 'DELETE', place(), { headers }), 401, 'sign_in_for_another_act');
    assert.deepEqual(answer(await call(server, 'DELETE', place(user), { headers })), ok);
    const { body: { backups } } = await query(dated.list(signing.publicKey, isoDate));
    assert.ok(backups.every(({ userId }) => userId !== user));
  });

  test('a statement that is signed in no context: 401 bad_signature', async () => {
    const message = await statement(signing);
    assertRefused(await exchange(message, signing), 401, 'bad_signature');
  });
});

describe('the native form, read in node', () => {
  const user = randomUUID();
  const { signing, mlkem1024 } = nativeKeys;
  const base = `/backups/${toHex(signing.publicKey)}`;
  const place = (id) => `${base}/users/${id}`;
  const hex = (bytes) => Buffer.from(bytes).toString('hex');

  const plaintexts = [walletJson('native 1'), walletJson('native 2')];
  const files = [];
  for (const plaintext of plaintexts) {
    const from = files.length === 0 ? ['--user', user] : ['--after', file('first.backup', files[0])];
    files.push(output(['backup', 'create', ...from, ...words], plaintext));
  }
  const uploads = files.map((bytes) => JSON.parse(bytes));
  const statements = uploads.map((json) => Buffer.from(json.statement, 'base64'));

  for (const [i, { envelope, statement, signature }] of uploads.entries()) {
    const envelopeBytes = Buffer.from(envelope, 'base64');
    const counter = `0${i + 1}`;

    test(`version ${i + 1}: its statement byte for byte, signed in its context alone`, () => {
      assert.equal(files[i].toString().trimEnd(), JSON.stringify({ envelope, statement, signature }));
      const previous = i === 0 ? '00'.repeat(32) : hex(sha256(statements[0]));
      assert.equal(
        hex(statements[i]),
        `86015820${hex(sha256(signing.publicKey))}50${user.replaceAll('-', '')}${counter}5820${previous}` +
          `5820${hex(sha256(envelopeBytes))}`,
      );
      const holds = (context) => verify(fromHex(signature), statements[i], signing, context);
      assert.deepEqual(['strongroom/backup/1', undefined, inSession].map(holds), [true, false, false]);
    });

    test(`version ${i + 1}: its envelope opens to manifest and data`, () => {
      const { outcome, plaintext } = openEnvelope(envelopeBytes, [toBase64(mlkem1024.secretKey)]);
      assert.equal(outcome, 'opened');
      const end = 4 + plaintext.readUInt32BE();
      const [manifest, data] = [plaintext.subarray(4, end), plaintext.subarray(end)];
      assert.ok(data.equals(plaintexts[i]), 'another plaintext');
      const created = manifest.readUInt32BE(3);
      assert.ok(Math.abs(created - Date.now() / 1000) < 5 * 60, 'created');
      assert.equal(
        hex(manifest),
        `85011a${created.toString(16)}${counter}5820${hex(sha256(data))}70${hex(utf8('application/json'))}`,
      );
    });
  }

  test('node uploads them in their order alone, and strongroom pulls the last', async () => {
    const [first, second] = uploads;
    assertRefused(await upload(second, place(user)), 409, 'backup_counter');
    assertRefused(await upload(first, place(randomUUID())), 401, 'wrong_statement');
    for (const json of [first, first, second, second]) assert.deepEqual(answer(await upload(json, place(user))), ok);
    assertRefused(await upload(first, place(user)), 409, 'backup_counter');
    const pulled = output(['backup', 'pull', ...words, '--server', server.origin, '--user', user, '--at-least', '2']);
    assert.ok(pulled.equals(plaintexts[1]), 'another plaintext');
  });

  test('node reads them in a session, and what the next one must say', async () => {
    const resources = ['urn:strongroom:backups'];
    const headers = await session(await statement(signing, resources), signing, resources);
    const { body: { backups: [{ updatedAt, ...newest }] } } = await get(base, headers);
    assert.deepEqual(newest, { userId: user, version: 2 });
    const backup = { userId: user, updatedAt, version: 2, ...uploads[1] };
    assert.deepEqual(answer(await get(place(user), headers)), { status: 200, body: { backup } });

    const { body: { versions, next } } = await get(`${place(user)}/versions`, headers);
    const [first, second] = uploads.map(({ envelope }) => hex(sha256(Buffer.from(envelope, 'base64'))));
    assert.deepEqual(versions.map(({ version, digest }) => [version, digest]), [[2, second], [1, first]]);
    assert.deepEqual(next, { counter: 3, previous: hex(sha256(statements[1])) });
  });
});

/**
 * §2: what strongroom wrote, its fields in their order and its signature verified: `{ payload,
 * signature }`.
 */
function readCompatible(stdout, signer) {
  const { signature, payload } = JSON.parse(stdout);
  assert.equal(stdout.toString().trimEnd(), JSON.stringify({ signature, payload }));
  const text = Buffer.from(fromHex(payload)).toString();
  const { capsule, symmetricCiphertext, nonce } = JSON.parse(text);
  const inOrder = { capsule, symmetricCiphertext, nonce };
  assert.equal(text, JSON.stringify(inOrder));
  for (const hex of [signature, payload, ...Object.values(inOrder)]) assert.match(hex, /^0x([0-9a-f]{2})+$/);
  assert.ok(verifyPayload(fromHex(signature), fromHex(payload), signer));
  return { payload: inOrder, signature };
}
