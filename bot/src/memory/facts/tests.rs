//! What is learned from which words, and what must not be: `phrases/`.

use super::*;

const ENGLISH: &str = include_str!("phrases/english.txt");
const KOREAN: &str = include_str!("phrases/korean.txt");

fn shown(told: &[Told]) -> String {
    let one = |told: &Told| match told {
        Told::Is(key, value) => format!("{key:?}={value}"),
        Told::Perhaps(key, value) => format!("{key:?}?={value}"),
        Told::Not(key, Some(value)) => format!("{key:?}-={value}"),
        Told::Not(key, None) => format!("{key:?}-=*"),
        Told::Rather {
            value,
            instead: Some(instead),
        } => format!("rather {value} than {instead}"),
        Told::Rather {
            value,
            instead: None,
        } => format!("rather {value}"),
    };
    told.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Phrases and what they tell.
fn phrases(file: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = file
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(" =>").expect("a line has an arrow"))
        .map(|(phrase, told)| (phrase, told.trim()))
}

fn check(file: &str) {
    let found = phrases(file).map(|(phrase, expected)| (phrase, expected, shown(&told(phrase))));
    let wrong: Vec<_> = found
        .filter(|(_, expected, found)| expected != found)
        .collect();
    let list: String = wrong
        .iter()
        .map(|(phrase, expected, found)| {
            format!("\n  {phrase}\n    expected {expected}\n    found    {found}")
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} phrases:{list}",
        wrong.len(),
        phrases(file).count()
    );
}

#[test]
fn english_phrases() {
    check(ENGLISH);
}

#[test]
fn korean_phrases() {
    check(KOREAN);
}

#[test]
fn there_are_enough_phrases_to_mean_something() {
    for file in [ENGLISH, KOREAN] {
        let (telling, silent): (Vec<_>, Vec<_>) =
            phrases(file).partition(|(_, told)| !told.is_empty());
        assert!(
            telling.len() >= 120 && silent.len() >= 120,
            "{} telling and {} silent phrases",
            telling.len(),
            silent.len()
        );
    }
}

#[test]
fn sentences_end_where_people_end_them() {
    let split = |text| sentences(text).collect::<Vec<_>>();
    assert_eq!(
        split("Hi! I'm Yun. It costs 3.50 today"),
        ["Hi!", "I'm Yun.", "It costs 3.50 today"]
    );
    assert_eq!(
        split("저는 윤이에요~ 부산 살아요ㅎㅎ\n반가워요"),
        ["저는 윤이에요~", "부산 살아요ㅎㅎ", "반가워요"]
    );
    assert_eq!(split(""), [""; 0]);
}

#[test]
fn any_text_can_be_read() {
    let long = "I'm Yun and ".repeat(5_000);
    assert_eq!(told(&long).len(), 1);
    for odd in [
        "\0",
        "I'm \u{202e}Yun",
        "이이이이이야",
        "야",
        "이야",
        "는 를 을",
        "\"\"\"",
        "my name is \"",
        "I like ,,,,",
        "나는 ",
        "라고 불러줘",
        "이라고 불러줘",
    ] {
        told(odd);
    }
}
