//! Wallets' backups under load. It compares pushes and pulls a second with an axum echo of the same
//! sizes, in one run, and shows the share of the CPU that verification of signatures takes. Signing
//! is done before the clock starts.
//!
//! ```text
//! trials backups [seconds a figure]
//! ```

use crate::client::Client;
use crate::load::peers::Echo;
use crate::load::requests::{Outcome, Requests, request, send};
use crate::load::table::{Bar, Table};
use crate::server::{Server, UNLIMITED};
use crate::store::{Kind, Place};
use crate::wallets::{Wallet, prepare};
use anyhow::{Context, Result};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Wallets that push at the same time, each one version after the other.
const WALLETS: usize = 64;
/// Versions of a wallet that are made for each second. It is more than a round takes: 64 wallets at
/// some 200 pushes a second.
const VERSIONS_A_SECOND: usize = 6;
/// Bytes of a wallet, as in `strongroom demo backup`.
const WALLET_BYTES: usize = 8700;
const PULLS: usize = 64;

/// Runs the program with its arguments.
pub async fn run(mut arguments: impl Iterator<Item = String>) -> Result<ExitCode> {
    let seconds = arguments.next().unwrap_or_else(|| "5".to_owned());
    let time = Duration::from_secs(
        seconds
            .parse()
            .with_context(|| format!("{seconds:?}: the number of seconds for each figure is expected"))?,
    );
    let versions = VERSIONS_A_SECOND * usize::try_from(time.as_secs())?;
    eprintln!("signing {} versions first", WALLETS * versions);
    let start = Instant::now();
    let wallets = prepare(u32::try_from(WALLETS)?, versions, WALLET_BYTES)?;
    let signed = start.elapsed().as_secs_f64() / (WALLETS * versions) as f64;
    eprintln!("{:.0} ms each, on all cores", signed * 1e3);

    let place = Place::new(Kind::Sqlite)?;
    let arguments = [
        &UNLIMITED[..],
        &["--verification-rate=0", "--backup-rate=0", "--backup-quota=0", "--metrics-listen=127.0.0.1:0"],
    ]
    .concat();
    let server = place.start(&arguments)?;
    let echo = Echo::start()?;
    Table::head();
    let mut table = Table::default();
    pushes(&mut table, &server, &echo, &wallets, versions, time).await?;
    pulls(&mut table, &server, &echo, &wallets, time).await?;
    let rss = server.rss_bytes()? as f64 / f64::from(1 << 20);
    table.row("RSS after all this, MiB", format!("{rss:.0}"), String::new(), rss, Bar::None);
    server.terminate()?;
    Ok(ExitCode::SUCCESS)
}

async fn pushes(
    table: &mut Table,
    server: &Server,
    echo: &Echo,
    wallets: &[Wallet],
    versions: usize,
    time: Duration,
) -> Result<()> {
    // A wallet's next version must follow the acknowledgement of its last one, so each wallet has a
    // connection of its own.
    let mut lanes = Vec::with_capacity(wallets.len());
    for wallet in wallets {
        let lane = (1..=versions).map(|number| {
            let backup = wallet.version(number).context("a wallet has too few signed versions")?;
            Ok(request("POST", &wallet.path(), &[], backup.to_json().as_bytes()))
        });
        lanes.push(lane.collect::<Result<Vec<_>>>()?);
    }
    let bytes = lanes[0][0].len();
    let bare = request("POST", "/17", &[], &vec![b'x'; bytes]);
    let theirs = send(echo.address, PULLS, Arc::new(Requests::Same(bare)), 200, time, None).await?;
    let before = Cost::of(server).await?;
    let ours = send(server.address, PULLS, Arc::new(Requests::Lanes(lanes)), 200, time, None).await?;
    let cost = Cost::of(server).await?.since(&before);
    let what = format!("push, {bytes} B, verified and durable, requests/s; axum echo");
    table.row(&what, format!("{:.0}", ours.rate()), format!("{:.0}", theirs.rate()), 0.0, Bar::None);
    latencies(table, "push at full load", &ours, &theirs);
    let requests = ours.requests as f64;
    let what = format!(
        "of the server's CPU in pushes: verification, ms a push ({:.2} of {:.2})",
        cost.verification / requests * 1e3,
        cost.cpu / requests * 1e3
    );
    table.row(&what, format!("{:.0} %", 100.0 * cost.verification / cost.cpu), String::new(), 0.0, Bar::None);
    Ok(())
}

async fn pulls(
    table: &mut Table,
    server: &Server,
    echo: &Echo,
    wallets: &[Wallet],
    time: Duration,
) -> Result<()> {
    let wallet = &wallets[0];
    let mut client = Client::connect(server.address).await?;
    let session = wallet.session(&mut client).await?;
    let answer = client.send("GET", &wallet.path(), &session, "").await?;
    let bytes = answer.body.len();
    let own = Arc::new(Requests::Same(request("GET", &wallet.path(), &session, b"")));
    let bare = Arc::new(Requests::Same(request("GET", &format!("/{bytes}"), &[], b"")));
    let theirs = send(echo.address, PULLS, bare, 200, time, None).await?;
    let before = Cost::of(server).await?;
    let ours = send(server.address, PULLS, own, 200, time, None).await?;
    let cost = Cost::of(server).await?.since(&before);
    let what = format!("pull by a session, {bytes} B, requests/s; axum echo");
    table.row(&what, format!("{:.0}", ours.rate()), format!("{:.0}", theirs.rate()), 0.0, Bar::None);
    latencies(table, "pull at full load", &ours, &theirs);
    let what = "of the server's CPU in pulls: verification";
    table.row(what, format!("{:.0} %", 100.0 * cost.verification / cost.cpu), String::new(), 0.0, Bar::None);
    Ok(())
}

fn latencies(table: &mut Table, what: &str, ours: &Outcome, theirs: &Outcome) {
    let both =
        |outcome: &Outcome| format!("{:.1}, {:.1}", outcome.quantile_ms(0.5), outcome.quantile_ms(0.99));
    table.row(&format!("{what}, p50 and p99 in ms"), both(ours), both(theirs), 0.0, Bar::None);
}

/// The CPU time and the verifications of a server so far.
struct Cost {
    cpu: f64,
    verification: f64,
}

impl Cost {
    async fn of(server: &Server) -> Result<Self> {
        let mut client = Client::connect(server.metrics.context("the server serves no metrics")?).await?;
        let figures = client.send("GET", "/metrics", &[], "").await?;
        let figures = std::str::from_utf8(&figures.body)?;
        let sums =
            figures.lines().filter(|line| line.starts_with("strongroom_slh_dsa_verification_seconds_sum"));
        let verification = sums.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
        Ok(Self { cpu: server.cpu_seconds()?, verification })
    }

    fn since(&self, before: &Self) -> Self {
        Self { cpu: self.cpu - before.cpu, verification: self.verification - before.verification }
    }
}
