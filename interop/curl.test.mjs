// The seed document's `curl` lines, as a user types them, with bodies and signatures made by the
// libraries.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Wallet } from 'ethers';
import { startServer } from './binary.mjs';
import { deriveKeypair, fromBase64, open, seal, utf8 } from './w3pk.mjs';
import { signed, statement } from './vault.mjs';

const skip = spawnSync('curl', ['--version']).error ? 'no curl on this machine' : false;
const poem = '苟全性命於亂世,不求聞達於諸侯。';

/** The JSON of an answer with this status. */
function curl(expectedStatus, ...args) {
  // -q and --noproxy keep the user's settings and a proxy out of the call.
  const run = spawnSync('curl', ['-q', '--noproxy', '*', '-sS', '-w', '\n%{http_code}', ...args], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  const [, body, status] = run.stdout.match(/^([^]*)\n(\d{3})$/);
  assert.equal(Number(status), expectedStatus, body);
  return JSON.parse(body);
}

test('store and access with curl', { skip }, async () => {
  const { origin, authority } = await startServer();
  const wallet = Wallet.createRandom();
  const client = deriveKeypair(randomBytes(32));

  const { mlkemPublicKey } = curl(200, `${origin}/secret/attestation`);
  const secret = await seal(utf8(poem), [client.publicKey, fromBase64(mlkemPublicKey)], 1);
  const { slot, openable } = curl(
    201, '-X', 'POST', `${origin}/secret/store`, '-H', 'Content-Type: application/json',
    '-d', JSON.stringify({ secret, publicAddresses: [wallet.address] }, null, 2),
  );
  assert.equal(openable, true);

  const { nonce } = curl(201, '-X', 'POST', `${origin}/auth/nonce`);
  const headers = await signed(wallet, statement({ origin, authority }, wallet, nonce));
  const answer = curl(
    200, `${origin}/secret/access/${slot}`,
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
  );
  assert.deepEqual(answer, { secret: poem });
  assert.deepEqual(await open(secret, client.secretKey), utf8(poem));
});
