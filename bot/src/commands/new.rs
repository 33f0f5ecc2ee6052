//! `/new`: the persona no longer sees what was said before; what it knows about the person stays.

use super::{Action, Answer, Call, Command, Outcome, Talk};
use crate::identity::{PlaceKind, Rank};
use crate::messages::Sentence;
use crate::turn;

pub(super) const COMMAND: Command = Command {
    name: ["new", "새로"],
    summary: ["starts a new conversation", "대화를 새로 시작해요"],
    actions: &[Action {
        name: ["", ""],
        summary: ["starts a new conversation", "대화를 새로 시작해요"],
        needs: Rank::Member,
        works: PlaceKind::Screen,
        answer: Answer::Public,
        is_logged: false,
        arguments: &[],
        run: |call| Box::pin(run(call)),
    }],
};

async fn run(call: Call<'_>) -> Outcome {
    let persona = call.partner(Talk::Own).await?;
    let scope = call.admitted.scope(&persona.id);
    let _lane = turn::in_lane(call.ctx, call.admitted, &scope.conversation).await?;
    call.ctx.memory.start_anew(&scope).await?;
    call.tell(Sentence::StartedAnew).await
}
