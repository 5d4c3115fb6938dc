//! Shows people what evidence or a bare report says. Nothing is verified here.

use crate::evidence::{AuxiliaryData, Evidence};
use crate::platform::{self, dstack, nitro, snp, tdx};
use crate::refusal::Refusal;
use crate::trust_anchors::SnpProduct;
use strongroom::encoding::from_base64;

/// Names and values to print, in the order of the format.
pub type Rows = Vec<(&'static str, String)>;

/// What evidence says: its fields, then its report's, then whose collateral comes with it.
///
/// # Errors
/// [`Refusal`] where the platform is unknown or the report cannot be parsed as one of that
/// platform.
pub fn evidence(evidence: &Evidence) -> Result<Rows, Refusal> {
    let mut rows = vec![
        ("platform", evidence.platform.clone()),
        ("version", evidence.version.to_string()),
        ("timestamp", evidence.timestamp.clone()),
        ("nonce", evidence.nonce.clone()),
        ("vault", evidence.vault_id.clone()),
        ("key id", evidence.key_id.clone()),
        ("epoch", evidence.epoch.to_string()),
        ("key origin", evidence.key_origin.as_str().to_owned()),
        ("configuration", evidence.config_digest.clone()),
        ("TLS key", or_none(&evidence.tls_spki_sha256)),
    ];
    let report = from_base64(&evidence.report).ok_or(Refusal::Malformed { field: "report" })?;
    match evidence.platform.as_str() {
        platform::NONE => rows.push(("report", "signed by nobody: there is no TEE".to_owned())),
        platform::INTEL_TDX | platform::PHALA => {
            rows.extend(of_quote(&report)?);
            if let AuxiliaryData::Dstack { event_log, app_compose, .. } = &evidence.auxiliary_data {
                rows.extend(of_dstack(event_log, &tdx::Parsed::parse(&report)?, app_compose));
            }
        }
        platform::AMD_SEV_SNP => rows.extend(of_snp(&report)?),
        platform::AWS_NITRO => rows.extend(of_nitro(&report)?),
        _ => return Err(Refusal::UnknownPlatform),
    }
    let collateral = match (&evidence.collateral.tdx, &evidence.collateral.snp) {
        (Some(_), _) => "Intel's",
        (_, Some(_)) => "AMD's",
        _ => "none",
    };
    rows.push(("collateral", collateral.to_owned()));
    Ok(rows)
}

/// What a bare TDX quote, SNP report or Nitro document says. The format is found by trying each.
///
/// # Errors
/// [`Refusal`] where the bytes cannot be parsed as any of these.
pub fn report(bytes: &[u8]) -> Result<Rows, Refusal> {
    of_quote(bytes).or_else(|_| of_snp(bytes)).or_else(|_| of_nitro(bytes))
}

fn of_quote(report: &[u8]) -> Result<Rows, Refusal> {
    let parsed = tdx::Parsed::parse(report)?;
    let (td, m) = (parsed.report(), parsed.measurement());
    Ok(vec![
        ("report", format!("TDX quote, version {}", parsed.version())),
        ("TEE TCB SVN", hex::encode(td.tee_tcb_svn)),
        ("MRSEAM", hex::encode(td.mr_seam)),
        ("MRSIGNERSEAM", hex::encode(td.mr_signer_seam)),
        ("TD attributes", hex::encode(td.td_attributes)),
        ("XFAM", hex::encode(td.xfam)),
        ("MRTD", m.mrtd.to_string()),
        ("MRCONFIGID", hex::encode(td.mr_config_id)),
        ("MROWNER", hex::encode(td.mr_owner)),
        ("RTMR0", m.rtmr0.to_string()),
        ("RTMR1", m.rtmr1.to_string()),
        ("RTMR2", m.rtmr2.to_string()),
        ("RTMR3", hex::encode(td.rt_mr3)),
        ("report data", hex::encode(td.report_data)),
    ])
}

fn of_dstack(events: &[crate::DstackEvent], quote: &tdx::Parsed<'_>, app_compose: &str) -> Rows {
    let mut rows =
        vec![("dstack", format!("{} events, app-compose.json of {} bytes", events.len(), app_compose.len()))];
    match dstack::replay(events, &quote.report().rt_mr3) {
        Ok(identity) => rows.extend([
            ("event log", "leads to RTMR3".to_owned()),
            ("app id", hex::encode(identity.app_id)),
            ("compose hash", hex::encode(identity.compose_hash)),
            ("key provider", identity.key_provider),
            ("system image", or_none(&identity.os_image_hash.map(hex::encode).unwrap_or_default())),
        ]),
        Err(refusal) => rows.push(("event log", refusal.to_string())),
    }
    rows
}

fn of_snp(report: &[u8]) -> Result<Rows, Refusal> {
    let parsed = snp::Parsed::parse(report)?;
    let product = parsed.product();
    // A report of version 2 does not name its processor, but those that write it share one layout.
    let layout = product.unwrap_or(SnpProduct::Milan);
    Ok(vec![
        ("report", format!("SEV-SNP report, version {}", parsed.version())),
        ("processor", product.map_or("not said", SnpProduct::name).to_owned()),
        ("guest policy", format!("{:#x}", parsed.guest_policy())),
        ("VMPL", parsed.vmpl().to_string()),
        ("reported TCB", parsed.reported_tcb(layout).to_string()),
        ("committed TCB", parsed.committed_tcb(layout).to_string()),
        ("measurement", hex::encode(parsed.measurement())),
        ("HOST_DATA", hex::encode(parsed.host_data())),
        ("chip id", hex::encode(parsed.chip_id())),
        ("report data", hex::encode(parsed.report_data())),
    ])
}

fn of_nitro(document: &[u8]) -> Result<Rows, Refusal> {
    let parsed = nitro::Parsed::parse(document)?;
    let mut rows = vec![
        ("report", "Nitro attestation document".to_owned()),
        ("module", parsed.module_id.chars().filter(|c| !c.is_control()).collect()),
        ("document's time", format!("{} ms since 1970", parsed.timestamp_ms)),
    ];
    for (index, name) in [(0, "PCR0"), (1, "PCR1"), (2, "PCR2"), (3, "PCR3"), (4, "PCR4"), (8, "PCR8")] {
        rows.push((name, parsed.pcr(index).map_or("zero".to_owned(), hex::encode)));
    }
    rows.push(("user data", hex::encode(&parsed.user_data)));
    rows.push(("document's nonce", hex::encode(&parsed.nonce)));
    Ok(rows)
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.to_owned() }
}
