//! How storing and opening change with 10^3 to 10^6 secrets in the store, and the memory and
//! start-up time.
//!
//! ```text
//! trials curve sqlite|postgres [largest]
//! ```

use crate::client::{Client, wallet};
use crate::load::requests::{Requests, send};
use crate::load::{fill, prepare};
use crate::server::UNLIMITED;
use crate::store::{Kind, Place};
use anyhow::{Context, Result};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

const CONNECTIONS: usize = 64;
const TIME: Duration = Duration::from_secs(5);
const REQUESTS: usize = 20_000;
/// Bytes in the record of a stored payload.
const RECORD_BYTES: usize = 5_900;

/// Runs the program with its arguments.
pub async fn run(mut arguments: impl Iterator<Item = String>) -> Result<ExitCode> {
    let kind: Kind = arguments.next().context("name a store: sqlite or postgres")?.parse()?;
    let largest: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let place = Place::new(kind)?;
    // The first start makes root and tables.
    place.start(&UNLIMITED)?.terminate()?;
    let owner = wallet(1);
    println!(
        "| secrets | store/s | access/s | start-up ms | RSS MiB at start, after |\n| ---: | ---: | ---: | ---: | ---: |"
    );
    let mut secrets = 1_000;
    while secrets <= largest {
        match &place.postgres {
            None => fill::sqlite(&place.folder.path().join("data/vault.sqlite"), secrets, RECORD_BYTES)?,
            Some(postgres) => fill::postgres(postgres, secrets, RECORD_BYTES)?,
        }
        let server = place.start(&UNLIMITED)?;
        let rss_first = server.rss_bytes()?;
        let mut client = Client::connect(server.address).await?;
        let vault = client.vault_key().await?;
        let slots = prepare::slots(&mut client, &vault, &owner, 200).await?;
        let accesses = prepare::accesses(&mut client, &owner, &slots, REQUESTS).await?;
        let accesses =
            send(server.address, CONNECTIONS, Arc::new(Requests::Once(accesses)), 200, TIME, None).await?;
        let stores = prepare::stores(&vault, &owner, REQUESTS)?;
        let stores =
            send(server.address, CONNECTIONS, Arc::new(Requests::Once(stores)), 201, TIME, None).await?;
        let mib = |bytes: u64| bytes >> 20;
        println!(
            "| {secrets} | {:.0} | {:.0} | {} | {}, {} |",
            stores.rate(),
            accesses.rate(),
            server.start_up.as_millis(),
            mib(rss_first),
            mib(server.rss_bytes()?)
        );
        server.terminate()?;
        secrets *= 10;
    }
    Ok(ExitCode::SUCCESS)
}
