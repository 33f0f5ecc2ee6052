//! `/memory`: what is remembered about the person here, and forgetting it.

use super::{Action, Answer, Argument, Call, Command, Done, Kind, Outcome};
use crate::identity::{PlaceKind, Rank};
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
            summary: ["forgets a line, or everything", "한 줄이나 전부를 지워요"],
            needs: Rank::Member,
            works: PlaceKind::Screen,
            answer: Answer::Personal,
            is_logged: false,
            arguments: &[Argument {
                name: ["which", "번호"],
                summary: ["the line's number, or all", "줄 번호 또는 전체"],
                kind: Kind::Word,
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

async fn show(call: Call<'_>) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound())?;
    let held = call
        .ctx
        .memory
        .held(&call.admitted.scope(&persona.id).owner)
        .await?;
    if held.facts.is_empty() && held.summary.is_none() {
        return call.tell(Sentence::MemoryEmpty).await;
    }
    let mut lines = Vec::new();
    if !held.facts.is_empty() {
        lines.push(Sentence::MemoryHeld.say(call.language));
        lines.extend(held.facts.iter().enumerate().map(|(index, fact)| {
            format!(
                "{}. {}: {}",
                index + 1,
                fact.key.label(call.language),
                fact.value
            )
        }));
    }
    if let Some(summary) = held.summary {
        lines.push(Sentence::MemorySummary.say(call.language));
        lines.push(summary);
    }
    lines.push(Sentence::MemoryHowToForget.say(call.language));
    call.say(lines.join("\n")).await
}

async fn forget(call: Call<'_>) -> Outcome {
    let which = call.argument("which").unwrap_or_default();
    if matches!(which, "all" | "전체") {
        return forget_all(&call).await;
    }
    let persona = call.ctx.persona_for(call.admitted.inbound())?;
    let scope = call.admitted.scope(&persona.id);
    let _lane = turn::in_lane(call.ctx, call.admitted, &scope.conversation).await?;
    let held = call.ctx.memory.held(&scope.owner).await?;
    let number = which.trim_end_matches('번');
    let line = number
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_sub(1))
        .and_then(|index| held.facts.get(index));
    let Some(fact) = line else {
        return call
            .tell(Sentence::MemoryNoSuchFact {
                typed: number.to_owned(),
            })
            .await;
    };
    call.ctx.memory.forget_fact(&scope.owner, fact.id).await?;
    call.ctx.reasons.forget(&scope.owner);
    call.tell(Sentence::MemoryFactForgotten).await
}

async fn forget_all(call: &Call<'_>) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound())?;
    let scope = call.admitted.scope(&persona.id);
    let _lane = turn::in_lane(call.ctx, call.admitted, &scope.conversation).await?;
    let forgotten = call.ctx.memory.forget_all(&scope.owner).await?;
    call.ctx.reasons.forget(&scope.owner);
    call.tell(Sentence::MemoryAllForgotten {
        turns: forgotten.turns,
    })
    .await
}

async fn export(call: Call<'_>) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound())?;
    let export = call
        .ctx
        .memory
        .export(&call.admitted.scope(&persona.id).owner)
        .await?;
    let file = Show::File {
        name: "memory.json".to_owned(),
        text: serde_json::to_string_pretty(&export).expect("JSON values serialise"),
    };
    call.out.show(file).await;
    Ok(Done::Told)
}
