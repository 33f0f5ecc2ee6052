//! `/why`: what the last reply was made from.

use super::{Action, Answer, Call, Command, Outcome};
use crate::identity::{PlaceKind, Rank};
use crate::messages::Sentence;

pub(super) const COMMAND: Command = Command {
    name: ["why", "왜"],
    summary: [
        "tells what my last reply was based on",
        "마지막 답이 무엇을 바탕으로 했는지 알려 줘요",
    ],
    actions: &[Action {
        name: ["", ""],
        summary: [
            "tells what my last reply was based on",
            "마지막 답이 무엇을 바탕으로 했는지 알려 줘요",
        ],
        needs: Rank::Member,
        works: PlaceKind::Screen,
        answer: Answer::Personal,
        is_logged: false,
        arguments: &[],
        run: |call| Box::pin(run(call)),
    }],
};

async fn run(call: Call<'_>) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound())?;
    let inbound = call.admitted.inbound();
    if let Some(silence) = call.ctx.reasons.silence(&inbound.place, &inbound.person) {
        return call.tell(Sentence::WhySilent(silence)).await;
    }
    let Some(reason) = call.ctx.reasons.last(&call.admitted.scope(&persona.id)) else {
        return call.tell(Sentence::WhyNothing).await;
    };
    call.say(reason.say(call.language)).await
}
