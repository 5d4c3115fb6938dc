// Takes out, one by one, the lines that the security claims rest on, and asks that the test named beside each fails
// without it. A guard whose test still passes is a claim that nothing holds up. Works on a copy of the tree.
//
//   ./check guards [part of a name]

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const server = (file) => `crates/strongroom-server/src/${file}`;
const library = (file) => `crates/strongroom/src/${file}`;
const SQLITE = 'crates/strongroom-store/src/sqlite.rs';
const POSTGRES = 'crates/strongroom-store/src/postgres.rs';
const SEALED_ROOT = 'crates/strongroom-enclave/src/sealed_root.rs';
const VERIFY = 'crates/strongroom-attest/src/verify.rs';

// name, file, the guard, what stands there without it, the package and the test that must fail
const guards = [
  ['held: the tag is looked up at store', SQLITE,
    'if let Some(holder) = holder {\n                    return Ok(Inserted::Held(holder));\n                }\n                hold(db, tag, slot)?;',
    'if holder.is_none() {\n                    hold(db, tag, slot)?;\n                }',
    'strongroom-server', 'nobody_has_a_held_payload_opened_by_storing_it_again'],
  ['held: older payloads have the same tag', server('vault.rs'),
    'Sealed::Older(older) => Ok(Some(older.kem_ciphertext())),', 'Sealed::Older(_) => Ok(None),',
    'strongroom-server', 'nor_transcoded_from_the_older_format_or_into_it'],
  ['held: deletion leaves the tag', SQLITE,
    'unlist(db, slot)?;\n            let gone', 'unlist(db, slot)?;\n            db.execute("DELETE FROM held WHERE slot = ?1", [slot.as_bytes()])?;\n            let gone',
    'strongroom-server', 'nor_after_its_slot_was_deleted_replaced_or_has_expired'],
  ['held: the tag is looked up at replacement', SQLITE,
    'if holder(db, tag)?.is_some() {\n                    return Ok(Replaced::Held);\n                }\n                hold(db, tag, slot)?;',
    'if holder(db, tag)?.is_none() {\n                    hold(db, tag, slot)?;\n                }',
    'strongroom-server', 'nor_by_putting_it_into_a_slot_of_ones_own'],
  ['held: an entry must open', server('vault.rs'),
    'sealed.open(&self.kem_key).map_err(', 'let _ = sealed.open(&self.kem_key).map_err(',
    'strongroom-server', 'nobody_occupies_a_tag_with_garbage', [')\n        })?;\n        Ok(Some(self.index', ')\n        });\n        Ok(Some(self.index']],
  ['held: what a slot holds is in its record', server('vault.rs'),
    'let held = held.filter(|tag| Some(*tag) != kept);', 'let held = held.filter(|_| kept.is_none());',
    'strongroom-server', 'nor_by_an_edited_tag_that_names_ones_own_slot'],
  ['held: a retry has the same end', server('vault.rs'),
    '(holding.expires_at == record.expires_at || end_is_ours && holding.expires_at.is_some())', '(true || end_is_ours)',
    'strongroom-server', 'a_retry_has_the_same_end'],
  ['store: the answer follows the commit', 'crates/strongroom-store/src/sqlite/writer.rs',
    '(Err(error), _) => Err(StoreError::of(&error)(Box::new(error))),', '(Err(_), Some(outcome)) => Ok(outcome),\n            (Err(error), _) => Err(StoreError::of(&error)(Box::new(error))),',
    'strongroom-store', 'a_failed_commit_is_no_success'],
  ['store: readers come back', SQLITE,
    'let _permit = permit;', 'drop(permit);',
    'strongroom-store', 'callers_who_go_away_take_no_reader_along'],
  ['held: two entries are refused', server('vault.rs'),
    'if ours.next().is_some() {', 'if false {',
    'strongroom-server', 'two_entries_for_the_vault_are_refused'],
  ['held: a retry has the same owner', server('vault.rs'),
    '&& holding.owner == record.owner', '',
    'strongroom-server', 'a_retry_does_not_tell_a_stranger_that_he_owns_it'],
  ['held: a retry has the same readers', server('vault.rs'),
    '&& holding.readers == record.readers', '',
    'strongroom-server', 'a_retry_after_a_lost_answer_finds_its_slot'],
  ['record: the slot is in the AAD', server('record.rs'),
    'e.bytes(slot.as_bytes())', 'e.bytes(&[slot.as_bytes()[0] & 0])',
    'strongroom-server', 'swapped_rows_are_refused'],
  ['record: the generation is in the AAD', server('record.rs'),
    'e.u64(generation)', 'e.u64(generation & 0)',
    'strongroom-server', 'a_row_with_another_generation_is_refused'],
  ['record: expiry is read inside', server('vault.rs'),
    'Ok((!record.has_expired(self.now().unix_timestamp())).then_some((row, record)))', 'Ok(Some((row, record)))',
    'strongroom-server', 'an_expiry_that_is_edited_away_still_holds'],
  ['record: the list looks inside', server('vault.rs'),
    'if (owner || reader) && !record.has_expired(now) {', 'if !record.has_expired(now) {',
    'strongroom-server', 'a_look_up_tag_that_is_moved_lists_nothing'],
  ['grant: only readers', server('grant.rs'),
    'if !record.readers.contains(&Principal::from(address)) {\n            return Err(not_found());\n        }', 'let _ = address;',
    'strongroom-server', 'another_wallets_signature_is_refused'],
  ['grant: only the owner', server('grant.rs'),
    '(Some(owner), signer) if owner == signer =>', '(Some(_), _) =>',
    'strongroom-server', 'the_signer_else_the_sole_reader_else_nobody_owns_a_slot'],
  ['grant: a stranger learns nothing', server('grant.rs'),
    '(_, signer) if !record.readers.contains(&signer) => Err(not_found()),\n', '',
    'strongroom-server', 'the_signer_else_the_sole_reader_else_nobody_owns_a_slot'],
  ['sign-in: the domain', library('signin.rs'),
    'if !rules.origins.iter().any(is_domain) {', 'if false && !rules.origins.iter().any(is_domain) {',
    'strongroom-server', 'statements_for_other_sites_are_refused'],
  ['sign-in: the URI', library('signin.rs'),
    'Some(origin) if rules.origins.contains(&origin) => Ok(()),', 'Some(_) => Ok(()),',
    'strongroom-server', 'statements_for_other_sites_are_refused'],
  ['sign-in: the signer', library('signin.rs'),
    'Ok(address) if address == self.address =>', 'Ok(_) => Ok(SignedIn { address: self.address, nonce: self.nonce.clone() }),\n            Ok(address) if address == self.address =>',
    'strongroom-server', 'another_wallets_signature_is_refused'],
  ['sign-in: the act', library('signin.rs'),
    'if ours.all(|uri| *uri == wanted) {', 'if ours.all(|uri| *uri == wanted) || true {',
    'strongroom-server', 'a_captured_sign_in_serves_no_other_act'],
  ['sign-in: a bound act must be named', library('signin.rs'),
    'if ours.peek().is_none() && act.is_bound() {', 'if false && ours.peek().is_none() && act.is_bound() {',
    'strongroom-server', 'a_captured_sign_in_serves_no_other_act'],
  ['sign-in: the nonce is spent', server('sign_in.rs'),
    'if !vault.store.spend_nonce(nonce.id, nonce.keep_until).await? {', 'if false && !vault.store.spend_nonce(nonce.id, nonce.keep_until).await? {',
    'strongroom-server', 'a_captured_sign_in_serves_once'],
  ['sign-in: the nonce is ours', server('nonce.rs'),
    'if !bool::from(anybody | for_address) {', 'if false && !bool::from(anybody | for_address) {',
    'strongroom-server', 'nonces_are_the_vaults_own_fresh_and_perhaps_one_wallets'],
  ['sign-in: the nonce is of this run', server('nonce.rs'),
    '.chain_update(self.start_id)', '.chain_update(&self.start_id[..0])',
    'strongroom-server', 'only_this_run_issued_it_and_only_whole'],
  ['sign-in: low s', library('wallet.rs'),
    'if bytes[32..64] > HALF_ORDER[..] {', 'if false {',
    'strongroom', 'the_twin_with_high_s_is_refused'],
  ['store: another vault\'s is refused', 'crates/strongroom-store/src/sqlite/schema.rs',
    'Some(found) if found == *expected => Ok(()),', 'Some(_) if !expected.is_empty() => Ok(()),',
    'strongroom-store', 'the_store_of_another_vault_and_unknown_tables_are_refused'],
  ['store: spent nonces outlive the file', SQLITE,
    'if !self.spent().spend(nonce, keep_until) {', 'if false {',
    'strongroom-store', 'a_nonce_stays_spent_while_the_server_runs_whatever_becomes_of_the_file'],
  ['root: the vault id is derived again', SEALED_ROOT,
    'if root.vault_id().as_bytes() == vault_id {', 'if root.vault_id().as_bytes() == vault_id || true {',
    'strongroom-enclave', 'any_altered_byte_and_any_other_length_is_refused'],
  ['root: no import over a root', SEALED_ROOT,
    'if !bool::from(wanted.expose().ct_eq(root.expose())) =>', 'if false && !bool::from(wanted.expose().ct_eq(root.expose())) =>',
    'strongroom-enclave', 'importing_has_its_rules'],
  ['listener: heads in bytes', server('serve.rs'),
    '.max_buf_size(MAX_HEAD_BYTES)', '',
    'strongroom-server', 'heads_are_bounded_in_bytes_and_in_number'],
  ['listener: heads in number', server('serve.rs'),
    '.max_headers(MAX_HEADERS)', '',
    'strongroom-server', 'heads_are_bounded_in_bytes_and_in_number'],
  ['listener: heads in time', server('serve.rs'),
    '.header_read_timeout(HEAD_TIMEOUT)', '.header_read_timeout(None)',
    'strongroom-server', 'who_asks_nothing_or_half_a_question_is_let_go_after_ten_seconds'],
  ['listener: bodies in time', server('edge.rs'),
    'Duration::from_secs(10);', 'Duration::from_secs(1000);',
    'strongroom-server', 'who_asks_nothing_or_half_a_question_is_let_go_after_ten_seconds'],
  ['log: the pattern and not the path', server('edge.rs'),
    'map_or("-", MatchedPath::as_str).to_owned();', 'map_or("-", MatchedPath::as_str).to_owned() + request.uri().path();',
    'strongroom-cli', 'the_log_names_requests_and_holds_nothing_of_them'],
  ['process: no core dump', 'crates/strongroom-cli/src/main.rs',
    '    forbid_core_dumps();\n', '',
    'strongroom-cli', 'it_leaves_no_core_dump'],
  ['attestation: a TEE is asked for', 'crates/strongroom-attest/src/platform/none.rs',
    'if policy.allow_no_tee {', 'if true || policy.allow_no_tee {',
    'strongroom-attest', 'the_default_policy_wants_a_tee'],
  ['attestation: the report binds', 'crates/strongroom-attest/src/platform/none.rs',
    'if !bool::from(report.ct_eq(', 'if false && !bool::from(report.ct_eq(',
    'strongroom-attest', 'every_shown_field_is_bound'],
  ['attestation: the nonce', VERIFY,
    'if claims.nonce != *nonce.unwrap_or(&NO_NONCE) {', 'if false {',
    'strongroom-attest', 'every_other_rule_has_its_refusal'],
  ['kem: the modulus check', library('kem.rs'),
    'if !libcrux_ml_kem::mlkem1024::validate_public_key(&key) {', 'if false {',
    'strongroom', 'wycheproof_ml_kem_1024_encapsulation'],
  ['kem: the hash check', library('kem.rs'),
    'if !libcrux_ml_kem::mlkem1024::portable::validate_private_key_only(packed) {', 'if false {',
    'strongroom', 'every_check_of_an_expanded_key_has_its_refusal'],
  ['kem: the self-test', library('kem.rs'),
    'if !bool::from(key.decapsulate(&ciphertext).0.ct_eq(&sent.0)) {', 'if false {',
    'strongroom', 'every_check_of_an_expanded_key_has_its_refusal'],
  ['w3pk: one\'s entry is found by the key', library('w3pk.rs'),
    'find(|entry| key.is_for(&entry.encapsulation_key))', 'next()',
    'strongroom', 'every_recipient_opens_it_and_a_stranger_knows_that_it_is_not_his'],
  ['store: a commit is synced', 'crates/strongroom-store/src/sqlite/schema.rs',
    '"synchronous", "FULL"', '"synchronous", "NORMAL"',
    'strongroom-store', 'every_answer_follows_a_sync'],
  ['store: a nonce that may have been swept is refused (SQLite)', SQLITE,
    'keep_until > self.swept_until && self.marks', 'self.marks',
    'strongroom-store', 'sqlite::tests::it_conforms'],
  ['store: a nonce that may have been swept is refused (PostgreSQL)', POSTGRES,
    'FROM strongroom.vault WHERE swept_until < $2 ON CONFLICT', 'FROM strongroom.vault ON CONFLICT',
    'strongroom-store', 'postgres::tests::it_conforms'],
  ['store: a database that may lose commits is refused', POSTGRES,
    'schema::check_settings(&**client(&pool).await?).await?;', '',
    'strongroom-store', 'a_database_that_may_lose_commits_is_refused'],
  ['store: sessions commit synchronously', 'crates/strongroom-store/src/postgres/connect.rs',
    'SET synchronous_commit = on; ', '',
    'strongroom-store', 'every_answer_follows_a_sync_of_the_log'],
  ['store: the database of another vault is refused', 'crates/strongroom-store/src/postgres/schema.rs',
    'if found == *expected { Ok(()) } else { Err(StoreError::ForeignVault) }', 'Ok(())',
    'strongroom-store', 'the_store_of_another_vault_and_unknown_tables_are_refused'],
  ['store: a held tag is claimed with its slot (PostgreSQL)', POSTGRES,
    'SELECT $1, 1, $2, $3 WHERE $4::bytea IS NULL OR EXISTS (SELECT 1 FROM claimed) RETURNING slot', 'SELECT $1, 1, $2, $3 RETURNING slot',
    'strongroom-store', 'postgres::tests::it_conforms'],
  ['store: a backup overwrites nothing', 'crates/strongroom-store/src/sqlite/backup.rs',
    'refuse_existing(target)?;\n    let source', 'let source',
    'strongroom-store', 'a_copy_is_of_one_moment_while_others_write_and_comes_back', ['fs::hard_link(&part, target)', 'fs::rename(&part, target).and_then(|()| fs::copy(target, &part).map(drop))']],
  ['store: a damaged backup is not restored', 'crates/strongroom-store/src/sqlite/backup.rs',
    'if finding != "ok" {', 'if false {',
    'strongroom-store', 'a_damaged_copy_and_another_file_are_refused'],
  ['root: servers that start at once make one', SEALED_ROOT,
    'folder.lock()?;\n    if let Some(found) = open(path, wanted.as_ref())? {\n        return Ok(found);\n    }', 'let _ = folder;',
    'strongroom-enclave', 'servers_that_start_at_once_find_one_root'],
  ['limits: a rate', server('limits.rs'),
    'if cells > quota.burst_size() {\n            return Err(DAY_S);\n        }', 'return Ok(());',
    'strongroom-server', 'a_client_has_its_rate_and_others_theirs'],
  ['limits: turns are bounded', server('limits.rs'),
    '(waiting.fetch_add(1, Ordering::Relaxed) < max).then_some(place)', 'Some({ waiting.fetch_add(1, Ordering::Relaxed); let _ = max; place })',
    'strongroom-server', 'turns_are_waited_for_in_a_bounded_queue'],
  ['sweeper: a clock that jumps forgets nothing', server('serve/sweeper.rs'),
    'if drift.abs() > DRIFT {', 'if false {',
    'strongroom-server', 'a_clock_that_jumps_is_watched'],
  ['limits: an address is counted', server('edge.rs'),
    'vault.guard.admit(&client)?;', 'let _ = &client;',
    'strongroom-server', 'an_address_over_its_rate'],
  ['limits: only trusted proxies name clients', server('limits.rs'),
    '.checked_sub(1)\n', '.checked_sub(1).or(Some(0))\n',
    'strongroom-server', 'a_client_makes_no_new_names'],
  ['limits: a wallet is counted before its nonce is spent', server('sign_in.rs'),
    'vault.guard.admit_wallet(&address)?;', '',
    'strongroom-server', 'a_wallet_over_its_rate'],
  ['limits: unsigned bytes are counted', server('routes/secret.rs'),
    'vault.guard.admit_anonymous(&client, body.len())?;', 'let _ = &client;',
    'strongroom-server', 'an_address_stores_so_much'],
  ['limits: what is unsigned ends', server('routes/secret.rs'),
    'request.end_by((vault.now() + lifetime).unix_timestamp())?;', 'let _ = (&mut request, lifetime);',
    'strongroom-server', 'what_is_stored_unsigned_ends'],
  ['limits: a turn is waited for', server('edge.rs'),
    'let turn = vault.guard.turn().await?;', 'let turn = ();',
    'strongroom-server', 'who_finds_the_queue_full'],
  ['limits: bodies have bounded memory', server('edge.rs'),
    'vault.guard.body_room(data.len())?', 'vault.guard.body_room(0)?',
    'strongroom-server', 'all_bodies_together'],
  ['limits: a body that is not announced', server('edge.rs'),
    'if bytes.len() + data.len() > max_bytes {', 'if false {',
    'strongroom-server', 'a_body_without_an_end'],
  ['listener: connections of an address', server('serve/connections.rs'),
    'if *count >= counter.max {', 'if false && *count >= counter.max {',
    'strongroom-server', 'an_address_has_so_many'],
  ['listener: who does not read', server('serve.rs'),
    'set_write_timeout(Some(WRITE_TIMEOUT))', 'set_write_timeout(None)',
    'strongroom-server', 'who_asks_for_much'],
  ['tls: 1.3 alone', server('tls.rs'),
    '&[&rustls::version::TLS13]', '&[&rustls::version::TLS13, &rustls::version::TLS12]',
    'strongroom-server', 'tls_1_2_is_refused'],
  ['tls: the hybrid wherever it is offered', server('tls.rs'),
    'if post_quantum { configs', 'if false && post_quantum { configs',
    'strongroom-server', 'the_hybrid_is_taken'],
  ['tls: a handshake has an end', server('tls.rs'),
    'tokio::time::timeout(HANDSHAKE_TIMEOUT,', 'tokio::time::timeout(HANDSHAKE_TIMEOUT * 100,',
    'strongroom-server', 'who_does_not_finish_the_handshake'],
  ['manners: origins are listed', server('routes.rs'),
    'AllowOrigin::list(listed) }', 'AllowOrigin::any() }',
    'strongroom-server', 'pages_of_listed_origins'],
  ['metrics: patterns, not paths', server('edge.rs'),
    'MatchedPath::as_str).to_owned();', '|_| request.uri().path()).to_owned();',
    'strongroom-server', 'requests_refusals_and_store_calls'],
  ['settings: no password in argv', 'crates/strongroom-cli/src/settings.rs',
    'DatabaseUrl::has_password) && reader', 'DatabaseUrl::has_password) && false && reader',
    'strongroom-cli', 'a_password_comes_by'],
  ['settings: a secret is not shown', 'crates/strongroom-cli/src/settings/read.rs',
    'let shown = if secret {', 'let shown = if false && secret {',
    'strongroom-cli', 'a_password_comes_by'],
  ['settings: a mistake repeats no secret', 'crates/strongroom-cli/src/settings/read.rs',
    'Err(error) if secret =>', 'Err(error) if false && secret =>',
    'strongroom-cli', 'no_mistake_repeats_a_password'],
  ['store: verify unseals every record', 'crates/strongroom-cli/src/commands/store.rs',
    'if !check.is_whole(slot, generation, record) {', 'if false && !check.is_whole(slot, generation, record) {',
    'strongroom-cli', 'an_altered_record_is_found'],
  ['store: restore wants the vault\'s own root', 'crates/strongroom-cli/src/commands/store.rs',
    'if root_file.exists() && root(', 'if false && root_file.exists() && root(',
    'strongroom-cli', 'a_copy_is_not_put_beside'],
  ['serve: no new root beside a shared store', 'crates/strongroom-cli/src/commands/serve.rs',
    'if !root_file.exists() && database', 'if false && !root_file.exists() && database',
    'strongroom-cli', 'gets_no_new_one'],
  ['serve: replicas know each other\'s nonces', server('vault.rs'),
    'if store.is_shared() {', 'if false && store.is_shared() {',
    'strongroom-cli', 'a_sign_in_serves_once_whichever'],
];

const wanted = process.argv[2] ?? '';
const copy = mkdtempSync(join(tmpdir(), 'strongroom-guards-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(2));
const tracked = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0').filter(Boolean);
for (const file of tracked) cpSync(file, join(copy, file));

// The ordinary target folder, so that dependencies are not built again.
const env = { ...process.env, CARGO_TARGET_DIR: join(process.cwd(), 'target') };
const test = (pkg, name) =>
  spawnSync('cargo', ['nextest', 'run', '--locked', '-p', pkg, '-E', `test(${name})`], { cwd: copy, env, encoding: 'utf8' });

let failed = 0;
let passed = 0;
for (const [name, file, guard, without, pkg, testName, also] of guards.filter(([name]) => name.includes(wanted))) {
  const path = join(copy, file);
  const original = readFileSync(path, 'utf8');
  let verdict;
  if (original.split(guard).length !== 2) {
    verdict = 'the guard is not in the file once';
  } else {
    const swap = (text, [from, to]) => text.replace(from, () => to);
    let changed = swap(original, [guard, without]);
    if (also) changed = swap(changed, also);
    writeFileSync(path, changed);
    const run = test(pkg, testName);
    const output = run.stdout + run.stderr;
    writeFileSync(path, original);
    if (/could not compile/.test(output)) verdict = `it does not build without the guard\n${output.slice(-2000)}`;
    else if (/no tests to run/.test(output)) verdict = `no test ${testName}`;
    else if (run.status === 0) verdict = `${testName} passes without the guard`;
    // Only a test that ran and failed counts, not a build or a tool that did.
    else if (!new RegExp(`FAIL \\[.*${testName}`).test(output)) verdict = `the test did not run\n${output.slice(-2000)}`;
  }
  console.log(`${verdict ? 'HOLE' : 'held'}  ${name}${verdict ? `: ${verdict}` : ''}`);
  verdict ? (failed += 1) : (passed += 1);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
