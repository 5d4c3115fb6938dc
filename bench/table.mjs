// Prints criterion's medians, those of the npm peer, and the bars of docs/reference/performance.md.
//
//   node bench/table.mjs <criterion's folder> <JSON of bench/npm_peer.mjs>
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const [criterion, peerFile] = process.argv.slice(2);
const peers = JSON.parse(readFileSync(peerFile, 'utf8'));

/**
 * `bar` is in microseconds; `peer` is the field of the peer's JSON. Each row is measured in both
 * generations of payloads.
 */
const rows = [
  { row: 'seal 100 B for 2, keys from bytes', id: 'seal_100_bytes_for_2_keys_from_bytes', peer: 'seal_100_bytes_for_2', bar: 40 },
  { row: 'seal 100 B for 2, keys known', id: 'seal_100_bytes_for_2_keys_known', peer: 'seal_100_bytes_for_2', bar: 16 },
  { row: 'open 100 B, key loaded', id: 'open_100_bytes_key_loaded', peer: 'open_100_bytes', bar: 14 },
  { row: 'open 100 B, key from its seed', id: 'open_100_bytes_key_from_seed', peer: 'open_100_bytes', bar: 22 },
  { row: 'open 100 B, key imported', id: 'open_100_bytes_key_from_expanded', peer: 'open_100_bytes' },
  { row: 'seal 1 MiB for 2, to JSON', id: 'seal_1_mib_for_2_to_json', peer: 'seal_1_mib_for_2_to_json', bar: 1000 },
  { row: 'open 1 MiB, from JSON', id: 'open_1_mib_from_json' },
];

const medianMicroseconds = (group, id) =>
  JSON.parse(readFileSync(join(criterion, group, id, 'new', 'estimates.json'), 'utf8')).median.point_estimate / 1000;

/** The faster of the peer's libraries. */
function fastestPeer(field) {
  const [microseconds, name] = Object.entries(peers).map(([name, medians]) => [medians[field], name]).sort((a, b) => a[0] - b[0])[0];
  return { microseconds, name };
}

const us = (n) => (n >= 100 ? n.toFixed(0) : n.toFixed(1));

function print(header, lines) {
  const widths = header.map((_, at) => Math.max(...[header, ...lines].map((line) => line[at].length)));
  const text = (line) => `| ${line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join(' | ')} |`;
  console.log([text(header), `| ${widths.map((w, at) => (at === 0 ? '-'.repeat(w) : `${'-'.repeat(w - 1)}:`)).join(' | ')} |`, ...lines.map(text)].join('\n'));
}

let missed = 0;
const lines = rows.flatMap(({ row, id, peer, bar }) =>
  ['first', 'second'].map((generation) => {
    const ours = medianMicroseconds('rows', `${id}_${generation}`);
    const theirs = peer === undefined ? undefined : fastestPeer(peer);
    const passed = bar === undefined ? '' : ours <= bar ? 'pass' : 'FAIL';
    missed += passed === 'FAIL';
    return [
      `${row}, ${generation}`,
      us(ours),
      theirs ? `${us(theirs.microseconds)} ${theirs.name}` : '',
      theirs ? `${(theirs.microseconds / ours).toFixed(1)}x` : '',
      bar === undefined ? '' : `${bar}`,
      passed,
    ];
  }),
);
print(['row (medians in µs)', 'ours', 'npm peer', 'ratio', 'bar', ''], lines);

console.log();
const parts = readdirSync(join(criterion, 'parts')).filter((id) => id !== 'report').sort();
print(['part (median in µs)', 'ours'], parts.map((id) => [id.replaceAll('_', ' '), us(medianMicroseconds('parts', id))]));

if (missed > 0) {
  console.error(`\n${missed} bars are missed`);
  process.exitCode = 1;
}
