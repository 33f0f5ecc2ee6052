//! What people are told when a persona's file is wrong: all of it at once, with the line and what may have been meant.

use chatfriends_personas::{Faults, Language, Persona, PersonaId};
use expect_test::{Expect, expect};
use proptest::prelude::*;

const SOUND: &str = r#"
name = "Joey"
languages = ["en"]
system = "You are Joey."
greeting = "Hey!"
"#;

fn parse(bytes: &[u8]) -> Result<Persona, Faults> {
    Persona::parse_bytes(
        PersonaId::new("joey").expect("joey is a possible id"),
        "joey.toml",
        bytes,
    )
}

fn check(text: &str, wanted: Expect) {
    wanted.assert_eq(
        &parse(text.as_bytes())
            .expect_err("the file is wrong")
            .to_string(),
    );
}

#[test]
fn a_sound_file_needs_four_keys() {
    let joey = parse(SOUND.as_bytes()).unwrap();
    assert_eq!(
        (joey.name.as_str(), joey.languages.as_slice()),
        ("Joey", [Language::English].as_slice())
    );
    let long = SOUND.replace("\"Hey!\"", "\"\"\"Hey!\nYou eat yet?\"\"\"");
    let both = [
        parse(long.as_bytes()).unwrap(),
        parse(long.replace('\n', "\r\n").as_bytes()).unwrap(),
    ];
    assert!(
        both.iter()
            .all(|joey| joey.greeting == "Hey!\nYou eat yet?")
    );
    // Windows editors begin a file with a byte-order mark and end lines with two characters.
    let windows = format!("\u{feff}{}", SOUND.replace('\n', "\r\n"));
    assert_eq!(parse(windows.as_bytes()).unwrap(), joey);
}

#[test]
fn text_is_composed_and_kept() {
    let text = SOUND
        .replace("Joey\"", "조이\"")
        .replace("Hey!", "안\\n녕")
        .replace("You", "\u{1102}\u{1165}"); // 너, decomposed
    let joey = parse(text.as_bytes()).unwrap();
    assert_eq!(
        (
            joey.name.as_str(),
            joey.greeting.as_str(),
            joey.system.as_str()
        ),
        ("조이", "안\n녕", "너 are Joey.")
    );
}

/// It was taken for "template", which is further away.
#[test]
fn a_key_of_sampling_at_the_top_is_told_its_place() {
    check(
        &format!("{SOUND}temprature = 3\ntop_k = 40\ngreting = \"Hi\"\n"),
        expect![[r#"
            joey.toml:6: unknown key "temprature" ("temperature" stands in [sampling])
            joey.toml:7: unknown key "top_k" ("top_k" stands in [sampling])
            joey.toml:8: unknown key "greting" (did you mean "greeting"?)"#]],
    );
}

/// White space was once refused as empty, but a reply that shall be one line ends at a line break.
#[test]
fn a_reply_may_end_at_white_space() {
    let joey = parse(format!("{SOUND}stop = [\"\\n\", \" \"]\n").as_bytes()).unwrap();
    assert_eq!(joey.stop, ["\n", " "]);
    check(
        &format!("{SOUND}stop = [\"\"]\ntemplate = \" \"\n"),
        expect![[r#"
            joey.toml:6: an entry of "stop" is empty
            joey.toml:7: "template" is empty"#]],
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    check(
        r#"name = "Joey\u202eyeoJ"
languages = ["en", "kr"]
system = "  "
greting = "Hey!"
reply_tokens = "sixty"
stop = ["", "질문:"]
aliases = [" Joey", 3]

[sampling]
temprature = 0.3
top_p = 1.5
top_k = -1
min_p = nan
dry_allowed_length = 5.5

[[example]]
person = "hi"

[[fact]]
source = "somewhere"
lang = "english"
"#,
        expect![[r#"
            joey.toml: "greeting" is missing
            joey.toml:1: "name" contains the invisible character U+202E
            joey.toml:2: an entry of "languages" names the unknown language "kr"; known are "ko" and "en"
            joey.toml:3: "system" is empty
            joey.toml:4: unknown key "greting" (did you mean "greeting"?)
            joey.toml:5: "reply_tokens" must be a whole number, not the text "sixty"
            joey.toml:6: an entry of "stop" is empty
            joey.toml:7: an entry of "aliases" begins or ends with a space
            joey.toml:7: an entry of "aliases" must be a text, not 3
            joey.toml:10: unknown key "temprature" (did you mean "temperature"?)
            joey.toml:11: "top_p" must be from 0 to 1, not 1.5
            joey.toml:12: "top_k" must be from 0 to 1000, not -1
            joey.toml:13: "min_p" must be from 0 to 1, not nan
            joey.toml:14: "dry_allowed_length" must be a whole number, not 5.5
            joey.toml:16: "reply" is missing
            joey.toml:19: "text" is missing
            joey.toml:21: "lang" names the unknown language "english"; known are "ko" and "en""#]],
    );
}

#[test]
fn nothing_at_all_lacks_everything() {
    check(
        "",
        expect![[r#"
        joey.toml: "name" is missing
        joey.toml: "languages" is missing
        joey.toml: "system" is missing
        joey.toml: "greeting" is missing"#]],
    );
}

#[test]
fn types_are_named_in_plain_words() {
    check(
        r#"name = 3
languages = "en"
system = ["You are Joey."]
greeting = true
template = ""
model = 2026-01-01
adapter = {}
example = { person = "hi", reply = "hey" }
fact = ["one"]
sampling = 0.3
"#,
        expect![[r#"
            joey.toml:1: "name" must be a text, not 3
            joey.toml:2: "languages" must be a list, not the text "en"
            joey.toml:3: "system" must be a text, not a list
            joey.toml:4: "greeting" must be a text, not true
            joey.toml:5: "template" is empty
            joey.toml:6: "model" must be a text, not a date
            joey.toml:7: "adapter" must be a text, not a table
            joey.toml:8: "example" must be a list, not a table
            joey.toml:9: an entry of "fact" must be a table, not the text "one"
            joey.toml:10: "sampling" must be a table, not 0.3"#]],
    );
}

#[test]
fn names_are_short_and_visible() {
    let long = "가".repeat(41);
    for (name, wanted) in [
        (
            long.as_str(),
            expect![[r#"joey.toml:2: "name" has 41 characters; at most 40 are allowed"#]],
        ),
        (
            "Jo\\ney",
            expect![[r#"joey.toml:2: "name" contains the invisible character U+000A"#]],
        ),
        (
            "Jo\\u0000ey",
            expect![[r#"joey.toml:2: "name" contains the control character U+0000"#]],
        ),
        (
            "Jo\\u200bey",
            expect![[r#"joey.toml:2: "name" contains the invisible character U+200B"#]],
        ),
        (
            "Joey ",
            expect![[r#"joey.toml:2: "name" begins or ends with a space"#]],
        ),
    ] {
        check(&SOUND.replace("\"Joey\"", &format!("\"{name}\"")), wanted);
    }
}

#[test]
fn broken_toml_is_shown_with_its_lines() {
    check(
        "name = \"Joey\nlanguages = [\"en\"\nsystem = You are Joey\ngreeting = \"Hey!\"\n",
        expect![[r#"
        joey.toml:1: invalid basic string, expected `"`
        joey.toml:3: missing comma between array elements, expected `,`
        joey.toml:4: missing comma between array elements, expected `,`"#]],
    );
    check(
        &format!("{SOUND}name = \"Joey\"\n"),
        expect!["joey.toml:6: duplicate key: name"],
    );
    check(
        &format!("{SOUND}sampling.top_k = 1\n[sampling]\ntop_p = 1\n"),
        expect!["joey.toml:7: duplicate key: sampling"],
    );
}

#[test]
fn what_is_no_text_or_too_much_of_it_is_refused() {
    let not_utf8 = parse(b"name = \"Joey\"\nsystem = \"\xff\"\n").unwrap_err();
    expect!["joey.toml:2: the text is not UTF-8"].assert_eq(&not_utf8.to_string());
    check(
        &format!("{SOUND}# {}", "가".repeat(400_000)),
        expect!["joey.toml: the file is larger than 1024 KiB"],
    );
    check(
        &format!("{SOUND}{}", "[[fact]]\ntext = \"a fact\"\n".repeat(10_001)),
        expect![[r#"joey.toml:6: "fact" has 10001 entries; at most 10000 are allowed"#]],
    );
}

#[test]
fn deep_nesting_and_endless_repetition_are_survived() {
    for deep in [
        format!("{}a = 1\n", "a.".repeat(400_000)),
        format!("[{}a]\n", "a.".repeat(400_000)),
        format!("a = {}", "[".repeat(900_000)),
    ] {
        assert!(parse(format!("{SOUND}{deep}").as_bytes()).is_err());
    }
    let persona =
        parse(format!("{SOUND}[[fact]]\ntext = \"식당은 지하 1층\"\n").as_bytes()).unwrap();
    for word in [
        "지하 ",
        "1 ",
        "building ",
        "building 1 and ",
        "ㅋ",
        "가",
        "1,",
    ] {
        persona.facts_near(&word.repeat(300_000), 3);
    }
}

#[test]
fn many_facts_are_searched_quickly() {
    let facts: String = (0..10_000)
        .map(|number| {
            format!(
                "[[fact]]\ntext = \"{number}호관은 {}번째 건물\"\n",
                number + 1
            )
        })
        .collect();
    let persona = parse(format!("{SOUND}{facts}").as_bytes()).unwrap();
    let near = persona.facts_near("7777호관은 어디에 있어?", 3);
    assert_eq!(
        near.iter()
            .map(|fact| fact.text.as_str())
            .collect::<Vec<_>>(),
        ["7777호관은 7778번째 건물"]
    );
}

proptest! {
    // A failure is printed with its input; there is nowhere to keep it.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Files that were cut, spliced and overwritten anywhere give faults, each with a message, and never a panic.
    #[test]
    fn a_damaged_file_never_panics(
        start in 0_usize..3000,
        length in 0_usize..40,
        put in prop_oneof![any::<Vec<u8>>(), "[\\[\\]{}=\",.#\n가힣 a-z0-9_-]{0,20}".prop_map(String::into_bytes)],
    ) {
        let mut bytes = include_bytes!("../library/joey.toml").to_vec();
        let start = start.min(bytes.len());
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, put);
        if let Err(faults) = parse(&bytes) {
            prop_assert!(faults.iter().count() > 0);
            prop_assert!(faults.iter().all(|fault| !fault.message.is_empty() && fault.line != Some(0)));
        }
    }

    /// Whatever people write, the search neither panics nor gives more than was asked for.
    #[test]
    fn any_question_can_be_asked(question in "\\PC{0,60}", most in 0_usize..5) {
        let text = format!("{SOUND}[[fact]]\ntext = \"도서관은 5호관 옆\"\n[[fact]]\ntext = \"Floors 2 and 3 of Building 2\"\n");
        let persona = parse(text.as_bytes()).unwrap();
        prop_assert!(persona.facts_near(&question, most).len() <= most);
    }
}
