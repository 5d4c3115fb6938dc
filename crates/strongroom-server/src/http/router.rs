//! The routes of a vault. The handlers of a feature are in its folder's routes.rs.

use super::docs;
use super::edge::{self, Edge};
use super::health;
use crate::attestation::routes as attestation;
use crate::backups::routes as backups;
use crate::config::CorsOrigin;
use crate::error::Code;
use crate::root::routes as handoff;
use crate::secrets::parameters::EXPIRES_AT_HEADER;
use crate::secrets::routes as secret;
use crate::sign_in::routes as auth;
use crate::vault::Vault;
use axum::Router;
use axum::extract::FromRef;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

const CORS_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The vault's router (spec/http.md §2).
pub fn app(vault: Vault) -> Router {
    let secret = Router::new()
        .route("/attestation", get(attestation::show))
        .route("/store", post(secret::store))
        .route("/access/{slot}", get(secret::access).post(secret::access_to_key))
        .route("/envelope/{slot}", get(secret::envelope).put(secret::replace))
        .route("/slots", get(secret::list))
        .route("/{slot}", delete(secret::forget));
    let backups = Router::new()
        .route("/{publicKey}", get(backups::list))
        .route("/{publicKey}/query", post(backups::query))
        .route(
            "/{publicKey}/users/{userId}",
            get(backups::read).post(backups::upload).delete(backups::delete),
        )
        .route("/{publicKey}/users/{userId}/versions", get(backups::versions))
        .layer(middleware::from_fn(backups::refuse_signature_in_uri));
    let bounded = Router::new()
        .route("/auth/nonce", post(auth::nonce))
        .route("/auth/session", post(auth::session))
        .route("/attestation", get(attestation::show))
        .route("/attestation/configuration", get(attestation::configuration))
        .nest("/secret", secret.clone())
        // Clients of an older system's successor call the same routes under this name.
        .nest("/chest", secret)
        .nest("/backups", backups)
        .route("/handoff/offer", post(handoff::offer))
        .route("/handoff/root", post(handoff::root))
        .route("/openapi.json", get(docs::openapi))
        .route("/docs", get(docs::page))
        .fallback(async || {
            Code::NoSuchRoute.because("no such route: GET /openapi.json lists all routes").into_response()
        })
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(edge(&vault), edge::admit));
    // Health is outside the bounds, so monitoring is answered even if the server is overloaded.
    health_routes()
        .merge(bounded)
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(cors(&vault.config().cors_origins))
        .layer(middleware::from_fn_with_state(edge(&vault), edge::log_and_finish))
        .with_state(vault)
}

/// The router of the operator's listener: health and metrics.
pub(crate) fn metrics_app(vault: Vault) -> Router {
    health_routes()
        .route("/metrics", get(health::metrics))
        .layer(middleware::from_fn_with_state(edge(&vault), edge::log_and_finish))
        .with_state(vault)
}

fn edge(vault: &Vault) -> Arc<Edge> {
    Arc::from_ref(vault)
}

fn health_routes() -> Router<Vault> {
    Router::new()
        .route("/health", get(health::ready))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/version", get(health::version))
        .method_not_allowed_fallback(no_such_method)
}

async fn no_such_method() -> impl IntoResponse {
    Code::MethodNotAllowed.because("this route has no such method: the Allow header lists its methods")
}

/// Lets pages of these origins call the vault from a browser. Credentials are not allowed, because
/// the vault uses no cookies.
fn cors(origins: &[CorsOrigin]) -> CorsLayer {
    let listed = origins.iter().filter_map(|origin| match origin {
        CorsOrigin::Any => None,
        CorsOrigin::One(origin) => HeaderValue::from_str(&origin.to_string()).ok(),
    });
    let allowed =
        if origins.contains(&CorsOrigin::Any) { AllowOrigin::any() } else { AllowOrigin::list(listed) };
    let [message, signature, request_id, expires_at] =
        ["x-siwe-message", "x-siwe-signature", "x-request-id", EXPIRES_AT_HEADER]
            .map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            message,
            signature,
            expires_at,
        ])
        .expose_headers([header::ETAG, header::RETRY_AFTER, request_id])
        .max_age(CORS_LIFETIME)
}
