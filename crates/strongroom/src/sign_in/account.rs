//! Who signs a statement: a wallet, or the holder of an SLH-DSA key.

use crate::principal::Principal;
use crate::slh_dsa::Owner;
use crate::wallet::WalletAddress;
use std::fmt;

/// Who can sign a statement: the two kinds have one grammar but for its head.
pub trait Account: Copy + fmt::Debug + fmt::Display + Eq {
    /// The end of the first line.
    const WANTS: &'static str;
    /// What the first line is.
    const FIRST_LINE: &'static str;
    /// What the second line is.
    const SECOND_LINE: &'static str;
    /// Whether w3pk's one blank line for no statement is known there.
    const ONE_BLANK_LINE: bool;

    /// Reads the second line, which has one spelling.
    fn from_line(line: &str) -> Option<Self>;
}

/// EIP-4361's own.
impl Account for WalletAddress {
    const WANTS: &'static str = " wants you to sign in with your Ethereum account:";
    const FIRST_LINE: &'static str =
        "`[scheme://]authority wants you to sign in with your Ethereum account:`";
    const SECOND_LINE: &'static str = "an EIP-55 address";
    const ONE_BLANK_LINE: bool = true;

    fn from_line(line: &str) -> Option<Self> {
        Self::from_checksummed(line).ok()
    }
}

/// The holder of an SLH-DSA key, who trades a statement for a session (spec/backup.md §4).
impl Account for Owner {
    const WANTS: &'static str = " wants you to sign in with your SLH-DSA key:";
    const FIRST_LINE: &'static str = "`[scheme://]authority wants you to sign in with your SLH-DSA key:`";
    const SECOND_LINE: &'static str = "slh-dsa:0x and 64 lower-case hex digits";
    const ONE_BLANK_LINE: bool = false;

    fn from_line(line: &str) -> Option<Self> {
        match line.parse() {
            Ok(Principal::SlhDsa(hash)) => {
                Some(Self::from_bytes(hash)).filter(|owner| owner.to_string() == line)
            }
            _ => None,
        }
    }
}
