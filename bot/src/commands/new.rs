//! `/new`: the persona no longer sees what was said before; what it knows about the person stays.

use super::{Call, Command, Outcome};
use crate::messages::Sentence;
use crate::turn;

pub(super) const COMMAND: Command = Command {
    english: "new",
    korean: "새로",
    arguments: ["", ""],
    summary: ["starts a new conversation", "대화를 새로 시작해요"],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call<'_>) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound()).await?;
    let scope = call.admitted.scope(&persona.id);
    let _lane = turn::in_lane(call.ctx, call.admitted, &scope.conversation).await?;
    call.ctx.memory.start_anew(&scope).await?;
    call.tell(Sentence::StartedAnew).await
}
