// Runs a program of wasm/ under node's WASI.
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WASI } from 'node:wasi';
import { temporaryDirectory } from './binary.mjs';

/**
 * A function from arguments and stdin to `{ status, stdout, stderr }`. The programs are built by
 * ./check.
 */
export function program(name) {
  const path = fileURLToPath(new URL(`../target/wasm32-wasip1/debug/${name}.wasm`, import.meta.url));
  const compiled = WebAssembly.compile(readFileSync(path));
  const directory = temporaryDirectory();
  const file = (stream) => join(directory, stream);
  return async (args, input) => {
    writeFileSync(file('stdin'), input);
    const [stdin, stdout, stderr] = [openSync(file('stdin'), 'r'), openSync(file('stdout'), 'w'), openSync(file('stderr'), 'w')];
    const wasi = new WASI({ version: 'preview1', args: [name, ...args], stdin, stdout, stderr, returnOnExit: true });
    const status = wasi.start(await WebAssembly.instantiate(await compiled, wasi.getImportObject()));
    [stdin, stdout, stderr].forEach(closeSync);
    return { status, stdout: readFileSync(file('stdout')), stderr: readFileSync(file('stderr'), 'utf8') };
  };
}
