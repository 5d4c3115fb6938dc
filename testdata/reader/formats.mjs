// A second reader of keys, payloads, backups, statements, nonces, tokens and roots. It was written
// from the pages of spec/. It is a test tool, and NOT constant time.
//
// It needs Node 20 and nothing else. Node lacks Argon2id, Keccak-256, SLH-DSA, XSalsa20-Poly1305,
// the key recovery of secp256k1 and BIP-39's list of words. A function that needs one of these
// takes it from `primitives`, and throws `Missing` if it is not there.
//
// Each reading function takes the input of a vector. It returns the vector's value, or throws by
// `refuse` or `end`.

import { isUtf8 } from 'node:buffer';
import { createDecipheriv, createECDH, createHash, createHmac, hkdfSync, pbkdf2Sync } from 'node:crypto';
import { Cbor, hkdfExpand, hybridParts, keyFile, mlKemOfSeed, openWith, publicKey, secretKey } from './reader.mjs';

const ascii = (text) => Buffer.from(text, 'latin1');
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const fromHex = (digits) => Buffer.from(digits, 'hex');
const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const shake256 = (outputLength, ...parts) =>
  createHash('shake256', { outputLength }).update(Buffer.concat(parts)).digest();
const hkdf = (ikm, salt, info, length) => Buffer.from(hkdfSync('sha256', ikm, salt, info, length));
const u32 = (n) => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(n); return bytes; };

export class Missing extends Error {}

// A reading that does not succeed ends by one of these: `refused` and a reason, or another outcome.
const end = (outcome) => { throw Object.assign(new Error(outcome), { outcome }); };
const refuse = (reason) => end(`refused: ${reason}`);

/** The result of `f`. Whatever it throws, but for `Missing`, becomes a refusal. */
function refusing(reason, f) {
  try {
    return f();
  } catch (error) {
    if (error instanceof Missing) throw error;
    return refuse(reason);
  }
}

/** The primitive of this name; if there is none, a function that throws `Missing` when called. */
const need = (primitives, name) => primitives[name] ?? (() => { throw new Missing(name); });

// ---- Keys

const described = ({ kemId, keyId, encapsulationKey }) => ({
  kemId,
  encapsulationKeySha256: hex(sha256(encapsulationKey)),
  keyId: hex(keyId),
  fingerprint: fingerprint(keyId),
});
const fingerprint = (keyId) => `sr:${hex(keyId.subarray(0, 8)).match(/..../g).join('-')}`;

export const keyText = (input) =>
  described(refusing('key text', () => (input.public === undefined ? secretKey(input.secret) : publicKey(input.public))));

const locked = 'STRONGROOM-ENCRYPTED-KEY-1', unlocked = 'STRONGROOM-SECRET-KEY-1';
const checked = (body) => Buffer.concat([body, sha256(body).subarray(0, 4)]).toString('base64url');

export function keyFileText(input, primitives) {
  const bytes = input.file === undefined ? fromHex(input.fileHex) : Buffer.from(input.file);
  const text = refusing('key file', () => keyFile(bytes));
  const secret = text.startsWith(locked) ? unlock(text, input.passphrase, primitives) : text;
  const key = refusing('key', () => secretKey(secret));
  // The library writes the text of the seed, or of the expanded key where there is no seed.
  const written = secret.startsWith(unlocked)
    ? secret : `${unlocked}${checked(Buffer.concat([fromHex('004201'), Buffer.from(secret, 'base64')]))}`;
  return { ...described(key), secret: written };
}

function unlock(text, passphrase, primitives) {
  const bytes = Buffer.from(text.slice(locked.length), 'base64url');
  const body = bytes.subarray(0, -4);
  if (`${locked}${checked(body)}` !== text || body.length <= 24 + 16) refuse('locked key text');
  const memoryKib = body.readUInt32BE(0), passes = body.readUInt32BE(4);
  if (memoryKib < 8192 || memoryKib > 1048576 || passes < 1 || passes > 16) refuse('Argon2id parameters');
  const key = need(primitives, 'argon2id')(Buffer.from(passphrase), body.subarray(8, 24), { memoryKib, passes });
  const aad = Buffer.concat([ascii(locked), body.subarray(0, 24)]);
  const opened = aesGcm(key, Buffer.alloc(12), aad, body.subarray(24)) ?? refuse('passphrase');
  return `${unlocked}${checked(opened)}`;
}

/** Null if the tag does not fit. */
function aesGcm(key, nonce, aad, sealed) {
  if (sealed.length < 16) return null;
  const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad).setAuthTag(sealed.subarray(-16));
  const plaintext = cipher.update(sealed.subarray(0, -16));
  try { cipher.final(); } catch { return null; }
  return plaintext;
}

/**
 * Reads a vector of the hybrid KEM. SHAKE256 expands the seed. The combiner hashes both secrets,
 * the ephemeral point, the recipient's point and a label.
 */
export function hybrid(input) {
  const parts = hybridParts(fromHex(input.seed));
  const shown = ({ secret, x, ephemeral, shared }) => ({
    mlKemSharedSecret: hex(secret),
    ecdhX: hex(x),
    ephemeralPoint: hex(ephemeral),
    recipientPoint: hex(parts.recipient),
    sharedSecret: hex(shared),
  });
  if (input.enc === undefined) {
    const sent = parts.encapsulate(fromHex(input.message), fromHex(input.ephemeralScalar));
    return { ...shown(sent), encSha256: hex(sha256(sent.enc)) };
  }
  const enc = fromHex(input.enc);
  if (enc.length !== 1665) refuse('length');
  const received = refusing('point', () => parts.decapsulate(enc));
  const { encapsulationKey } = parts;
  const keyId = sha256(ascii('strongroom/key-id/1'), fromHex('0051'), encapsulationKey).subarray(0, 16);
  return {
    ...shown(received),
    mlKemSeed: hex(parts.mlKemSeed),
    p384Scalar: hex(parts.scalar),
    encapsulationKeySha256: hex(sha256(encapsulationKey)),
    keyId: hex(keyId),
  };
}

// ---- Derivations

const keyIdOfSeed = (seed) => hex(mlKemOfSeed(seed).keyId);

export function derivation(input, primitives) {
  return input.derivation === 'w3pk' ? w3pkKey(input, primitives) : mnemonicKeys(input, primitives);
}

function w3pkKey({ ethereumKey, context }, primitives) {
  const digits = ethereumKey.replace(/^0x/, '');
  if (!/^[0-9a-f]{64}$/i.test(digits)) refuse('Ethereum key');
  const key = fromHex(digits);
  const point = refusing('Ethereum key', () => {
    const ecdh = createECDH('secp256k1');
    ecdh.setPrivateKey(key);
    return ecdh.getPublicKey().subarray(1);
  });
  const seed = hkdf(key, 'mlkem-keypair-v1', context, 64);
  const address = checksummed(need(primitives, 'keccak256')(point).subarray(12), primitives);
  return { address, mlKemSeed: hex(seed), mlKemKeyId: keyIdOfSeed(seed) };
}

function mnemonicKeys({ derivation: name, mnemonic, passphrase, number }, primitives) {
  const words = mnemonic.split(/\s+/).filter((word) => word !== '');
  if (![12, 15, 18, 21, 24].includes(words.length)) refuse('word count');
  const entropy = refusing('word or checksum', () => fromHex(need(primitives, 'mnemonicToEntropy')(words.join(' '))));
  const seed = pbkdf2Sync(words.join(' '), `mnemonic${passphrase}`.normalize('NFKD'), 2048, 64, 'sha512');
  const info = u32(number);
  const compatible = name === 'compatible';
  const slhDsaSeed = compatible
    ? shake256(96, entropy, number === 0 ? Buffer.alloc(0) : info) : hkdf(seed, 'strongroom/slh-dsa-shake-256f/1', info, 96);
  const mlKemSeed = compatible ? shake256(64, seed) : hkdf(seed, 'strongroom/mlkem1024/1', info, 64);
  const slhDsaPublicKey = need(primitives, 'slhDsaPublicKey')(slhDsaSeed);
  const owner = sha256(slhDsaPublicKey);
  return {
    entropy: hex(entropy),
    bip39Seed: hex(seed),
    slhDsaSeed: hex(slhDsaSeed),
    slhDsaPublicKey: hex(slhDsaPublicKey),
    owner: `slh-dsa:0x${hex(owner)}`,
    userId: userIdOf(owner),
    mlKemSeed: hex(mlKemSeed),
    mlKemKeyId: keyIdOfSeed(mlKemSeed),
    ...(compatible && {
      mlKem768EncapsulationKeySha256: hex(sha256(need(primitives, 'mlKem768PublicKey')(mlKemSeed))),
    }),
  };
}

function uuid(bytes) {
  const digits = hex(bytes);
  return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]].map(([from, to]) => digits.slice(from, to)).join('-');
}

/** The user id that belongs to an owner: a UUID of version 8 (RFC 9562 §5.8). */
function userIdOf(owner) {
  const bytes = Buffer.from(sha256(ascii('strongroom/backup-user/1'), owner).subarray(0, 16));
  bytes[6] = (bytes[6] & 0x0f) | 0x80;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return uuid(bytes);
}

// ---- JSON: an object in UTF-8, with each known member once
//
// JSON.parse takes the last of two members of one name, so names that are there twice are looked
// for in the text.

function jsonObject(bytes) {
  if (!isUtf8(bytes)) refuse('JSON');
  const text = bytes.toString();
  const value = refusing('JSON', () => JSON.parse(text));
  if (value === null || typeof value !== 'object' || Array.isArray(value)) refuse('JSON');
  return { value, doubled: doubledMembers(text) };
}

/** The names that are twice in one object, wherever that object is in the text. */
function doubledMembers(text) {
  const doubled = new Set(), open = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[[\]{}]/g)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token.endsWith(':')) {
      const name = JSON.parse(token.slice(0, -1).trim());
      if (open.at(-1).has(name)) doubled.add(name);
      open.at(-1).add(name);
    }
  }
  return doubled;
}

const base64 = (text, size, field) => {
  if (typeof text !== 'string') refuse('JSON');
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text || (size !== undefined && bytes.length !== size)) refuse(`base64 of ${field}`);
  return bytes;
};

// ---- w3pk payloads

export function w3pkPayload(input) {
  const bytes = input.payload === undefined ? fromHex(input.payloadHex) : Buffer.from(input.payload);
  const { value: payload, doubled } = jsonObject(bytes);
  const known = ['version', 'recipients', 'ciphertext', 'encryptedData', 'iv', 'authTag', 'publicKey'];
  if (known.some((name) => doubled.has(name))) refuse('JSON');
  // JSON.parse makes a 2 of `2.0`, which must be refused. So the text itself is looked at.
  const second = 'version' in payload;
  if (second && !(payload.version === 2 && /"version"\s*:\s*2\s*[,}]/.test(bytes.toString()))) refuse('unknown version');
  if ('recipients' in payload && 'ciphertext' in payload) refuse('recipients and ciphertext');
  const older = 'ciphertext' in payload;
  if (older && second) refuse('unknown version');
  for (const field of [older ? 'ciphertext' : 'recipients', 'encryptedData', 'iv', 'authTag']) {
    if (!(field in payload)) refuse(`${field} is missing`);
  }
  const iv = base64(payload.iv, 12, 'iv');
  const sealed = Buffer.concat([base64(payload.encryptedData, undefined, 'encryptedData'), base64(payload.authTag, 16, 'authTag')]);
  const key = secretKey(input.key);
  const opened = (dataKey) => ({ plaintext: hex(aesGcm(dataKey, iv, Buffer.alloc(0), sealed) ?? end('damaged')) });
  if (older) return opened(key.decapsulate(base64(payload.ciphertext, 1568, 'ciphertext')));

  const { recipients } = payload;
  if (!Array.isArray(recipients)) refuse('JSON');
  if (recipients.length < 1 || recipients.length > 256) refuse('recipients');
  const entries = recipients.map((entry) => {
    if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) refuse('JSON');
    return {
      publicKey: base64(entry.publicKey, 1568, 'publicKey'),
      ciphertext: base64(entry.ciphertext, second ? 1608 : 1600, 'ciphertext'),
    };
  });
  const mine = entries.find((entry) => entry.publicKey.equals(key.encapsulationKey)) ?? end('not mine');
  const secret = key.decapsulate(mine.ciphertext.subarray(0, 1568)), wrapped = mine.ciphertext.subarray(1568);
  return opened(second ? unwrapAesKw(hkdf(secret, '', 'w3pk-mlkem-kek-v2', 32), wrapped) : wrapped.map((byte, i) => byte ^ secret[i]));
}

/** RFC 3394 §2.2.2, with its default initial value. */
function unwrapAesKw(kek, wrapped) {
  const cipher = createDecipheriv('id-aes256-wrap', kek, Buffer.alloc(8, 0xa6));
  try { return Buffer.concat([cipher.update(wrapped), cipher.final()]); } catch { return end('damaged'); }
}

// ---- Backups

const contexts = { native: 'strongroom/backup/1', compatible: '' };

/**
 * Reads a signed backup. `<signature>` stands for a signature by the signer's key. It is good if
 * the reader has that key, and context and message are those that were signed.
 */
export function backup(input, primitives) {
  const { value: fields, doubled } = jsonObject(Buffer.from(input.backup.replaceAll('<zeros>', '0'.repeat(99712))));
  const names = ['signature', 'payload', 'envelope', 'statement'];
  if (names.some((name) => doubled.has(name) || (name in fields && typeof fields[name] !== 'string'))) refuse('JSON');
  if (!('signature' in fields)) refuse('fields');
  const given = fields.signature === '<signature>' ? null : prefixedHex(fields.signature, 'signature');
  if (given !== null && given.length !== 49856) refuse('signature');
  const has = names.slice(1).map((name) => Number(name in fields)).join('');
  if (has !== '100' && has !== '011') refuse('fields');

  const reader = () => mnemonicKeys(input.reader, primitives);
  const verify = (message, form) => {
    const good = given === null
      ? JSON.stringify(input.signer) === JSON.stringify(input.reader)
        && input.context === contexts[form] && fromHex(input.message).equals(message)
      : need(primitives, 'slhDsaVerify')(given, message, fromHex(reader().slhDsaPublicKey), contexts[form]);
    if (!good) end('not verified: signature');
  };
  const restored = (has === '100' ? compatibleBackup : nativeBackup)(fields, verify, reader, primitives);
  const signature = given
    ?? need(primitives, 'slhDsaSign')(fromHex(input.message), fromHex(reader().slhDsaSeed), input.context);
  return { ...restored, signatureSha256: hex(sha256(signature)) };
}

function prefixedHex(text, what) {
  if (!/^0x([0-9a-f]{2})*$/i.test(text)) refuse(what);
  return fromHex(text.slice(2));
}

function archive(data) {
  if (!isUtf8(data)) end('not restored: archive is not JSON');
  try { JSON.parse(data.toString()); } catch { end('not restored: archive is not JSON'); }
  return { archive: data.toString(), archiveSha256: hex(sha256(data)) };
}

function compatibleBackup(fields, verify, reader, primitives) {
  const payload = prefixedHex(fields.payload, 'payload');
  const outer = refusing('payload is not a JSON object', () => jsonObject(payload));
  const digest = need(primitives, 'keccak256')(payload);
  verify(digest, 'compatible');
  const bad = () => end('not restored: payload');
  const [capsule, data, nonce] = ['capsule', 'symmetricCiphertext', 'nonce'].map((name) => {
    const text = outer.doubled.has(name) ? undefined : outer.value[name];
    return /^0x([0-9a-f]{2})*$/i.test(text ?? '') ? fromHex(text.slice(2)) : bad();
  });
  const { owner, mlKemSeed } = reader(), seed = fromHex(mlKemSeed);
  if (capsule.length !== 1088 && capsule.length !== 1568) bad();
  const secret = capsule.length === 1568
    ? mlKemOfSeed(seed).decapsulate(capsule) : need(primitives, 'mlKem768Decapsulate')(seed, capsule);
  if (nonce.length !== 12 && nonce.length !== 24) bad();
  const opened = nonce.length === 12
    ? aesGcm(secret, nonce, Buffer.alloc(0), data) : need(primitives, 'xsalsa20poly1305Open')(secret, nonce, data);
  if (opened === null) end('not restored: does not open');
  return { owner, digest: hex(digest), ...archive(Buffer.from(opened)) };
}

function statementOf(bytes) {
  const cbor = new Cbor(bytes);
  cbor.array(6, 6, 'statement');
  cbor.uint(1, 1, 'version');
  const owner = cbor.string(32, 'owner'), userId = cbor.string(16, 'user id');
  const counter = cbor.uint(1, Number.MAX_SAFE_INTEGER, 'counter');
  const previous = cbor.string(32, 'previous'), envelope = cbor.string(32, 'envelope');
  cbor.end();
  if ((counter === 1) !== previous.equals(Buffer.alloc(32))) refuse('previous');
  return { owner, userId, counter, previous, envelope };
}

function manifestOf(plaintext) {
  const length = plaintext.readUInt32BE(0), cbor = new Cbor(plaintext.subarray(4, 4 + length));
  if (length > 1024 || cbor.bytes.length !== length) refuse('length');
  cbor.array(5, 5, 'manifest');
  cbor.uint(1, 1, 'version');
  const created = cbor.uint(0, 253402300799, 'created'), counter = cbor.uint(1, Number.MAX_SAFE_INTEGER, 'counter');
  const digest = cbor.string(32, 'SHA-256'), type = cbor.take(cbor.head(3, 0, 64, 'content type'));
  cbor.end();
  if (!type.equals(ascii('application/json'))) refuse('content type');
  return { created, counter, digest, data: plaintext.subarray(4 + length) };
}

function nativeBackup(fields, verify, reader) {
  const envelope = base64(fields.envelope, undefined, 'envelope');
  // Bytes that are not an envelope, or are cut short, are refused before the statement is read.
  if (openWith(envelope, []).outcome === 'refused' || cutShort(envelope)) refuse('envelope');
  const bytes = base64(fields.statement, undefined, 'statement');
  const statement = refusing('statement', () => statementOf(bytes));
  const { slhDsaPublicKey, mlKemSeed } = reader(), owner = sha256(fromHex(slhDsaPublicKey));
  if (!statement.owner.equals(owner)) end('not verified: owner');
  if (!statement.envelope.equals(sha256(envelope))) end('not verified: envelope');
  verify(bytes, 'native');
  const { outcome, plaintext } = openWith(envelope, [mlKemOfSeed(fromHex(mlKemSeed))]);
  if (outcome !== 'opened') end('not restored: does not open');
  let manifest;
  try { manifest = manifestOf(plaintext); } catch { end('not restored: manifest'); }
  if (manifest.counter !== statement.counter) end('not restored: counter');
  const restored = archive(manifest.data);
  if (!manifest.digest.equals(sha256(manifest.data))) end('not restored: SHA-256');
  return {
    owner: `slh-dsa:0x${hex(owner)}`,
    digest: hex(sha256(envelope)),
    ...restored,
    counter: statement.counter,
    userId: uuid(statement.userId),
    previous: hex(statement.previous),
    statementSha256: hex(sha256(bytes)),
    created: manifest.created,
  };
}

/**
 * Whether an envelope's payload is too short for a salt, a commitment and a tag, or its last chunk
 * is shorter than a tag.
 */
function cutShort(envelope) {
  const chunks = envelope.length - 12 - envelope.readUInt32BE(8) - 32 - 56;
  return chunks < 16 || chunks % 16400 < 16;
}

// ---- Statements

const checksummed = (address, primitives) => {
  const digits = hex(address), digest = hex(need(primitives, 'keccak256')(ascii(digits)));
  return `0x${[...digits].map((digit, i) => (parseInt(digest[i], 16) >= 8 ? digit.toUpperCase() : digit)).join('')}`;
};

/**
 * A time of RFC 3339 §5.6 with letters of either case, in nanoseconds since 1970; else null. A
 * second 60 is the last nanosecond of second 59, and stands at the end of a month in UTC.
 */
function time(text) {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/i.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const date = new Date(Date.UTC(2000, 0, 1));
  date.setUTCFullYear(year, month - 1, day);
  const real = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 61;
  if (!real || Number(match[9] ?? 0) > 23 || Number(match[10] ?? 0) > 59) return null;
  const offset = match[8] === undefined ? 0 : (match[8] === '+' ? 1 : -1) * (Number(match[9]) * 60 + Number(match[10]));
  const at = date.getTime() + ((hour * 60 + minute - offset) * 60 + second) * 1000;
  if (second === 60) {
    const after = new Date(at);
    return after.getUTCDate() === 1 && at % 86_400_000 === 0 ? BigInt(at) * 1000000n - 1n : null;
  }
  return BigInt(at) * 1000000n + BigInt((match[7] ?? '').slice(0, 9).padEnd(9, '0'));
}

const scheme = '[A-Za-z][A-Za-z0-9+.-]*';
const unreserved = 'A-Za-z0-9._~\\-', sub = "!$&'()*+,;=", escape = '%[0-9A-Fa-f]{2}';
const pchars = `(?:[${unreserved}${sub}:@]|${escape})*`;
const host = `(?:\\[[0-9A-Fa-f:.]+\\]|(?:[${unreserved}${sub}]|${escape})*)`;
const authority = `(?:(?:[${unreserved}${sub}:]|${escape})*@)?${host}(?::\\d*)?`;
const rest = `(?:\\?(?:[${unreserved}${sub}:@/?]|${escape})*)?(?:#(?:[${unreserved}${sub}:@/?]|${escape})*)?`;
const uri = new RegExp(`^(${scheme}):(?://(${authority})((?:/${pchars})*)|(?!//)(/?${pchars}(?:/${pchars})*))${rest}$`);
const patterns = {
  statement: /^[A-Za-z0-9:/?#[\]@!$&'()*+,;=\-._~ ]+$/,
  nonce: /^[A-Za-z0-9]{8,128}$/,
  requestId: new RegExp(`^${pchars}$`),
};

export function signIn(input, primitives) {
  const { statement: text } = input;
  const slhDsa = input.slhDsaSeed !== undefined;
  if (Buffer.byteLength(text) > 6144) refuse('length');
  const lines = text.split('\n');
  const line = (pattern) => {
    const next = lines.shift();
    return (next === undefined ? null : pattern.exec(next)) ?? refuse(`not ${pattern}`);
  };
  const kind = slhDsa ? 'SLH-DSA key' : 'Ethereum account';
  const head = line(new RegExp(`^(?:(${scheme})://)?(${authority}) wants you to sign in with your ${kind}:$`));
  if (head[2] === '') refuse('domain');
  const [signer] = slhDsa ? line(/^slh-dsa:0x[0-9a-f]{64}$/) : line(/^0x[0-9a-fA-F]{40}$/);
  const letters = slhDsa || checksumOrMissing(signer, primitives);
  if (letters === false) refuse('checksum');
  line(/^$/);
  if (lines[0] === '') lines.shift();
  else if (lines[1] === '' && patterns.statement.test(lines[0])) lines.splice(0, 2);
  else if (slhDsa || !lines[0]?.startsWith('URI: ')) refuse('statement');
  const named = line(/^URI: (.*)$/)[1], place = uri.exec(named) ?? refuse('URI');
  line(/^Version: 1$/);
  const chain = BigInt(line(/^Chain ID: (0|[1-9]\d*)$/)[1]);
  if (chain >= 2n ** 64n) refuse('chain');
  const nonce = line(/^Nonce: (.*)$/)[1];
  if (!patterns.nonce.test(nonce)) refuse('nonce');
  const issuedAt = time(line(/^Issued At: (.*)$/)[1]) ?? refuse('time');
  const optional = (name, read) => (lines[0]?.startsWith(`${name}: `)
    ? read(lines.shift().slice(name.length + 2)) ?? refuse(name) : undefined);
  const expires = optional('Expiration Time', time), notBefore = optional('Not Before', time);
  optional('Request ID', (id) => (patterns.requestId.test(id) ? id : null));
  const resources = [];
  if (lines[0] === 'Resources:') {
    lines.shift();
    while (lines.length > 0) resources.push(line(/^- (.*)$/)[1]);
    if (resources.length > 32 || !resources.every((resource) => uri.test(resource))) refuse('resources');
  }
  if (lines.length > 0) refuse('more');

  const signature = slhDsa ? null : walletSignature(input.signature);
  const origins = input.origins.map((origin) => origin.split('://'));
  if (!origins.some(([s, a]) => a === head[2] && (head[1] === undefined || head[1] === s))) refuse('domain');
  if (place[2] === undefined || !origins.some(([s, a]) => s === place[1] && a === place[2])) refuse('URI');
  if (input.chainIds.length > 0 && !input.chainIds.map(BigInt).includes(chain)) refuse('chain');
  const now = time(input.now), minute = 60n * 1000000000n;
  if (issuedAt - now > 2n * minute) refuse('issued in the future');
  if (now - issuedAt > 7n * minute) refuse('issued too long ago');
  if (expires !== undefined && expires <= now) refuse('expired');
  if (notBefore !== undefined && notBefore > now) refuse('not yet');
  const ours = resources.filter((resource) => resource.startsWith('urn:strongroom:'));
  if (slhDsa) {
    const publicKey = need(primitives, 'slhDsaPublicKey')(fromHex(input.slhDsaSeed));
    if (signer !== `slh-dsa:0x${hex(sha256(publicKey))}`) refuse('signer');
    return { owner: signer, nonce, scope: ours };
  }
  const bound = /^urn:strongroom:(put|delete|seal-to|backup-delete):/.test(input.act);
  if (bound && ours.length === 0) refuse('unbound');
  if (!ours.every((resource) => resource === input.act)) refuse('another act');
  const message = Buffer.concat([ascii(`\x19Ethereum Signed Message:\n${Buffer.byteLength(text)}`), Buffer.from(text)]);
  const recovered = need(primitives, 'recover')(need(primitives, 'keccak256')(message), signature);
  if (recovered === null || checksummed(recovered, primitives) !== signer) refuse('signer');
  return { address: signer, nonce };
}

/** Undefined without Keccak-256: a later check may still refuse the statement. */
const checksumOrMissing = (address, primitives) => (primitives.keccak256 === undefined
  ? undefined : checksummed(fromHex(address.slice(2)), primitives) === address);

const halfOrder = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

function walletSignature(text) {
  if (!/^0x[0-9a-f]{130}$/i.test(text)) refuse('shape of the signature');
  const bytes = fromHex(text.slice(2)), v = bytes[64];
  if (![0, 1, 27, 28].includes(v)) refuse('recovery id');
  if (BigInt(`0x${hex(bytes.subarray(32, 64))}`) > halfOrder) refuse('high s');
  return { compact: bytes.subarray(0, 64), recoveryId: v % 27 };
}

// ---- Nonces and tokens

const hmac = (key, ...parts) => createHmac('sha256', key).update(Buffer.concat(parts)).digest();

export function nonce({ key, startId, nonce: text, signer, nowMs }) {
  if (!/^[0-9a-f]{80}$/i.test(text)) refuse('unknown');
  const bytes = fromHex(text), said = bytes.subarray(0, 24);
  const macFor = (address) => hmac(fromHex(key), fromHex(startId), said, address).subarray(0, 16);
  const addresses = [Buffer.alloc(0), ...(signer === null ? [] : [fromHex(signer.slice(2))])];
  if (!addresses.some((address) => macFor(address).equals(bytes.subarray(24)))) refuse('unknown');
  const issuedAtMs = Number(said.readBigUInt64BE(0));
  if (issuedAtMs > 253402300799999) refuse('unknown');
  const minute = 60000;
  if (nowMs - issuedAtMs > 5 * minute || issuedAtMs - nowMs > 2 * minute) refuse('expired');
  // Five minutes and two more. The second added at the end makes up for rounding down.
  return { random: hex(said.subarray(8)), keepUntil: Math.floor((issuedAtMs + 7 * minute) / 1000) + 1 };
}

export function session({ key, token, now, act }) {
  const prefix = 'strongroom-session-1';
  if (!token.startsWith(prefix)) refuse('unknown');
  const bytes = Buffer.from(token.slice(prefix.length), 'base64url');
  if (bytes.toString('base64url') !== token.slice(prefix.length) || bytes.length < 32) refuse('unknown');
  const body = bytes.subarray(0, -32);
  if (!hmac(fromHex(key), ascii(prefix), body).equals(bytes.subarray(-32))) refuse('unknown');
  if (body.length < 41 || body.length !== 41 + 32 * body[40]) refuse('unknown');
  if (BigInt(now) >= body.readBigUInt64BE(0)) refuse('expired');
  const scope = [];
  for (let at = 41; at < body.length; at += 32) scope.push(hex(body.subarray(at, at + 32)));
  const bound = /^urn:strongroom:(put|delete|seal-to|backup-delete):/.test(act);
  if (scope.length === 0 ? bound : !scope.includes(hex(sha256(ascii(act))))) refuse('act');
  return { owner: `slh-dsa:0x${hex(body.subarray(8, 40))}`, scope };
}

// ---- The root

export function root(input) {
  const bytes = input.root === undefined
    ? sha256(ascii('strongroom/imported-root/1'), secretKey(input.importedKey).expanded()) : fromHex(input.root);
  const prk = hmac(ascii('strongroom/root/1'), bytes);
  const key = (purpose, epoch = Buffer.alloc(0), length = 32) =>
    hkdfExpand('sha256', prk, Buffer.concat([ascii(`strongroom/${purpose}/1`), epoch]), length);
  const named = Object.fromEntries(['storage', 'index', 'nonce', 'session'].map((purpose) => [purpose, hex(key(purpose))]));
  const vaultId = hex(key('vault-id'));
  if (input.vaultId !== undefined && input.vaultId !== vaultId) refuse('another vault');
  const kem = [1, 2, 4294967295].map((epoch) => {
    const seed = key('kem', u32(epoch), 64);
    return { epoch, seed: hex(seed), keyId: keyIdOfSeed(seed) };
  });
  return { root: hex(bytes), vaultId, ...named, kem };
}

// ---- All files

/**
 * The files: the number of their vectors, the function that reads one, and the number of vectors
 * that need a primitive which Node lacks.
 */
export const files = {
  'key-texts.json': { count: 54, read: keyText, missing: 0 },
  'key-files.json': { count: 30, read: keyFileText, missing: 11 },
  'hybrid.json': { count: 10, read: hybrid, missing: 0 },
  'derivations.json': { count: 18, read: derivation, missing: 13 },
  'w3pk.json': { count: 64, read: w3pkPayload, missing: 0 },
  'backups.json': { count: 76, read: backup, missing: 39 },
  'sign-in.json': { count: 109, read: signIn, missing: 30 },
  'nonces.json': { count: 26, read: nonce, missing: 0 },
  'sessions.json': { count: 29, read: session, missing: 0 },
  'root.json': { count: 8, read: root, missing: 0 },
};

/**
 * Reads every vector of a file with the primitives at hand, and calls `check` with each vector and
 * what was found. Returns the number of vectors that lacked a primitive.
 */
export function walk(name, vectors, primitives, check) {
  let missing = 0;
  for (const vector of vectors) {
    let found = { outcome: 'accepted' };
    try {
      found.value = files[name].read(vector.input, primitives);
    } catch (error) {
      if (error instanceof Missing) { missing += 1; continue; }
      if (error.outcome === undefined) throw Object.assign(error, { message: `${vector.name}: ${error.message}` });
      found = { outcome: error.outcome };
    }
    check(vector, found);
  }
  return missing;
}
