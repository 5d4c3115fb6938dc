// The w3pk scheme on other people's code: `mlkem` or `@noble/post-quantum` for ML-KEM-1024,
// `@noble/hashes` for HKDF, WebCrypto for AES. Only this composition is written here; its clauses
// are those of ../spec/w3pk.md and ../spec/keys.md.
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { createMlKem1024 } from 'mlkem';

const { subtle } = globalThis.crypto;
const mlkem = await createMlKem1024();

export const utf8 = (text) => new TextEncoder().encode(text);
export const toBase64 = (bytes) => Buffer.from(bytes).toString('base64');
export const fromBase64 = (text) => new Uint8Array(Buffer.from(text, 'base64'));
export const concat = (...parts) => new Uint8Array(Buffer.concat(parts));

/** keys.md#expanded: an expanded decapsulation key is dk_PKE 1,536 ‖ ek 1,568 ‖ H(ek) 32 ‖ z 32. */
export const embeddedPublicKey = (secretKey) => secretKey.subarray(1536, 3104);

/** keys.md#w3pk-derivation: d ‖ z, 64 bytes. */
export const deriveSeed = (ethPrivateKeyBytes, context = 'mlkem-v1') =>
  hkdf(sha256, ethPrivateKeyBytes, utf8('mlkem-keypair-v1'), utf8(context), 64);

const onMlkem = {
  keypair(seed) {
    const [publicKey, secretKey] = mlkem.deriveKeyPair(seed);
    return { publicKey, secretKey };
  },
  encapsulate(publicKey) {
    const [kemCiphertext, sharedSecret] = mlkem.encap(publicKey);
    return { kemCiphertext, sharedSecret };
  },
  decapsulate: (kemCiphertext, secretKey) => mlkem.decap(kemCiphertext, secretKey),
};

const onNoble = {
  keypair: (seed) => ml_kem1024.keygen(seed),
  encapsulate(publicKey) {
    const { cipherText: kemCiphertext, sharedSecret } = ml_kem1024.encapsulate(publicKey);
    return { kemCiphertext, sharedSecret };
  },
  decapsulate: (kemCiphertext, secretKey) => ml_kem1024.decapsulate(kemCiphertext, secretKey),
};

const dataKey = (raw, usage) => subtle.importKey('raw', raw, 'AES-GCM', false, [usage]);

/** w3pk.md#entries: KEK = HKDF-SHA256(ikm ss, empty salt, info, 32 bytes). */
const keyEncryptionKey = (sharedSecret, usage) => {
  const raw = hkdf(sha256, sharedSecret, new Uint8Array(0), utf8('w3pk-mlkem-kek-v2'), 32);
  return subtle.importKey('raw', raw, 'AES-KW', false, [usage]);
};

const xor = (a, b) => a.map((byte, i) => byte ^ b[i]);

/** w3pk.md#entries: what follows the KEM ciphertext in an entry, by generation. */
const wraps = {
  1: {
    wrap: async (key, sharedSecret) => xor(new Uint8Array(await subtle.exportKey('raw', key)), sharedSecret),
    unwrap: (wrapped, sharedSecret) => dataKey(xor(wrapped, sharedSecret), 'decrypt'),
  },
  2: {
    wrap: async (key, sharedSecret) =>
      new Uint8Array(await subtle.wrapKey('raw', key, await keyEncryptionKey(sharedSecret, 'wrapKey'), 'AES-KW')),
    unwrap: async (wrapped, sharedSecret) => {
      const kek = await keyEncryptionKey(sharedSecret, 'unwrapKey');
      return subtle.unwrapKey('raw', wrapped, kek, 'AES-KW', 'AES-GCM', false, ['decrypt']);
    },
  },
};

/**
 * w3pk.md#data: AES-256-GCM without associated data; WebCrypto appends the tag, the payload keeps
 * it apart.
 */
async function encrypt(key, plaintext) {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = new Uint8Array(await subtle.encrypt({ name: 'AES-GCM', iv }, key, plaintext));
  return {
    encryptedData: toBase64(sealed.subarray(0, -16)),
    iv: toBase64(iv),
    authTag: toBase64(sealed.subarray(-16)),
  };
}

async function decrypt(key, { encryptedData, iv, authTag }) {
  const sealed = concat(fromBase64(encryptedData), fromBase64(authTag));
  return new Uint8Array(await subtle.decrypt({ name: 'AES-GCM', iv: fromBase64(iv) }, key, sealed));
}

/**
 * The scheme over one KEM library. Keys and plaintexts are byte arrays, secret keys in the expanded
 * form.
 */
const scheme = (kem) => ({
  deriveKeypair: (ethPrivateKeyBytes, context) => kem.keypair(deriveSeed(ethPrivateKeyBytes, context)),

  /**
   * w3pk.md#json: the payload as an object whose members are in the order in which they are
   * written.
   */
  async seal(plaintext, publicKeys, generation = 2) {
    const key = await subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt']);
    const recipients = [];
    for (const publicKey of publicKeys) {
      const { kemCiphertext, sharedSecret } = kem.encapsulate(publicKey);
      const wrapped = await wraps[generation].wrap(key, sharedSecret);
      recipients.push({ publicKey: toBase64(publicKey), ciphertext: toBase64(concat(kemCiphertext, wrapped)) });
    }
    return { ...(generation === 2 && { version: 2 }), recipients, ...(await encrypt(key, plaintext)) };
  },

  /** w3pk.md#older: the shared secret itself is the AES key; the recipient is not named. */
  async sealOlder(plaintext, publicKey) {
    const { kemCiphertext, sharedSecret } = kem.encapsulate(publicKey);
    const key = await dataKey(sharedSecret, 'encrypt');
    return { ciphertext: toBase64(kemCiphertext), ...(await encrypt(key, plaintext)) };
  },

  /** w3pk.md#opening, and #older where no recipient is named. */
  async open(payload, secretKey, publicKey = embeddedPublicKey(secretKey)) {
    if (payload.recipients === undefined) {
      const sharedSecret = kem.decapsulate(fromBase64(payload.ciphertext), secretKey);
      return decrypt(await dataKey(sharedSecret, 'decrypt'), payload);
    }
    const mine = payload.recipients.find((entry) => entry.publicKey === toBase64(publicKey));
    if (mine === undefined) throw new Error('not mine');
    const bytes = fromBase64(mine.ciphertext);
    const sharedSecret = kem.decapsulate(bytes.subarray(0, 1568), secretKey);
    const key = await wraps[payload.version ?? 1].unwrap(bytes.subarray(1568), sharedSecret);
    return decrypt(key, payload);
  },
});

/** The scheme once for each library, so a test can ask either to open what the other sealed. */
export const libraries = { mlkem: scheme(onMlkem), noble: scheme(onNoble) };

export const { deriveKeypair, seal, sealOlder, open } = libraries.mlkem;
