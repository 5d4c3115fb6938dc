//! Nitro.

use crate::make::{Draft, NONCE, NOW, sign};
use strongroom_attest::policy::{AppraisalPolicy, Hex, NitroMeasurement, NitroPolicy};
use strongroom_attest::{AuxiliaryData, Collateral};
use strongroom_testkit::tee::aws::{FakeAws, Leaf, NitroDocument};

fn policy() -> AppraisalPolicy {
    let document = NitroDocument::default();
    let pcr = |n: usize| Hex(document.pcrs[n].1);
    let measurement = NitroMeasurement { pcr0: pcr(0), pcr1: pcr(1), pcr2: pcr(2), pcr8: None };
    AppraisalPolicy {
        aws_nitro: Some(NitroPolicy { measurements: vec![measurement] }),
        ..AppraisalPolicy::default()
    }
}

fn rules(policy: &mut AppraisalPolicy) -> &mut NitroPolicy {
    policy.aws_nitro.as_mut().expect("a policy for Nitro")
}

fn draft(aws: &FakeAws, change: impl FnOnce(&mut NitroDocument)) -> Draft {
    let evidence = sign(
        "aws-nitro",
        |_| (),
        AuxiliaryData::Nitro {},
        Collateral::default(),
        |_, report_data| {
            let mut document = NitroDocument {
                user_data: Some(report_data.to_vec()),
                nonce: Some(NONCE.to_vec()),
                ..NitroDocument::default()
            };
            change(&mut document);
            aws.document(&document)
        },
    );
    Draft::new(policy(), evidence, ("aws", aws.root_der()))
}

pub(crate) fn write() {
    let aws = FakeAws::new(NOW);
    let of = |change: fn(&mut NitroDocument)| draft(&aws, change);
    let good = || of(|_| ());
    let now_ms = |seconds: i64| Some(u64::try_from((NOW + seconds) * 1000).expect("after 1970"));
    good().write("nitro", "verified");
    of(|d| d.is_tagged = true).write("nitro-tagged", "verified");
    of(|d| d.public_key = Some(vec![1; 294])).write("nitro-with-a-public-key", "verified");
    of(|d| d.pcrs[8].1 = [8; 48])
        .policy(|p| rules(p).measurements[0].pcr8 = Some(Hex([8; 48])))
        .write("nitro-signed-image", "verified");
    good()
        .policy(|p| rules(p).measurements[0].pcr8 = Some(Hex([8; 48])))
        .write("nitro-image-not-signed", "Measurement");

    of(|d| (0..3).for_each(|n| d.pcrs[n].1 = [0; 48])).write("nitro-debug", "ZeroPcrs");
    of(|d| d.pcrs[2].1 = [0; 48]).write("nitro-zero-pcr2", "ZeroPcrs");
    of(|d| d.pcrs.retain(|(n, _)| *n != 1)).write("nitro-no-pcr1", "ZeroPcrs");
    of(|d| d.pcrs[0].1 = [7; 48]).write("nitro-other-image", "Measurement");
    of(|d| d.pcrs[2].1 = [7; 48]).write("nitro-other-application", "Measurement");
    of(|d| d.pcrs[4].0 = 3).write("nitro-pcr-twice", "Report");
    of(|d| d.pcrs[4].0 = 32).write("nitro-pcr-32", "Report");
    good().policy(|p| rules(p).measurements.clear()).write("nitro-no-measurements", "NoMeasurements");
    good().policy(|p| *p = AppraisalPolicy::default()).write("nitro-no-policy", "PlatformNotInPolicy");
    draft(&aws, |d| d.timestamp_ms = now_ms(-301)).write("nitro-stale", "Timestamp");
    draft(&aws, |d| d.timestamp_ms = now_ms(302)).write("nitro-from-the-future", "Timestamp");
    of(|d| d.nonce = Some(vec![9; 32])).write("nitro-other-nonce", "Nonce");
    of(|d| d.nonce = None).write("nitro-no-nonce", "Nonce");
    of(|d| d.user_data = None).write("nitro-binds-nothing", "ReportData");
    of(|d| d.user_data = Some(vec![9; 64])).write("nitro-binds-another", "ReportData");
    of(|d| d.digest = "SHA256".to_owned()).write("nitro-other-digest", "Report");
    of(|d| d.bundle_reversed = true).write("nitro-bundle-reversed", "Chain");

    let leaf = |change: fn(&mut Leaf)| draft(&FakeAws::with_leaf(NOW, change), |_| ());
    leaf(|leaf| leaf.validity = (NOW - 1000, NOW - 1)).write("nitro-leaf-expired", "Expired");
    leaf(|leaf| leaf.validity = (NOW + 1, NOW + 1000)).write("nitro-leaf-not-yet-valid", "Expired");
    leaf(|leaf| leaf.usage = vec![]).write("nitro-leaf-of-no-use", "Chain");
    leaf(|leaf| leaf.usage = vec![0, 5]).write("nitro-leaf-that-certifies", "Chain");
    leaf(|leaf| leaf.is_authority = true).write("nitro-leaf-is-an-authority", "Chain");
    let makers = strongroom_attest::TrustAnchors::default().aws.to_vec();
    Draft { root: ("aws", makers), ..good() }.write("nitro-other-root", "Chain");

    good().flipped(0).write("nitro-flip-array", "Report");
    good().flipped(4).write("nitro-flip-algorithm", "Report");
    good().with_report(|d| *d.last_mut().expect("not empty") ^= 1).write("nitro-flip-signature", "Signature");
    // The last byte of the payload: of the nonce.
    good()
        .with_report(|d| {
            let at = d.len() - 96 - 2 - 1;
            d[at] ^= 1;
        })
        .write("nitro-flip-nonce", "Signature");
    good().with_report(|d| d.push(0)).write("nitro-more-after", "Report");
    good().with_report(|d| d.truncate(d.len() - 1)).write("nitro-cut", "Report");
}
