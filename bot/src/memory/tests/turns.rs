//! What a turn is to know, and what stays of it.

use super::*;
use crate::store::tests::opened_again;

#[tokio::test]
async fn a_name_is_known_two_hundred_turns_and_a_restart_later() {
    let folder = tempfile::tempdir().unwrap();
    let me = private("u1");
    let budget = WindowBudget {
        window: 200,
        summary: 30,
        message_overhead: 2,
    };
    {
        let memory = Memory::new(
            Arc::new(opened_again(folder.path()).await),
            MemoryLimits::default(),
        );
        say(&memory, &me, "My name is Yun").await;
        say(&memory, &me, "My job is a bartender.").await;
        for number in 0..200 {
            say(
                &memory,
                &me,
                &format!("Chat number {number} about the weather"),
            )
            .await;
            memory
                .compact(&me, budget, &Words, &Extractive::new(&Words))
                .await
                .unwrap();
        }
    }
    let memory = Memory::new(
        Arc::new(opened_again(folder.path()).await),
        MemoryLimits::default(),
    );
    let known = say(&memory, &me, "What's my job and my name?").await;
    let opening = known.opening.clone().unwrap();
    assert!(
        known.window.len() < 30
            && opening.starts_with("<memory>\nname: Yun\njob: bartender\n</memory>\n<summary>\n"),
        "{opening}"
    );
    assert_eq!(lines(&known), ["Name: Yun", "Job: bartender"]);
    assert_eq!(memory.held(&me.owner).await.unwrap().turns, 203);
}

#[tokio::test]
async fn all_memory_is_sent_once_a_window_and_again_when_it_changed() {
    let (memory, me) = (memory(), private("u1"));
    assert_eq!(
        say(&memory, &me, "My name is Yun and I love jazz")
            .await
            .revision,
        None
    );
    let known = say(&memory, &me, "hello").await;
    assert_eq!(
        (lines(&known), known.revision),
        (
            vec!["Name: Yun".to_owned(), "Likes: jazz".to_owned()],
            Some(1)
        )
    );
    assert_eq!(say(&memory, &me, "how are you?").await.memory, []);
    let known = say(&memory, &me, "what's my name?").await;
    assert_eq!(
        (lines(&known), known.revision),
        (vec!["Name: Yun".to_owned()], None)
    );
    say(&memory, &me, "I'm a nurse").await;
    let known = say(&memory, &me, "ok").await;
    assert_eq!((lines(&known).len(), known.revision), (3, Some(2)));
    // Telling the same again changes nothing.
    say(&memory, &me, "I'm a nurse").await;
    assert_eq!(say(&memory, &me, "ok").await.memory, []);
    // Notes that had no room for all of it do not count.
    memory.start_anew(&me).await.unwrap();
    let known = memory.recall(&me, "hm").await.unwrap();
    memory
        .open_turn(
            &me,
            Said {
                name: "u1".into(),
                text: "hm".into(),
                notes: String::new(),
                memory_revision: None,
                as_of: known.as_of,
                at_ms: 1,
                source: None,
                parts: Vec::new(),
            },
        )
        .await
        .unwrap();
    assert_eq!(
        memory.recall(&me, "hm").await.unwrap().revision,
        known.revision
    );
}

#[tokio::test]
async fn all_is_recalled_again_for_a_prompt_without_the_turns_that_had_it() {
    let (memory, me) = (memory(), private("u1"));
    say(&memory, &me, "My name is Yun").await;
    say(&memory, &me, "hello").await;
    assert_eq!(memory.recall(&me, "hm").await.unwrap().revision, None);
    let known = memory.recall_all(&me, "hm").await.unwrap();
    assert_eq!(
        (lines(&known), known.revision),
        (vec!["Name: Yun".to_owned()], Some(1))
    );
}

#[tokio::test]
async fn food_brings_allergies_along() {
    let (memory, me) = (memory(), private("u1"));
    say(&memory, &me, "땅콩 알레르기가 있고 재즈를 좋아해").await;
    say(&memory, &me, "안녕").await;
    assert_eq!(
        lines(&say(&memory, &me, "점심 추천해줘").await),
        ["Allergy: 땅콩"]
    );
}

#[tokio::test]
async fn a_turn_is_kept_before_its_reply_and_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let me = private("u1");
    let reopened = || async {
        Memory::new(
            Arc::new(opened_again(folder.path()).await),
            MemoryLimits::default(),
        )
    };

    let memory = reopened().await;
    let known = memory.recall(&me, "hello").await.unwrap();
    let first = open(&memory, &me, "hello", &known).await;
    drop(memory);

    let memory = reopened().await;
    let last = memory.recent(&me.conversation, 1).await.unwrap().remove(0);
    assert_eq!(
        (last.id, last.text.as_str(), &last.reply),
        (first, "hello", &None)
    );
    let cut = Spoken {
        text: "Hi th".to_owned(),
        complete: false,
    };
    memory.close_turn(&me, first, cut.clone()).await.unwrap();
    drop(memory);

    let memory = reopened().await;
    let last = memory.recent(&me.conversation, 1).await.unwrap().remove(0);
    assert_eq!(last.reply, Some(cut));
    let whole = Spoken {
        text: "Hi there".to_owned(),
        complete: true,
    };
    memory.close_turn(&me, first, whole.clone()).await.unwrap();
    memory.start_anew(&me).await.unwrap();
    drop(memory);

    let memory = reopened().await;
    assert_eq!(memory.recent(&me.conversation, 1).await.unwrap(), []);
    let second = open(&memory, &me, "again", &Known::default()).await;
    assert!(second > first);
    let export = memory.export(&me.owner).await.unwrap();
    assert_eq!(export["turns"][0]["reply"]["text"], "Hi there");
}

#[tokio::test]
async fn as_training_data_a_conversation_ends_where_a_reply_broke_off() {
    let (memory, me) = (memory(), private("u1"));
    for (text, reply, complete) in [
        ("Hi", "Hello", true),
        ("How are you?", "Fine", true),
        ("Tell me a story", "Once upon", false),
        ("잘 자", "좋은 꿈 꿔", true),
    ] {
        let turn = open(&memory, &me, text, &Known::default()).await;
        let spoken = Spoken {
            text: reply.to_owned(),
            complete,
        };
        memory.close_turn(&me, turn, spoken).await.unwrap();
    }
    let pair = |text: &str, reply: &str| {
        [
            serde_json::json!({ "role": "user", "content": text }),
            serde_json::json!({ "role": "assistant", "content": reply }),
        ]
    };
    assert_eq!(
        memory.chatml(&me.owner).await.unwrap(),
        [
            [pair("Hi", "Hello"), pair("How are you?", "Fine")].concat(),
            pair("잘 자", "좋은 꿈 꿔").to_vec(),
        ]
        .map(|messages| serde_json::json!({ "persona": me.owner.persona, "messages": messages }))
    );
    assert_eq!(
        memory.chatml(&private("u2").owner).await.unwrap(),
        [] as [serde_json::Value; 0]
    );
}

#[tokio::test]
async fn starting_anew_keeps_what_is_known() {
    let (memory, me) = (memory(), private("u1"));
    say(&memory, &me, "My name is Yun. My interview is on Friday.").await;
    say(&memory, &me, "hello").await;
    memory.start_anew(&me).await.unwrap();
    let known = memory
        .recall(&me, "When was that interview?")
        .await
        .unwrap();
    assert_eq!(
        (texts(&known), lines(&known), known.recalled.as_slice()),
        (
            vec![],
            vec!["Name: Yun".to_owned()],
            &["u1: My name is Yun. My interview is on Friday.".to_owned()][..]
        )
    );
}

#[tokio::test]
async fn the_window_of_a_room_holds_everyone_and_facts_only_the_speaker() {
    let memory = memory();
    let (anna, ben) = (shared("anna", "room"), shared("ben", "room"));
    say(&memory, &anna, "I'm a nurse and my interview is on Friday").await;
    say(&memory, &ben, "I'm a chef").await;
    let known = say(&memory, &ben, "hi").await;
    assert_eq!(
        texts(&known),
        ["I'm a nurse and my interview is on Friday", "I'm a chef"]
    );
    assert_eq!(lines(&known), ["Job: chef"]);
    memory.start_anew(&ben).await.unwrap();
    assert_eq!(
        memory
            .recall(&ben, "When is the interview?")
            .await
            .unwrap()
            .recalled,
        [""; 0]
    );
    let recalled = memory
        .recall(&anna, "When is the interview?")
        .await
        .unwrap()
        .recalled;
    assert_eq!(
        recalled,
        [format!(
            "anna#{}: I'm a nurse and my interview is on Friday",
            anna.owner.person.short()
        )]
    );
}

#[tokio::test]
async fn facts_are_replaced_added_corrected_and_taken_back() {
    let (memory, me) = (memory(), private("u1"));
    for (text, expected) in [
        (
            "My name is Yun. I'm from Busan",
            vec!["Name: Yun", "Home: Busan"],
        ),
        ("I live in Seoul", vec!["Name: Yun", "Home: Seoul"]),
        ("I'm from Busan", vec!["Name: Yun", "Home: Seoul"]),
        ("actually it's Yoon", vec!["Name: Yoon", "Home: Seoul"]),
        ("It's Suwon, not Seoul", vec!["Name: Yoon", "Home: Suwon"]),
        ("Actually, it's Tuesday", vec!["Name: Yoon", "Home: Suwon"]),
        (
            "I love jazz and hiking",
            vec!["Name: Yoon", "Home: Suwon", "Likes: jazz", "Likes: hiking"],
        ),
        (
            "I love Jazz",
            vec!["Name: Yoon", "Home: Suwon", "Likes: jazz", "Likes: hiking"],
        ),
        (
            "I don't like jazz any more",
            vec!["Name: Yoon", "Home: Suwon", "Likes: hiking"],
        ),
        (
            "I hate hiking",
            vec!["Name: Yoon", "Home: Suwon", "Dislikes: hiking"],
        ),
        (
            "I have a cat",
            vec!["Name: Yoon", "Home: Suwon", "Dislikes: hiking", "Pet: cat"],
        ),
        (
            "I have a cat named Nabi",
            vec![
                "Name: Yoon",
                "Home: Suwon",
                "Dislikes: hiking",
                "Pet: cat named Nabi",
            ],
        ),
        (
            "I don't live in Suwon any more",
            vec!["Name: Yoon", "Dislikes: hiking", "Pet: cat named Nabi"],
        ),
    ] {
        say(&memory, &me, text).await;
        assert_eq!(facts(&memory, &me).await, expected, "{text}");
    }
}

#[tokio::test]
async fn values_are_bounded() {
    let (memory, me) = (memory(), private("u1"));
    for number in 0..20 {
        say(&memory, &me, &format!("I love band{number}")).await;
    }
    say(&memory, &me, &format!("My name is {}", "Y".repeat(100))).await;
    let facts = facts(&memory, &me).await;
    assert_eq!(
        (facts.len(), facts[0].as_str(), facts[7].as_str()),
        (8, "Likes: band12", "Likes: band19")
    );
}

#[tokio::test]
async fn what_is_held_can_be_seen_and_taken_away() {
    let (memory, me) = (memory(), private("u1"));
    say(&memory, &me, "I love jazz").await;
    say(&memory, &me, "My name is Yun").await;
    let held = memory.held(&me.owner).await.unwrap();
    assert_eq!(
        held.facts[0].source,
        TurnRef {
            conversation: me.conversation.clone(),
            turn: TurnId(1)
        }
    );
    let export = memory.export(&me.owner).await.unwrap();
    assert_eq!(export["audience"], "private");
    assert_eq!(
        export["facts"][0],
        serde_json::json!({ "key": "name", "label": "name", "value": "Yun", "at_ms": 7, "turn": 1 })
    );
    assert_eq!(export["turns"].as_array().unwrap().len(), 2);
    let nobody = memory.export(&private("u2").owner).await.unwrap();
    assert_eq!(
        (
            nobody["facts"].as_array().unwrap().len(),
            nobody["turns"].as_array().unwrap().len()
        ),
        (0, 0)
    );
}
