//! `/persona`: who answers here, who could, and choosing one.

use super::{Call, Command, Outcome};
use crate::messages::Sentence;
use crate::outlet::Show;
use crate::turn::Trouble;

pub(super) const COMMAND: Command = Command {
    english: "persona",
    korean: "페르소나",
    arguments: ["[show | list | set NAME]", "[보기 | 목록 | 선택 이름]"],
    summary: [
        "shows who answers here, lists who could, or chooses one",
        "누가 답하는지 보거나, 목록을 보거나, 한 명을 골라요",
    ],
    run: |call| Box::pin(run(call)),
};

async fn run(call: Call<'_>) -> Outcome {
    match call.words.as_slice() {
        [] | ["show" | "보기"] => show(&call).await,
        ["list" | "목록"] => list(&call).await,
        ["set" | "선택", name @ ..] if !name.is_empty() => set(&call, &name.join(" ")).await,
        ["set" | "선택"] => call.tell_usage().await,
        name => set(&call, &name.join(" ")).await,
    }
}

async fn show(call: &Call<'_>) -> Outcome {
    let persona = call.ctx.persona_for(call.admitted.inbound()).await?;
    let picked = call.admitted.inbound().persona.is_some();
    let chosen = picked
        || call
            .ctx
            .routes
            .of(&call.admitted.inbound().place)
            .await?
            .chosen;
    call.tell(Sentence::PersonaIs {
        name: persona.name.clone(),
        id: persona.id.to_string(),
        chosen,
    })
    .await
}

async fn list(call: &Call<'_>) -> Outcome {
    let mut lines = vec![Sentence::PersonaChoices.say(call.language)];
    lines.extend(call.ctx.catalogue.now().iter().map(|persona| {
        let languages: Vec<&str> = persona
            .languages
            .iter()
            .map(|language| language.code())
            .collect();
        format!(
            "{} – {} ({})",
            persona.id,
            persona.name,
            languages.join(", ")
        )
    }));
    call.out.notice(lines.join("\n")).await;
    Ok(None)
}

async fn set(call: &Call<'_>, name: &str) -> Outcome {
    let library = call.ctx.catalogue.now();
    let Some(persona) = library.find(name) else {
        let nearest = library.nearest(name).map(ToString::to_string);
        return Err(Trouble::Told(Sentence::UnknownPersona {
            typed: name.to_owned(),
            nearest,
        }));
    };
    call.ctx
        .routes
        .choose(&call.admitted.inbound().place, &persona.id)
        .await?;
    call.out
        .show(Show::Persona {
            id: persona.id.to_string(),
        })
        .await;
    call.tell(Sentence::PersonaSet {
        name: persona.name.clone(),
    })
    .await
}
