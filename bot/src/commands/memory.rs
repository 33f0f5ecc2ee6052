//! `/memory`: what is remembered about the person here, and forgetting it.

use super::{Call, Command, Outcome};
use crate::messages::Sentence;
use crate::turn;

pub(super) const COMMAND: Command = Command {
    english: "memory",
    korean: "기억",
    arguments: [
        "[show | forget NUMBER | forget all | export]",
        "[보기 | 삭제 번호 | 삭제 전체 | 내보내기]",
    ],
    summary: [
        "shows what I remember about you here, or forgets it",
        "여기서 기억하는 것을 보거나 지워요",
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call<'_>) -> Outcome {
    match call.words.as_slice() {
        [] | ["show" | "보기"] => show(&call).await,
        ["forget" | "삭제", "all" | "전체"] => forget_all(&call).await,
        ["forget" | "삭제", number] => forget(&call, number).await,
        ["export" | "내보내기"] => export(&call).await,
        _ => call.tell_usage().await,
    }
}

async fn show(call: &Call<'_>) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound()).await?;
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
    call.out.notice(lines.join("\n")).await;
    Ok(None)
}

async fn forget(call: &Call<'_>, number: &str) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound()).await?;
    let scope = call.admitted.scope(&persona.id);
    let _lane = turn::in_lane(call.ctx, call.admitted, &scope.conversation).await?;
    let held = call.ctx.memory.held(&scope.owner).await?;
    let number = number.trim_end_matches('번');
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
    let persona = call.ctx.persona_for(call.admitted.inbound()).await?;
    let scope = call.admitted.scope(&persona.id);
    let _lane = turn::in_lane(call.ctx, call.admitted, &scope.conversation).await?;
    let forgotten = call.ctx.memory.forget_all(&scope.owner).await?;
    call.ctx.reasons.forget(&scope.owner);
    call.tell(Sentence::MemoryAllForgotten {
        turns: forgotten.turns,
    })
    .await
}

async fn export(call: &Call<'_>) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound()).await?;
    let export = call
        .ctx
        .memory
        .export(&call.admitted.scope(&persona.id).owner)
        .await?;
    call.out
        .notice(serde_json::to_string_pretty(&export).expect("JSON values serialise"))
        .await;
    Ok(None)
}
