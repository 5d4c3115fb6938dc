// The npm peer of the benchmarks. It prints medians in microseconds, as one JSON object on stdout.
// Payloads are of the second generation, which w3pk writes today. Base64 is Node's own, which is
// faster than the one of w3pk.
import { randomBytes } from 'node:crypto';
import { libraries } from '../interop/w3pk.mjs';

const WARM_UP_MS = 500;
const MEASURE_MS = 2000;

async function medianMicroseconds(work) {
  const until = async (end, record) => {
    while (performance.now() < end) {
      const start = performance.now();
      await work();
      record(performance.now() - start);
    }
  };
  await until(performance.now() + WARM_UP_MS, () => {});
  const milliseconds = [];
  await until(performance.now() + MEASURE_MS, (elapsed) => milliseconds.push(elapsed));
  milliseconds.sort((a, b) => a - b);
  return Math.round(milliseconds[milliseconds.length >> 1] * 10_000) / 10;
}

async function measure({ deriveKeypair, seal, open }) {
  const [mine, other] = [deriveKeypair(randomBytes(32)), deriveKeypair(randomBytes(32))];
  const recipients = [mine.publicKey, other.publicKey];
  const [small, large] = [randomBytes(100), randomBytes(1 << 20)];
  const payload = await seal(small, recipients);
  return {
    seal_100_bytes_for_2: await medianMicroseconds(() => seal(small, recipients)),
    open_100_bytes: await medianMicroseconds(() => open(payload, mine.secretKey, mine.publicKey)),
    seal_1_mib_for_2_to_json: await medianMicroseconds(async () => JSON.stringify(await seal(large, recipients))),
  };
}

const results = {};
for (const [name, library] of Object.entries(libraries)) results[name] = await measure(library);
console.log(JSON.stringify(results));
