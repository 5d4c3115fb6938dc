//! The HTTP table of docs/reference/performance.md: each figure and that of a bare program of the
//! same sizes, in one run. The exit code is 1 if a bar is missed.
//!
//! ```text
//! trials http [seconds a figure [store]]
//! ```
//!
//! With `store` it leaves out the figures that need no store.

use crate::client::Client;
use crate::load::peers::{Echo, insert_loop, spend_loop};
use crate::load::requests::{Requests, request, send};
use crate::load::table::{Bar, Table};
use crate::load::{parts, prepare};
use crate::server::{Server, UNLIMITED};
use crate::store::{Kind, Place};
use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use strongroom_testkit::tee::dstack::{FakeDstack, Options};
use strongroom_testkit::tee::intel::{FakeIntel, PlatformState};

const CONNECTIONS: usize = 64;
/// Writes in a commit of the bare loop: as many as connections wait for one.
const BATCH: usize = CONNECTIONS;

/// A server in a dstack guest that signs with the test kit's keys. Its collateral comes from a
/// bundle.
struct Guest {
    server: Server,
    _place: Place,
    _dstack: FakeDstack,
}

impl Guest {
    fn start() -> Result<Self> {
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let intel = Arc::new(FakeIntel::new(now));
        let place = Place::new(Kind::Sqlite)?;
        let bundle = place.folder.path().join("collateral.json");
        let collateral = serde_json::json!({ "tdx": intel.collateral(&PlatformState::default()) });
        std::fs::write(&bundle, collateral.to_string())?;
        let dstack = FakeDstack::start(intel, &"x".repeat(4096), Options::default());
        let endpoint = format!("--dstack-endpoint={}", dstack.socket().display());
        let bundle = format!("--collateral-file={}", bundle.display());
        let server = place.start(&[&UNLIMITED[..], &["--platform=dstack", &endpoint, &bundle]].concat())?;
        Ok(Self { server, _place: place, _dstack: dstack })
    }
}

/// Measures one route, in turns with a bare axum that answers as many bytes.
async fn beside_echo(
    table: &mut Table,
    (what, method, path, status): (&str, &str, &str, u16),
    server: SocketAddr,
    echo: &Echo,
    time: Duration,
) -> Result<()> {
    let bytes = Client::connect(server).await?.send(method, path, &[], "").await?.body.len();
    let ask = |path: &str| Arc::new(Requests::Same(request(method, path, &[], b"")));
    let (own, bare) = (ask(path), ask(&format!("/{bytes}")));
    // They take turns, so other work of the machine meets both.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ours.push(send(server, CONNECTIONS, Arc::clone(&own), status, time / 3, None).await?.rate());
        theirs.push(send(echo.address, CONNECTIONS, Arc::clone(&bare), 200, time / 3, None).await?.rate());
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    let what = format!("{what}, {bytes} B, requests/s; axum echo");
    table.row(&what, format!("{ours:.0}"), format!("{theirs:.0}"), ours / theirs, Bar::AtLeast(0.7));
    Ok(())
}

/// Runs the program with its arguments.
pub async fn run(mut arguments: impl Iterator<Item = String>) -> Result<ExitCode> {
    let seconds = arguments.next().unwrap_or_else(|| "5".to_owned());
    let time = Duration::from_secs(
        seconds
            .parse()
            .with_context(|| format!("{seconds:?}: the number of seconds for each figure is expected"))?,
    );
    let all = arguments.next().is_none();
    let mut table = Table::default();
    Table::head();
    let place = Place::new(Kind::Sqlite)?;
    let server = place.start(&UNLIMITED)?;
    let mut client = Client::connect(server.address).await?;

    let echo = Echo::start()?;
    if all {
        for (what, method, path, status) in [
            ("nonce", "POST", "/auth/nonce", 201),
            ("attestation, cached", "GET", "/attestation", 200),
            ("health", "GET", "/health", 200),
        ] {
            beside_echo(&mut table, (what, method, path, status), server.address, &echo, time).await?;
        }
        let guest = Guest::start()?;
        let what = ("attestation of a dstack guest, cached", "GET", "/attestation", 200);
        beside_echo(&mut table, what, guest.server.address, &echo, time).await?;
    }

    let wallet = crate::client::wallet(1);
    let vault = client.vault_key().await?;
    let disk = place.folder.path();
    let fdatasync = parts::fdatasync(disk)?;
    table.row("fdatasync of 8 KiB, p50, µs", format!("{fdatasync:.0}"), String::new(), 0.0, Bar::None);

    let per_second = 4000;
    let count = time.as_secs() as usize * per_second;
    let (mut ours, mut theirs, mut spends) = (Vec::new(), Vec::new(), Vec::new());
    let mut record_bytes = 0;
    for _ in 0..3 {
        let bodies = prepare::stores(&vault, &wallet, count / 3)?;
        record_bytes = bodies.first().map_or(0, Vec::len);
        let outcome =
            send(server.address, CONNECTIONS, Arc::new(Requests::Once(bodies)), 201, time / 3, None).await?;
        ours.push(outcome.rate());
        let fresh = tempfile::tempdir_in(disk)?;
        theirs.push(insert_loop(fresh.path(), record_bytes, BATCH, time / 3)?);
        spends.push(spend_loop(fresh.path(), BATCH, time / 3)?);
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    let what = format!("store, {record_bytes} B, durable, requests/s; rusqlite loop of {BATCH} a commit");
    table.row(&what, format!("{ours:.0}"), format!("{theirs:.0}"), ours / theirs, Bar::AtLeast(0.6));
    half_load(
        &mut table,
        "store",
        ours,
        |count| prepare::stores(&vault, &wallet, count),
        201,
        server.address,
        time,
    )
    .await?;

    let spend_us = 1e6 / median(&mut spends);
    let parts = parts::measure(prepare::PLAINTEXT_BYTES)?;
    let sum = parts.statement + parts.payload + parts.record + spend_us;
    let slots = prepare::slots(&mut client, &vault, &wallet, 200).await?;
    let mut rates = Vec::new();
    for _ in 0..3 {
        let accesses = prepare::accesses(&mut client, &wallet, &slots, count / 3).await?;
        let load = Arc::new(Requests::Once(accesses));
        rates.push(send(server.address, CONNECTIONS, load, 200, time / 3, None).await?.rate());
    }
    let ours = median(&mut rates);
    let what = format!(
        "access with SIWE, requests/s; 1 / (statement {:.0} + payload {:.0} + record {:.0} + spend {spend_us:.0} µs)",
        parts.statement, parts.payload, parts.record
    );
    table.row(&what, format!("{ours:.0}"), format!("{:.0}", 1e6 / sum), ours * sum / 1e6, Bar::AtLeast(0.6));
    let accesses =
        prepare::accesses(&mut client, &wallet, &slots, (ours / 2.0) as usize * time.as_secs() as usize)
            .await?;
    let mut accesses = Some(accesses);
    half_load(
        &mut table,
        "access",
        ours,
        |_| Ok(accesses.take().unwrap_or_default()),
        200,
        server.address,
        time,
    )
    .await?;

    let rss = server.rss_bytes()? as f64 / f64::from(1 << 20);
    table.row("RSS after all this, MiB", format!("{rss:.0}"), String::new(), rss, Bar::None);
    server.terminate()?;
    println!("\n{} bars missed", table.missed());
    Ok(if table.missed() == 0 { 0 } else { 1 }.into())
}

/// Measures latencies at half the rate that was reached.
async fn half_load(
    table: &mut Table,
    what: &str,
    full_rate: f64,
    requests: impl FnOnce(usize) -> Result<Vec<Vec<u8>>>,
    status: u16,
    address: std::net::SocketAddr,
    time: Duration,
) -> Result<()> {
    let rate = full_rate / 2.0;
    let load = Arc::new(Requests::Once(requests((rate * time.as_secs_f64()) as usize)?));
    let outcome = send(address, CONNECTIONS, load, status, time, Some(rate)).await?;
    let (p50, p99) = (outcome.quantile_ms(0.5), outcome.quantile_ms(0.99));
    let what = format!("{what} at half load, p50 and p99 in ms");
    table.row(&what, format!("{p50:.2}, {p99:.2}"), String::new(), p99 / p50, Bar::AtMost(10.0));
    Ok(())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
