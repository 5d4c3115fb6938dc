//! dstack's event log: with a fixed quote, no other log passes than the one that made its RTMR3.

use bolero::TypeGenerator;
use strongroom_attest::{AuxiliaryData, DstackEvent, Evidence, Refusal, explain, verify};
use strongroom_fuzz::attestation::{Valid, valid};
use strongroom_fuzz::{Edit, Reach};

const WORDS: [&str; 10] = [
    "\"version\":2,",
    "\"version\":1,",
    "\"version\":null,",
    "null",
    ":",
    "\"\"",
    "00",
    "134217729",
    "{}",
    "system-ready",
];

/// One change of a log. Places are modulo the number of events.
#[derive(Debug, Clone, TypeGenerator)]
enum Change {
    Swap(u8, u8),
    Drop(u8),
    Repeat {
        which: u8,
        before: u8,
    },
    Digest {
        of: u8,
        none: bool,
    },
    Version {
        of: u8,
        version: Option<u8>,
    },
    Register {
        of: u8,
        register: u8,
    },
    Kind {
        of: u8,
        kind: u8,
    },
    Name {
        of: u8,
        edit: Edit,
    },
    Payload {
        of: u8,
        edit: Edit,
    },
    Capitals {
        of: u8,
    },
    /// Moves its payload's first bytes into its name, which leaves the hashed bytes as they were.
    Shift {
        of: u8,
        colon: u8,
    },
}

#[derive(Debug, Clone, TypeGenerator)]
struct Input {
    which: u8,
    #[generator(bolero::produce_with::<Vec<Change>>().len(0_usize..=3))]
    changes: Vec<Change>,
    /// Whether the log comes without digests. Then only the replay decides.
    bare: bool,
    #[generator(bolero::produce_with::<Vec<Edit>>().len(0_usize..=1))]
    edits: Vec<Edit>,
    verified: u8,
}

fn log(evidence: &Evidence) -> &Vec<DstackEvent> {
    match &evidence.auxiliary_data {
        AuxiliaryData::Dstack { event_log, .. } => event_log,
        _ => panic!("it is of dstack"),
    }
}

fn change(events: &mut Vec<DstackEvent>, change: &Change) {
    if events.is_empty() {
        return;
    }
    let count = events.len();
    let at = |n: u8| usize::from(n) % count;
    match *change {
        Change::Swap(a, b) => events.swap(at(a), at(b)),
        Change::Drop(which) => drop(events.remove(at(which))),
        Change::Repeat { which, before } => events.insert(at(before), events[at(which)].clone()),
        Change::Digest { of, none: true } => events[at(of)].digest.clear(),
        Change::Digest { of, .. } => events[at(of)].digest = "00".repeat(48),
        Change::Version { of, version } => events[at(of)].version = version.map(|n| u32::from(n % 4)),
        Change::Register { of, register } => events[at(of)].imr = u32::from(register % 4),
        Change::Kind { of, kind } => events[at(of)].event_type ^= 1 << (kind % 32),
        Change::Name { of, ref edit } => {
            let mut name = std::mem::take(&mut events[at(of)].event).into_bytes();
            edit.apply(&mut name, &WORDS);
            events[at(of)].event = String::from_utf8_lossy(&name).into_owned();
        }
        Change::Payload { of, ref edit } => {
            let mut payload = hex::decode(&events[at(of)].event_payload).unwrap_or_default();
            edit.apply(&mut payload, &WORDS);
            events[at(of)].event_payload = hex::encode(payload);
        }
        Change::Capitals { of } => events[at(of)].event_payload.make_ascii_uppercase(),
        Change::Shift { of, colon } => {
            let event = &mut events[at(of)];
            let payload = hex::decode(&event.event_payload).unwrap_or_default();
            let colons: Vec<usize> = (0..payload.len()).filter(|at| payload[*at] == b':').collect();
            if let Some(&end) = colons.get(usize::from(colon) % colons.len().max(1)) {
                event.event = format!("{}:{}", event.event, String::from_utf8_lossy(&payload[..end]));
                event.event_payload = hex::encode(&payload[end + 1..]);
            }
        }
    }
}

/// Whether the logs have the same events in the same order. Digests may be left out, and hex digits
/// be of either case.
fn is_same(events: &[DstackEvent], made: &[DstackEvent]) -> bool {
    let says = |event: &DstackEvent| {
        let payload = event.event_payload.to_lowercase();
        (event.imr, event.event_type, event.event.clone(), payload, event.version.unwrap_or(1))
    };
    events.len() == made.len()
        && events.iter().zip(made).all(|(event, made)| {
            // If its maker showed no digest of an event, this log shows none either.
            says(event) == says(made) && (event.digest.is_empty() || event.digest == made.digest)
        })
}

fn run(input: &Input, valid: &Valid, reach: &Reach) {
    let mut events = log(&valid.evidence).clone();
    input.changes.iter().for_each(|one| change(&mut events, one));
    if input.bare {
        events.iter_mut().for_each(|event| event.digest.clear());
    }
    let mut json = serde_json::to_vec(&events).expect("plain data");
    input.edits.iter().for_each(|edit| edit.apply(&mut json, &WORDS));
    let Ok(events) = serde_json::from_slice::<Vec<DstackEvent>>(&json) else {
        return reach.count("no log");
    };
    let is_same = is_same(&events, log(&valid.evidence));
    let mut evidence = valid.evidence.clone();
    match &mut evidence.auxiliary_data {
        AuxiliaryData::Dstack { event_log, .. } => *event_log = events,
        _ => panic!("it is of dstack"),
    }
    let rows = explain::evidence(&evidence).expect("its quote is as it was");
    let shown = rows.into_iter().find(|(name, _)| *name == "event log").expect("a row").1;
    assert_eq!(shown == "leads to RTMR3", is_same, "{shown}");
    // Refusals are shown only as texts, so this one is found by its text.
    let refusals = [Refusal::EventLog, Refusal::EventReplay, Refusal::DuplicateEvent, Refusal::MissingEvent];
    match refusals.iter().find(|refusal| refusal.to_string() == shown) {
        None => reach.count("accepted"),
        Some(refusal) => reach.count(refusal),
    }
    // Signatures take a while, and the quote is always the same.
    if is_same || input.verified < 16 {
        let verdict = verify(&evidence, &valid.asked, &valid.policy, valid.at);
        assert_eq!(verdict.err().map(|refusal| refusal.to_string()), (!is_same).then_some(shown));
    }
}

#[test]
fn no_other_log_leads_to_the_quotes_register() {
    let valid = valid(&["dstack"]);
    let reach = Reach::default();
    bolero::check!().with_type::<Input>().for_each(|input| {
        run(input, &valid[usize::from(input.which) % valid.len()], &reach);
    });
    reach.assert_met_after(150, &["accepted", "no log", "EventLog"]);
    reach.assert_met(&["no log", "accepted", "EventLog", "EventReplay", "DuplicateEvent"]);
}
