//! `/why`: what the last reply was made from.

use super::{Call, Command, Outcome};
use crate::messages::Sentence;

pub(super) const COMMAND: Command = Command {
    english: "why",
    korean: "왜",
    arguments: ["", ""],
    summary: [
        "tells what my last reply was based on",
        "마지막 답이 무엇을 바탕으로 했는지 알려 줘요",
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call<'_>) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound()).await?;
    let Some(reason) = call
        .ctx
        .reasons
        .last(&call.admitted.scope(&persona.id).conversation)
    else {
        return call.tell(Sentence::WhyNothing).await;
    };
    call.out.notice(reason.say(call.language)).await;
    Ok(None)
}
