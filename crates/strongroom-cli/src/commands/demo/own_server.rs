//! The server that a demonstration starts if no server is named.

use crate::server::{ComingRoot, PUBLIC_HINT, VaultOpening, VaultPlace, bind, origin_of, runtime};
use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use strongroom_root::{Attestor, PlainSealer, Platform};
use strongroom_server::config::sign_in_origins;
use strongroom_server::{Config, Listeners, serve};
use tokio::sync::oneshot;

/// A server in this process, on a free port, with a data directory that is removed when it stops.
pub(super) struct OwnServer {
    pub(super) url: String,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<Result<()>>,
}

impl OwnServer {
    pub(super) fn start() -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary data directory")?;
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            runtime()?.block_on(async {
                let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), PUBLIC_HINT).await?;
                let address = listener.local_addr()?;
                let origins =
                    sign_in_origins(&origin_of("http", address)?, Some(("http", address.port())), &[]);
                let place =
                    VaultPlace { data_dir: folder.path().join("data"), root_file: None, database: None };
                let opening = VaultOpening {
                    place,
                    sealer: Some(Box::new(PlainSealer)),
                    imported: None,
                    root: ComingRoot::New,
                    forgets_recovery: false,
                };
                let attestor = Arc::new(Attestor::new(Platform::None));
                let opened = opening.open(attestor, Config::new(origins)).await?;
                let (vault, _data_dir) = opened.context("only a recovery can be ended early")?;
                ready.send(address).ok();
                let listeners = Listeners { public: listener, tls: None, metrics: None };
                serve(listeners, vault, async { drop(stopped.await) }).await;
                Ok(())
            })
        });
        match address.recv() {
            Ok(address) => Ok(Self { url: format!("http://{address}"), stop, thread }),
            // The thread ended before the server was ready, and its error says why.
            Err(_) => Err(joined(thread).err().context("the server did not start")?),
        }
    }

    pub(super) fn stop(self) -> Result<()> {
        drop(self.stop);
        joined(self.thread)
    }
}

fn joined(thread: std::thread::JoinHandle<Result<()>>) -> Result<()> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
