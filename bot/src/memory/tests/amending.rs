//! Words that are changed or taken back: afterwards everything is as if they had been said so, or never.

use proptest::prelude::*;

use super::*;
use crate::identity::EventId;
use crate::store::key::Key;

const BUDGET: WindowBudget = WindowBudget {
    window: 60,
    summary: 30,
    message_overhead: 0,
};

fn event(id: usize) -> EventId {
    EventId::new(Platform::Telegram, &id.to_string())
}

/// A turn of messages with these numbers.
async fn told(memory: &Memory, scope: &Scope, messages: &[(usize, &str)]) -> TurnId {
    let text: Vec<&str> = messages.iter().map(|(_, text)| *text).collect();
    let text = text.join("\n");
    let known = memory.recall(scope, &text).await.unwrap();
    let said = Said {
        name: "u1".to_owned(),
        text,
        notes: notes_of(&known),
        memory_revision: known.revision,
        as_of: known.as_of,
        at_ms: messages[0].0 as u64,
        source: Some(event(messages[0].0)),
        parts: messages
            .iter()
            .map(|(id, text)| Part::of(event(*id), text))
            .collect(),
    };
    let turn = memory.open_turn(scope, said).await.unwrap();
    let reply = Spoken {
        text: "I see.".to_owned(),
        complete: true,
    };
    memory.close_turn(scope, turn, reply).await.unwrap();
    turn
}

/// Everything that is kept or could be shown of somebody, as text.
async fn everything(memory: &Memory, scope: &Scope) -> String {
    let mut all = memory.export(&scope.owner).await.unwrap().to_string();
    for asked in ["hello", "do you remember me, and my name?"] {
        all += &format!("{:?}", memory.recall(scope, asked).await.unwrap());
    }
    all
}

#[tokio::test]
async fn new_words_take_the_place_of_the_old_ones_and_of_what_they_told() {
    let (memory, me) = (memory(), private("u1"));
    told(&memory, &me, &[(1, "I'm a nurse")]).await;
    told(&memory, &me, &[(2, "My name is Yun")]).await;
    told(&memory, &me, &[(3, "hello")]).await;
    let amended = memory.amend_turn(&event(2), "My name is Min").await;
    let amended = amended.unwrap().unwrap();
    assert!(!amended.is_last);
    assert_eq!(amended.left.unwrap().text, "My name is Min");
    assert_eq!(facts(&memory, &me).await, ["Name: Min", "Job: nurse"]);
    let known = memory.recall(&me, "hm").await.unwrap();
    assert_eq!(texts(&known), ["I'm a nurse", "My name is Min", "hello"]);
    assert!(!everything(&memory, &me).await.contains("Yun"));
    // The same once more changes nothing.
    let again = memory.amend_turn(&event(2), "My name is Min").await;
    assert_eq!(again.unwrap(), None);
    assert_eq!(memory.amend_turn(&event(9), "hi").await.unwrap(), None);
}

#[tokio::test]
async fn a_message_of_several_is_changed_and_taken_back_by_itself() {
    let (memory, me) = (memory(), private("u1"));
    told(
        &memory,
        &me,
        &[
            (1, "hi"),
            (2, "My name is Yun\nand so on"),
            (3, "I'm a nurse"),
        ],
    )
    .await;
    let text = async || {
        memory.recall(&me, "hm").await.unwrap().window[0]
            .text
            .clone()
    };
    memory
        .amend_turn(&event(2), "My name is Min")
        .await
        .unwrap();
    assert_eq!(text().await, "hi\nMy name is Min\nI'm a nurse");
    // The first one stands for all of them, also when it is gone.
    let left = memory.forget_turn(&event(1)).await.unwrap().unwrap();
    assert_eq!(left.source, Some(event(1)));
    assert_eq!(text().await, "My name is Min\nI'm a nurse");
    memory.amend_turn(&event(3), "one\ntwo").await.unwrap();
    assert_eq!(text().await, "My name is Min\none\ntwo");
    assert_eq!(facts(&memory, &me).await, ["Name: Min"]);
    memory.forget_turn(&event(3)).await.unwrap();
    let last = memory.forget_turn(&event(2)).await.unwrap().unwrap();
    assert_eq!((last.left, last.is_last), (None, true));
    assert_eq!(memory.held(&me.owner).await.unwrap(), Held::default());
    assert_eq!(memory.scope_of(&event(2)).await.unwrap(), None);
}

#[tokio::test]
async fn what_other_turns_told_stays_and_comes_back() {
    let (memory, me) = (memory(), private("u1"));
    told(&memory, &me, &[(1, "I live in Seoul")]).await;
    told(&memory, &me, &[(2, "I love jazz")]).await;
    told(&memory, &me, &[(3, "I live in Busan and I love jazz")]).await;
    memory.forget_turn(&event(2)).await.unwrap();
    assert_eq!(facts(&memory, &me).await, ["Home: Busan", "Likes: jazz"]);
    memory.forget_turn(&event(3)).await.unwrap();
    assert_eq!(facts(&memory, &me).await, ["Home: Seoul"]);
    let all = everything(&memory, &me).await;
    assert!(!all.contains("jazz") && !all.contains("Busan"), "{all}");
}

#[tokio::test]
async fn what_was_forgotten_by_command_does_not_come_back_by_a_change() {
    let (memory, me) = (memory(), private("u1"));
    told(&memory, &me, &[(1, "I live in Seoul")]).await;
    told(&memory, &me, &[(2, "I live in Busan. I'm a nurse")]).await;
    let home = memory.held(&me.owner).await.unwrap().facts;
    let home = home.iter().find(|fact| fact.key == FactKey::Home).unwrap();
    memory.forget_fact(&me.owner, home.id).await.unwrap();
    told(&memory, &me, &[(3, "I love jazz")]).await;
    memory.amend_turn(&event(3), "I love tea").await.unwrap();
    assert_eq!(facts(&memory, &me).await, ["Job: nurse", "Likes: tea"]);
    memory.forget_turn(&event(3)).await.unwrap();
    assert_eq!(facts(&memory, &me).await, ["Job: nurse"]);
}

#[tokio::test]
async fn words_behind_the_window_leave_summary_recall_and_opening() {
    let (memory, me) = (memory(), private("u1"));
    told(
        &memory,
        &me,
        &[(1, "My name is Yun. I keep my violin at the station")],
    )
    .await;
    for number in 2..14 {
        let text = format!("my day number {number} was fine I think");
        told(&memory, &me, &[(number, &text)]).await;
        memory
            .compact(&me, BUDGET, &Words, &Extractive::new(&Words))
            .await
            .unwrap();
    }
    let recalled = async || format!("{:?}", memory.recall(&me, "violin station").await.unwrap());
    assert!(recalled().await.contains("violin"));
    // It stands in the notes of a later turn, too.
    told(&memory, &me, &[(20, "where is my violin, at the station?")]).await;
    memory
        .amend_turn(&event(1), "My name is Yun. I keep my cello at home")
        .await
        .unwrap();
    let known = memory.recall(&me, "cello").await.unwrap();
    assert!(known.recalled[0].contains("cello"), "{known:?}");
    memory.forget_turn(&event(20)).await.unwrap();
    let all = recalled().await + &everything(&memory, &me).await;
    assert!(!all.contains("violin") && all.contains("Yun"), "{all}");
    memory.forget_turn(&event(1)).await.unwrap();
    let all = recalled().await + &everything(&memory, &me).await;
    assert!(!all.contains("cello") && !all.contains("Yun"), "{all}");
}

#[tokio::test]
async fn work_that_was_under_way_does_not_bring_old_words_back() {
    struct Meanwhile(Memory);
    #[async_trait]
    impl Summariser for Meanwhile {
        async fn summarise(
            &self,
            _previous: Option<&str>,
            evicted: &[Turn],
            _budget: u32,
        ) -> Result<String, String> {
            self.0.forget_turn(&event(1)).await.unwrap();
            Ok(format!("u1: {}", evicted[0].text))
        }
    }
    let (memory, me) = (memory(), private("u1"));
    told(&memory, &me, &[(1, "my secret goes on and on and on")]).await;
    for number in 2..12 {
        let text = format!("my day number {number} was fine I think");
        told(&memory, &me, &[(number, &text)]).await;
    }
    let known = memory.recall(&me, "hm").await.unwrap();
    let moved = memory
        .compact(&me, BUDGET, &Words, &Meanwhile(memory.clone()))
        .await
        .unwrap();
    assert_eq!(moved, Compaction::Outdated);
    // Notes that were made before are not kept after.
    open(
        &memory,
        &me,
        "hm",
        &Known {
            recalled: vec!["u1: my secret".to_owned()],
            ..known
        },
    )
    .await;
    let all = everything(&memory, &me).await;
    assert!(!all.contains("secret"), "{all}");
}

#[tokio::test]
async fn no_record_holds_words_that_are_gone() {
    let store = Arc::new(InMemory::default());
    let memory = Memory::new(store.clone(), MemoryLimits::default());
    let me = private("u1");
    let records = async || {
        let mut all = String::new();
        for table in [
            "log", "turn", "window", "said", "source", "facts", "summary",
        ] {
            for (_, raw) in store.scan(Key::of(table).under()).await.unwrap() {
                all += &String::from_utf8(raw).unwrap();
            }
        }
        all
    };
    told(
        &memory,
        &me,
        &[(1, "hello"), (2, "My name is Zaphod. I keep it secret")],
    )
    .await;
    for number in 3..14 {
        let text = format!("my day number {number} was fine I think");
        told(&memory, &me, &[(number, &text)]).await;
        memory
            .compact(&me, BUDGET, &Words, &Extractive::new(&Words))
            .await
            .unwrap();
    }
    told(&memory, &me, &[(20, "do you know my secret name?")]).await;
    assert!(records().await.matches("Zaphod").count() > 3);
    memory.forget_turn(&event(2)).await.unwrap();
    let left = records().await;
    assert!(
        !left.contains("Zaphod") && !left.contains("telegram:2\""),
        "{left}"
    );
    assert!(left.contains("hello"));
}

#[tokio::test]
async fn replies_that_repeat_what_is_gone_are_sent_no_more() {
    let (memory, me) = (memory(), private("u1"));
    told(&memory, &me, &[(1, "My name is Zaphod")]).await;
    let later = told(&memory, &me, &[(2, "hello again")]).await;
    let reply = Spoken {
        text: "Hello, Zaphod!".to_owned(),
        complete: true,
    };
    memory.close_turn(&me, later, reply).await.unwrap();
    memory.forget_turn(&event(1)).await.unwrap();
    for asked in ["hm", "hello again"] {
        let known = format!("{:?}", memory.recall(&me, asked).await.unwrap());
        assert!(!known.contains("Zaphod"), "{known}");
    }
}

#[tokio::test]
async fn nobody_elses_turns_are_touched() {
    let memory = memory();
    let (anna, ben) = (shared("anna", "room"), shared("ben", "room"));
    told(&memory, &anna, &[(1, "My name is Anna")]).await;
    told(
        &memory,
        &ben,
        &[(2, "My name is Ben, and Anna is my friend")],
    )
    .await;
    memory.forget_turn(&event(1)).await.unwrap();
    assert_eq!(facts(&memory, &ben).await, ["Name: Ben"]);
    let known = memory.recall(&ben, "hm").await.unwrap();
    assert_eq!(texts(&known), ["My name is Ben, and Anna is my friend"]);
    assert_eq!(memory.held(&anna.owner).await.unwrap(), Held::default());
}

#[tokio::test]
async fn forgetting_all_forgets_which_messages_there_were() {
    let (memory, me) = (memory(), private("u1"));
    told(&memory, &me, &[(1, "hi"), (2, "hello")]).await;
    memory.forget_all(&me.owner).await.unwrap();
    for message in [1, 2] {
        assert_eq!(memory.scope_of(&event(message)).await.unwrap(), None);
        assert_eq!(memory.amend_turn(&event(message), "x").await.unwrap(), None);
    }
}

/// Words that tell, correct and take back.
const WORDS: [&str; 12] = [
    "hello there",
    "My name is Yun",
    "My name is Min",
    "I live in Seoul",
    "I live in Busan and I'm a nurse",
    "I love jazz",
    "I love jazz and tea",
    "I don't like jazz",
    "나는 바텐더로 일해",
    "내 이름은 윤이야",
    "I have a cat",
    "My cat's name is Nabi",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The log itself is the oracle: a history that was changed is as good as one that was told so.
    #[test]
    fn a_changed_history_is_as_one_that_was_told_so(
        history in prop::collection::vec(0..WORDS.len(), 1..8),
        changes in prop::collection::vec((0_usize..8, prop::option::of(0..WORDS.len())), 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut told_so: Vec<Option<usize>> = history.iter().copied().map(Some).collect();
            let (changed, fresh) = (memory(), memory());
            let me = private("u1");
            for (number, words) in history.iter().enumerate() {
                told(&changed, &me, &[(number, WORDS[*words])]).await;
            }
            for (number, words) in changes {
                let Some(place) = told_so.get_mut(number) else { continue };
                let was_there = place.is_some();
                match words {
                    Some(words) => {
                        changed.amend_turn(&event(number), WORDS[words]).await.unwrap();
                        // What is gone is gone.
                        *place = Some(words).filter(|_| was_there);
                    }
                    None => {
                        changed.forget_turn(&event(number)).await.unwrap();
                        *place = None;
                    }
                }
            }
            for (number, words) in told_so.iter().enumerate() {
                if let Some(words) = words {
                    told(&fresh, &me, &[(number, WORDS[*words])]).await;
                }
            }
            let mut both = [facts(&changed, &me).await, facts(&fresh, &me).await];
            both.iter_mut().for_each(|facts| facts.sort());
            let [ours, expected] = both;
            assert_eq!(ours, expected);
            let held = async |memory: &Memory| memory.held(&me.owner).await.unwrap().turns;
            assert_eq!(held(&changed).await, held(&fresh).await);
        });
    }
}
