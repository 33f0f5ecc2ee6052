//! What is forgotten must not come back: not from the notes, the window, the summary, recall, or work that was under way.

use super::*;

const BUDGET: WindowBudget = WindowBudget {
    window: 60,
    summary: 30,
    message_overhead: 0,
};

/// Everything that the next prompt could show.
async fn prompt(memory: &Memory, scope: &Scope, text: &str) -> String {
    format!("{:?}", memory.recall(scope, text).await.unwrap())
}

async fn fact(memory: &Memory, scope: &Scope, key: FactKey) -> FactId {
    memory
        .held(&scope.owner)
        .await
        .unwrap()
        .facts
        .into_iter()
        .find(|fact| fact.key == key)
        .unwrap()
        .id
}

/// Another conversation of the same person, with nobody else there either.
fn private_elsewhere(person: &str) -> Scope {
    scope(
        person,
        PlaceId::new(Platform::Web, "elsewhere"),
        Audience::Private,
    )
}

#[tokio::test]
async fn one_fact_leaves_memory_notes_and_summary() {
    let (memory, me) = (memory(), private("u1"));
    say(
        &memory,
        &me,
        "My name is Yun. My friends gave me tickets for Friday",
    )
    .await;
    say(&memory, &me, "I'm a nurse").await;
    for number in 0..12 {
        say(
            &memory,
            &me,
            &format!("my day number {number} was fine I think"),
        )
        .await;
        memory
            .compact(&me, BUDGET, &Words, &Extractive::new(&Words))
            .await
            .unwrap();
    }
    assert!(
        prompt(&memory, &me, "what's my name?")
            .await
            .contains("Yun")
    );
    let name = fact(&memory, &me, FactKey::Name).await;
    assert!(memory.forget_fact(&me.owner, name).await.unwrap());
    for asked in [
        "what's my name?",
        "Yun tickets friends Friday",
        "do you remember me?",
    ] {
        let prompt = prompt(&memory, &me, asked).await;
        assert!(!prompt.contains("Yun"), "{prompt}");
    }
    assert_eq!(facts(&memory, &me).await, ["Job: nurse"]);
    // What is left is sent anew, since it has left the earlier notes, too.
    assert!(memory.recall(&me, "hi").await.unwrap().revision.is_some());
    assert!(!memory.forget_fact(&me.owner, name).await.unwrap());
}

#[tokio::test]
async fn forgetting_all_leaves_nothing_and_touches_nobody_else() {
    let memory = memory();
    let (anna, ben, at_home) = (
        shared("anna", "room"),
        shared("ben", "room"),
        private("anna"),
    );
    for scope in [&anna, &ben, &at_home] {
        say(
            &memory,
            scope,
            &format!("My name is {}", if *scope == ben { "Ben" } else { "Anna" }),
        )
        .await;
    }
    for number in 0..12 {
        say(
            &memory,
            &anna,
            &format!("my secret number {number} is here I think"),
        )
        .await;
        say(
            &memory,
            &ben,
            &format!("my other number {number} is there I think"),
        )
        .await;
        memory
            .compact(&ben, BUDGET, &Words, &Extractive::new(&Words))
            .await
            .unwrap();
    }
    assert!(prompt(&memory, &ben, "hi").await.contains("secret"));

    let forgotten = memory.forget_all(&anna.owner).await.unwrap();
    assert_eq!(
        forgotten,
        Forgotten {
            facts: 1,
            summary: true,
            turns: 13
        }
    );
    for (scope, asked) in [
        (&anna, "what is my secret number?"),
        (&ben, "what is the secret number?"),
    ] {
        let prompt = prompt(&memory, scope, asked).await;
        assert!(
            !prompt.contains("secret") && !prompt.contains("Anna") && !prompt.contains("anna"),
            "{prompt}"
        );
    }
    assert_eq!(memory.held(&anna.owner).await.unwrap(), Held::default());
    assert_eq!(facts(&memory, &ben).await, ["Name: Ben"]);
    assert_eq!(facts(&memory, &at_home).await, ["Name: Anna"]);
    assert_eq!(
        memory.forget_all(&anna.owner).await.unwrap(),
        Forgotten::default()
    );
}

#[tokio::test]
async fn an_emptied_window_opens_without_the_old_notes() {
    let (memory, me) = (memory(), private("u1"));
    for number in 0..12 {
        say(
            &memory,
            &me,
            &format!("my secret number {number} is here I think"),
        )
        .await;
        memory
            .compact(&me, BUDGET, &Words, &Extractive::new(&Words))
            .await
            .unwrap();
    }
    memory.forget_all(&me.owner).await.unwrap();
    say(&memory, &me, "hello again").await;
    let known = memory.recall(&me, "secret").await.unwrap();
    assert_eq!(
        (
            known.opening,
            texts(&Known {
                window: known.window.clone(),
                ..Known::default()
            })
        ),
        (None, vec!["hello again"])
    );
}

#[tokio::test]
async fn a_reply_that_comes_late_does_not_bring_its_turn_back() {
    let (memory, me) = (memory(), private("u1"));
    let turn = open(&memory, &me, "My name is Yun", &Known::default()).await;
    memory.forget_all(&me.owner).await.unwrap();
    memory
        .close_turn(
            &me,
            turn,
            Spoken {
                text: "Hi Yun".to_owned(),
                complete: true,
            },
        )
        .await
        .unwrap();
    assert_eq!(memory.held(&me.owner).await.unwrap(), Held::default());
    assert!(open(&memory, &me, "hello", &Known::default()).await > turn);
}

#[tokio::test]
async fn forgetting_reaches_every_conversation_of_the_audience() {
    let memory = memory();
    let here = private("u1");
    let there = private_elsewhere("u1");
    say(&memory, &here, "My name is Yun").await;
    say(&memory, &there, "what's my name?").await;
    assert!(prompt(&memory, &there, "hm").await.contains("Yun"));
    memory.forget_all(&here.owner).await.unwrap();
    assert!(!prompt(&memory, &there, "hm").await.contains("Yun"));
}

#[tokio::test]
async fn what_is_forgotten_elsewhere_after_it_was_recalled_does_not_come_back() {
    let memory = memory();
    let here = private("u1");
    let there = private_elsewhere("u1");
    say(&memory, &here, "My name is Yun").await;
    let known = memory.recall(&there, "who am I?").await.unwrap();
    memory.forget_all(&here.owner).await.unwrap();
    // As many changes as before: counted anew, the memory would look as if nothing had happened.
    say(&memory, &here, "I'm a nurse").await;
    open(&memory, &there, "who am I?", &known).await;
    let prompt = prompt(&memory, &there, "hm").await;
    assert!(!prompt.contains("Yun"), "{prompt}");
    assert_eq!(
        lines(&memory.recall(&there, "hm").await.unwrap()),
        ["Job: nurse"]
    );
}

#[tokio::test]
async fn no_turn_that_tells_a_forgotten_value_is_recalled() {
    let (memory, me) = (memory(), private("u1"));
    for told in [
        "I live in Busan",
        "The weather in Busan is mild",
        "The weather makes me happy",
    ] {
        say(&memory, &me, told).await;
    }
    let home = fact(&memory, &me, FactKey::Home).await;
    assert!(memory.forget_fact(&me.owner, home).await.unwrap());
    let known = memory.recall(&me, "how is the weather?").await.unwrap();
    assert_eq!(
        (known.window.len(), known.recalled),
        (0, vec!["u1: The weather makes me happy".to_owned()])
    );
}

/// Says so many things that what was said before leaves the window.
async fn talk_on(memory: &Memory, scope: &Scope, what: &str) {
    for number in 0..12 {
        let words = format!("the {what} with number {number} was quite fine");
        say(memory, scope, &words).await;
        memory
            .compact(scope, BUDGET, &Words, &Extractive::new(&Words))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_forgotten_line_of_the_summary_does_not_come_back() {
    let (memory, me) = (memory(), private("u1"));
    let told = "I met my uncle on Friday";
    say(&memory, &me, told).await;
    talk_on(&memory, &me, "day").await;
    // Said once more, it is about to leave the window, too.
    say(&memory, &me, told).await;
    let held = memory.held(&me.owner).await.unwrap();
    let line = held.summary_lines().find(|line| line.contains("uncle"));
    let line = line.expect("it tells much").to_owned();
    let others = held.summary_lines().count() - 1;
    assert!(memory.forget_line(&me.owner, &line).await.unwrap());
    let left = memory.held(&me.owner).await.unwrap();
    assert_eq!(left.summary_lines().count(), others);
    let asked = "did I meet my uncle on Friday?";
    for prompt in [
        prompt(&memory, &me, asked).await,
        {
            talk_on(&memory, &me, "week").await;
            prompt(&memory, &me, asked).await
        },
        format!("{:?}", memory.held(&me.owner).await.unwrap()),
    ] {
        assert!(!prompt.contains("uncle"), "{prompt}");
    }
    assert!(!memory.forget_line(&me.owner, &line).await.unwrap());
}

#[tokio::test]
async fn a_line_that_is_forgotten_takes_no_other_along() {
    let (memory, anna, ben) = (memory(), shared("anna", "room"), shared("ben", "room"));
    say(&memory, &anna, "I like it. I like it here on Fridays").await;
    say(&memory, &ben, "I like it").await;
    for scope in [&anna, &ben] {
        talk_on(&memory, scope, "day").await;
    }
    let lines = async |scope: &Scope| {
        let held = memory.held(&scope.owner).await.unwrap();
        let lines = held.summary_lines().filter(|line| line.contains("like"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let [all, of_ben] = [lines(&anna).await, lines(&ben).await];
    let line = all.iter().find(|line| line.ends_with(": I like it."));
    let line = line.unwrap_or_else(|| panic!("{all:?}"));
    assert!(memory.forget_line(&anna.owner, line).await.unwrap());
    assert_eq!(lines(&anna).await.len(), all.len() - 1);
    assert_eq!(lines(&ben).await, of_ben);
}
