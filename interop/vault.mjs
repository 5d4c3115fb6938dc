// A client of the vault (../spec/http.md): sign-in statements by `siwe`, signatures by `ethers`,
// calls by fetch.
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { SiweMessage } from 'siwe';
import { toBase64, utf8 } from './w3pk.mjs';

/** One call with an optional JSON body: `{ status, headers, body }`. */
export async function call(server, method, path, { json, headers } = {}) {
  // Signing blocks for seconds; a connection that the server closed meanwhile must be noticed
  // before it is used again. The first turn may end before sockets are looked at.
  await setImmediate();
  await setImmediate();
  const response = await fetch(server.origin + path, {
    method,
    headers: { ...(json !== undefined && { 'Content-Type': 'application/json' }), ...headers },
    body: json && JSON.stringify(json),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

export async function freshNonce(server, json = {}) {
  const { status, body } = await call(server, 'POST', '/auth/nonce', { json });
  assert.equal(status, 201);
  return body.nonce;
}

/** An EIP-4361 statement for this server; `fields` adds to it or replaces. */
export const statement = (server, wallet, nonce, fields = {}) =>
  new SiweMessage({
    domain: server.authority,
    uri: server.origin,
    address: wallet.address,
    version: '1',
    chainId: 1,
    nonce,
    ...fields,
  }).prepareMessage();

/** The two sign-in headers. */
export const signed = async (wallet, message) => ({
  'x-siwe-message': toBase64(utf8(message)),
  'x-siwe-signature': await wallet.signMessage(message),
});

/** The two headers over a fresh nonce. */
export const signIn = async (server, wallet, fields) =>
  signed(wallet, statement(server, wallet, await freshNonce(server), fields));

export const store = (server, secret, addresses, prefix = '/secret') =>
  call(server, 'POST', `${prefix}/store`, { json: { secret, publicAddresses: addresses } });

/** The slot of a store that must succeed with this `openable`. */
export async function stored(server, secret, addresses, { prefix, openable = true } = {}) {
  const { status, headers, body } = await store(server, secret, addresses, prefix);
  assert.deepEqual({ status, body }, { status: 201, body: { slot: body.slot, openable } });
  assert.match(body.slot, /^[0-9a-f]{64}$/);
  assert.equal(headers.get('etag'), '"1"');
  return body.slot;
}

export function assertRefused({ status, headers, body }, expectedStatus, code) {
  assert.deepEqual({ status, code: body.code }, { status: expectedStatus, code });
  assert.deepEqual(Object.keys(body).sort(), ['code', 'message', 'requestId', 'statusCode']);
  assert.equal(body.statusCode, status);
  assert.equal(body.requestId, headers.get('x-request-id'));
}
