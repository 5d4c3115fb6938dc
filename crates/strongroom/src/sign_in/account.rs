//! The accounts that sign statements: wallets, and SLH-DSA keys.

use crate::principal::Principal;
use crate::slh_dsa::Owner;
use crate::wallet::WalletAddress;
use std::fmt;

/// A kind of account. The grammar of its statements differs from the other's only in the first two
/// lines.
pub trait Account: Copy + fmt::Debug + fmt::Display + Eq {
    /// How the first line ends, after the authority.
    const WANTS: &'static str;
    /// The first line, as an error says what was expected.
    const FIRST_LINE: &'static str;
    /// The second line, as an error says what was expected.
    const SECOND_LINE: &'static str;
    /// Whether one blank line may stand for the absent statement, as w3pk writes it, instead of
    /// two.
    const ONE_BLANK_LINE: bool;

    /// Reads the second line, which has one spelling.
    fn from_line(line: &str) -> Option<Self>;
}

/// The account of an EIP-4361 message.
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

/// An SLH-DSA key, whose holder trades a statement for a session (spec/sign-in.md#sessions).
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
