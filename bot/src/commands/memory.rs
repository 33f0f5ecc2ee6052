//! `/memory`: what is remembered about the person here, and forgetting it.

use std::collections::BTreeSet;

use chatfriends_personas::{Language, PersonaId};

use super::persona::names;
use super::{Action, Answer, Argument, Call, Command, Done, Kind, Outcome};
use crate::identity::{Owner, PlaceKind, Rank, Scope};
use crate::inbound::Inbound;
use crate::memory::{Fact, Held};
use crate::messages::Sentence;
use crate::outlet::Show;
use crate::turn;

pub(super) const COMMAND: Command = Command {
    name: ["memory", "기억"],
    summary: [
        "shows what I remember about you here, or forgets it",
        "여기서 기억하는 것을 보거나 지워요",
    ],
    actions: &[
        Action {
            name: ["show", "보기"],
            summary: [
                "shows what I remember about you here",
                "여기서 기억하는 것을 보여 줘요",
            ],
            needs: Rank::Member,
            works: PlaceKind::Screen,
            answer: Answer::Personal,
            is_logged: false,
            arguments: &[],
            run: |call| Box::pin(show(call)),
        },
        Action {
            name: ["forget", "삭제"],
            summary: ["forgets lines, or everything", "몇 줄이나 전부를 지워요"],
            needs: Rank::Member,
            works: PlaceKind::Screen,
            answer: Answer::Personal,
            is_logged: false,
            arguments: &[Argument {
                name: ["which", "번호"],
                summary: [
                    "numbers of lines as /memory shows them, such as 2 4, or all",
                    "‘/기억’에 나오는 줄 번호(예: 2 4), 또는 전체",
                ],
                kind: Kind::Text,
                required: true,
            }],
            run: |call| Box::pin(forget(call)),
        },
        Action {
            name: ["export", "내보내기"],
            summary: ["gives you all of it as JSON", "전부를 JSON으로 드려요"],
            needs: Rank::Member,
            works: PlaceKind::Screen,
            answer: Answer::Personal,
            is_logged: false,
            arguments: &[],
            run: |call| Box::pin(export(call)),
        },
    ],
};

/// Something that can be forgotten by the number under which it is shown.
enum Line<'a> {
    Fact(&'a Fact),
    /// One of the summary.
    Earlier(&'a str),
}

impl Line<'_> {
    fn say(&self, language: Language) -> String {
        match self {
            Self::Fact(fact) => format!("{}: {}", fact.key.label(language), fact.value),
            Self::Earlier(line) => (*line).to_owned(),
        }
    }
}

/// What of a memory has numbers, in their order.
fn lines(held: &Held) -> impl Iterator<Item = Line<'_>> {
    let facts = held.facts.iter().map(Line::Fact);
    facts.chain(held.summary_lines().map(Line::Earlier))
}

async fn show(call: Call<'_>) -> Outcome {
    let all = call.held().await?;
    if all.is_empty() {
        return call.tell(Sentence::MemoryEmpty).await;
    }
    let is_noted = all.iter().any(|(_, held)| lines(held).next().is_some());
    let heading = if is_noted {
        Sentence::MemoryHeld
    } else {
        Sentence::MemoryNothingNoted
    };
    let mut shown = vec![heading.say(call.language)];
    let mut number = 0;
    for (owner, held) in &all {
        if all.len() > 1 {
            let name = names(&call, std::slice::from_ref(&owner.persona));
            shown.extend([String::new(), format!("{name}:")]);
        }
        for (index, line) in lines(held).enumerate() {
            if index == held.facts.len() {
                shown.push(Sentence::MemorySummary.say(call.language));
            }
            number += 1;
            shown.push(format!("{number}. {}", line.say(call.language)));
        }
        if held.turns > 0 {
            shown.push(Sentence::MemoryTurns { turns: held.turns }.say(call.language));
        }
    }
    if all.len() > 1 {
        shown.push(String::new());
    }
    shown.push(Sentence::MemoryHowToForget.say(call.language));
    call.say(shown.join("\n")).await
}

async fn forget(call: Call<'_>) -> Outcome {
    let which = call.argument("which").unwrap_or_default();
    if matches!(
        which.to_lowercase().as_str(),
        "all" | "everything" | "전체" | "전부" | "모두"
    ) {
        return forget_all(&call).await;
    }
    let all = call.held().await?;
    let known: Vec<(&Owner, Line<'_>)> = all
        .iter()
        .flat_map(|(owner, held)| lines(held).map(move |line| (owner, line)))
        .collect();
    let mut meant = Vec::new();
    for word in which.split([' ', ',']).filter(|word| !word.is_empty()) {
        let number = word.trim_end_matches('번');
        let index = number.parse().ok().and_then(|it: usize| it.checked_sub(1));
        let Some(line) = index.and_then(|index| known.get(index)) else {
            let typed = number.to_owned();
            return call.tell(Sentence::MemoryNoSuchLine { typed }).await;
        };
        meant.push(line);
    }
    let _place_in_line = turn::line_up(call.ctx, call.admitted)?;
    let mut told = Vec::new();
    for (owner, line) in meant {
        let scope = Scope {
            owner: Owner::clone(owner),
            ..call.admitted.scope(&owner.persona)
        };
        let _lane = turn::lane(call.ctx, call.admitted, &scope.conversation).await;
        let heard_in = call.ctx.heard_in(&scope).await?;
        match line {
            Line::Fact(fact) => call.ctx.memory.forget_fact(owner, fact.id).await?,
            Line::Earlier(line) => call.ctx.memory.forget_line(owner, line).await?,
        };
        call.ctx.let_go(owner, &heard_in).await;
        let line = line.say(call.language);
        told.push(Sentence::MemoryLineForgotten { line }.say(call.language));
    }
    if all.iter().any(|(_, held)| held.turns > 0) {
        let platform = call.level().platform();
        told.push(Sentence::MemoryWordsKept { platform }.say(call.language));
    }
    call.say(told.join("\n")).await
}

async fn forget_all(call: &Call<'_>) -> Outcome {
    let held = call.held().await?;
    let kept = held.into_iter().map(|(owner, _)| owner.persona);
    // Words that are just being taken in are to be forgotten, too.
    let active = call.ctx.lanes.active().into_iter();
    let here = active.filter(|conversation| call.means(conversation));
    let personas: BTreeSet<PersonaId> = kept
        .chain(here.map(|conversation| conversation.persona))
        .collect();
    let _place_in_line = turn::line_up(call.ctx, call.admitted)?;
    let mut turns = 0;
    for persona in &personas {
        let scope = call.admitted.scope(persona);
        let _lane = turn::lane(call.ctx, call.admitted, &scope.conversation).await;
        let heard_in = call.ctx.heard_in(&scope).await?;
        turns += call.ctx.memory.forget_all(&scope.owner).await?.turns;
        call.ctx.let_go(&scope.owner, &heard_in).await;
    }
    let Inbound {
        audience, person, ..
    } = call.admitted.inbound();
    call.ctx.disclosure.forget(audience, person).await?;
    call.tell(Sentence::MemoryAllForgotten { turns }).await
}

async fn export(call: Call<'_>) -> Outcome {
    let all = call.held().await?;
    if all.is_empty() {
        return call.tell(Sentence::MemoryEmpty).await;
    }
    let mut exports = Vec::new();
    for (owner, _) in &all {
        exports.push(call.ctx.memory.export(owner).await?);
    }
    let file = Show::File {
        name: "memory.json".to_owned(),
        text: serde_json::to_string_pretty(&exports).expect("JSON values serialise"),
    };
    call.out.show(file).await;
    Ok(Done::Told)
}
