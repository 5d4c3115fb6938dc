//! Fills a store fast, with rows like those of stored secrets. Nobody can open them; they are there
//! to be in the way.

use anyhow::{Context, Result};
use getrandom::rand_core::Rng;
use rusqlite::{Connection, params};
use std::path::Path;
use strongroom_testkit::postgres::TempPostgres;

const BATCH: u64 = 5000;

/// Fills an embedded store up to `slots`. No server may use it meanwhile.
pub fn sqlite(store: &Path, slots: u64, record_bytes: usize) -> Result<()> {
    let mut db = Connection::open(store)?;
    let mut there: u64 =
        db.query_row("SELECT count(*) FROM slot", [], |row| row.get::<_, i64>(0))?.try_into()?;
    let mut record = vec![0; record_bytes];
    while there < slots {
        let transaction = db.transaction()?;
        for _ in 0..BATCH.min(slots - there) {
            let mut names = [[0; 32]; 3];
            names.iter_mut().for_each(|name| crate::rng().fill_bytes(name));
            let [slot, held, principal] = names;
            record[..32].copy_from_slice(&slot);
            transaction.prepare_cached("INSERT INTO held VALUES (?1, ?2)")?.execute(params![held, slot])?;
            transaction
                .prepare_cached("INSERT INTO slot VALUES (?1, 1, ?2, NULL)")?
                .execute(params![slot, record])?;
            transaction
                .prepare_cached("INSERT INTO principal VALUES (?1, ?2)")?
                .execute(params![principal, slot])?;
            there += 1;
        }
        transaction.commit()?;
    }
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Fills a database up to `slots`.
pub fn postgres(postgres: &TempPostgres, slots: u64, record_bytes: usize) -> Result<()> {
    let count = || {
        postgres
            .sql("vault", "SELECT count(*) FROM strongroom.slot")
            .parse::<u64>()
            .context("the count of slots is not a number")
    };
    let mut there = count()?;
    while there < slots {
        let batch = (10 * BATCH).min(slots - there);
        postgres.sql(
            "vault",
            &format!(
                "WITH new AS (
                     SELECT sha256(random()::text::bytea || n::text::bytea) AS slot, sha256(n::text::bytea || random()::text::bytea) AS tag
                     FROM generate_series(1, {batch}) AS n
                 ), held AS (INSERT INTO strongroom.held SELECT tag, slot FROM new),
                 principal AS (INSERT INTO strongroom.principal SELECT tag, slot FROM new)
                 INSERT INTO strongroom.slot SELECT slot, 1, decode(repeat(md5(slot::text), {}), 'hex'), NULL FROM new",
                record_bytes / 16
            ),
        );
        there = count()?;
    }
    postgres.sql("vault", "VACUUM ANALYZE");
    postgres.sql("vault", "CHECKPOINT");
    Ok(())
}
