//! What moderators do to personas of their own with `/persona`: making, editing, trying, publishing, going back. The rows are in `persona.rs`.

use chatfriends_engine::Readiness;
use chatfriends_personas::{Persona, PersonaId};

use super::{Asked, Call, Done, Outcome, Words};
use crate::identity::{Level, PlaceKind};
use crate::messages::Sentence;
use crate::messages::making::Making;
use crate::outlet::{Form, Show};
use crate::platforms::text::fence::fenced;
use crate::studio::sheet::{Flaw, Part, Sheet};
use crate::studio::{self, MOST, MadePersona, StudioError};
use crate::turn::{self, Trouble};

/// Begins a persona: without anything filled in it shows the form, so that whoever leaves it has begun nothing.
pub(super) async fn create(call: Call<'_>) -> Outcome {
    let home = home(&call)?;
    let typed = call.argument("id").unwrap_or_default();
    let id = PersonaId::new(&typed.to_lowercase()).map_err(|_| {
        told(Making::BadId {
            typed: typed.to_owned(),
        })
    })?;
    let taken = call.ctx.catalogue.now().get(&id).is_some();
    let room = if taken {
        Err(StudioError::Taken)
    } else {
        call.ctx.studio.has_room(home, &id).await
    };
    room.map_err(|error| refused(error, &id))?;
    let sheet = Sheet::new(call.language);
    if !is_filled_in(&call) {
        return ask(&call, &id, &sheet).await;
    }
    let sheet = sheet.with(call.asked);
    let created = call.ctx.studio.create(home, &id, sheet.clone()).await;
    created.map_err(|error| refused(error, &id))?;
    kept(&call, &id, &sheet).await
}

/// Changes the draft: without anything filled in it shows the form.
pub(super) async fn edit(call: Call<'_>) -> Outcome {
    let (home, id, work) = named(&call).await?;
    let sheet = work.sheet();
    if !is_filled_in(&call) {
        return ask(&call, &id, &sheet).await;
    }
    let sheet = sheet.with(call.asked);
    let edited = call.ctx.studio.edit(home, &id, sheet.clone()).await;
    edited.map_err(|error| refused(error, &id))?;
    kept(&call, &id, &sheet).await
}

/// Answers as the draft would, once.
pub(super) async fn test(call: Call<'_>) -> Outcome {
    let (_, id, work) = named(&call).await?;
    let sheet = work.sheet();
    let persona = match sheet.persona(&id) {
        Ok(persona) => persona,
        Err(flaws) => return flawed(&call, &id, &flaws).await,
    };
    if call.ctx.brains.readiness() != Readiness::Ready {
        return Err(Trouble::Told(Sentence::EngineStarting));
    }
    let words = call.argument("text").unwrap_or_default();
    // The bot itself shows it: a face of its own is for personas that answer.
    let lead = Making::TriedOut {
        name: persona.name.clone(),
    };
    let text = format!("{}:\n", Sentence::Making(lead).say(call.language));
    call.out.show(Show::Text { text }).await;
    turn::try_out(call.ctx, call.admitted, &persona, words, call.out)
        .await
        .map(Done::Replied)
}

/// Shows one draft with what it costs, or everything that was made here.
pub(super) async fn draft(call: Call<'_>) -> Outcome {
    if call.argument("name").is_none() {
        return overview(call).await;
    }
    let (_, id, work) = named(&call).await?;
    let sheet = work.sheet();
    let heading = if work.draft.is_some() {
        Making::DraftOf { id: id.to_string() }
    } else {
        Making::VersionOf { id: id.to_string() }
    };
    let mut lines = vec![say(&call, heading)];
    for part in Part::ALL {
        let text = sheet.part(part);
        if !text.is_empty() {
            lines.push(format!(
                "{}\n{}",
                say(&call, Making::Label(part)),
                fenced(text)
            ));
        }
    }
    match sheet.persona(&id) {
        Ok(persona) => lines.push(share(&call, &persona).await),
        Err(flaws) => lines.extend(flaws.iter().map(|flaw| say(&call, Making::Flawed(*flaw)))),
    }
    if !work.versions.is_empty() {
        lines.push(say(
            &call,
            Making::Versions {
                numbers: numbers(&work),
            },
        ));
    }
    call.say(lines.join("\n")).await
}

async fn overview(call: Call<'_>) -> Outcome {
    let works = call.ctx.studio.works(home(&call)?).await?;
    if works.is_empty() {
        return call.tell(Sentence::Making(Making::None)).await;
    }
    let mut lines = vec![say(&call, Making::Heading)];
    lines.extend(works.iter().map(|work| {
        let state = match work.live {
            Some(version) => Making::Live { version },
            None => Making::NotLive,
        };
        let draft = work.draft.as_ref().map(|_| Making::HasDraft);
        let states: Vec<String> = [Some(state), draft]
            .into_iter()
            .flatten()
            .map(|state| say(&call, state))
            .collect();
        format!("{} – {}", work.id(), states.join(", "))
    }));
    call.say(lines.join("\n")).await
}

/// Lets the draft answer from now on.
pub(super) async fn publish(call: Call<'_>) -> Outcome {
    let (home, id, work) = named(&call).await?;
    if work.draft.is_some()
        && let Err(flaws) = work.sheet().persona(&id)
    {
        return flawed(&call, &id, &flaws).await;
    }
    if let Some(draft) = &work.draft
        && let Ok(persona) = draft.persona(&id)
        && let Some(share) = turn::share(call.ctx, &persona).await
        && share.exchanges == 0
    {
        return Err(told(Making::NoRoom));
    }
    let published = call.ctx.studio.publish(home, &id).await;
    let version = published.map_err(|error| refused(error, &id))?;
    let mut lines = vec![say(
        &call,
        Making::Published {
            name: name(&call, &id),
            version,
        },
    )];
    let here = call.rules().personas.rule;
    if !here.contains(&id) {
        // Beside those who answer already: `set` chooses anew.
        let ids: Vec<&str> = here.iter().chain([&id]).map(PersonaId::as_str).collect();
        let ids = ids.join(" ");
        lines.push(say(&call, Making::HowToSet { ids }));
    }
    call.say(lines.join("\n")).await
}

/// Lets an earlier version answer again.
pub(super) async fn roll_back(call: Call<'_>) -> Outcome {
    let (home, id, work) = named(&call).await?;
    let no_version = || {
        told(Making::NoVersion {
            known: numbers(&work),
        })
    };
    let to = match call.argument("version") {
        Some(typed) => Some(typed.parse().map_err(|_| no_version())?),
        None => None,
    };
    let version = match call.ctx.studio.roll_back(home, &id, to).await {
        Err(StudioError::NoVersion) => return Err(no_version()),
        outcome => outcome.map_err(|error| refused(error, &id))?,
    };
    call.tell(Sentence::Making(Making::RolledBack {
        name: name(&call, &id),
        version,
    }))
    .await
}

/// What is said after a persona's name to delete it.
pub(super) const CONFIRM: Words = ["confirm", "확인"];

/// Takes a persona away; asks first, since nothing brings it back.
pub(super) async fn delete(call: Call<'_>) -> Outcome {
    let (home, id, work) = named(&call).await?;
    if call.argument("sure") != Some(CONFIRM[0]) {
        let lost = Making::WouldDelete {
            id: id.to_string(),
            has_draft: work.draft.is_some(),
            versions: numbers(&work),
        };
        call.tell(Sentence::Making(lost)).await?;
        return Ok(Done::Asked);
    }
    let deleted = call.ctx.studio.delete(home, &id).await;
    deleted.map_err(|error| refused(error, &id))?;
    call.tell(Sentence::Making(Making::Deleted { id: id.to_string() }))
        .await
}

/// The id of a persona that was made here under this name and answers nobody yet.
pub(super) async fn unpublished(call: &Call<'_>, typed: &str) -> Result<Option<String>, Trouble> {
    let home = studio::home(&call.admitted.inbound().levels);
    let (Some(home), Ok(id)) = (home, PersonaId::new(&typed.to_lowercase())) else {
        return Ok(None);
    };
    match call.ctx.studio.work(home, &id).await {
        Ok(_) => Ok(Some(id.to_string())),
        Err(StudioError::Unknown) => Ok(None),
        Err(error) => Err(refused(error, &id)),
    }
}

/// Whether a persona of the library was made here.
pub(super) fn is_made_here(call: &Call<'_>, persona: &Persona) -> bool {
    call.ctx.catalogue.now().get(&persona.id).is_none()
}

fn home<'a>(call: &Call<'a>) -> Result<&'a Level, Trouble> {
    studio::home(&call.admitted.inbound().levels).ok_or(Trouble::Told(Sentence::WorksElsewhere {
        works: PlaceKind::Shared,
    }))
}

/// The persona that the command names, by its id or, once it is published, by its name.
async fn named<'a>(call: &Call<'a>) -> Result<(&'a Level, PersonaId, MadePersona), Trouble> {
    let home = home(call)?;
    let typed = call.argument("name").unwrap_or_default();
    let by_id = PersonaId::new(&typed.to_lowercase()).ok();
    if let Some(id) = by_id {
        match call.ctx.studio.work(home, &id).await {
            Ok(work) => return Ok((home, id, work)),
            Err(StudioError::Unknown) => {}
            Err(error) => return Err(refused(error, &id)),
        }
    }
    let library = call.library();
    let Some(persona) = library.find(typed) else {
        return Err(super::persona::unknown(call, typed));
    };
    let id = persona.id.clone();
    match call.ctx.studio.work(home, &id).await {
        Ok(work) => Ok((home, id, work)),
        Err(StudioError::Unknown) => Err(told(Making::OfFile { id: id.to_string() })),
        Err(error) => Err(refused(error, &id)),
    }
}

fn is_filled_in(call: &Call<'_>) -> bool {
    Part::ALL
        .iter()
        .any(|part| call.argument(part.word()).is_some())
}

async fn ask(call: &Call<'_>, id: &PersonaId, sheet: &Sheet) -> Outcome {
    // By its id, whatever it was called: that is one word and stays the same.
    let name = call.asked.arguments.first().map(|(name, _)| name.clone());
    let asked = Asked {
        arguments: name
            .map(|name| (name, id.to_string()))
            .into_iter()
            .collect(),
        ..call.asked.clone()
    };
    let form = Form {
        title: say(call, Making::FormTitle { id: id.to_string() }),
        asked,
        fields: sheet.fields(call.language),
        language: call.language,
    };
    call.out.show(Show::Form { form }).await;
    Ok(Done::Asked)
}

/// What is said when a draft was kept: what it costs, or what is wrong with it.
async fn kept(call: &Call<'_>, id: &PersonaId, sheet: &Sheet) -> Outcome {
    let persona = match sheet.persona(id) {
        Ok(persona) => persona,
        Err(flaws) => return flawed(call, id, &flaws).await,
    };
    let lines = [
        say(call, Making::DraftKept { id: id.to_string() }),
        share(call, &persona).await,
        say(call, Making::Next { id: id.to_string() }),
    ];
    call.say(lines.join("\n")).await
}

async fn flawed(call: &Call<'_>, id: &PersonaId, flaws: &[Flaw]) -> Outcome {
    let mut lines = vec![say(call, Making::DraftFlawed { id: id.to_string() })];
    lines.extend(flaws.iter().map(|flaw| say(call, Making::Flawed(*flaw))));
    call.say(lines.join("\n")).await
}

async fn share(call: &Call<'_>, persona: &Persona) -> String {
    let sentence = match turn::share(call.ctx, persona).await {
        Some(share) => Making::Share {
            tokens: share.tokens,
            context: share.context,
            exchanges: share.exchanges,
        },
        None => Making::ShareUnknown,
    };
    say(call, sentence)
}

/// What the persona is called, once it answers.
fn name(call: &Call<'_>, id: &PersonaId) -> String {
    super::persona::names(call, std::slice::from_ref(id))
}

fn numbers(work: &MadePersona) -> String {
    let numbers: Vec<String> = work
        .versions
        .iter()
        .map(|version| version.number.to_string())
        .collect();
    numbers.join(", ")
}

fn say(call: &Call<'_>, sentence: Making) -> String {
    Sentence::Making(sentence).say(call.language)
}

fn told(sentence: Making) -> Trouble {
    Trouble::Told(Sentence::Making(sentence))
}

fn refused(error: StudioError, id: &PersonaId) -> Trouble {
    let id = id.to_string();
    told(match error {
        StudioError::Store(error) => return Trouble::Store(error),
        StudioError::Taken => Making::Taken { id },
        StudioError::Full => Making::Full { most: MOST },
        StudioError::NoDraft => Making::NoDraft { id },
        StudioError::NoVersion => Making::NoVersion {
            known: String::new(),
        },
        StudioError::Flawed(flaws) => match flaws.first() {
            Some(flaw) => Making::Flawed(*flaw),
            None => Making::DraftFlawed { id },
        },
        StudioError::Unknown => {
            return Trouble::Told(Sentence::UnknownPersona {
                typed: id,
                nearest: None,
            });
        }
    })
}
