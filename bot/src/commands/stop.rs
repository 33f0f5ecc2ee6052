//! `/stop`: ends the reply that is being made. It does not wait for the conversation's turn, or it would wait for that very reply.

use super::{Action, Answer, Asked, Call, Command, Outcome};
use crate::identity::{PlaceKind, Rank};
use crate::messages::Sentence;

pub(super) const COMMAND: Command = Command {
    name: ["stop", "그만"],
    summary: ["stops my reply", "하던 말을 멈춰요"],
    actions: &[Action {
        name: ["", ""],
        summary: ["stops my reply", "하던 말을 멈춰요"],
        needs: Rank::Member,
        works: PlaceKind::Screen,
        answer: Answer::Discreet,
        is_logged: false,
        arguments: &[],
        run: |call| Box::pin(run(call)),
    }],
};

/// Whether this command is given.
pub(super) fn is_given(asked: &Asked) -> bool {
    asked.command == COMMAND.name[0]
}

async fn run(call: Call<'_>) -> Outcome {
    let inbound = call.admitted.inbound();
    let stopped = call.ctx.lanes.stop(|conversation, running| {
        let theirs = running.asker.as_ref() == Some(&inbound.person);
        let meant = inbound.about.is_none() || inbound.about == running.source;
        call.means(conversation) && meant && (theirs || inbound.rank >= Rank::ManagesChannel)
    });
    call.tell(if stopped {
        Sentence::Stopped
    } else {
        Sentence::NothingToStop
    })
    .await
}
