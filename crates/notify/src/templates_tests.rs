//! Every message in every language, with names that try to be more than names.

use super::*;

const LINK: &str = "https://id.example.test/console/verify?token=abc-DEF_123";

fn words(name: &str) -> Words {
    Words {
        name: name.into(),
        code: "123456".into(),
        link: LINK.into(),
        minutes: 5,
        origin: Origin {
            when: "2026-03-01 12:00 UTC".into(),
            ip: "192.0.2.7".into(),
            device: "Browser/1.0 <b> https://evil.test/login\r\nBcc: eve@evil.test".into(),
        },
        host: "id.example.test".into(),
    }
}

fn each(mut check: impl FnMut(Template, Channel, Language, &Templates)) {
    let templates = Templates::new().unwrap();
    for template in Template::ALL {
        for channel in Channel::ALL.into_iter().filter(|channel| template.travels_by(*channel)) {
            for language in Language::ALL {
                check(template, channel, language, &templates);
            }
        }
    }
}

#[test]
fn every_message_renders_with_hostile_names() {
    let names = [
        "A<b>",
        "Ada\r\nBcc: eve@evil.test",
        "{{7*7}}",
        "https://evil.test/login",
        "\"><script>x</script>",
        "",
    ];
    each(|template, channel, language, templates| {
        for name in names {
            let letter = templates.write(template, channel, language, &words(name)).unwrap();
            let whole = format!("{}\n{}\n{}", letter.subject, letter.text, letter.html);
            let place = format!("{template:?} {channel:?} {language:?} {name:?}: {whole}");
            for bad in ["\r", "49", "evil.test", "@evil", "\nBcc", "{%"] {
                assert!(!whole.contains(bad), "{bad:?} in {place}");
            }
            assert!(!letter.html.contains("<b>") && !letter.html.contains("<script"), "{place}");
            assert!(
                !letter.subject.contains('\n') && (letter.subject.is_empty() == (channel == Channel::Sms)),
                "{place}"
            );
            assert!(!letter.text.trim().is_empty(), "{place}");
        }
    });
}

#[test]
fn a_name_is_shown_as_it_is() {
    each(|template, channel, language, templates| {
        if channel == Channel::Sms {
            return;
        }
        let letter = templates.write(template, channel, language, &words("A<b> {{7*7}}")).unwrap();
        assert!(letter.text.contains("A<b> {{7*7}}"), "{}", letter.text);
        assert!(letter.html.contains("A&lt;b&gt; {{7*7}}"), "{}", letter.html);
    });
}

#[test]
fn codes_stand_alone_and_links_are_whole() {
    each(|template, channel, language, templates| {
        let letter = templates.write(template, channel, language, &words("Ada")).unwrap();
        let place = format!("{template:?} {channel:?} {language:?}: {}", letter.text);
        let has_code = matches!(
            template,
            Template::Welcome
                | Template::VerifyEmail
                | Template::VerifyMobile
                | Template::ResetCode
                | Template::OtpCode
                | Template::FactorCode
        );
        let has_link = matches!(template, Template::Welcome | Template::VerifyEmail | Template::ResetLink);
        assert_eq!(letter.text.contains("123456"), has_code, "{place}");
        assert_eq!(letter.text.split_whitespace().any(|word| word == LINK), has_link, "{place}");
        assert!(!letter.subject.contains("123456"), "a subject shows on locked screens: {place}");
        if channel == Channel::Email {
            let line = letter.text.lines().find(|line| line.contains("123456"));
            assert!(line.is_none_or(|line| line.ends_with(": 123456")), "{place}");
            assert_eq!(letter.html.contains("123456"), has_code, "{place}");
            assert_eq!(letter.html.contains(&format!("href=\"{LINK}\"")), has_link, "{place}");
            assert!(letter.html.contains(&format!("lang=\"{}\"", language.as_str())), "{place}");
        } else {
            assert!(letter.text.lines().count() == 1 && letter.text.chars().count() <= 160, "{place}");
        }
    });
}

#[test]
fn without_code_or_link_nothing_is_left_hanging() {
    each(|template, channel, language, templates| {
        let words = Words { name: "Ada".into(), host: "id.example.test".into(), ..Words::default() };
        let letter = templates.write(template, channel, language, &words).unwrap();
        if matches!(template, Template::Welcome) {
            for word in ["code", "Code", "href"] {
                assert!(!letter.html.contains(word), "{word} in {}", letter.html);
            }
        }
        assert!(!letter.text.contains(" 0 "), "{}", letter.text);
    });
}

#[test]
fn a_strange_public_url_cannot_leave_its_attribute() {
    let templates = Templates::new().unwrap();
    let words = Words { link: "https://x.test/\"><script>".into(), ..words("Ada") };
    let letter = templates.write(Template::ResetLink, Channel::Email, Language::English, &words).unwrap();
    assert!(!letter.html.contains("<script>"), "{}", letter.html);
}

#[test]
fn minutes_are_rounded_up_and_left_out_when_long() {
    let now = Timestamp::from_second(1_000).unwrap();
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    assert_eq!(minutes_until(at(1_000 + 299).as_ref(), now), 5);
    assert_eq!(minutes_until(at(1_000 + 300).as_ref(), now), 5);
    assert_eq!(minutes_until(at(1_000 + 86_400).as_ref(), now), 0);
    assert_eq!(minutes_until(at(10).as_ref(), now), 0);
    assert_eq!(minutes_until(None, now), 0);
}
