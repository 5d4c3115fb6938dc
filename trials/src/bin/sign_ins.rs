//! Secrets in a running server, and sign-ins that open them, as JSON lines: for tools that cannot sign.
//!
//!     cargo run -p strongroom-trials --bin sign_ins -- 127.0.0.1:3000 300

use anyhow::{Context, Result};
use serde_json::json;
use strongroom_trials::bench::prepare;
use strongroom_trials::client::{Client, wallet};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
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
    Ok(())
}
