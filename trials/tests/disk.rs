//! A disk without room: writes are refused, the process lives, and reads go on. With room again, so
//! do writes.

use anyhow::Result;
use std::process::Command;
use std::time::Duration;
use strongroom::SlotId;
use strongroom::key::EncapsulationKey;
use strongroom_trials::client::{Answer, Client, body_for, wallet};
use strongroom_trials::server::{Server, UNLIMITED};
use strongroom_trials::store::{Kind, Place};

struct Case {
    server: Server,
    client: Client,
    vault: EncapsulationKey,
    stored: Vec<(SlotId, String)>,
}

impl Case {
    async fn on(server: Server) -> Result<Self> {
        let mut client = Client::connect(server.address).await?;
        let vault = client.vault_key().await?;
        Ok(Self { server, client, vault, stored: Vec::new() })
    }

    async fn store(&mut self) -> Result<Answer> {
        let text = "x".repeat(20_000) + &self.stored.len().to_string();
        let answer =
            self.client.store(body_for(std::slice::from_ref(&self.vault), &wallet(1), &text)?).await?;
        if answer.status == 201 {
            self.stored.push((answer.slot()?, text));
        }
        Ok(answer)
    }

    /// Stores until the server refuses to.
    async fn fill(&mut self) -> Result<Answer> {
        loop {
            let answer = self.store().await?;
            if answer.status != 201 {
                return Ok(answer);
            }
        }
    }

    /// Asks for what needs no room: health, evidence and nonces.
    async fn lives(&mut self) -> Result<()> {
        for (method, path, status) in
            [("GET", "/health", 200), ("GET", "/attestation", 200), ("POST", "/auth/nonce", 201)]
        {
            assert_eq!(self.client.send(method, path, &[], "").await?.status, status, "{path}");
        }
        Ok(())
    }

    async fn opens_all(&mut self) -> Result<()> {
        for (slot, text) in &self.stored {
            assert!(self.client.open(*slot, &wallet(1)).await? == *text, "{slot} is another text");
        }
        Ok(())
    }
}

/// The system refuses to let files grow, as with `ulimit -f`. This needs no rights.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_may_not_grow_fail_writes_and_nothing_else() {
    let place = Place::new(Kind::Sqlite).expect("a place");
    let mut case = Case::on(place.start(&UNLIMITED).expect("a server")).await.expect("connected");
    assert_eq!(case.store().await.expect("answered").status, 201);
    case.server.limit_file_bytes(Some(6 * 1024 * 1024)).expect("limited");
    let refused = case.fill().await.expect("answered");
    assert!([503, 507].contains(&refused.status), "{}", refused.json());
    assert!(case.stored.len() > 10, "{}", case.stored.len());
    case.lives().await.expect("it lives");
    case.server.limit_file_bytes(None).expect("no limit again");
    assert_eq!(case.store().await.expect("answered").status, 201, "with room again it writes");
    case.opens_all().await.expect("nothing acknowledged is lost");
}

/// A file system that is full. This needs a mount of its own, so `./check` runs it where the system
/// allows one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a mount namespace: run it where `unshare --mount --map-root-user true` succeeds"]
async fn a_full_disk_is_507_and_reads_go_on() {
    let place = Place::new(Kind::Sqlite).expect("a place");
    std::fs::create_dir(place.folder.path().join("data")).expect("a folder");
    let mount =
        "mount -t tmpfs -o size=8m tmpfs data && head -c 2000000 /dev/zero > data/filler && exec \"$@\"";
    let mut prefix = Command::new("unshare");
    prefix.args(["--mount", "--map-root-user", "sh", "-c", mount, "sh"]);
    let server =
        Server::start_under(prefix, place.folder.path(), &[&["--data-dir=data"], &UNLIMITED[..]].concat());
    let mut case = Case::on(server.expect("a server")).await.expect("connected");
    let refused = case.fill().await.expect("answered");
    assert_eq!((refused.status, refused.json()["code"].as_str()), (507, Some("store_full")));
    assert!(case.stored.len() > 10, "{}", case.stored.len());
    case.lives().await.expect("it lives");
    assert_eq!(case.store().await.expect("answered").status, 507);
    case.opens_all().await.expect("readers read on a full disk");
    // This makes room again, in the server's own view of the disk.
    let filler = format!("/proc/{}/root{}/data/filler", case.server.id(), place.folder.path().display());
    std::fs::remove_file(filler).expect("removed");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(case.store().await.expect("answered").status, 201, "with room again it writes");
    case.opens_all().await.expect("nothing acknowledged is lost");
}
