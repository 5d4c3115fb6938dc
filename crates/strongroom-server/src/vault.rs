//! A vault, composed of its parts. Each part owns what it needs, and a handler takes the part that
//! it works with.

use crate::attestation::Attestation;
use crate::backups::Backups;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::Edge;
use crate::limits::Guard;
use crate::metrics::Metrics;
use crate::root::RootDonor;
use crate::secrets::{Secrets, Slots};
use crate::sign_in::{Nonces, Sessions, SignIns};
use crate::storage::{Readiness, Records, Sweeper, Tags, TimedStore};
use crate::verifier::Verifier;
use axum::extract::FromRef;
use std::sync::Arc;
use strongroom::sign_in::Rules;
use strongroom_root::handoff::Donor;
use strongroom_root::{Attestor, OpenedRoot};
use strongroom_store::Store;

/// A vault: its keys, its store, its rules. Copies of it are the same vault.
#[derive(Clone, FromRef)]
pub struct Vault {
    edge: Arc<Edge>,
    sign_ins: Arc<SignIns>,
    slots: Arc<Slots>,
    secrets: Arc<Secrets>,
    backups: Arc<Backups>,
    attestation: Arc<Attestation>,
    root_donor: Arc<RootDonor>,
    verifier: Arc<Verifier>,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    sweeper: Arc<Sweeper>,
    config: Arc<Config>,
}

impl Vault {
    /// The vault of this root, on this store.
    #[must_use]
    pub fn new(
        opened: OpenedRoot,
        attestor: Arc<Attestor>,
        store: Arc<dyn Store>,
        config: Config,
        clock: Clock,
    ) -> Self {
        let OpenedRoot { root, kem_key, protection } = opened;
        let metrics = Arc::new(Metrics::new());
        // Servers that share a store must know each other's nonces. Otherwise no nonce outlives a
        // restart.
        let nonces = if store.is_shared() { Nonces::for_all_servers } else { Nonces::for_this_run };
        let store: Arc<dyn Store> = Arc::new(TimedStore::new(store, Arc::clone(&metrics)));
        let records = Arc::new(Records::new(root.storage_key()));
        let tags = Arc::new(Tags::new(root.index_key()));
        let guard = Arc::new(Guard::new(&config.limits));
        let verifier = Arc::new(Verifier::new(Arc::clone(&guard), Arc::clone(&metrics)));
        let vault_id = *root.vault_id().as_bytes();
        let edge = Arc::new(Edge {
            guard: Arc::clone(&guard),
            metrics: Arc::clone(&metrics),
            tags: Arc::clone(&tags),
            max_body_bytes: config.limits.max_body_bytes,
            trusted_hops: config.trusted_hops,
            https: config.https,
        });
        let sign_ins = Arc::new(SignIns {
            nonces: nonces(root.nonce_key()),
            sessions: Sessions::new(root.session_key()),
            rules: Rules { origins: config.sign_in_origins.clone(), chain_ids: config.chain_ids.clone() },
            store: Arc::clone(&store),
            guard: Arc::clone(&guard),
            tags: Arc::clone(&tags),
            verifier: Arc::clone(&verifier),
            clock: clock.clone(),
        });
        let slots = Arc::new(Slots {
            store: Arc::clone(&store),
            records: Arc::clone(&records),
            tags: Arc::clone(&tags),
            clock: clock.clone(),
        });
        let attestation = Arc::new(Attestation::new(
            attestor,
            (vault_id, root.epoch(), kem_key.encapsulation_key()),
            config.bound(root.origin(), protection),
            clock.clone(),
        ));
        let secrets = Arc::new(Secrets {
            slots: Arc::clone(&slots),
            kem_key,
            vault_id,
            guard: Arc::clone(&guard),
            require_sign_in_to_store: config.require_sign_in_to_store,
            anonymous_lifetime: config.limits.anonymous_lifetime,
        });
        let backups = Arc::new(Backups {
            store: Arc::clone(&store),
            records,
            tags,
            guard: Arc::clone(&guard),
            limits: config.limits.clone(),
            clock: clock.clone(),
        });
        let root_donor = Arc::new(RootDonor {
            // The root itself stays in memory only if it may be handed over.
            donor: config.release_key.map(|key| Donor::new(root, key)),
            attestation: Arc::clone(&attestation),
            verifier: Arc::clone(&verifier),
            clock: clock.clone(),
        });
        let readiness = Arc::new(Readiness::new(Arc::clone(&store)));
        let sweeper = Arc::new(Sweeper { store, guard, metrics: Arc::clone(&metrics), clock });
        Self {
            edge,
            sign_ins,
            slots,
            secrets,
            backups,
            attestation,
            root_donor,
            verifier,
            readiness,
            metrics,
            sweeper,
            config: Arc::new(config),
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    pub(crate) fn sweeper(&self) -> Arc<Sweeper> {
        Arc::clone(&self.sweeper)
    }
}
