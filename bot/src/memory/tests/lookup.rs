//! Which memories and conversations there are, whoever answers where today.

use super::*;
use crate::identity::ThreadId;

/// The same with another persona.
fn with(scope: Scope, persona: &str) -> Scope {
    let persona = PersonaId::new(persona).unwrap();
    let mut scope = scope;
    scope.conversation.persona = persona.clone();
    scope.owner.persona = persona;
    scope
}

async fn says_at(memory: &Memory, scope: &Scope, at_ms: u64, text: &str) {
    let said = Said {
        name: "somebody".to_owned(),
        text: text.to_owned(),
        notes: String::new(),
        memory_revision: None,
        as_of: 0,
        at_ms,
        source: None,
        parts: Vec::new(),
    };
    memory.open_turn(scope, said).await.unwrap();
}

#[tokio::test]
async fn what_every_persona_holds_of_somebody_is_found() {
    let memory = memory();
    let (joey, monica) = (private("a"), with(private("a"), "monica"));
    let others = [
        with(private("a:b"), "ross"),
        with(shared("a", "room"), "rachel"),
        with(private("b"), "chandler"),
    ];
    for scope in [&joey, &monica].into_iter().chain(&others) {
        say(&memory, scope, "I'm a nurse").await;
    }
    let held = async || {
        let owner = &joey.owner;
        let all = memory.held_by_all(&owner.audience, &owner.person);
        let all = all.await.unwrap().into_iter();
        all.map(|(owner, held)| (owner.persona.to_string(), held.facts.len(), held.turns))
            .collect::<Vec<_>>()
    };
    let of = |persona: &str| (persona.to_owned(), 1, 1);
    assert_eq!(held().await, [of("joey"), of("monica")]);
    memory.forget_all(&joey.owner).await.unwrap();
    assert_eq!(held().await, [of("monica")]);
}

#[tokio::test]
async fn the_latest_talk_comes_first() {
    let memory = memory();
    let (joey, monica) = (shared("a", "room"), with(shared("a", "room"), "monica"));
    says_at(&memory, &joey, 1, "hello").await;
    says_at(&memory, &monica, 2, "hello").await;
    says_at(&memory, &with(shared("b", "room"), "ross"), 3, "hello").await;
    says_at(&memory, &with(shared("b", "room"), "joey"), 4, "hello").await;
    let mut thread = with(shared("a", "room"), "rachel");
    thread.conversation.thread = Some(ThreadId::new("t"));
    says_at(&memory, &thread, 5, "hello").await;

    let place = &joey.conversation.place;
    let talked = async |thread: Option<&ThreadId>, of| {
        let personas = memory.talked_with((place, thread), of).await.unwrap();
        let ids: Vec<String> = personas.iter().map(ToString::to_string).collect();
        ids.join(" ")
    };
    let own = Some((&joey.owner.audience, &joey.owner.person));
    assert_eq!(talked(None, None).await, "joey ross monica");
    assert_eq!(talked(None, own).await, "monica joey");
    assert_eq!(talked(Some(&ThreadId::new("t")), own).await, "rachel");
    // What was forgotten was never said.
    memory.forget_all(&monica.owner).await.unwrap();
    assert_eq!(talked(None, own).await, "joey");
}
