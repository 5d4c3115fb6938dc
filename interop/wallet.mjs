// A field wallet on other people's code: `bip39`, `@noble/post-quantum`, `@noble/hashes`,
// `@noble/ciphers`. Only this composition is written here; its clauses are those of
// ../spec/backup.md, ../spec/backup-compatible.md and ../spec/sign-in.md.
import { gcm } from '@noble/ciphers/aes.js';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256, shake256 } from '@noble/hashes/sha3.js';
import { ml_kem1024, ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { slh_dsa_shake_256f } from '@noble/post-quantum/slh-dsa.js';
import { mnemonicToEntropy, mnemonicToSeedSync } from 'bip39';
import { concat, utf8 } from './w3pk.mjs';

export const toHex = (bytes) => `0x${Buffer.from(bytes).toString('hex')}`;
export const fromHex = (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex'));

function u32(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

export const kems = { mlkem768: ml_kem768, mlkem1024: ml_kem1024 };
export const ciphers = {
  'xsalsa20-poly1305': { cipher: xsalsa20poly1305, nonceBytes: 24 },
  'aes-256-gcm': { cipher: gcm, nonceBytes: 12 },
};

/** backup.md#slh-dsa: `slh-dsa:0x` and the SHA-256 of a public key. */
export const owner = (publicKey) => `slh-dsa:${toHex(sha256(publicKey))}`;

/** backup-compatible.md#derivation: a signing key, and a key pair of each KEM. */
export function compatibleKeys(mnemonic, index = 0, passphrase = '') {
  const entropy = Buffer.from(mnemonicToEntropy(mnemonic), 'hex');
  const signingSeed = shake256(index === 0 ? entropy : concat(entropy, u32(index)), { dkLen: 96 });
  const kemSeed = shake256(mnemonicToSeedSync(mnemonic, passphrase), { dkLen: 64 });
  return {
    signing: slh_dsa_shake_256f.keygen(signingSeed),
    mlkem768: ml_kem768.keygen(kemSeed),
    mlkem1024: ml_kem1024.keygen(kemSeed),
  };
}

/** backup.md#derivation: a signing key, and a key pair of ML-KEM-1024. */
export function strongroomKeys(mnemonic, account = 0, passphrase = '') {
  const seed = mnemonicToSeedSync(mnemonic, passphrase);
  const derive = (salt, length) => hkdf(sha256, seed, utf8(salt), u32(account), length);
  return {
    signing: slh_dsa_shake_256f.keygen(derive('strongroom/slh-dsa-shake-256f/1', 96)),
    mlkem1024: ml_kem1024.keygen(derive('strongroom/mlkem1024/1', 64)),
  };
}

const inContext = (context) => (context === undefined ? {} : { context: utf8(context) });

/** backup.md#slh-dsa: without `extraEntropy` opt_rand is PK.seed. */
export const sign = (message, { secretKey }, context) =>
  slh_dsa_shake_256f.sign(message, secretKey, { extraEntropy: false, ...inContext(context) });

export const verify = (signature, message, { publicKey }, context) =>
  slh_dsa_shake_256f.verify(signature, message, publicKey, inContext(context));

/** backup-compatible.md#payload: the bytes of the JSON text that carries the plaintext. */
export function seal(plaintext, keys, kem = 'mlkem1024', cipherName = 'aes-256-gcm') {
  const { cipherText: capsule, sharedSecret } = kems[kem].encapsulate(keys[kem].publicKey);
  const { cipher, nonceBytes } = ciphers[cipherName];
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  const symmetricCiphertext = cipher(sharedSecret, nonce).encrypt(plaintext);
  const fields = { capsule, symmetricCiphertext, nonce };
  return utf8(JSON.stringify(Object.fromEntries(Object.entries(fields).map(([name, bytes]) => [name, toHex(bytes)]))));
}

/** backup-compatible.md#payload: KEM and cipher follow from the sizes of capsule and nonce. */
export function open(payload, keys) {
  const fields = JSON.parse(new TextDecoder().decode(payload));
  const [capsule, ciphertext, nonce] = [fields.capsule, fields.symmetricCiphertext, fields.nonce].map(fromHex);
  const kem = { 1088: 'mlkem768', 1568: 'mlkem1024' }[capsule.length];
  const { cipher } = Object.values(ciphers).find(({ nonceBytes }) => nonceBytes === nonce.length);
  return cipher(kems[kem].decapsulate(capsule, keys[kem].secretKey), nonce).decrypt(ciphertext);
}

export const signPayload = (payload, keys) => sign(keccak_256(payload), keys.signing);

export const verifyPayload = (signature, payload, keys) => verify(signature, keccak_256(payload), keys.signing);

/** backup-compatible.md#outer: what is uploaded, and what a file holds. */
export const backup = (payload, keys) => ({ signature: toHex(signPayload(payload, keys)), payload: toHex(payload) });

/** §4: a time's day in UTC, in each of the two spellings. */
export const spellings = {
  'YYYY-MM-DD': (time) => time.toISOString().slice(0, 10),
  'MM-DD-YYYY': (time) => time.toISOString().replace(/^(....)-(..)-(..).*/, '$2-$3-$1'),
};

/** §4: the three dated messages. */
export const dated = {
  list: (publicKey, date) => utf8(`${toHex(publicKey)}-GET-BACKUPS-${date}`),
  read: (userId, date) => utf8(`${userId}-GET-BACKUP-${date}`),
  delete: (userId, date) => utf8(`${userId}-DELETE-BACKUP-${date}`),
};

/** sign-in.md#sessions: the statement that is traded for a token. */
export const sessionStatement = (server, publicKey, nonce, resources = []) =>
  [
    `${server.authority} wants you to sign in with your SLH-DSA key:`,
    owner(publicKey),
    '',
    '',
    `URI: ${server.origin}`,
    'Version: 1',
    'Chain ID: 1',
    `Nonce: ${nonce}`,
    `Issued At: ${new Date().toISOString()}`,
    ...(resources.length === 0 ? [] : ['Resources:', ...resources.map((resource) => `- ${resource}`)]),
  ].join('\n');
