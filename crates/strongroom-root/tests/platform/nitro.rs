use crate::{quote, quote_of};
use std::sync::Arc;
use strongroom_attest::{AppraisalPolicy, AuxiliaryData, Challenge, NO_NONCE, Refusal, TrustAnchors, verify};
use strongroom_root::{Platform, PlatformChoice, PlatformError, PlatformPaths, SecureModule};
use strongroom_testkit::tee::aws::{FakeAws, NitroDocument};
use time::OffsetDateTime;

/// A fake of an enclave's Secure Module: it answers with what it is told to.
struct Module {
    aws: FakeAws,
    answer: fn(NitroDocument, &FakeAws) -> Result<Vec<u8>, PlatformError>,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Module")
    }
}

impl SecureModule for Module {
    fn document(&self, user_data: &[u8; 64], nonce: &[u8; 32]) -> Result<Vec<u8>, PlatformError> {
        let (user_data, nonce) = (Some(user_data.to_vec()), Some(nonce.to_vec()));
        (self.answer)(NitroDocument { user_data, nonce, ..NitroDocument::default() }, &self.aws)
    }
}

fn enclave(
    choice: PlatformChoice,
    answer: fn(NitroDocument, &FakeAws) -> Result<Vec<u8>, PlatformError>,
) -> (Platform, TrustAnchors) {
    // The moment that the claims of `crate::quote` name.
    let aws = FakeAws::new(1_767_225_600);
    let trust_anchors = TrustAnchors { aws: aws.root_der().to_vec().into(), ..TrustAnchors::default() };
    let nsm: Arc<dyn SecureModule> = Arc::new(Module { aws, answer });
    let paths = PlatformPaths { nsm: Some(nsm), ..PlatformPaths::default() };
    (Platform::find(choice, &paths).expect("an enclave"), trust_anchors)
}

/// The nonce stands in the report and in the document, and altered claims are refused.
#[test]
fn an_enclave_is_found_and_its_evidence_verified() {
    for choice in [PlatformChoice::AwsNitro, PlatformChoice::Auto] {
        let (platform, trust_anchors) = enclave(choice, |document, aws| Ok(aws.document(&document)));
        assert_eq!((platform.name(), platform.is_none()), ("aws-nitro", false));
        let evidence = quote(&platform, None).expect("evidence");
        assert_eq!(evidence.auxiliary_data, AuxiliaryData::Nitro {});
        assert_eq!(evidence.measurement, hex::encode(NitroDocument::default().pcrs[0].1));
        let at = OffsetDateTime::from_unix_timestamp(1_767_225_600).expect("a time");
        let policy = AppraisalPolicy::draft(&evidence, &trust_anchors, at).expect("a policy");
        let asked = Challenge { nonce: Some([4; 32]), ..Challenge::default() };
        assert_eq!(verify(&evidence, &asked, &policy, at).expect("verified").platform(), "aws-nitro");
        let other = Challenge { nonce: Some([5; 32]), ..Challenge::default() };
        assert_eq!(verify(&evidence, &other, &policy, at).err(), Some(Refusal::Nonce));
        let mut altered = evidence.clone();
        altered.epoch = 2;
        assert_eq!(verify(&altered, &asked, &policy, at).err(), Some(Refusal::ReportData));
        // A module that signs something other than what it was asked for.
        let (other_module, trust_anchors) = enclave(choice, |mut document, aws| {
            document.user_data = Some(vec![9; 64]);
            Ok(aws.document(&document))
        });
        let other_policy = AppraisalPolicy { trust_anchors, ..policy.clone() };
        let signed = quote_of([4; 32], &other_module).expect("evidence");
        assert_eq!(verify(&signed, &asked, &other_policy, at).err(), Some(Refusal::ReportData));
        // Evidence that was made without a client's nonce.
        let cached = quote_of(NO_NONCE, &platform).expect("evidence");
        assert!(verify(&cached, &Challenge::default(), &policy, at).is_ok());
        assert_eq!(verify(&cached, &asked, &policy, at).err(), Some(Refusal::Nonce));
        let makers = AppraisalPolicy { trust_anchors: TrustAnchors::default(), ..policy };
        assert_eq!(verify(&evidence, &asked, &makers, at).err(), Some(Refusal::Chain));
        assert!(platform.tls_key("vault.example").expect("an answer").is_none());
    }
}

#[test]
fn a_module_that_refuses_or_answers_garbage_is_told_of() {
    let (platform, _) = enclave(PlatformChoice::AwsNitro, |_, _| {
        Err(PlatformError::Refused("the module", "InternalError".to_owned()))
    });
    assert!(matches!(quote(&platform, None), Err(PlatformError::Refused(_, why)) if why == "InternalError"));
    let (platform, _) = enclave(PlatformChoice::AwsNitro, |document, aws| {
        let mut cut = aws.document(&document);
        cut.truncate(100);
        Ok(cut)
    });
    let answered = quote(&platform, None).expect_err("garbage");
    assert!(answered.to_string().contains("it is not an attestation document"), "{answered}");
}
