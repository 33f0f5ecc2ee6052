//! `/regenerate`: another answer to the last message, in place of the one given.

use super::{Action, Answer, Call, Command, Done, Outcome, Talk};
use crate::identity::{PlaceKind, Rank};
use crate::messages::Sentence;
use crate::turn;

pub(super) const COMMAND: Command = Command {
    name: ["regenerate", "다시"],
    summary: [
        "answers your last message again, differently",
        "마지막 말에 다르게 다시 답해요",
    ],
    actions: &[Action {
        name: ["", ""],
        summary: [
            "answers your last message again, differently",
            "마지막 말에 다르게 다시 답해요",
        ],
        needs: Rank::Member,
        works: PlaceKind::Screen,
        answer: Answer::Reply,
        is_logged: false,
        arguments: &[],
        run: |call| Box::pin(run(call)),
    }],
};

async fn run(call: Call<'_>) -> Outcome {
    // Others may have talked with the persona since; moderators may have that answered again, too.
    let talk = match call.admitted.inbound().rank {
        Rank::Member => Talk::Own,
        Rank::ManagesChannel | Rank::ManagesAll => Talk::Anybodys,
    };
    let persona = call.partner(talk).await?;
    match turn::again(call.ctx, call.admitted, persona, call.out).await? {
        Some(finish) => Ok(Done::Replied(finish)),
        None => call.tell(Sentence::NothingToRegenerate).await,
    }
}
