//! `/persona`: who answers here, who could, and choosing them. Making them is `studio.rs`.

use std::sync::Arc;

use chatfriends_personas::{Persona, PersonaId};

use super::{Action, Answer, Argument, Call, Command, EVERYWHERE, Kind, Outcome, studio};
use crate::house::Held;
use crate::identity::Rank;
use crate::messages::Sentence;
use crate::messages::making::Making;
use crate::outlet::Show;
use crate::turn::Trouble;

pub(super) const COMMAND: Command = Command {
    name: ["persona", "페르소나"],
    summary: [
        "shows who answers here, lists who could, or chooses one",
        "누가 답하는지 보거나, 목록을 보거나, 한 명을 골라요",
    ],
    actions: &[
        Action {
            name: ["show", "보기"],
            summary: ["shows who answers here", "여기서 누가 답하는지 보여 줘요"],
            needs: Rank::Member,
            answer: Answer::Discreet,
            is_logged: false,
            arguments: &[],
            run: |call| Box::pin(show(call)),
        },
        Action {
            name: ["list", "목록"],
            summary: [
                "lists who could answer",
                "답할 수 있는 페르소나를 보여 줘요",
            ],
            needs: Rank::Member,
            answer: Answer::Discreet,
            is_logged: false,
            arguments: &[],
            run: |call| Box::pin(list(call)),
        },
        Action {
            name: ["set", "선택"],
            summary: [
                "chooses who answers here; others named after the first answer when called",
                "여기서 답할 페르소나를 골라요. 여럿이면 첫째가 답하고 나머지는 부를 때 답해요",
            ],
            needs: Rank::ManagesChannel,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[
                Argument {
                    name: ["name", "이름"],
                    summary: ["one or several names", "이름 하나 또는 여럿"],
                    kind: Kind::Personas,
                    required: true,
                },
                EVERYWHERE,
            ],
            run: |call| Box::pin(set(call)),
        },
        Action {
            name: ["reset", "되돌리기"],
            summary: [
                "answers here as the server or group does",
                "서버나 그룹의 설정을 따르게 해요",
            ],
            needs: Rank::ManagesChannel,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[EVERYWHERE],
            run: |call| Box::pin(reset(call)),
        },
        Action {
            name: ["create", "만들기"],
            summary: [
                "makes a persona for this server or group",
                "이 서버나 그룹에서 쓸 페르소나를 만들어요",
            ],
            needs: Rank::ManagesAll,
            answer: Answer::Personal,
            is_logged: true,
            arguments: &[Argument {
                name: ["id", "아이디"],
                summary: [
                    "what commands will call it: a-z, 0-9, _ and -",
                    "명령에서 부를 이름: a-z, 0-9, _, -",
                ],
                kind: Kind::Word,
                required: true,
            }],
            run: |call| Box::pin(studio::create(call)),
        },
        Action {
            name: ["edit", "고치기"],
            summary: [
                "changes the draft of a persona made here",
                "이곳에서 만든 페르소나의 초안을 고쳐요",
            ],
            needs: Rank::ManagesAll,
            answer: Answer::Personal,
            is_logged: true,
            arguments: &[OWN],
            run: |call| Box::pin(studio::edit(call)),
        },
        Action {
            name: ["draft", "초안"],
            summary: [
                "shows a draft with its tokens, or what was made here",
                "초안과 토큰 수, 또는 이곳에서 만든 목록을 보여 줘요",
            ],
            needs: Rank::ManagesAll,
            answer: Answer::Personal,
            is_logged: false,
            arguments: &[Argument {
                required: false,
                ..OWN
            }],
            run: |call| Box::pin(studio::draft(call)),
        },
        Action {
            name: ["test", "시험"],
            summary: [
                "answers you as the draft would; nothing is kept",
                "초안이라면 어떻게 답할지 보여 줘요. 남지 않아요",
            ],
            needs: Rank::ManagesAll,
            answer: Answer::Personal,
            is_logged: false,
            arguments: &[
                OWN,
                Argument {
                    name: ["text", "말"],
                    summary: ["what you say to it", "건넬 말"],
                    kind: Kind::Text,
                    required: true,
                },
            ],
            run: |call| Box::pin(studio::test(call)),
        },
        Action {
            name: ["publish", "공개"],
            summary: [
                "lets the draft answer from now on",
                "이제부터 초안대로 답하게 해요",
            ],
            needs: Rank::ManagesAll,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[OWN],
            run: |call| Box::pin(studio::publish(call)),
        },
        Action {
            name: ["rollback", "복원"],
            summary: [
                "lets an earlier version answer again",
                "예전 판이 다시 답하게 해요",
            ],
            needs: Rank::ManagesAll,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[
                OWN,
                Argument {
                    name: ["version", "판"],
                    summary: [
                        "its number; without one, the version before",
                        "판의 번호, 없으면 바로 전의 판",
                    ],
                    kind: Kind::Word,
                    required: false,
                },
            ],
            run: |call| Box::pin(studio::roll_back(call)),
        },
        Action {
            name: ["delete", "삭제"],
            summary: [
                "deletes a persona made here with all its versions",
                "이곳에서 만든 페르소나를 모든 판과 함께 삭제해요",
            ],
            needs: Rank::ManagesAll,
            answer: Answer::Public,
            is_logged: true,
            arguments: &[OWN],
            run: |call| Box::pin(studio::delete(call)),
        },
    ],
};

/// A persona made here.
const OWN: Argument = Argument {
    name: ["name", "이름"],
    summary: ["a persona made here", "이곳에서 만든 페르소나"],
    kind: Kind::Persona,
    required: true,
};

async fn show(call: Call<'_>) -> Outcome {
    let inbound = call.admitted.inbound();
    let persona = call.ctx.persona_for(inbound)?;
    let held = call.holding().personas;
    let others: Vec<PersonaId> = held
        .rule
        .iter()
        .filter(|id| **id != persona.id)
        .cloned()
        .collect();
    let origin = if inbound.persona.is_some() {
        Sentence::SetHere
    } else {
        origin(&call, &held)
    };
    let mut lines = vec![
        Sentence::PersonaIs {
            name: persona.name.clone(),
            id: persona.id.to_string(),
            origin: origin.say(call.language),
        }
        .say(call.language),
    ];
    if !others.is_empty() && inbound.persona.is_none() {
        lines.push(
            Sentence::PersonaOthers {
                names: names(&call, &others),
            }
            .say(call.language),
        );
    }
    call.say(lines.join("\n")).await
}

/// Where a rule comes from.
pub(super) fn origin<T>(call: &Call<'_>, held: &Held<T>) -> Sentence {
    match &held.from {
        None => Sentence::SetNowhere,
        Some(level) if Some(level) == call.admitted.inbound().levels.first() => Sentence::SetHere,
        Some(level) => Sentence::Inherited(level.kind),
    }
}

/// The names of personas, in one line.
pub(super) fn names(call: &Call<'_>, ids: &[PersonaId]) -> String {
    let library = call.library();
    let names: Vec<String> = ids
        .iter()
        .map(|id| {
            library
                .get(id)
                .map_or_else(|| id.to_string(), |persona| persona.name.clone())
        })
        .collect();
    names.join(", ")
}

async fn list(call: Call<'_>) -> Outcome {
    let made_here = Sentence::Making(Making::MadeHere);
    let mut lines = vec![Sentence::PersonaChoices.say(call.language)];
    lines.extend(call.library().iter().map(|persona| {
        let languages: Vec<&str> = persona
            .languages
            .iter()
            .map(|language| language.code())
            .collect();
        let line = format!(
            "{} – {} ({})",
            persona.id,
            persona.name,
            languages.join(", ")
        );
        if studio::is_made_here(&call, persona) {
            format!("{line}, {}", made_here.say(call.language))
        } else {
            line
        }
    }));
    call.say(lines.join("\n")).await
}

async fn set(call: Call<'_>) -> Outcome {
    let personas = named(&call, call.argument("name").unwrap_or_default())?;
    let first = personas.first().expect("a name was given");
    let ids: Vec<PersonaId> = personas.iter().map(|persona| persona.id.clone()).collect();
    call.ctx
        .house
        .change(call.level(), |rules| rules.personas = Some(ids.clone()))
        .await?;
    call.out
        .show(Show::Persona {
            id: first.id.to_string(),
        })
        .await;
    let mut lines = vec![
        Sentence::PersonaSet {
            name: first.name.clone(),
        }
        .say(call.language),
    ];
    if ids.len() > 1 {
        lines.push(
            Sentence::PersonaOthers {
                names: names(&call, &ids[1..]),
            }
            .say(call.language),
        );
    }
    call.say(lines.join("\n")).await
}

/// The personas of a line of names. All of it may be one name, as names may have spaces.
fn named(call: &Call<'_>, line: &str) -> Result<Vec<Arc<Persona>>, Trouble> {
    let library = call.library();
    if let Some(persona) = library.find(line) {
        return Ok(vec![Arc::clone(persona)]);
    }
    let mut personas: Vec<Arc<Persona>> = Vec::new();
    for name in line
        .split([' ', ','])
        .filter(|name| !name.trim().is_empty())
    {
        let Some(persona) = library.find(name) else {
            let nearest = library.nearest(name).map(ToString::to_string);
            return Err(Trouble::Told(Sentence::UnknownPersona {
                typed: name.to_owned(),
                nearest,
            }));
        };
        if !personas.iter().any(|known| known.id == persona.id) {
            personas.push(Arc::clone(persona));
        }
    }
    if personas.is_empty() {
        return Err(Trouble::Told(Sentence::UnknownPersona {
            typed: line.to_owned(),
            nearest: None,
        }));
    }
    Ok(personas)
}

async fn reset(call: Call<'_>) -> Outcome {
    call.ctx
        .house
        .change(call.level(), |rules| rules.personas = None)
        .await?;
    let persona = call.ctx.persona_for(call.admitted.inbound())?;
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
