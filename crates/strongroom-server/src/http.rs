//! The vault over HTTP: listeners and connections, what every request passes, and the routes.

mod acceptor;
pub(crate) mod body;
mod docs;
mod edge;
pub(crate) mod headers;
pub(crate) mod health;
mod listeners;
pub(crate) mod parameters;
pub(crate) mod refusal;
mod router;
mod signature_in_uri;
pub(crate) mod times;
mod tls;

pub(crate) use acceptor::Acceptor;
pub(crate) use edge::Edge;
pub use listeners::{Listeners, serve};
pub use router::app;
pub use tls::{Tls, TlsError};
