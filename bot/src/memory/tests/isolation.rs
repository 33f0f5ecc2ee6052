//! Nothing that was said before one audience, or by another person, is ever composed into what another may read: checked on every byte that
//! recall returns, over random histories.

use chatfriends_personas::{Language, Library, Persona};
use proptest::prelude::*;

use super::*;
use crate::compose::{self, Draft, Ingredients, Room};
use crate::torture;

/// What a random history is made of.
#[derive(Debug, Clone)]
enum Step {
    Say,
    StartAnew,
    Compact,
    ForgetAll,
}

/// Some people who meet in several places, with ids that could be taken for each other's prefix.
fn scopes() -> Vec<Scope> {
    let people = ["a", "a:b", "a\0", "b"];
    let mut scopes: Vec<Scope> = people.iter().map(|person| private(person)).collect();
    for room in ["r", "r:s", "r\0"] {
        scopes.extend(people.iter().map(|person| shared(person, room)));
    }
    let mut elsewhere = shared("a", "r");
    elsewhere.conversation.persona = PersonaId::new("monica").unwrap();
    elsewhere.owner.persona = elsewhere.conversation.persona.clone();
    let mut thread = shared("a", "r");
    thread.conversation.thread = Some(crate::identity::ThreadId::new("t"));
    scopes.extend([elsewhere, thread]);
    scopes
}

/// A word that nobody else says, and where it was said.
struct Canary {
    word: String,
    scope: Scope,
}

/// What a persona would be asked with this, whole.
fn composed(persona: &Persona, known: &Known, scope: &Scope, words: &str) -> String {
    let is_private = scope.owner.audience == Audience::Private;
    let speaker = compose::Speaker {
        name: "somebody",
        person: &scope.owner.person,
    };
    let draft = Draft::new(Ingredients {
        persona,
        extra_system: None,
        known,
        words,
        speaker: (!is_private).then_some(speaker),
        language: Language::English,
    });
    let counts = vec![1; draft.texts().len()];
    let room = Room {
        context: 1 << 20,
        reply: 1,
        message_overhead: 1,
    };
    let prompt = draft.fit(&counts, room).unwrap();
    let texts = prompt.messages.into_iter().map(|message| message.content);
    texts.collect::<Vec<_>>().join("\n")
}

/// Whether what was said in one scope may stand in what is composed in another.
fn may_read(reader: &Scope, said: &Scope) -> bool {
    let same_audience =
        said.owner.audience == reader.owner.audience && said.owner.persona == reader.owner.persona;
    said.conversation == reader.conversation
        || said.owner == reader.owner
        || same_audience && said.owner.audience != Audience::Private
}

fn check(known: &Known, scope: &Scope, canaries: &[Canary]) {
    let window = format!(
        "{:?}",
        known
            .window
            .iter()
            .map(|turn| (&turn.text, &turn.notes))
            .collect::<Vec<_>>()
    );
    let opening = format!("{:?}", known.opening);
    let own = format!("{:?} {:?}", known.memory, known.summary);
    let recalled = format!("{:?}", known.recalled);
    for Canary { word, scope: said } in canaries {
        let same_talk = said.conversation == scope.conversation;
        let same_owner = said.owner == scope.owner;
        let same_audience = said.owner.audience == scope.owner.audience
            && said.owner.persona == scope.owner.persona;
        // A room's window holds what its people said there, with the notes they were answered with: all of the same audience.
        assert!(
            !window.contains(word)
                || same_talk
                || same_audience && said.owner.audience != Audience::Private
                || same_owner,
            "{word} in the window"
        );
        assert!(
            !opening.contains(word)
                || same_talk
                || same_audience && said.owner.audience != Audience::Private
                || same_owner,
            "{word} in the opening"
        );
        assert!(
            !own.contains(word) || same_owner,
            "{word} in memory or summary"
        );
        assert!(
            !recalled.contains(word) || same_talk && same_owner,
            "{word} in recall"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40 * torture::times()))]

    #[test]
    fn nothing_crosses_from_one_audience_to_another(history in prop::collection::vec((0_usize..18, prop_oneof![12 => Just(Step::Say), 1 => Just(Step::StartAnew), 2 => Just(Step::Compact), 1 => Just(Step::ForgetAll)]), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (memory, scopes) = (memory(), scopes());
            let persona = Library::load(None).library.get(&PersonaId::new("joey").unwrap()).unwrap().clone();
            let budget = WindowBudget { window: 60, summary: 25, message_overhead: 1 };
            let mut canaries: Vec<Canary> = Vec::new();
            for (number, (who, step)) in history.iter().enumerate() {
                let scope = &scopes[*who];
                match step {
                    Step::Say => {
                        let word = format!("canary{number}x");
                        let text = format!("I love {word}. Remember that my secret {word} is on Friday");
                        canaries.push(Canary { word, scope: scope.clone() });
                        say(&memory, scope, &text).await;
                    }
                    Step::StartAnew => memory.start_anew(scope).await.unwrap(),
                    Step::Compact => drop(memory.compact(scope, budget, &Words, &Extractive::new(&Words)).await.unwrap()),
                    Step::ForgetAll => {
                        memory.forget_all(&scope.owner).await.unwrap();
                        let export = memory.export(&scope.owner).await.unwrap().to_string();
                        assert!(!export.contains("canary"), "{export}");
                        // What was forgotten may be nowhere at all any more.
                        for canary in canaries.iter_mut().filter(|canary| canary.scope.owner == scope.owner) {
                            for reader in &scopes {
                                let known = memory.recall(reader, &format!("secret {} Friday", canary.word)).await.unwrap();
                                assert!(!format!("{known:?}").contains(&canary.word), "{} survives", canary.word);
                            }
                        }
                    }
                }
                for reader in &scopes {
                    let asked = canaries.last().map(|canary| format!("what do you know about my secret {} on Friday?", canary.word)).unwrap_or_default();
                    let known = memory.recall(reader, &asked).await.unwrap();
                    check(&known, reader, &canaries);
                    // What is asked holds the word itself.
                    let prompt = composed(&persona, &known, reader, "what do you know?");
                    for canary in canaries.iter().filter(|canary| !may_read(reader, &canary.scope)) {
                        assert!(!prompt.contains(&canary.word), "{} in a prompt", canary.word);
                    }
                }
            }
        });
    }
}
