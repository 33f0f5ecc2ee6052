//! Who is called by name in a group: people must be heard when they call, and nobody may speak up uncalled.

use std::time::{Duration, Instant};

use chatfriends_personas::{Library, Persona, PersonaId, called};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

fn caller(library: &Library, text: &str) -> String {
    let personas = library.iter().map(AsRef::as_ref);
    called(text, personas).map_or_else(
        || "-".to_owned(),
        |persona: &Persona| persona.id.to_string(),
    )
}

/// All phrases are heard before the test fails, so that a change of the rules shows all that it costs.
fn check_phrases(phrases: &str, known_misses: usize) {
    let library = Library::shipped();
    let cases: Vec<(&str, String)> = phrases
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(" | ").expect("a phrase follows its name"))
        .map(|(wanted, text)| (wanted, text.replace("\\n", "\n")))
        .collect();
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(wanted, text)| {
            let got = caller(&library, text);
            (got != *wanted).then(|| format!("{text:?}: wanted {wanted}, got {got}"))
        })
        .collect();
    let calls = cases.iter().filter(|(wanted, _)| *wanted != "-").count();
    let missed = wrong
        .iter()
        .filter(|line| !line.contains("wanted -"))
        .count();
    assert!(
        wrong.len() <= known_misses,
        "{calls} calls, {missed} of them missed or mistaken; {} others, {} of them heard as calls\n{}",
        cases.len() - calls,
        wrong.len() - missed,
        wrong.join("\n")
    );
}

#[test]
fn korean_calls_are_heard() {
    // Not heard: that a greeting may be two initials ("ㅎㅇ 조이"), and that Bellucci is a surname.
    check_phrases(include_str!("calls_ko.txt"), 2);
}

#[test]
fn english_calls_are_heard() {
    // Not heard: "thanks Joey fans", "Ross? never heard of him", and that "I don't know Joey, …" doubts rather than asks who he is.
    check_phrases(include_str!("calls_en.txt"), 3);
}

#[test]
fn only_those_who_are_there_are_called() {
    let library = Library::shipped();
    let without_joey = || {
        let personas = library.iter().map(AsRef::as_ref);
        personas.filter(|persona: &&Persona| persona.id.as_str() != "joey")
    };
    let id = |text| called(text, without_joey()).map(|persona| persona.id.as_str());
    assert_eq!(id("조이야 뭐해?"), None);
    assert_eq!(id("Joey, Ross, are you there?"), Some("ross"));
    assert!(called("Joey, are you there?", []).is_none());
}

/// A name that several go by would make the wrong one answer.
#[test]
fn no_two_shipped_personas_share_a_name() {
    let library = Library::shipped();
    for persona in library.iter() {
        let aliases = persona.aliases.iter();
        for name in aliases.chain([&persona.name]) {
            assert_eq!(
                caller(&library, &format!("@{name}")),
                persona.id.as_str(),
                "{name}"
            );
        }
    }
}

/// The names that a file gives are any text.
#[test]
fn own_names_are_called_too() {
    let parse = |id: &str, name: &str, alias: &str| {
        let text = format!(
            "name = {name:?}\naliases = [{alias:?}]\nlanguages = [\"ko\"]\nsystem = \"A test.\"\ngreeting = \"Hi.\"\n"
        );
        let id = PersonaId::new(id).unwrap();
        Persona::parse(id, "test.toml", &text).unwrap()
    };
    let personas = [
        parse("gildong", "길동이", "Dr. Hong"),
        parse("rene-2", "René", "르네 (2)"),
        parse("smile", "😀", "!!!"),
    ];
    for (text, wanted) in [
        ("길동아 뭐해?", Some("gildong")),
        ("길동이야, 뭐해?", Some("gildong")),
        ("Dr, are you there?", None),
        ("길동이가 그랬어", None),
        ("Rene, are you there?", Some("rene-2")),
        ("rene-2, are you there?", Some("rene-2")),
        ("rene-22, are you there?", None),
        ("\u{1105}\u{1173}\u{1102}\u{1166}, hi", None),
        ("😀 hi", None),
        ("!!!", None),
    ] {
        let persona = called(text, &personas).map(|persona| persona.id.as_str());
        assert_eq!(persona, wanted, "{text}");
    }
}

#[test]
fn decomposed_and_wide_letters_are_the_same() {
    let library = Library::shipped();
    for text in [
        "조이야 뭐해?",
        "@메추리 추천",
        "Joey, are you there?",
        "ｊｏｅｙ！",
    ] {
        let decomposed: String = text.nfd().collect();
        assert_eq!(
            caller(&library, text),
            caller(&library, &decomposed),
            "{text}"
        );
        assert_ne!(caller(&library, text), "-", "{text}");
    }
}

/// Each of these was, or could be, a way to make the search go over the whole message again and again.
#[test]
fn long_messages_take_no_long_time() {
    let library = Library::shipped();
    for piece in [
        "joey ",
        "조이",
        "조이가 ",
        "x joey, ",
        "x joey and ",
        "조이는, x, ",
        "캠퍼스 가, ",
        "joey the, ",
        "joey 가, ",
        "hey ",
        "thank you so ",
        "joey",
        "a",
        "`",
        "\"",
        "<",
        "<joey>",
        ">",
        "```",
        "@",
        ". ",
        "joey's ",
        "campus guide's ",
        "\u{fdfa}",
        "ㅋ",
        "\u{200d}",
        "\n",
    ] {
        let text = piece.repeat(100_000 / piece.chars().count());
        let begun = Instant::now();
        caller(&library, &text);
        // About one second without optimisation; a quadratic search would take many minutes.
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{piece:?} took {:?}",
            begun.elapsed()
        );
    }
}

#[test]
fn any_text_is_heard_without_a_panic() {
    let library = Library::shipped();
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES), 0..16);
    proptest!(|(text in "\\PC{0,80}", pieces in pieces)| {
        caller(&library, &text);
        caller(&library, &pieces.concat());
    });
}

#[test]
fn without_a_name_nobody_is_called() {
    let library = Library::shipped();
    let pieces = proptest::collection::vec(proptest::sample::select(NAMELESS), 0..16);
    proptest!(|(pieces in pieces)| {
        prop_assert_eq!(caller(&library, &pieces.join(" ")), "-");
    });
}

const PIECES: &[&str] = &[
    "joey", "Joey", "조이", "야", "님", "는", "campus", "guide", "and", " ", " ", ",", ".", "?",
    "!", "@", "`", "```", "\"", ">", "<", "\n", "hey", "do", "you", "뭐", "해", "씨", "'s", "-",
    ":", "\u{1175}", "😀", "\u{200d}", "https://",
];

const NAMELESS: &[&str] = &[
    "hey",
    "@",
    "야",
    "뭐해?",
    "are you there?",
    "thanks,",
    "로스쿨",
    "across",
    "harmonica!",
    "조이스틱",
    "메추리알",
    "크로스",
    "gross",
    "안녕",
    "joeys",
    "you",
    ",",
    "tell me",
    "추천해줘",
    "님",
    "아",
    "Rossi",
    "monicas",
];
