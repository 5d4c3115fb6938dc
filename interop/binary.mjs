// The `strongroom` binary as these tests meet it: arguments, standard streams, exit codes, one
// listening server.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

export const binary =
  process.env.STRONGROOM_BIN ?? fileURLToPath(new URL('../target/debug/strongroom', import.meta.url));

const explain = (error) =>
  error.code === 'ENOENT' ? new Error(`no binary at ${binary}: build it, or set STRONGROOM_BIN`) : error;

/** Runs to the end with `input` on stdin: `{ status, stdout: Buffer, stderr: string }`. */
export function run(args, input = '') {
  const { error, status, stdout, stderr } = spawnSync(binary, args, { input, maxBuffer: 1 << 26 });
  if (error) throw explain(error);
  return { status, stdout, stderr: stderr.toString() };
}

/** stdout of a run that must succeed. */
export function output(args, input) {
  const { status, stdout, stderr } = run(args, input);
  if (status !== 0) throw new Error(`strongroom ${args[0]} exited with ${status}: ${stderr}`);
  return stdout;
}

const removeDirectory = (directory) => rmSync(directory, { recursive: true, force: true });

/** A directory that is removed when this process ends, however its tests end. */
export function temporaryDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'strongroom-interop-'));
  process.once('exit', () => removeDirectory(directory));
  return directory;
}

/**
 * A fresh vault on a port of the system's choice, stopped after the tests of the calling file or
 * test.
 */
export async function startServer(settings = []) {
  const directory = temporaryDirectory();
  const args = ['serve', '--listen', '127.0.0.1:0', '--data-dir', join(directory, 'vault'), ...settings];
  const server = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  process.once('exit', () => server.kill('SIGKILL')); // If the run is cut short.

  let log = '';
  // If the server never started, there is nothing to await.
  const stopped = once(server, 'close').catch(() => {});
  after(async () => {
    server.kill('SIGTERM');
    await stopped;
  });

  const url = await new Promise((resolve, reject) => {
    server.once('error', (error) => reject(explain(error)));
    server.once('close', (status) => reject(new Error(`strongroom serve ended with ${status}: ${log}`)));
    server.stderr.setEncoding('utf8').on('data', (chunk) => {
      log += chunk;
      const listening = log.match(/listening on (http:\/\/\S+)\s/);
      if (listening) resolve(new URL(listening[1]));
    });
  }).catch((error) => {
    removeDirectory(directory); // The test runner may end without an exit event after this.
    throw error;
  });
  return { authority: `localhost:${url.port}`, origin: `http://localhost:${url.port}` };
}
