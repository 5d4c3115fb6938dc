// A second reader of the native envelope. It was written from spec/envelope.md and spec/keys.md,
// and from no code, so the vectors stand for the pages instead of for one program.
//
// It is a test tool: it is NOT constant time, and keeps the whole plaintext in memory. It needs
// Node 20 and nothing else. Node has no Argon2id, so it does not read keys under a passphrase.
//
//   node reader.mjs KEYFILE < envelope > plaintext

import { isUtf8 } from 'node:buffer';
import { createDecipheriv, createECDH, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const hash = (name, ...parts) => createHash(name).update(Buffer.concat(parts)).digest();
const shake = (name, size, ...parts) => createHash(name, { outputLength: size }).update(Buffer.concat(parts)).digest();
const hmac = (name, key, ...parts) => createHmac(name, key).update(Buffer.concat(parts)).digest();
const u16 = (n) => Buffer.from([n >> 8, n & 255]);
const halves = (bytes) => [bytes.subarray(0, 32), bytes.subarray(32, 64)];
const ascii = (text) => Buffer.from(text, 'latin1');

// Reading ends early by one of these. Anything else that is thrown is a bad key, or a mistake in
// this file.
const stop = (outcome, reason) => { throw Object.assign(new Error(reason), { outcome }); };
const refuse = (reason) => stop('refused', reason);
const damaged = (reason) => stop('damaged', reason);
const badKey = (reason) => { throw new Error(`bad key: ${reason}`); };

// ---- ML-KEM-1024 (FIPS 203). A polynomial is an array of 256 numbers below q.

const q = 3329, k = 4, du = 11, dv = 5; // η1 = η2 = 2
const ranks = [0, 1, 2, 3];
const bit = (bytes, i) => (bytes[i >> 3] >> (i & 7)) & 1;
const make256 = (f) => Array.from({ length: 256 }, (_, i) => f(i));

const add = (f, g) => f.map((x, i) => (x + g[i]) % q);
const subtract = (f, g) => f.map((x, i) => (x - g[i] + q) % q);
const compress = (d, f) => f.map((x) => Math.floor((2 ** (d + 1) * x + q) / (2 * q)) % 2 ** d);
const decompress = (d, f) => f.map((y) => (q * y + 2 ** (d - 1)) >> d);

const byteEncode = (d, f) => {
  const out = Buffer.alloc(32 * d);
  for (let i = 0; i < 256 * d; i++) out[i >> 3] |= ((f[Math.floor(i / d)] >> (i % d)) & 1) << (i & 7);
  return out;
};
const byteDecode = (d, bytes) => make256((i) => {
  let x = 0;
  for (let j = 0; j < d; j++) x |= bit(bytes, i * d + j) << j;
  return d === 12 ? x % q : x;
});
const encodeVector = (d, v) => Buffer.concat(v.map((f) => byteEncode(d, f)));
const decodeVector = (d, bytes) => ranks.map((i) => byteDecode(d, bytes.subarray(32 * d * i)));

function sampleNTT(seed, length = 672) {
  const b = shake('shake128', length, seed), f = [];
  for (let i = 0; i < length; i += 3) f.push(b[i] + 256 * (b[i + 1] & 15), (b[i + 1] >> 4) + 16 * b[i + 2]);
  const below = f.filter((x) => x < q);
  return below.length < 256 ? sampleNTT(seed, 2 * length) : below.slice(0, 256);
}

function samplePolyCBD2(seed, n) {
  const b = shake('shake256', 128, seed, Buffer.from([n]));
  return make256((i) => (bit(b, 4 * i) + bit(b, 4 * i + 1) - bit(b, 4 * i + 2) - bit(b, 4 * i + 3) + q) % q);
}

// The transform as §4.3 of FIPS 203 defines it: remainders modulo X² - ζ^(2 BitRev7(i) + 1). This
// is slower than the loops of its algorithms, and shorter.
const powers = [1]; // of ζ = 17
while (powers.length < 256) powers.push(powers.at(-1) * 17 % q);
const bitRev7 = (i) => [...i.toString(2).padStart(7, '0')].reduceRight((bits, b) => bits * 2 + Number(b), 0);
const exponents = make256((i) => 2 * bitRev7(i >> 1) + 1);
const sum128 = (term) => { let sum = 0; for (let j = 0; j < 256; j += 2) sum += term(j); return sum % q; };
const ntt = (f) => make256((i) => sum128((j) => f[j + i % 2] * powers[exponents[i] * j / 2 % 256]));
const inverseNTT = (f) => // 3303 · 128 = 1
  make256((j) => 3303 * sum128((i) => f[i + j % 2] * powers[-exponents[i] * (j >> 1) & 255]) % q);

const multiplyNTTs = (f, g) => f.map((_, i) => (i % 2
  ? f[i - 1] * g[i] + f[i] * g[i - 1]
  : f[i] * g[i] + f[i + 1] * g[i + 1] % q * powers[exponents[i]]) % q);
const dot = (v, w) => v.map((f, i) => multiplyNTTs(f, w[i])).reduce(add);
const matrixEntry = (rho, row, column) => sampleNTT(Buffer.concat([rho, Buffer.from([column, row])]));

// Algorithm 16, with 13 in it. The parts of the decapsulation key stay apart.
function mlKemKeyGen(d, z) {
  const [rho, sigma] = halves(hash('sha3-512', d, Buffer.from([k])));
  const s = ranks.map((i) => ntt(samplePolyCBD2(sigma, i)));
  const e = ranks.map((i) => ntt(samplePolyCBD2(sigma, k + i)));
  const t = ranks.map((i) => add(dot(ranks.map((j) => matrixEntry(rho, i, j)), s), e[i]));
  const ek = Buffer.concat([encodeVector(12, t), rho]);
  return { dkPke: encodeVector(12, s), ek, h: hash('sha3-256', ek), z };
}

function pkeEncrypt(ek, m, r) {
  const t = decodeVector(12, ek), rho = ek.subarray(384 * k);
  const y = ranks.map((i) => ntt(samplePolyCBD2(r, i)));
  const Ay = ranks.map((i) => inverseNTT(dot(ranks.map((j) => matrixEntry(rho, j, i)), y)));
  const u = ranks.map((i) => add(Ay[i], samplePolyCBD2(r, k + i)));
  const v = add(add(inverseNTT(dot(t, y)), samplePolyCBD2(r, 2 * k)), decompress(1, byteDecode(1, m)));
  return Buffer.concat([encodeVector(du, u.map((f) => compress(du, f))), byteEncode(dv, compress(dv, v))]);
}

// Algorithm 18. If the decrypted message encrypts to another ciphertext, the result is a secret
// that nobody knows instead of an error.
function mlKemDecaps(key, c) {
  const u = decodeVector(du, c).map((f) => ntt(decompress(du, f)));
  const v = decompress(dv, byteDecode(dv, c.subarray(32 * du * k)));
  const m = byteEncode(1, compress(1, subtract(v, inverseNTT(dot(decodeVector(12, key.dkPke), u)))));
  const [secret, r] = halves(hash('sha3-512', m, key.h));
  return pkeEncrypt(key.ek, m, r).equals(c) ? secret : shake('shake256', 32, key.z, c);
}

function mlKemExpanded(bytes) {
  const ek = bytes.subarray(1536, 3104);
  const key = { dkPke: bytes.subarray(0, 1536), ek, h: bytes.subarray(3104, 3136), z: bytes.subarray(3136) };
  if (!hash('sha3-256', ek).equals(key.h)) badKey('hash');
  for (const part of [ek.subarray(0, 1536), key.dkPke]) {
    if (!encodeVector(12, decodeVector(12, part)).equals(part)) badKey('modulus');
  }
  const m = randomBytes(32), [secret, r] = halves(hash('sha3-512', m, key.h));
  if (!mlKemDecaps(key, pkeEncrypt(ek, m, r)).equals(secret)) badKey('self-test');
  return key;
}

// ---- Keys

function withId(kemId, encapsulationKey, decapsulate) {
  const keyId = hash('sha256', ascii('strongroom/key-id/1'), u16(kemId), encapsulationKey).subarray(0, 16);
  return { kemId, keyId, encapsulationKey, decapsulate };
}

const mlKem = (key) => ({
  ...withId(0x0042, key.ek, (enc) => mlKemDecaps(key, enc)),
  expanded: () => Buffer.concat([key.dkPke, key.ek, key.h, key.z]),
});

export const mlKemOfSeed = (seed) => mlKem(mlKemKeyGen(...halves(seed)));

/** The hybrid's two halves, and the values between an encapsulation and the shared secret. */
export function hybridParts(seed) {
  const expanded = shake('shake256', 112, seed), mlKemSeed = expanded.subarray(0, 64), scalar = expanded.subarray(64);
  const key = mlKemKeyGen(...halves(mlKemSeed));
  const ecdh = createECDH('secp384r1');
  try { ecdh.setPrivateKey(scalar); } catch { badKey('scalar'); }
  const recipient = ecdh.getPublicKey();
  const combined = (secret, x, ephemeral) => hash('sha3-256', secret, x, ephemeral, recipient, ascii('MLKEM1024-P384'));
  const decapsulate = (enc) => {
    const ephemeral = enc.subarray(1568);
    // OpenSSL also takes the forms of SEC 1 that begin with 6 or 7.
    if (ephemeral[0] !== 4) damaged('point');
    let x;
    try { x = ecdh.computeSecret(ephemeral); } catch { damaged('point'); }
    const secret = mlKemDecaps(key, enc.subarray(0, 1568));
    return { secret, x, ephemeral, shared: combined(secret, x, ephemeral) };
  };
  const encapsulate = (message, ephemeralScalar) => {
    const [secret, r] = halves(hash('sha3-512', message, key.h));
    const ours = createECDH('secp384r1');
    ours.setPrivateKey(ephemeralScalar);
    const ephemeral = ours.getPublicKey(), x = ours.computeSecret(recipient);
    const enc = Buffer.concat([pkeEncrypt(key.ek, message, r), ephemeral]);
    return { enc, secret, x, ephemeral, shared: combined(secret, x, ephemeral) };
  };
  return { mlKemSeed, scalar, recipient, encapsulationKey: Buffer.concat([key.ek, recipient]), decapsulate, encapsulate };
}

function hybrid(seed) {
  const { encapsulationKey, decapsulate } = hybridParts(seed);
  return withId(0x0051, encapsulationKey, (enc) => decapsulate(enc).shared);
}

// Node's decoder ignores wrong padding, line breaks, the other alphabet and trailing bits. Encoding
// the result again finds all of these.
function decodeBase64(text, encoding) {
  const bytes = Buffer.from(text, encoding);
  return bytes.toString(encoding) === text ? bytes : null;
}

export function secretKey(text) {
  if (text.startsWith('STRONGROOM-ENCRYPTED-KEY-1')) badKey('this reader has no Argon2id for an encrypted key');
  const prefix = 'STRONGROOM-SECRET-KEY-1';
  if (!text.startsWith(prefix)) {
    const bytes = decodeBase64(text, 'base64');
    return bytes?.length === 3168 ? mlKem(mlKemExpanded(bytes)) : badKey('not a secret key text');
  }
  const bytes = decodeBase64(text.slice(prefix.length), 'base64url') ?? badKey('base64url');
  if (bytes.length < 7) badKey('size');
  const body = bytes.subarray(0, -4), key = body.subarray(3);
  if (!hash('sha256', body).subarray(0, 4).equals(bytes.subarray(-4))) badKey('checksum');
  switch (`${body.readUInt16BE(0)} ${body[2]} ${key.length}`) {
    case `${0x0042} 0 64`: return mlKem(mlKemKeyGen(...halves(key)));
    case `${0x0042} 1 3168`: return mlKem(mlKemExpanded(key));
    case `${0x0051} 0 32`: return hybrid(key);
    default: return badKey('KEM, form or size');
  }
}

/** A public key text, or the base64 of an ML-KEM-1024 key. */
export function publicKey(text) {
  const prefix = 'strongroom-pk-1';
  if (!text.startsWith(prefix)) {
    const bytes = decodeBase64(text, 'base64');
    return bytes?.length === 1568 ? encapsulationKey(0x0042, bytes) : badKey('not a public key text');
  }
  const bytes = decodeBase64(text.slice(prefix.length), 'base64url') ?? badKey('base64url');
  if (bytes.length < 6) badKey('size');
  const body = bytes.subarray(0, -4);
  if (!hash('sha256', body).subarray(0, 4).equals(bytes.subarray(-4))) badKey('checksum');
  return encapsulationKey(body.readUInt16BE(0), body.subarray(2));
}

function encapsulationKey(kemId, bytes) {
  if (bytes.length !== { 0x0042: 1568, 0x0051: 1665 }[kemId]) badKey('KEM or size');
  const vector = bytes.subarray(0, 1536), point = bytes.subarray(1568);
  if (!encodeVector(12, decodeVector(12, vector)).equals(vector)) badKey('modulus');
  if (kemId === 0x0051) {
    const ecdh = createECDH('secp384r1');
    ecdh.generateKeys();
    if (point[0] !== 4) badKey('point');
    try { ecdh.computeSecret(point); } catch { badKey('point'); }
  }
  return withId(kemId, bytes);
}

export function keyFile(bytes) {
  if (bytes.length > 65536) badKey('key file size');
  const lines = isUtf8(bytes) ? bytes.toString().split(/\r?\n/) : badKey('key file is not UTF-8');
  if (lines.some((line) => Buffer.byteLength(line) > 8192)) badKey('key file line');
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return keys.length === 1 ? keys[0] : badKey('not exactly one key in the file');
}

// ---- The header: CBOR that is read by its grammar
//
// Heads must be the shortest, and the keys of a map must ascend. So what is accepted has one
// encoding, and need not be encoded again to compare. A count is checked before anything is made of
// it.

export class Cbor {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }

  take(size) {
    if (size > this.bytes.length - this.at) refuse('cut');
    return this.bytes.subarray(this.at, this.at += size);
  }

  head(major, least, most, what) {
    const first = this.take(1)[0], info = first & 31;
    if (first >> 5 !== major || info > 27) refuse(what);
    const size = info < 24 ? 0 : 1 << (info - 24);
    // A number above 2^53 is rounded here. Every bound is far below, so it is refused all the same.
    const value = size === 0 ? info : Number(BigInt(`0x${this.take(size).toString('hex')}`));
    if (size > 0 && value < (size === 1 ? 24 : 2 ** (4 * size))) refuse('not the shortest head');
    if (value < least || value > most) refuse(what);
    return value;
  }

  uint(least, most, what) { return this.head(0, least, most, what); }
  string(size, what) { return this.take(this.head(2, size, size, what)); }
  array(least, most, what) { return this.head(4, least, most, what); }
  simple(byte, what) { if (this.take(1)[0] !== byte) refuse(what); }
  end() { if (this.at !== this.bytes.length) refuse('trailing bytes'); }
}

function principals(cbor) {
  const count = cbor.array(1, 100, 'principals');
  for (let i = 0, last = Buffer.alloc(0); i < count; i++) {
    cbor.array(2, 2, 'principal');
    const number = cbor.uint(1, 2, 'principal'), bytes = cbor.string(number === 1 ? 20 : 32, 'principal');
    const principal = Buffer.from([number, ...bytes]);
    if (Buffer.compare(last, principal) >= 0) refuse('principals not ascending');
    last = principal;
  }
  return count;
}

function label(cbor) {
  const bytes = cbor.take(cbor.head(3, 1, 256, 'label'));
  if (!isUtf8(bytes) || /[\p{Cc}\u202A-\u202E\u2066-\u2069]/u.test(bytes.toString())) refuse('label');
}

const latest = 253402300799; // the end of the year 9999
const policyValues = {
  1: principals,
  2: principals,
  3: (cbor) => cbor.uint(1, 100, 'approvals'),
  4: (cbor) => cbor.string(32, 'audience'),
  5: (cbor) => cbor.uint(0, latest, 'not-before'),
  6: (cbor) => cbor.uint(0, latest, 'not-after'),
  7: (cbor) => cbor.simple(0xf5, 'one-time'),
  8: label,
};

function checkPolicy(bytes) {
  const cbor = new Cbor(bytes), found = {};
  const count = cbor.head(5, 0, 8, 'policy');
  for (let i = 0, last = 0; i < count; i++) {
    const key = cbor.uint(0, Infinity, 'policy key');
    if (!(key in policyValues)) refuse(`policy key ${key}`);
    if (key <= last) refuse('policy keys not ascending');
    found[last = key] = policyValues[key](cbor);
  }
  cbor.end();
  if (found[3] > (found[1] ?? 0)) refuse('more approvals than readers');
  if (found[5] >= found[6]) refuse('not-before is not before not-after');
}

const encSizes = { 0x0042: 1568, 0x0051: 1665 };

export function readHeader(header) {
  const cbor = new Cbor(header);
  cbor.array(5, 5, 'header');
  cbor.uint(1, 1, 'version');
  const envelopeId = cbor.string(16, 'envelope id');
  const policy = cbor.take(cbor.head(2, 0, 16384, 'policy'));
  checkPolicy(policy);
  cbor.simple(0xf6, 'threshold');
  const firstFour = Buffer.concat([Buffer.from([0x84]), header.subarray(1, cbor.at)]);
  const binding = hash('sha256', ascii('strongroom/envelope/1 binding'), firstFour);
  const stanzas = [], seen = new Set();
  for (let count = cbor.array(1, 512, 'stanzas'); count > 0; count--) {
    cbor.array(4, 4, 'stanza');
    const kemId = cbor.uint(0, 65535, 'KEM'), keyId = cbor.string(16, 'key id');
    if (!(kemId in encSizes)) refuse(`KEM ${kemId}`);
    seen.add(`${kemId} ${keyId.toString('hex')}`);
    stanzas.push({ kemId, keyId, enc: cbor.string(encSizes[kemId], 'enc'), wrapped: cbor.string(48, 'wrapped') });
    if (seen.size !== stanzas.length) refuse('a recipient twice');
  }
  cbor.end();
  return { envelopeId, policy, binding, stanzas };
}

// ---- The envelope

const magic = Buffer.from('5352454e56000001', 'hex');

export function hkdfExpand(name, prk, info, length) {
  let block = Buffer.alloc(0), out = block;
  for (let i = 1; out.length < length; i++) {
    block = hmac(name, prk, block, info, Buffer.from([i]));
    out = Buffer.concat([out, block]);
  }
  return out.subarray(0, length);
}

export const derive = (fileKey, use) => hkdfExpand('sha256', fileKey, ascii(`strongroom/envelope/1 ${use}`), 32);
export const headerMac = (fileKey, signed) => hmac('sha256', derive(fileKey, 'header'), signed);

function aesGcmOpen(key, nonce, aad, sealed) {
  if (sealed.length < 16) damaged('tag');
  const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad).setAuthTag(sealed.subarray(-16));
  const plaintext = cipher.update(sealed.subarray(0, -16));
  try { cipher.final(); } catch { damaged('tag'); }
  return plaintext; // GCM decrypts as a counter mode, so final() only checks the tag
}

// SetupBaseR and Open of RFC 9180, for the one message of a stanza.
export function unwrap(stanza, sharedSecret, aad) {
  const suiteId = Buffer.concat([ascii('HPKE'), u16(stanza.kemId), u16(1), u16(2)]);
  const labeled = (name, ikm) => Buffer.concat([ascii('HPKE-v1'), suiteId, ascii(name), ikm]);
  const empty = Buffer.alloc(0);
  const context = Buffer.concat([Buffer.from([0]), hmac('sha256', empty, labeled('psk_id_hash', empty)),
    hmac('sha256', empty, labeled('info_hash', ascii('strongroom/envelope/1')))]);
  const secret = hmac('sha256', sharedSecret, labeled('secret', empty));
  const expand = (name, size) => hkdfExpand('sha256', secret, Buffer.concat([u16(size), labeled(name, context)]), size);
  return aesGcmOpen(expand('key', 32), expand('base_nonce', 12), aad, stanza.wrapped);
}

export function payloadKeys(payloadKey, salt, binding) {
  const info = Buffer.concat([ascii('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0'), salt, binding]);
  const out = hkdfExpand('sha512', payloadKey, info, 76);
  return { key: out.subarray(0, 32), baseNonce: out.subarray(32, 44), commitment: out.subarray(44) };
}

function openPayload(payloadKey, binding, payload) {
  if (payload.length < 56) damaged('payload');
  const { key, baseNonce, commitment } = payloadKeys(payloadKey, payload.subarray(0, 24), binding);
  if (!timingSafeEqual(commitment, payload.subarray(24, 56))) damaged('commitment');
  const chunks = [];
  // A chunk shorter than 16,400 bytes is the last one. If all chunks are full, the last one is
  // missing: the loop then finds an empty chunk, which has no tag.
  for (let n = 0, at = 56, size = 16400; size === 16400; n++, at += size) {
    const chunk = payload.subarray(at, at + 16400), number = Buffer.alloc(12);
    size = chunk.length;
    number.writeUIntBE(n, 6, 6);
    chunks.push(aesGcmOpen(key, baseNonce.map((byte, i) => byte ^ number[i]), Buffer.alloc(0), chunk));
  }
  return Buffer.concat(chunks);
}

function dearmor(bytes) {
  const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} STRONGROOM ENVELOPE-----`);
  if (!bytes.subarray(0, begin.length).equals(ascii(begin))) return bytes;
  const text = bytes.toString('latin1'), eol = text[begin.length] === '\r' ? '\r\n' : '\n';
  const [before, after, ...more] = text.split(end);
  if (more.length || !(after === '' || (after?.startsWith(eol) && /^[ \t\r\n]*$/.test(after)))) refuse('armor');
  const [first, ...body] = before.split(eol);
  const last = body.pop(), full = body.slice(0, -1).every((line) => line.length === 64);
  if (first !== begin || last !== '' || !full || !(body.at(-1)?.length <= 64)) refuse('armor');
  return decodeBase64(body.join(''), 'base64') ?? refuse('armor');
}

function openOrStop(bytes, keys) {
  if (!bytes.subarray(0, 5).equals(magic.subarray(0, 5))) refuse('magic');
  if (!bytes.subarray(0, 8).equals(magic)) refuse('unknown version');
  if (bytes.length < 12) refuse('cut');
  const headerLength = bytes.readUInt32BE(8);
  if (headerLength < 1 || headerLength > 1048576) refuse('header length');
  if (bytes.length < 12 + headerLength + 32) refuse('cut');
  const signed = bytes.subarray(0, 12 + headerLength), rest = bytes.subarray(signed.length);
  const { binding, stanzas } = readHeader(signed.subarray(12));

  const keyFor = (stanza) => keys.find((key) => key.kemId === stanza.kemId && key.keyId.equals(stanza.keyId));
  const mine = stanzas.find(keyFor);
  if (!mine) stop('not mine', 'no stanza for the keys at hand');

  const fileKey = unwrap(mine, keyFor(mine).decapsulate(mine.enc), binding);
  if (!timingSafeEqual(headerMac(fileKey, signed), rest.subarray(0, 32))) damaged('header MAC');
  return openPayload(derive(fileKey, 'payload'), binding, rest.subarray(32));
}

// Throws for a bad key. Whatever is wrong with the envelope is an outcome.
export const open = (envelopeBytes, secretKeyTexts) => openWith(envelopeBytes, secretKeyTexts.map(secretKey));

export function openWith(envelopeBytes, keys) {
  try {
    return { outcome: 'opened', plaintext: openOrStop(dearmor(Buffer.from(envelopeBytes)), keys) };
  } catch (error) {
    if (!error.outcome) throw error;
    return { outcome: error.outcome, reason: error.message };
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { outcome, reason, plaintext } = open(readFileSync(0), [keyFile(readFileSync(process.argv[2]))]);
    if (outcome !== 'opened') throw new Error(outcome === 'refused' ? `${outcome}: ${reason}` : outcome);
    process.stdout.write(plaintext);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
