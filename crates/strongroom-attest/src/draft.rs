//! Drafts a policy that accepts exactly the server that shows some evidence. Its operator publishes
//! it, or a client compares it with a published one.

use crate::configuration::KeyOrigin;
use crate::evidence::{AuxiliaryData, Evidence};
use crate::platform::{self, dstack, nitro, snp, tdx};
use crate::policy::{AppraisalPolicy, DstackPolicy, Hex, MinimumTcb, NitroPolicy, SnpPolicy, TdxPolicy};
use crate::refusal::Refusal;
use crate::trust_anchors::TrustAnchors;
use strongroom::encoding::from_base64;
use time::OffsetDateTime;

impl AppraisalPolicy {
    /// Drafts a policy from evidence: the policy asks for what the evidence shows. Not all of the
    /// platform's signatures are verified here, so verify the evidence against the draft before you
    /// show the draft to anybody.
    ///
    /// # Errors
    /// [`Refusal`] where the evidence cannot be read that far, or is of platform `none`, which no
    /// policy file can allow.
    pub fn draft(
        evidence: &Evidence,
        trust_anchors: &TrustAnchors,
        now: OffsetDateTime,
    ) -> Result<Self, Refusal> {
        let malformed = |field| Refusal::Malformed { field };
        let report = from_base64(&evidence.report).ok_or(malformed("report"))?;
        let bytes = |field, text: &str| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(text, &mut bytes).map(|()| bytes).map_err(|_| malformed(field))
        };
        let mut policy = Self {
            vault_id: Some(bytes("vaultId", &evidence.vault_id)?),
            config_digests: vec![bytes("configDigest", &evidence.config_digest)?],
            // The file says so in a line of its own, where its readers see it.
            allow_imported_key: evidence.key_origin == KeyOrigin::Imported,
            tls_in_tee: evidence.binds_tls(),
            trust_anchors: trust_anchors.clone(),
            ..Self::default()
        };
        match evidence.platform.as_str() {
            platform::INTEL_TDX | platform::PHALA => {
                policy.intel_tdx = Some(of_tdx(evidence, &report, trust_anchors, now)?);
            }
            platform::AMD_SEV_SNP => policy.amd_sev_snp = Some(of_snp(&report)?),
            platform::AWS_NITRO => {
                let measurement = nitro::Parsed::parse(&report)?.measurement().ok_or(Refusal::ZeroPcrs)?;
                policy.aws_nitro = Some(NitroPolicy { measurements: vec![measurement] });
            }
            platform::NONE => return Err(Refusal::NoTee),
            _ => return Err(Refusal::UnknownPlatform),
        }
        Ok(policy)
    }
}

fn of_tdx(
    evidence: &Evidence,
    report: &[u8],
    trust_anchors: &TrustAnchors,
    now: OffsetDateTime,
) -> Result<TdxPolicy, Refusal> {
    let parsed = tdx::Parsed::parse(report)?;
    let collateral = evidence.collateral.tdx.as_ref().ok_or(Refusal::MissingCollateral)?;
    let claims = parsed.claims(collateral, &trust_anchors.intel, now)?;
    let platform = tdx::PlatformState::of(&claims);
    let dstack = match &evidence.auxiliary_data {
        AuxiliaryData::Dstack { event_log, .. } => {
            let identity = dstack::replay(event_log, &parsed.report().rt_mr3)?;
            Some(DstackPolicy {
                compose_hashes: vec![Hex(identity.compose_hash)],
                app_ids: vec![Hex(identity.app_id)],
                key_providers: vec![identity.key_provider],
                os_image_hashes: identity.os_image_hash.map(Hex).into_iter().collect(),
            })
        }
        _ => None,
    };
    Ok(TdxPolicy {
        measurements: vec![parsed.measurement()],
        tcb_statuses: platform.statuses,
        advisories: platform.advisories,
        minimum_evaluation_number: platform.evaluation_number,
        allow_dynamic_platform: platform.dynamic_platform == Some(true),
        allow_cached_keys: platform.cached_keys == Some(true),
        allow_smt: platform.smt == Some(true),
        dstack,
    })
}

fn of_snp(report: &[u8]) -> Result<SnpPolicy, Refusal> {
    let parsed = snp::Parsed::parse(report)?;
    // Only the certificates of a report of version 2 say which line of processors made it.
    let product = parsed.product().ok_or(Refusal::Report)?;
    Ok(SnpPolicy {
        measurements: vec![Hex(parsed.measurement())],
        minimum_tcb: MinimumTcb::with(product, parsed.reported_tcb(product)),
        host_data: vec![Hex(parsed.host_data())],
        allow_smt: parsed.guest_policy() >> 16 & 1 == 1,
    })
}
