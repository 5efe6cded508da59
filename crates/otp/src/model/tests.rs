use proptest::prelude::*;

use denizen_kit::time::before;

use super::*;

/// RFC 4226 Appendix D: the HMAC-SHA-1 of counts 0 to 9, and the code.
const VECTORS: [(&str, &str); 10] = [
    ("cc93cf18508d94934c64b65d8ba7667fb7cde4b0", "755224"),
    ("75a48a19d4cbe100644e8ac1397eea747a2d33ab", "287082"),
    ("0bacb7fa082fef30782211938bc1c5e70416ff44", "359152"),
    ("66c28227d03a2d5529262ff016a1e6ef76557ece", "969429"),
    ("a904c900a64b35909874b33e61c5938a8e15ed1c", "338314"),
    ("a37e783d7b7233c083d4f62926c7a25f238d0316", "254676"),
    ("bc9cd28561042c83f219324d3c607256c03272ae", "287922"),
    ("a4fb960c0bc06e1eabb804e5b397cdc4b45596fa", "162583"),
    ("1b3c89f65e6c9e883012052823443f048b4332db", "399871"),
    ("1637409809a679dc698207310c8c7fc07290d9e5", "520489"),
];

fn config() -> Config {
    Config::read(&mut denizen_kit::config::Settings::default())
}

fn id() -> OtpId {
    "0192aa00-0000-7000-8000-000000000001".parse().unwrap()
}

#[test]
fn truncation_is_that_of_rfc_4226() {
    for (mac, code) in VECTORS {
        assert_eq!(truncate(&hex::decode(mac).unwrap(), 6), code);
    }
    // Count 0 of Appendix D in full: 1284755224.
    assert_eq!(truncate(&hex::decode(VECTORS[0].0).unwrap(), 10), "1284755224");
}

#[test]
fn codes_are_read_strictly() {
    assert_eq!(parse_code(" 012345 ", 6), Some("012345"));
    let bad = [
        "",
        "12345",
        "1234567",
        "12 345",
        "１２３４５６",
        "12345a",
        "+12345",
        "-12345",
        "123456\n",
        "\t123456",
    ];
    for text in bad {
        assert_eq!(parse_code(text, 6), None, "{text:?}");
    }
}

#[test]
fn a_token_has_one_form() {
    let token = encode_token(id(), &[0xfe; 32]);
    assert_eq!(decode_token(&token), Some((id(), [0xfe; 32])));
    for bad in
        ["", "x", &token[..63], &format!("{token}A"), &token.replace('_', "/"), &token.replace('_', "=")]
    {
        assert_eq!(decode_token(bad), None, "{bad}");
    }
}

#[test]
fn a_requested_code_ends_when_it_was_said() {
    let (config, now) = (config(), Timestamp::UNIX_EPOCH);
    let later = after(now, Duration::from_secs(240));
    let otp = Otp::requested(id(), Purpose::Login, Channel::Email, now, &config);
    assert_eq!(otp.code_end(later, &config), otp.code_expires_at);
    assert!(!otp.is_over(later));
    assert!(otp.is_over(otp.code_expires_at));
}

#[test]
fn a_late_message_still_gets_a_living_code() {
    let (config, now) = (config(), Timestamp::UNIX_EPOCH);
    let later = after(now, Duration::from_secs(600));
    let otp = Otp::for_message((id(), Purpose::VerifyEmail, None), now, &config);
    assert!(!otp.is_over(later));
    assert_eq!(otp.code_end(later, &config), after(later, config.ttl));
    let last_minute = before(otp.ends_at, Duration::from_secs(60));
    assert_eq!(otp.code_end(last_minute, &config), otp.ends_at);
}

#[test]
fn used_and_ended_are_over() {
    let (config, now) = (config(), Timestamp::UNIX_EPOCH);
    let otp = Otp::for_message((id(), Purpose::VerifyEmail, None), now, &config);
    assert!(Otp { used_at: Some(now), ..otp.clone() }.is_over(now));
    assert!(Otp { ended_at: Some(now), ..otp }.is_over(now));
}

#[test]
fn numbers_get_a_text_message() {
    for number in ["+4917612345678", "0176 123-456", "(555) 010.9999"] {
        assert_eq!(Channel::of_identifier(number), Channel::Sms, "{number}");
    }
    for other in ["ada@example.test", "ada", "12345", "4917612345678a", ""] {
        assert_eq!(Channel::of_identifier(other), Channel::Email, "{other}");
    }
}

#[test]
fn names_of_purposes_come_back() {
    for purpose in Purpose::ALL {
        assert_eq!(Purpose::parse(purpose.as_str()), Some(purpose));
    }
    assert_eq!(Purpose::parse("Login"), None);
}

proptest! {
    #[test]
    fn no_text_breaks_the_readers(text in "\\PC{0,80}") {
        let _ = parse_code(&text, 6);
        let _ = decode_token(&text);
        let _ = Channel::of_identifier(&text);
    }

    #[test]
    fn a_code_has_its_length(mac in proptest::array::uniform32(any::<u8>()), digits in 6_u32..=10) {
        let code = truncate(&mac, digits);
        prop_assert_eq!(parse_code(&code, digits), Some(code.as_str()));
    }
}
