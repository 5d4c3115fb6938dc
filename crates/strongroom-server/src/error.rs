//! The refusals of the vault. Each has a code and a message for the caller, and may have a cause
//! that only the log sees.

mod code;

pub use code::Code;

use crate::storage::RecordDamaged;
use axum::response::{IntoResponse, Response};
use std::borrow::Cow;
use std::sync::Arc;
use strongroom_store::StoreError;

/// A refusal on its way to the caller, with the cause that only the log sees.
#[derive(Debug, Clone)]
pub struct ApiError {
    pub(crate) code: Code,
    pub(crate) message: Cow<'static, str>,
    /// Seconds after which the caller may try again with success.
    pub(crate) retry_after_s: Option<u32>,
    pub(crate) cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Code {
    /// This refusal, with a message for the caller.
    pub fn because(self, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { code: self, message: message.into(), retry_after_s: None, cause: None }
    }
}

impl ApiError {
    /// Adds the cause, for the log only.
    pub(crate) fn caused_by(self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { cause: Some(Arc::new(cause)), ..self }
    }

    /// Adds the seconds after which to try again.
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}

/// Only the status. The edge writes the body, because only the edge knows the request id.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<RecordDamaged> for ApiError {
    fn from(error: RecordDamaged) -> Self {
        Code::RecordDamaged.because("the stored record was altered and is refused").caused_by(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let refusal = match error {
            StoreError::Full(_) => Code::StoreFull.because(
                "the store has no room for this: delete something, or ask the operator for more room",
            ),
            _ => Code::StoreUnavailable
                .because("the store does not answer at present: try again")
                .retry_after(2),
        };
        refusal.caused_by(error)
    }
}
