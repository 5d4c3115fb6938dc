//! Fakes of what the makers of TEEs sign, for tests only. Their keys are made at random under roots
//! that no maker knows, so a client that pins the makers' roots refuses all of it. The formats are
//! the makers', byte for byte.

pub mod amd;
pub mod aws;
pub mod collateral_service;
pub mod configfs;
pub mod der;
pub mod dstack;
mod http;
pub mod intel;
pub mod nsm;
pub mod pki;

const DAY: i64 = 24 * 60 * 60;
