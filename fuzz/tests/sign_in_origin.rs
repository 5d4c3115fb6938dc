//! `sign_in::Origin::from_str`: a scheme and an authority, and no more.

use fluent_uri::Uri;
use strongroom::sign_in::Origin;
use strongroom_fuzz::{Mutant, Reach};

#[test]
fn an_origin_has_one_text() {
    let valid = [
        "http://localhost:3000",
        "https://app.example",
        "http://[2001:db8::1]:8443",
        "http://127.0.0.1:3000",
        "https://xn--bcher-kva.example:1",
    ];
    let words = ["://", ":", "@", "/", "[::1]", "%41", ":80", "?", "#", "é", " "];
    let reach = Reach::default();
    bolero::check!().with_type::<Mutant>().for_each(|mutant| {
        let text = mutant.text_of(&valid, &words);
        let Ok(origin) = text.parse::<Origin>() else {
            reach.count("refused");
            return;
        };
        assert_eq!(origin.to_string(), text);
        assert_eq!(Origin::of_uri(&format!("{text}/a/path?query#fragment")), Some(origin.clone()));
        for longer in ["/", "?", "#", " ", "\n"] {
            assert!(format!("{text}{longer}").parse::<Origin>().is_err(), "{text}{longer}");
        }
        // RFC 3986 §3.2: authority = [ userinfo "@" ] host [ ":" port ]
        let uri = Uri::parse(text.as_str()).expect("an origin is a URI");
        let authority = uri.authority().expect("an origin has an authority");
        assert_eq!(origin.authority(), authority.as_str());
        let host = format!("{}://{}", uri.scheme(), authority.host());
        assert_eq!(origin.without_port().to_string(), host, "the host of {text}");
        assert_eq!(origin.without_port().without_port(), origin.without_port());
        assert_eq!(host.parse(), Ok(origin.without_port()));
        reach.count(if authority.port().is_some() { "with a port" } else { "without a port" });
    });
    reach.assert_met(&["with a port", "without a port", "refused"]);
}
