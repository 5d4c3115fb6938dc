// Writes the files of this folder with a program of an older version. This was done once, and the
// files stay as that program wrote them.
//
//   (cd ../../interop && npm ci) && node make.mjs /path/to/the/older/strongroom
//
// README.md says which version that was, and `expected.json` holds what the files must give. It
// also needs `sqlite3`.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fromBase64, sealOlder, utf8 } from '../../interop/w3pk.mjs';

const binary = resolve(process.argv[2]);
const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
process.chdir(here);

const run = (args, input = '') => execFileSync(binary, args, { input, stdio: ['pipe', 'pipe', 'inherit'] });
const text = (args, input) => run(args, input).toString().trim();

/** Runs a server on this data directory, calls `work` with its URL, and stops it. */
async function serving(data, settings, work, environment = {}) {
  const args = ['serve', '--listen', '127.0.0.1:0', '--data-dir', data, '--verification-rate', '0', ...settings];
  const server = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...environment } });
  const closed = once(server, 'close');
  const url = await new Promise((found, failed) => {
    createInterface({ input: server.stderr }).on('line', (line) => {
      if (line.startsWith('listening on ')) found(line.slice('listening on '.length).trim());
      if (line.startsWith('error: ')) failed(new Error(line));
    });
  });
  const result = await work(url);
  server.kill('SIGTERM');
  await closed;
  return result;
}

/** Copies the root and the store here, without the store's log and its empty pages. */
function keep(data, name) {
  const store = join(data, 'vault.sqlite');
  execFileSync('sqlite3', [store, 'PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE);']);
  mkdirSync(name, { recursive: true });
  for (const file of ['root.sealed', 'vault.sqlite']) copyFileSync(join(data, file), join(name, file));
}

const folder = mkdtempSync(join(tmpdir(), 'strongroom-before-'));

// ---- Files

for (const name of ['key.txt', 'hybrid.txt', 'locked.txt']) rmSync(name, { force: true });
writeFileSync('passphrase.txt', 'correct horse battery staple\n');
writeFileSync('owner.txt', `0x${'11'.repeat(32)}\n`);
writeFileSync('reader.txt', `0x${'22'.repeat(32)}\n`);
writeFileSync('words.txt', 'legal winner thank year wave sausage worth useful legal winner thank yellow\n');
run(['keygen', '-o', 'key.txt']);
run(['keygen', '--kem', 'mlkem1024-p384', '-o', 'hybrid.txt']);
run(['keygen', '--passphrase-file', 'passphrase.txt', '-o', 'locked.txt']);
const keys = [['key.txt'], ['hybrid.txt'], ['--passphrase-file', 'passphrase.txt', 'locked.txt']];
const publicKeys = keys.map((args) => text(['pubkey', ...args]));
writeFileSync('public.txt', `# of key.txt, of hybrid.txt and of locked.txt\n${publicKeys.join('\n')}\n`);
run(['encrypt', '-R', 'public.txt', '--label', 'written before', '-o', 'envelope.bin'], 'a binary envelope');
run(['encrypt', '-a', '-R', 'public.txt', '-o', 'envelope.asc'], 'an armored envelope');

// ---- A vault whose root is in the clear, and its content

const owner = '0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A', reader = '0x1563915e194D8CfBA1943570603F7606A3115508';
const secret = (url, verb, args, input) =>
  text(['secret', verb, '--allow-no-tee', '--server', url, '--wallet-file', 'owner.txt', ...args], input);
const wallet = { 'native.json': '{"accounts":["native"]}', 'compatible.json': '{"accounts":["compatible"]}' };

const plain = await serving(join(folder, 'plain'), ['--root-sealer', 'plain'], async (url) => {
  const evidence = await (await fetch(`${url}/attestation`)).json();
  const slots = {};
  const put = (name, args) => { slots[name] = secret(url, 'put', args, name); };
  put('a w3pk payload of the first generation', ['--format', 'w3pk1', '--reader', reader, '--reader', owner]);
  put('a w3pk payload of the second generation', ['--format', 'w3pk2', '--reader', reader, '--reader', owner]);
  put('a native envelope with a policy', ['--reader', reader, '--reader', owner, '--owner', owner,
    '--not-before', '2026-01-01T00:00:00Z', '--not-after', '9999-12-31T23:59:59Z', '--label', 'written before']);
  put('a secret that was replaced', []);
  const replaced = slots['a secret that was replaced'];
  delete slots['a secret that was replaced'];
  secret(url, 'put', ['--slot', replaced], 'a secret of the second generation');
  slots['a secret of the second generation'] = replaced;

  const older = 'an older payload, stored unsigned';
  const body = { secret: await sealOlder(utf8(older), fromBase64(evidence.mlkemPublicKey)), publicAddresses: [owner, reader] };
  const headers = { 'content-type': 'application/json' };
  const stored = await fetch(`${url}/secret/store`, { method: 'POST', headers, body: JSON.stringify(body) });
  slots[older] = (await stored.json()).slot;

  const deleted = secret(url, 'put', [], 'a secret that was deleted');
  secret(url, 'rm', [deleted]);
  const push = (args, json) => run(['backup', 'push', '--mnemonic-file', 'words.txt', '--server', url, ...args], json);
  push([], wallet['native.json']);
  push(['--compat'], wallet['compatible.json']);
  return { vaultId: evidence.vaultId, slots, deleted };
});
keep(join(folder, 'plain'), 'plain');

// ---- A vault whose root is under a passphrase

const sealed = await serving(join(folder, 'passphrase'), ['--root-passphrase-file', 'passphrase.txt'], async (url) => {
  const evidence = await (await fetch(`${url}/attestation`)).json();
  const plaintext = 'a secret of the vault under a passphrase';
  return { vaultId: evidence.vaultId, slots: { [plaintext]: secret(url, 'put', [], plaintext) } };
});
keep(join(folder, 'passphrase'), 'passphrase');

const expected = {
  'envelope.bin': 'a binary envelope',
  'envelope.asc': 'an armored envelope',
  plain: { ...plain, backups: { native: wallet['native.json'], compatible: wallet['compatible.json'] } },
  passphrase: sealed,
};
writeFileSync('expected.json', `${JSON.stringify(expected, null, 2)}\n`);
rmSync(folder, { recursive: true });
