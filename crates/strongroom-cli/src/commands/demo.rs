//! `strongroom demo`: a whole flow, step by step, each with its time. backup.rs beside has that of backups.

mod backup;

use super::backup::server_at;
use crate::cli::{Demo, DemoFlow};
use crate::error::Refused;
use crate::server::{ComingRoot, PUBLIC_HINT, VaultOpening, VaultPlace, bind, origin_of, runtime};
use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;
use strongroom::derive::{self, W3PK_DEFAULT_CONTEXT};
use strongroom::envelope;
use strongroom::os_rng;
use strongroom::policy::EnvelopePolicy;
use strongroom::sign_in::Act;
use strongroom::wallet::WalletKey;
use strongroom::{Plaintext, SealedSecret};
use strongroom_attest::TrustAnchors;
use strongroom_client::{AppraisalPolicy, BackupServer, SignIn, Vault};
use strongroom_root::{Attestor, PlainSealer, Platform};
use strongroom_server::config::sign_in_origins;
use strongroom_server::{Config, Listeners, serve};
use time::OffsetDateTime;
use tokio::sync::oneshot;

/// The texts of the two seed scripts.
const TEXTS: [&str; 2] =
    ["苟全性命於亂世,不求聞達於諸侯。", "🔐 My quantum-safe secret data! Testing store+access flow."];

pub(super) fn run(args: &Demo, roots: &TrustAnchors) -> Result<()> {
    match (&args.server, args.flow) {
        (Some(url), DemoFlow::Secret) => flow(url, &args.trust.policy(url, roots)?),
        // Of what it sends the server can read nothing, whoever runs it.
        (Some(url), DemoFlow::Backup) => {
            backup::flow(url, &server_at(url, args.trust.policy.as_deref(), roots)?)
        }
        (None, which) => {
            let server = OwnServer::start()?;
            let result = match which {
                // It is this process: there is nobody else whom a TEE could keep out.
                DemoFlow::Secret => {
                    flow(&server.url, &AppraisalPolicy { allow_no_tee: true, ..AppraisalPolicy::default() })
                }
                DemoFlow::Backup => backup::flow(&server.url, &BackupServer::at(&server.url)?),
            };
            server.stop()?;
            result
        }
    }
}

/// Prints a step with the time that it took.
struct Steps {
    number: u32,
}

impl Steps {
    fn step<T>(&mut self, title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.number += 1;
        let start = Instant::now();
        let value = work().with_context(|| format!("step {}, {}", self.number, title.to_lowercase()))?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        anstream::println!("{:2}. {title:<58} {ms:8.2} ms", self.number);
        Ok(value)
    }
}

fn show(what: &str, value: impl std::fmt::Display) {
    anstream::println!("      {what:<12} {value}");
}

fn flow(url: &str, policy: &AppraisalPolicy) -> Result<()> {
    let mut steps = Steps { number: 0 };
    show("server", url);
    let vault =
        steps.step("Attestation: ask with a nonce, verify", || Ok(Vault::at(url)?.attest(policy)?))?;
    let vault_key = vault.server().encapsulation_key().clone();
    let vault_id = *vault.server().vault_id();
    show("platform", vault.server().platform());
    show("vault key", vault_key.id());

    let wallet = WalletKey::generate(&mut os_rng());
    let mine = steps.step("Client key: ML-KEM-1024, derived from the wallet", || {
        Ok(derive::w3pk(&wallet, W3PK_DEFAULT_CONTEXT))
    })?;
    show("wallet", wallet.address());
    show("client key", mine.encapsulation_key().id());

    for text in TEXTS {
        anstream::println!();
        show("secret", format_args!("“{text}”"));
        let recipients = [mine.encapsulation_key().into(), vault_key.clone().into()];
        // Who may read it, and which vault may open it, is bound into the envelope.
        let policy = EnvelopePolicy {
            readers: vec![wallet.address().into()],
            audience: Some(vault_id),
            ..EnvelopePolicy::default()
        };
        let sealed = steps.step("Seal for two: the client and the vault", || {
            Ok(SealedSecret::from(envelope::seal(text.as_bytes(), &recipients, policy, &mut os_rng())?))
        })?;
        let stored = steps.step("Store the one envelope", || Ok(vault.store(&sealed, &[], None, None)?))?;
        show("slot", stored.slot);
        let nonce = steps.step("Nonce for the sign-in", || Ok(vault.nonce()?))?;
        show("nonce", &nonce);
        let sign_in = steps.step("Statement (EIP-4361), signed by the wallet", || {
            let origin = url.trim_end_matches('/').parse()?;
            Ok(SignIn::sign(&origin, &nonce, &wallet, &Act::Access(stored.slot), OffsetDateTime::now_utc())?)
        })?;
        show("signature", format_args!("{:.20}…", sign_in.signature().to_string()));
        let by_vault = steps.step("Open by the vault", || Ok(vault.open_with(stored.slot, &sign_in)?))?;
        show("opened", format_args!("“{}”", as_text(&by_vault)));
        let here = steps.step("Open here, without the vault", || Ok(sealed.open(&mine)?))?;
        show("opened", format_args!("“{}”", as_text(&here)));
        steps.step("Compare", || {
            let equal = by_vault.expose() == text.as_bytes() && here.expose() == text.as_bytes();
            if equal {
                Ok(())
            } else {
                Err(Refused("the opened texts differ from the secret".to_owned()).into())
            }
        })?;
        show("both equal", "yes");
    }
    anstream::println!("\nAll steps passed.");
    Ok(())
}

fn as_text(plaintext: &Plaintext) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(plaintext.expose())
}

/// A server in this process, on a free port, with a data directory that goes when it stops.
struct OwnServer {
    url: String,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<Result<()>>,
}

impl OwnServer {
    fn start() -> Result<Self> {
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
                let (vault, _data_dir) = opened.context("only a recovery is waited for")?;
                ready.send(address).ok();
                let listeners = Listeners { public: listener, tls: None, metrics: None };
                serve(listeners, vault, async { drop(stopped.await) }).await;
                Ok(())
            })
        });
        match address.recv() {
            Ok(address) => Ok(Self { url: format!("http://{address}"), stop, thread }),
            // The thread ended before it was ready: its error says why.
            Err(_) => Err(joined(thread).err().context("the server did not start")?),
        }
    }

    fn stop(self) -> Result<()> {
        drop(self.stop);
        joined(self.thread)
    }
}

fn joined(thread: std::thread::JoinHandle<Result<()>>) -> Result<()> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
