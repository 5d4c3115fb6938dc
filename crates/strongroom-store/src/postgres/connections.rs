//! Connections of the pool, and calls on them: each ends in time, and is tried again where the
//! database asks for it.

use super::schema;
use crate::StoreError;
use deadpool_postgres::{HookError, Object, Pool, PoolError};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// How long one call may take, with its wait for a connection.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(12);
/// How often a call runs at most, where the database ends it to let another one pass.
const MAX_ATTEMPTS: u32 = 5;

/// The connections to one database.
pub(super) struct Connections(pub(super) Pool);

impl Connections {
    /// Takes a connection out of the pool. Each is checked when it is made.
    pub(super) async fn take(&self) -> Result<Object, StoreError> {
        self.0.get().await.map_err(|error| match &error {
            // A hook can only say texts. This is one of our own.
            PoolError::PostCreateHook(HookError::Message(text)) => {
                let unsafe_setting = schema::SETTINGS.into_iter().map(StoreError::Unsafe);
                unsafe_setting
                    .into_iter()
                    .find(|known| known.to_string() == *text)
                    .unwrap_or(StoreError::Database(error.into()))
            }
            _ => StoreError::Database(error.into()),
        })
    }

    /// Runs `work`, one statement, on a connection.
    pub(super) async fn call<T, F: Future<Output = Result<T, tokio_postgres::Error>>>(
        &self,
        work: impl Fn(Arc<Lent>) -> F,
    ) -> Result<T, StoreError> {
        let attempts = async {
            let client = Arc::new(Lent { object: Some(self.take().await?), done: AtomicBool::new(false) });
            for attempt in 1.. {
                match work(Arc::clone(&client)).await {
                    Err(error) if attempt < MAX_ATTEMPTS && asks_again(&error) => {
                        tracing::debug!(attempt, %error, "tried again");
                    }
                    answer => {
                        client.done.store(true, Ordering::Relaxed);
                        return Ok(answer?);
                    }
                }
            }
            unreachable!("the last attempt returns")
        };
        tokio::time::timeout(CALL_TIMEOUT, attempts).await.map_err(|_| StoreError::TimedOut)?
    }
}

/// Whether the database asks to try again: it ended the call to let another one pass.
fn asks_again(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED))
}

/// A connection that a call has. If the call was given up, the connection does not go back to the
/// pool: the next call would wait behind the old one.
pub(super) struct Lent {
    object: Option<Object>,
    done: AtomicBool,
}

impl Deref for Lent {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.object.as_ref().expect("only drop takes it away")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let object = self.object.take().filter(|_| !self.done.load(Ordering::Relaxed));
        object.map(Object::take);
    }
}
