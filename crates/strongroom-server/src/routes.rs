//! The routes, a file per resource.

mod attestation;
mod auth;
mod health;
mod secret;

use crate::edge;
use crate::error::Code;
use crate::vault::Vault;
use axum::Router;
use axum::http::{HeaderName, header};
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use std::sync::Arc;

const JSON: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// The vault's router (spec/access.md).
pub fn app(vault: Arc<Vault>) -> Router {
    let secret = Router::new()
        .route("/attestation", get(attestation::show))
        .route("/store", post(secret::store))
        .route("/access/{slot}", get(secret::access))
        .route("/envelope/{slot}", get(secret::envelope).put(secret::replace))
        .route("/slots", get(secret::list))
        .route("/{slot}", delete(secret::forget));
    Router::new()
        .route("/auth/nonce", post(auth::nonce))
        .route("/attestation", get(attestation::show))
        .nest("/secret", secret.clone())
        // The name that the seed system's successor uses.
        .nest("/chest", secret)
        .route("/health", get(health::ready))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/version", get(health::version))
        .fallback(async || Code::NoSuchRoute.because("no such route: see spec/access.md").into_response())
        .method_not_allowed_fallback(async || {
            Code::MethodNotAllowed.because("no such method here: see the Allow header").into_response()
        })
        .layer(middleware::from_fn(edge::finish))
        .with_state(vault)
}
