//! `/help`: every command with what it does, as far as whoever asks may use it.

use super::{Action, Answer, COMMANDS, Call, Command, Outcome};
use crate::identity::Rank;
use crate::messages::Sentence;
use crate::studio;

pub(super) const COMMAND: Command = Command {
    name: ["help", "도움말"],
    summary: ["shows these lines", "이 안내를 보여 줘요"],
    actions: &[Action {
        name: ["", ""],
        summary: ["shows these lines", "이 안내를 보여 줘요"],
        needs: Rank::Member,
        answer: Answer::Discreet,
        is_logged: false,
        arguments: &[],
        run: |call| Box::pin(run(call)),
    }],
};

async fn run(call: Call<'_>) -> Outcome {
    let inbound = call.admitted.inbound();
    // What is for a whole server or group is of no use where there is none.
    let rank = match studio::owner(&inbound.levels) {
        Some(_) => inbound.rank,
        None => inbound.rank.min(Rank::ManagesChannel),
    };
    let mut lines = vec![Sentence::Commands.say(call.language)];
    lines.extend(COMMANDS.iter().map(|command| {
        format!(
            "{} – {}",
            command.usage(call.language, rank),
            command.summary(call.language)
        )
    }));
    call.say(lines.join("\n")).await
}
