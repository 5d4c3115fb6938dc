//! Makes the vectors: a handoff between two enclaves that the test kit's fake certifies, either
//! good or with one thing wrong.

use crate::{Side, Vector, folder};
use std::io::Write as _;
use strongroom::encoding::base64;
use strongroom::key::DecapsulationKey;
use strongroom::slh_dsa::{PublicKey, SigningKey};
use strongroom_attest::policy::Hex;
use strongroom_attest::root_transfer::handoff::{
    HandoffRequest, Handover, Hello, Joiner, Offer, PendingOffer, ReceivedHello, ReleasePolicies,
};
use strongroom_attest::root_transfer::release_statement::ReleaseStatement;
use strongroom_attest::root_transfer::root_envelope;
use strongroom_attest::{
    AppraisalPolicy, AuxiliaryData, Claims, Collateral, Configuration, Evidence, KeyOrigin, Protection,
    Purpose, RecoveryRecipients, Report, TrustAnchors, platform,
};
use strongroom_testkit::drawn::Drawn;
use strongroom_testkit::rng;
use strongroom_testkit::tee::aws::{FakeAws, NitroDocument};
use time::{Duration, OffsetDateTime};

/// How many there are.
pub(crate) const COUNT: usize = 32;
pub(crate) const ROOT: [u8; 32] = [7; 32];

/// 2026-06-01T00:00:00Z.
const NOW: i64 = 1_780_272_000;
const VAULT: [u8; 32] = [2; 32];
const HANDOFF: [u8; 32] = [5; 32];
/// The joiner's nonce and the seed of its key.
const JOINERS: [u8; 96] = [6; 96];

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).expect("a time")
}

fn timestamp() -> String {
    "2026-06-01T00:00:00Z".to_owned()
}

/// An image's number stands in PCR0.
type Image = u8;

/// The vendor that certifies the enclaves, and the settings of the vault.
struct World {
    aws: FakeAws,
    release: SigningKey,
    vault: DecapsulationKey,
    configuration: Configuration,
}

/// A handoff, of which a vector changes something.
#[derive(Clone)]
struct Handoff {
    hello: Hello,
    donors: Evidence,
    donors_configuration: Configuration,
    offer: Offer,
    joiners_configuration: Configuration,
    request: HandoffRequest,
    statements: Vec<ReleaseStatement>,
}

impl World {
    fn new() -> Self {
        let release = SigningKey::from_seed(&[3; 96]);
        let configuration = Configuration {
            key_origin: KeyOrigin::Generated,
            sign_in_origins: vec!["https://vault.example".to_owned()],
            require_sign_in_to_store: false,
            protection: Protection::Memory,
            release_key: Some(release.public_key()),
            recovery: Some(RecoveryRecipients { threshold: 1, key_ids: vec![Hex([8; 16])] }),
        };
        let vault = DecapsulationKey::from_seed(&[1; 64]);
        Self { aws: FakeAws::new(NOW), release, vault, configuration }
    }

    fn roots(&self) -> TrustAnchors {
        TrustAnchors { aws: self.aws.root_der().to_vec().into(), ..TrustAnchors::default() }
    }

    fn sign(&self, claims: &Claims<'_>, image: Image) -> Evidence {
        let mut document = NitroDocument {
            user_data: Some(claims.report_data("aws-nitro").to_vec()),
            nonce: Some(claims.nonce.to_vec()),
            ..NitroDocument::default()
        };
        document.pcrs[0].1 = [image; 48];
        let report = Report {
            bytes: self.aws.document(&document),
            measurement: String::new(),
            auxiliary_data: AuxiliaryData::Nitro {},
            collateral: Collateral::default(),
        };
        claims.with_report("aws-nitro", report)
    }

    fn statement(&self, image: Image) -> ReleaseStatement {
        self.statement_by(&self.release, VAULT, now() + Duration::days(1), image)
    }

    fn statement_by(
        &self,
        key: &SigningKey,
        vault: [u8; 32],
        until: OffsetDateTime,
        image: Image,
    ) -> ReleaseStatement {
        let joiner = Joiner::new(VAULT, &mut Drawn(JOINERS.to_vec()));
        let evidence = self.sign(&joiner.claims(&self.configuration, timestamp()), image);
        let policy = AppraisalPolicy::draft(&evidence, &self.roots(), now()).expect("a policy");
        ReleaseStatement::sign(key, vault, until, &policy)
    }

    /// The donor's evidence, as it should be but for this.
    fn donor(
        &self,
        change: &dyn Fn(&mut Claims<'_>, &mut Image),
        hello: &Hello,
    ) -> (Evidence, Offer, PendingOffer) {
        let offering = ReceivedHello::new(hello, &mut Drawn(HANDOFF.to_vec())).expect("a good hello");
        let key = self.vault.encapsulation_key();
        let mut claims = Claims {
            purpose: Purpose::Handoff,
            vault_id: VAULT,
            epoch: 1,
            encapsulation_key: &key,
            key_origin: KeyOrigin::Generated,
            config_digest: self.configuration.digest(),
            tls_spki_sha256: None,
            nonce: offering.transcript(),
            timestamp: timestamp(),
        };
        let mut image = 1;
        change(&mut claims, &mut image);
        let evidence = self.sign(&claims, image);
        let (offer, offered) =
            offering.offer(evidence.clone(), self.configuration.clone(), VAULT).expect("an offer");
        (evidence, offer, offered)
    }

    /// A whole handoff to an image, with statements.
    fn handoff(
        &self,
        image: Image,
        statements: Vec<ReleaseStatement>,
        change: &dyn Fn(&mut Claims<'_>),
    ) -> Handoff {
        let joiner = || Joiner::new(VAULT, &mut Drawn(JOINERS.to_vec()));
        let hello = joiner().hello();
        let (donors, offer, _) = self.donor(&|_, _| (), &hello);
        // Other vectors cover which donor a joiner accepts.
        let key = self.release.public_key();
        let released =
            ReleasePolicies::from_statements(&[self.statement(1)], &key, &VAULT, &self.roots(), now())
                .expect("good");
        let met = joiner().accept(&offer, &released, &self.configuration, now()).expect("a good donor");
        let mut claims = met.claims(timestamp());
        change(&mut claims);
        let evidence = self.sign(&claims, image);
        Handoff {
            request: met.request(evidence, statements.clone()),
            joiners_configuration: Configuration {
                key_origin: KeyOrigin::HandoffGenerated,
                ..self.configuration.clone()
            },
            donors_configuration: self.configuration.clone(),
            hello,
            donors,
            offer,
            statements,
        }
    }

    fn write(&self, name: &str, outcome: &str, configuration: &Configuration, random: &[u8], side: Side) {
        let vector = Vector {
            outcome: outcome.to_owned(),
            now: NOW,
            root: base64(self.aws.root_der()),
            vault_id: Hex(VAULT),
            release_key: self.release.public_key().to_string(),
            own_configuration: configuration.clone(),
            random: hex::encode(random),
            side,
        };
        let json = serde_json::to_string(&vector).expect("plain data") + "\n";
        #[expect(clippy::disallowed_types, reason = "it writes the vectors")]
        let mut file = std::fs::File::create_new(folder().join(format!("{name}.json"))).expect("a new name");
        file.write_all(json.as_bytes()).expect("written");
    }

    fn donor_takes(
        &self,
        name: &str,
        outcome: &str,
        handoff: &Handoff,
        change: impl FnOnce(&mut serde_json::Value),
    ) {
        let mut request = serde_json::to_value(&handoff.request).expect("plain data");
        change(&mut request);
        let request = Box::new(serde_json::from_value(request).expect("a request"));
        let evidence = Box::new(handoff.donors.clone());
        let side = Side::Donor { evidence, hello: handoff.hello.clone(), request };
        self.write(name, outcome, &handoff.donors_configuration, &HANDOFF, side);
    }

    fn joiner_takes(&self, name: &str, outcome: &str, handoff: &Handoff, handover: Option<Handover>) {
        let side = Side::Joiner {
            release_statements: handoff.statements.clone(),
            offer: Box::new(handoff.offer.clone()),
            handover,
        };
        self.write(name, outcome, &self.configuration, &JOINERS, side);
    }
}

pub(crate) fn all() {
    #[expect(clippy::disallowed_methods, reason = "it writes the vectors")]
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        std::fs::remove_file(entry.expect("an entry").path()).expect("removed");
    }
    let world = World::new();
    donors(&world);
    joiners(&world);
}

/// What a donor grants and refuses.
fn donors(world: &World) {
    let none = |_: &mut serde_json::Value| ();
    let alike = world.handoff(1, vec![world.statement(1)], &|_| ());
    world.donor_takes("donor-alike", "granted", &alike, none);
    let upgrade = |statements| world.handoff(2, statements, &|_| ());
    world.donor_takes("donor-released", "granted", &upgrade(vec![world.statement(2)]), none);

    let measurement = "Untrusted(Measurement)";
    world.donor_takes("donor-other-image", measurement, &upgrade(vec![world.statement(1)]), none);
    // The same code as the donor's: its own evidence, which a host can exchange, lets nobody in.
    let unsigned = world.handoff(1, vec![], &|_| ());
    world.donor_takes("donor-alike-unreleased", "Untrusted(PlatformNotInPolicy)", &unsigned, none);
    world.donor_takes("donor-another-released", measurement, &upgrade(vec![world.statement(3)]), none);
    let other = SigningKey::from_seed(&[4; 96]);
    let tomorrow = now() + Duration::days(1);
    for (name, outcome, statement) in [
        (
            "statement-by-another-key",
            "Statement(Signature(BadSignature))",
            world.statement_by(&other, VAULT, tomorrow, 2),
        ),
        (
            "other-vaults-statement",
            "Statement(OtherVault)",
            world.statement_by(&world.release, [9; 32], tomorrow, 2),
        ),
        (
            "old-statement",
            "Statement(Expired)",
            world.statement_by(&world.release, VAULT, now() - Duration::SECOND, 2),
        ),
    ] {
        world.donor_takes(&format!("donor-{name}"), outcome, &upgrade(vec![statement]), none);
    }
    // Also where it is not needed: what does not count is not passed over.
    let bad = world.statement_by(&other, VAULT, tomorrow, 1);
    world.donor_takes(
        "donor-needless-bad-statement",
        "Statement(Signature(BadSignature))",
        &world.handoff(1, vec![world.statement(1), bad], &|_| ()),
        none,
    );

    // What the joiner says of itself, signed.
    let of = |change: &dyn Fn(&mut Claims<'_>)| world.handoff(1, vec![world.statement(1)], change);
    let service = of(&|claims| claims.purpose = Purpose::Service);
    world.donor_takes("donor-evidence-for-clients", "Untrusted(ReportData)", &service, none);
    world.donor_takes("donor-replayed", "Untrusted(Nonce)", &of(&|claims| claims.nonce = [9; 32]), none);
    world.donor_takes(
        "donor-other-vault",
        "Untrusted(VaultId)",
        &of(&|claims| claims.vault_id = [9; 32]),
        none,
    );
    let old = of(&|claims| claims.timestamp = "2026-05-31T23:54:59Z".to_owned());
    world.donor_takes("donor-stale", "Untrusted(Timestamp)", &old, none);
    let other_key = DecapsulationKey::from_seed(&[9; 64]).encapsulation_key();
    let swapped = Claims {
        purpose: Purpose::Handoff,
        vault_id: VAULT,
        epoch: 1,
        encapsulation_key: &other_key,
        key_origin: KeyOrigin::HandoffGenerated,
        config_digest: alike.joiners_configuration.digest(),
        tls_spki_sha256: None,
        nonce: request_nonce(&alike.request),
        timestamp: timestamp(),
    };
    world.donor_takes("donor-other-key", "EphemeralKey", &alike, |request| {
        request["evidence"] = serde_json::to_value(world.sign(&swapped, 1)).expect("plain data");
    });
    // A joiner that would say that it made the key.
    let generated = Configuration { key_origin: KeyOrigin::Generated, ..world.configuration.clone() };
    let lying = of(&|claims| {
        claims.key_origin = KeyOrigin::Generated;
        claims.config_digest = generated.digest();
    });
    world.donor_takes("donor-lying-about-origin", "Origin", &lying, |request| {
        request["configuration"]["keyOrigin"] = "generated".into();
    });
    world.donor_takes("donor-origin-altered", "Untrusted(ReportData)", &alike, |request| {
        request["evidence"]["keyOrigin"] = "generated".into();
    });
    world.donor_takes("donor-other-settings-shown", "Configuration", &alike, |request| {
        request["configuration"]["signInOrigins"] = serde_json::json!(["https://evil.example"]);
    });
    // Settings that evidence binds, and that would let others in.
    type Change = fn(&mut Configuration);
    let changes: [(&str, Change); 4] = [
        ("sign-in-origin", |c| c.sign_in_origins = vec!["https://evil.example".to_owned()]),
        ("release-key", |c| c.release_key = Some(PublicKey::from_bytes([9; 64]))),
        ("recovery", |c| c.recovery = None),
        ("protection", |c| c.protection = Protection::Plain),
    ];
    for (name, change) in changes {
        let mut configuration = alike.joiners_configuration.clone();
        change(&mut configuration);
        let differing = of(&|claims| claims.config_digest = configuration.digest());
        world.donor_takes(&format!("donor-other-{name}"), "NotAlike", &differing, |request| {
            request["configuration"] = serde_json::to_value(&configuration).expect("plain data");
        });
    }
    let joiner = Joiner::new(VAULT, &mut Drawn(JOINERS.to_vec()));
    let unsigned = platform::none::evidence(&Claims {
        epoch: 1,
        nonce: request_nonce(&alike.request),
        ..joiner.claims(&alike.joiners_configuration, timestamp())
    });
    world.donor_takes("donor-no-tee", "Untrusted(NoTee)", &alike, |request| {
        request["evidence"] = serde_json::to_value(unsigned).expect("plain data");
    });
}

/// The transcript that a request's evidence answers to.
fn request_nonce(request: &HandoffRequest) -> [u8; 32] {
    let json = serde_json::to_value(request).expect("plain data");
    let text = json["evidence"]["nonce"].as_str().expect("a nonce");
    hex::decode(text).expect("hex").try_into().expect("32 bytes")
}

/// What a joiner accepts and refuses.
fn joiners(world: &World) {
    let joiner = || Joiner::new(VAULT, &mut Drawn(JOINERS.to_vec()));
    let alike = world.handoff(1, vec![world.statement(1)], &|_| ());
    let handover = |root: [u8; 32], transcript: [u8; 32]| {
        let key = joiner().claims(&world.configuration, timestamp()).encapsulation_key.clone();
        Handover::new(&root_envelope::seal(&root, &transcript, &[key.into()], &mut rng()).expect("sealed"))
    };
    let good = handover(ROOT, request_nonce(&alike.request));
    world.joiner_takes("joiner-alike", "received", &alike, Some(good.clone()));
    world.joiner_takes(
        "joiner-other-handoffs-root",
        "Transfer(Subject)",
        &alike,
        Some(handover(ROOT, [9; 32])),
    );

    // An older image hands over to a newer one: the newer one asks who may be before it.
    let upgrade = world.handoff(2, vec![world.statement(1)], &|_| ());
    world.joiner_takes("joiner-released", "met", &upgrade, None);
    let foreign = world.handoff(2, vec![world.statement(2)], &|_| ());
    world.joiner_takes("joiner-other-image", "Untrusted(Measurement)", &foreign, None);
    let unsigned = world.handoff(1, vec![], &|_| ());
    world.joiner_takes("joiner-alike-unreleased", "Untrusted(PlatformNotInPolicy)", &unsigned, None);

    let by = |change: &dyn Fn(&mut Claims<'_>, &mut Image)| {
        let hello = joiner().hello();
        Handoff { offer: world.donor(change, &hello).1, ..alike.clone() }
    };
    world.joiner_takes(
        "joiner-donor-for-clients",
        "Untrusted(ReportData)",
        &by(&|claims, _| claims.purpose = Purpose::Service),
        None,
    );
    world.joiner_takes(
        "joiner-donor-of-another-vault",
        "Untrusted(VaultId)",
        &by(&|claims, _| claims.vault_id = [9; 32]),
        None,
    );
    world.joiner_takes(
        "joiner-donor-lying-about-settings",
        "Configuration",
        &by(&|claims, _| claims.config_digest = [9; 32]),
        None,
    );
    let mut altered = serde_json::to_value(&alike.offer).expect("plain data");
    altered["evidence"]["keyOrigin"] = "recovered".into();
    let altered = Handoff { offer: serde_json::from_value(altered).expect("an offer"), ..alike.clone() };
    world.joiner_takes("joiner-donor-lying-about-origin", "Untrusted(ReportData)", &altered, None);
    // An offer that answered somebody else.
    let mut replayed = serde_json::to_value(&alike.offer).expect("plain data");
    replayed["handoff"] = "09".repeat(32).into();
    let replayed = Handoff { offer: serde_json::from_value(replayed).expect("an offer"), ..alike.clone() };
    world.joiner_takes("joiner-replayed", "Untrusted(Nonce)", &replayed, None);
}
