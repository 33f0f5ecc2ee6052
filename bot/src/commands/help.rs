//! `/help`: every command with what it does, as far as whoever asks may use it.

use super::{Action, Answer, COMMANDS, Call, Command, Outcome};
use crate::identity::{PlaceKind, Rank};
use crate::messages::Sentence;

pub(super) const COMMAND: Command = Command {
    name: ["help", "도움말"],
    summary: ["shows these lines", "이 안내를 보여 줘요"],
    actions: &[Action {
        name: ["", ""],
        summary: ["shows these lines", "이 안내를 보여 줘요"],
        needs: Rank::Member,
        works: PlaceKind::Screen,
        answer: Answer::Discreet,
        is_logged: false,
        arguments: &[],
        run: |call| Box::pin(run(call)),
    }],
};

async fn run(call: Call<'_>) -> Outcome {
    let inbound = call.admitted.inbound();
    let place = PlaceKind::of(&inbound.levels);
    let mut lines = vec![Sentence::Commands.say(call.language)];
    lines.extend(COMMANDS.iter().map(|command| {
        format!(
            "{} – {}",
            command.usage(call.language, inbound.rank, place),
            command.summary(call.language)
        )
    }));
    call.say(lines.join("\n")).await
}
