//! SEV-SNP.

use crate::make::{Draft, NOW, sign};
use strongroom::encoding::base64;
use strongroom_attest::policy::{AppraisalPolicy, Hex, MinimumTcb, SnpPolicy, SnpTcb};
use strongroom_attest::{AuxiliaryData, Collateral, SnpCollateral};
use strongroom_testkit::tee::amd::{CrlState, FakeAmd, SnpReport};

const MEASUREMENT: usize = 0x90;
const SIGNATURE: usize = 0x2A0;

fn policy() -> AppraisalPolicy {
    let least = SnpTcb { fmc: 0, bootloader: 0, tee: 0, snp: 0, microcode: 0 };
    let report = SnpReport::default();
    let snp = SnpPolicy {
        measurements: vec![Hex(report.measurement)],
        minimum_tcb: MinimumTcb { milan: Some(least), ..MinimumTcb::default() },
        host_data: vec![],
        allow_smt: true,
    };
    AppraisalPolicy { amd_sev_snp: Some(snp), ..AppraisalPolicy::default() }
}

fn rules(policy: &mut AppraisalPolicy) -> &mut SnpPolicy {
    policy.amd_sev_snp.as_mut().expect("a policy for SNP")
}

fn draft(amd: &FakeAmd, report: &SnpReport, crl: &CrlState) -> Draft {
    let snp = SnpCollateral {
        vcek: base64(amd.vcek_der()),
        ask: base64(amd.ask_der()),
        crl: base64(&amd.crl_der(crl)),
    };
    let collateral = Collateral { snp: Some(snp), ..Collateral::default() };
    let evidence = sign(
        "amd-sev-snp",
        |_| (),
        AuxiliaryData::SevSnp {},
        collateral,
        |_, report_data| amd.report(&SnpReport { report_data, ..report.clone() }),
    );
    Draft::new(policy(), evidence, ("amd-milan", amd.ark_der()))
}

pub(crate) fn write() {
    let amd = FakeAmd::new(NOW);
    let of = |change: fn(&mut SnpReport)| {
        let mut report = SnpReport::default();
        change(&mut report);
        draft(&amd, &report, &CrlState::default())
    };
    let good = || of(|_| ());
    good().write("snp-v3", "verified");
    of(|r| r.version = 2).write("snp-v2", "verified");
    of(|r| r.version = 5).write("snp-v5", "verified");
    of(|r| r.version = 4).write("snp-v4", "Report");
    of(|r| r.version = 6).write("snp-v6", "Report");

    of(|r| r.policy |= 1 << 19).write("snp-debug", "Debug");
    of(|r| r.policy |= 1 << 18).write("snp-migration-agent", "Attributes");
    of(|r| r.policy &= !(1 << 17)).write("snp-policy-bit-17", "Attributes");
    of(|r| r.policy |= 1 << 26).write("snp-unknown-policy-bit", "Attributes");
    good().policy(|p| rules(p).allow_smt = false).write("snp-smt", "PlatformFeature");
    of(|r| r.vmpl = 1).write("snp-vmpl-1", "Vmpl");
    of(|r| r.vmpl = u32::MAX).write("snp-asked-by-the-host", "Vmpl");
    of(|r| r.measurement = [7; 48]).write("snp-other-measurement", "Measurement");
    of(|r| r.host_data = [7; 32]).write("snp-other-host-data", "HostData");
    of(|r| r.host_data = [7; 32])
        .policy(|p| rules(p).host_data = vec![Hex([7; 32])])
        .write("snp-pinned-host-data", "verified");
    good().policy(|p| rules(p).measurements.clear()).write("snp-no-measurements", "NoMeasurements");
    good().policy(|p| *p = AppraisalPolicy::default()).write("snp-no-policy", "PlatformNotInPolicy");
    of(|r| r.key_info = 1 << 2).write("snp-vlek", "Report");
    of(|r| r.key_info = 2).write("snp-masked-key", "Report");
    of(|r| r.chip_id = Some([7; 64])).write("snp-other-chip", "ChipCertificate");
    of(|r| r.chip_id = Some([0; 64])).write("snp-masked-chip", "ChipCertificate");
    of(|r| r.reported_tcb = Some([1, 0, 0, 0, 0, 0, 1, 1])).write("snp-other-tcb", "ChipCertificate");
    of(|r| r.committed_tcb = Some([0; 8]))
        .policy(|p| rules(p).minimum_tcb.milan = Some(SnpTcb { microcode: 1, ..SnpTcb::default() }))
        .write("snp-can-be-put-back", "Tcb");
    // The chip's key is for microcode 219, though more is committed.
    of(|r| {
        let committed = [0xFF; 8];
        (r.committed_tcb, r.current_tcb) = (Some(committed), Some(committed));
    })
    .policy(|p| rules(p).minimum_tcb.milan = Some(SnpTcb { microcode: 220, ..SnpTcb::default() }))
    .write("snp-reports-older-firmware", "Tcb");
    of(|r| r.current_tcb = Some([0; 8])).write("snp-current-below-reported", "Tcb");
    good()
        .policy(|p| rules(p).minimum_tcb.milan = Some(SnpTcb { microcode: 255, ..SnpTcb::default() }))
        .write("snp-old-firmware", "Tcb");
    good().policy(|p| rules(p).minimum_tcb = MinimumTcb::default()).write("snp-line-not-in-policy", "Tcb");
    of(|r| r.cpuid = [0x19, 0x11, 1]).write("snp-other-line", "Chain");

    good().flipped(MEASUREMENT).write("snp-flip-measurement", "Signature");
    good().flipped(0x50).write("snp-flip-report-data", "Signature");
    good().flipped(SIGNATURE).write("snp-flip-signature", "Signature");
    good().flipped(SIGNATURE + 60).write("snp-flip-signature-padding", "Report");
    good().flipped(1100).write("snp-flip-unsigned", "Report");
    good().with_report(|report| report.push(0)).write("snp-longer", "Report");
    good().with_report(|report| report.truncate(1183)).write("snp-shorter", "Report");
    good().changed(|e| e.config_digest = "00".repeat(32)).write("snp-other-config", "ReportData");

    write_certificates(&amd);
}

fn write_certificates(amd: &FakeAmd) {
    let report = SnpReport::default();
    let listed = |crl: CrlState| draft(amd, &report, &crl);
    let good = || listed(CrlState::default());
    listed(CrlState { revoke_ask: true, ..CrlState::default() }).write("snp-ask-revoked", "Revoked");
    listed(CrlState { next_update: Some(NOW - 1), ..CrlState::default() })
        .write("snp-crl-expired", "Expired");
    listed(CrlState { this_update: Some(NOW + 60), ..CrlState::default() })
        .write("snp-crl-of-tomorrow", "Expired");
    good().changed(|e| e.collateral.snp = None).write("snp-no-collateral", "MissingCollateral");
    let change = |change: fn(&mut SnpCollateral)| {
        good().changed(|e| change(e.collateral.snp.as_mut().expect("collateral")))
    };
    change(|c| c.crl.clear()).write("snp-no-crl", "Collateral");
    change(|c| {
        let mut crl = strongroom::encoding::from_base64(&c.crl).expect("base64");
        crl[100] ^= 1;
        c.crl = base64(&crl);
    })
    .write("snp-crl-forged", "Collateral");
    change(|c| c.ask = c.vcek.clone()).write("snp-no-ask", "Chain");
    change(|c| c.vcek = c.ask.clone()).write("snp-no-vcek", "Chain");

    let with = |change: fn(&mut strongroom_testkit::tee::amd::Vcek)| {
        draft(&FakeAmd::with_vcek(NOW, change), &report, &CrlState::default())
    };
    with(|vcek| vcek.validity = (NOW - 1000, NOW - 1)).write("snp-vcek-expired", "Expired");
    with(|vcek| vcek.validity = (NOW + 1, NOW + 1000)).write("snp-vcek-not-yet-valid", "Expired");
    let makers = strongroom_attest::TrustAnchors::default().amd[0].1.to_vec();
    Draft { root: ("amd-milan", makers), ..good() }.write("snp-other-root", "Chain");
}
