//! The campus guide is asked, and the fact it finds first must be the one that answers.

use std::sync::Arc;

use chatfriends_personas::{Fact, Library, Persona};

/// Every answer must be among the three facts that a prompt gets, and nearly every one must come first. All questions are asked
/// before the test fails, so that a change of the weights shows all that it costs.
#[test]
fn questions_find_the_fact_that_answers_them() {
    let campus = campus();
    let (mut asked, mut first, mut wrong) = (0, 0, Vec::new());
    for (question, answers) in include_str!("campus_questions.txt")
        .lines()
        .filter_map(|line| line.split_once(" => "))
    {
        let near = texts(&campus.facts_near(question, 3));
        if answers == "nothing" {
            wrong.extend(
                (!near.is_empty())
                    .then(|| format!("{question}\n  wanted nothing\n  got {near:#?}")),
            );
            continue;
        }
        asked += 1;
        let answers_it = |fact: &&str| answers.split('|').any(|answer| fact.contains(answer));
        match near.iter().position(answers_it) {
            Some(0) => first += 1,
            Some(place) => println!("{question}: the answer comes at place {}", place + 1),
            None => wrong.push(format!("{question}\n  wanted {answers:?}\n  got {near:#?}")),
        }
    }
    println!(
        "{first} of {asked} answers come first, {} are wrong",
        wrong.len()
    );
    assert!(asked >= 60 && wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        first * 100 >= asked * 97,
        "only {first} of {asked} answers come first"
    );
}

#[test]
fn a_building_is_never_answered_with_another() {
    let campus = campus();
    for number in 1..=8 {
        let (korean, english) = (format!("{number}호관"), format!("Building {number}"));
        for (question, building) in [
            (format!("{korean}은 어디에 있어?"), &korean),
            (format!("{korean}에 뭐가 있어?"), &korean),
            (format!("{korean}으로 가는 길을 알려줘"), &korean),
            (format!("where is building {number}"), &english),
            (format!("What is in {english}?"), &english),
        ] {
            let near = texts(&campus.facts_near(&question, 10));
            let all_name_it = near.iter().all(|fact| fact.contains(building));
            assert!(!near.is_empty() && all_name_it, "{question} {near:#?}");
        }
    }
}

fn campus() -> Arc<Persona> {
    let library = Library::shipped();
    Arc::clone(library.find("campus").expect("the campus guide is shipped"))
}

fn texts<'a>(facts: &[&'a Fact]) -> Vec<&'a str> {
    facts.iter().map(|fact| fact.text.as_str()).collect()
}
