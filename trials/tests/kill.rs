//! Kill -9 under load: what was acknowledged is there, what was forgotten stays so, and no nonce
//! serves twice. `trials soak` does the same a thousand times.

use std::time::Duration;
use strongroom_trials::kill::kill_again_and_again;
use strongroom_trials::kill_pushes::kill_while_wallets_push;
use strongroom_trials::store::Kind;

const KILLS: u32 = 20;
const PUSH_KILLS: u32 = 8;
const LOAD: Duration = Duration::from_millis(600);

async fn nothing_is_lost(kind: Kind) {
    let survived = kill_again_and_again(kind, KILLS, LOAD).await.expect("nothing is lost");
    assert_eq!(survived.server_kills + survived.database_kills, KILLS);
    // A load that stored nothing would show nothing.
    assert!(survived.kept > KILLS as usize && survived.gone > 0, "{survived:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_what_it_acknowledged() {
    nothing_is_lost(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_what_it_acknowledged() {
    nothing_is_lost(Kind::Postgres).await;
}

/// Versions of wallets' backups that were acknowledged are there, and none is half-written.
async fn no_version_is_lost(kind: Kind) {
    let survived = kill_while_wallets_push(kind, PUSH_KILLS).await.expect("nothing is lost");
    assert_eq!(survived.server_kills + survived.database_kills, PUSH_KILLS);
    assert!(survived.acknowledged > PUSH_KILLS as usize, "{survived:?}");
    assert!(survived.whole > survived.acknowledged, "{survived:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_the_versions_that_it_acknowledged() {
    no_version_is_lost(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_the_versions_that_it_acknowledged() {
    no_version_is_lost(Kind::Postgres).await;
}
