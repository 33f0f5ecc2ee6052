//! `/stop`: ends the reply that is being made. It does not wait for the conversation's turn, or it would wait for that very reply.

use super::{Call, Command, Outcome};
use crate::messages::Sentence;

pub(super) const COMMAND: Command = Command {
    english: "stop",
    korean: "그만",
    arguments: ["", ""],
    summary: ["stops my reply", "하던 말을 멈춰요"],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call<'_>) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound()).await?;
    let stopped = call
        .ctx
        .lanes
        .stop(&call.admitted.scope(&persona.id).conversation);
    call.tell(if stopped {
        Sentence::Stopped
    } else {
        Sentence::NothingToStop
    })
    .await
}
