//! Secrets in a running server, and sign-ins that open them, as JSON lines: for tools that cannot sign.
//!
//! ```text
//! trials sign_ins 127.0.0.1:3000 300
//! ```

use crate::bench::prepare;
use crate::client::{Client, wallet};
use anyhow::{Context, Result};
use serde_json::json;
use std::process::ExitCode;

/// Runs it with its arguments.
pub async fn run(mut arguments: impl Iterator<Item = String>) -> Result<ExitCode> {
    let address = arguments.next().context("an address")?.parse()?;
    let count: usize = arguments.next().context("how many")?.parse()?;
    let mut client = Client::connect(address).await?;
    let vault = client.vault_key().await?;
    let slots = prepare::slots(&mut client, &vault, &wallet(1), 10).await?;
    for n in 0..count {
        let [message, signature] = client.signed(&wallet(1), &[]).await?;
        let slot = slots[n % slots.len()].to_string();
        println!("{}", json!({ "slot": slot, message.0: message.1, signature.0: signature.1 }));
    }
    Ok(ExitCode::SUCCESS)
}
