//! Puts secrets and a backup into a running server, and prints sign-ins that open them, as JSON
//! lines. Tools that cannot sign use them. The last line is the backup's; its session lasts for ten
//! minutes.
//!
//! ```text
//! trials sign_ins 127.0.0.1:3000 300
//! ```

use crate::client::{Client, wallet};
use crate::load::prepare;
use crate::wallets::prepare as prepare_wallets;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::process::ExitCode;

/// Runs the program with its arguments.
pub async fn run(mut arguments: impl Iterator<Item = String>) -> Result<ExitCode> {
    let address = arguments.next().context("name the server's address, such as 127.0.0.1:3000")?.parse()?;
    let count: usize = arguments.next().context("say how many sign-ins, such as 300")?.parse()?;
    let mut client = Client::connect(address).await?;
    let vault = client.vault_key().await?;
    let slots = prepare::slots(&mut client, &vault, &wallet(1), 10).await?;
    for n in 0..count {
        let [message, signature] = client.signed(&wallet(1), &[]).await?;
        let slot = slots[n % slots.len()].to_string();
        println!("{}", json!({ "slot": slot, message.0: message.1, signature.0: signature.1 }));
    }
    let wallet = &prepare_wallets(1, 1, 1000)?[0];
    let body = wallet.version(1).context("the wallet has no signed version")?.to_json().into_bytes();
    let pushed = client.send("POST", &wallet.path(), &[], body).await?;
    ensure!(pushed.status == 200, "{}: {}", pushed.status, pushed.json());
    let [(name, token)] = wallet.session(&mut client).await?;
    let (public_key, user_id) = wallet.names();
    println!("{}", json!({ "publicKey": public_key, "userId": user_id, name: token }));
    Ok(ExitCode::SUCCESS)
}
