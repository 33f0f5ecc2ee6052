//! `/help`: every command with what it does.

use super::{COMMANDS, Call, Command, Outcome};
use crate::messages::Sentence;

pub(super) const COMMAND: Command = Command {
    english: "help",
    korean: "도움말",
    arguments: ["", ""],
    summary: ["shows these lines", "이 안내를 보여 줘요"],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call<'_>) -> Outcome {
    let mut lines = vec![Sentence::Commands.say(call.language)];
    lines.extend(COMMANDS.iter().map(|command| {
        format!(
            "{} – {}",
            command.usage(call.language),
            command.summary(call.language)
        )
    }));
    call.out.notice(lines.join("\n")).await;
    Ok(None)
}
