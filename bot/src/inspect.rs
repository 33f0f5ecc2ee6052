//! Subcommands that only look: at personas, at model files, and at what is remembered.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use chatfriends_personas::{Language, Library, Persona};
use serde::Deserialize;
use unicode_width::UnicodeWidthStr as _;

use crate::catalogue::Catalogue;
use crate::cli::{ExportFormat, Whose};
use crate::compose;
use crate::failure::Failure;
use crate::identity::{Audience, Owner};
use crate::memory::{Held, Memory, MemoryLimits};
use crate::settings::Settings;
use crate::store::Store as _;
use crate::store::disk::DiskStore;
use crate::web::Visitor;

/// `persona list`.
#[expect(clippy::print_stdout, reason = "the list is what was asked for")]
pub fn personas(settings: &Settings) {
    for persona in catalogue(settings).now().iter() {
        let languages: Vec<&str> = persona
            .languages
            .iter()
            .map(|language| language.code())
            .collect();
        // Hangul is two columns wide.
        let padding = 16_usize.saturating_sub(persona.name.width());
        println!(
            "{:<12} {}{:padding$} {}",
            persona.id.as_str(),
            persona.name,
            "",
            languages.join(", ")
        );
    }
}

/// `persona show`.
///
/// # Errors
/// When there is no such persona.
#[expect(clippy::print_stdout, reason = "the persona is what was asked for")]
pub fn persona(settings: &Settings, id: &str) -> Result<(), Failure> {
    let library = catalogue(settings).now();
    let persona = known(&library, id)?;
    println!("{} ({})\n", persona.name, persona.id);
    println!(
        "system:\n  {}\n",
        persona.system.trim().replace('\n', "\n  ")
    );
    println!("greeting:\n  {}\n", persona.greeting);
    for example in &persona.examples {
        println!("example:\n  > {}\n  {}\n", example.person, example.reply);
    }
    println!("facts: {}", persona.facts.len());
    println!(
        "model: {}",
        persona.model.as_deref().unwrap_or("the default")
    );
    println!(
        "adapter: {}",
        persona
            .adapter
            .as_ref()
            .map_or_else(|| "none".to_owned(), |path| path.display().to_string())
    );
    Ok(())
}

/// A line of `persona facts`' input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    text: String,
}

/// `persona facts`.
///
/// # Errors
/// When there is no such persona, or a line cannot be read; the line is named.
#[expect(clippy::print_stdout, reason = "the facts are what was asked for")]
pub fn facts(settings: &Settings, id: &str) -> Result<(), Failure> {
    let library = catalogue(settings).now();
    let persona = known(&library, id)?;
    for (number, line) in (1..).zip(std::io::stdin().lines()) {
        let in_line = || format!("line {number} of standard input");
        let line = line.with_context(in_line)?;
        if line.trim().is_empty() {
            continue;
        }
        let message: Message = serde_json::from_str(&line).with_context(in_line)?;
        let shown = compose::facts_shown(persona, &message.text).unwrap_or_default();
        println!("{}", serde_json::json!({ "facts": shown }));
    }
    Ok(())
}

/// `model inspect`.
///
/// # Errors
/// When the file is not a sound GGUF file.
#[expect(clippy::print_stdout, reason = "the description is what was asked for")]
pub fn model(file: &Path) -> Result<(), Failure> {
    let gguf = chatfriends_engine::inspect(file).map_err(|error| Failure::Other(error.into()))?;
    let maybe =
        |value: Option<u32>| value.map_or_else(|| "not said".to_owned(), |value| value.to_string());
    println!(
        "file:          {} ({:.1} MB, GGUF version {})",
        gguf.path.display(),
        gguf.file_bytes as f64 / 1e6,
        gguf.version
    );
    println!("kind:          {:?}", gguf.kind);
    println!(
        "name:          {}",
        gguf.name.as_deref().unwrap_or("not said")
    );
    println!("architecture:  {}", gguf.architecture);
    println!(
        "parameters:    {:.1} million in {} tensors",
        gguf.parameters as f64 / 1e6,
        gguf.tensors
    );
    println!("trained for:   {} tokens", maybe(gguf.context_length));
    println!("layers:        {}", maybe(gguf.block_count));
    println!(
        "chat template: {}",
        if gguf.chat_template.is_some() {
            "yes"
        } else {
            "no"
        }
    );
    Ok(())
}

/// `memory show`.
///
/// # Errors
/// When the store cannot be opened or read, or nothing is kept of them.
#[expect(clippy::print_stdout, reason = "the memory is what was asked for")]
pub async fn memory(settings: &Settings, whose: &Whose) -> Result<(), Failure> {
    let memory = open(settings).await?;
    for (owner, held) in held_of(settings, &memory, whose).await? {
        println!("{}:", owner.persona);
        for fact in &held.facts {
            let label = fact.key.label(Language::of(&fact.value));
            println!("  {label}: {}", fact.value);
        }
        if let Some(summary) = held.summary {
            println!("  {}", summary.replace('\n', "\n  "));
        }
        println!("  turns kept: {}", held.turns);
    }
    Ok(())
}

/// `memory export`.
///
/// # Errors
/// When the store cannot be opened or read, or nothing is kept of them.
#[expect(clippy::print_stdout, reason = "the export is what was asked for")]
pub async fn export(
    settings: &Settings,
    whose: &Whose,
    format: ExportFormat,
) -> Result<(), Failure> {
    let memory = open(settings).await?;
    let mut exports = Vec::new();
    for (owner, _) in held_of(settings, &memory, whose).await? {
        match format {
            ExportFormat::Json => exports.push(memory.export(&owner).await?),
            ExportFormat::Chatml => exports.extend(memory.chatml(&owner).await?),
        }
    }
    match format {
        ExportFormat::Json => println!(
            "{}",
            serde_json::to_string_pretty(&exports).expect("JSON values serialise")
        ),
        ExportFormat::Chatml => {
            for conversation in exports {
                println!("{conversation}");
            }
        }
    }
    Ok(())
}

/// `memory forget`.
///
/// # Errors
/// When the store cannot be opened or written, or nothing is kept of them.
#[expect(clippy::print_stdout, reason = "what happened must be said")]
pub async fn forget(settings: &Settings, whose: &Whose) -> Result<(), Failure> {
    let store = DiskStore::open(&settings.store_path, settings.store_cache_mib).await?;
    let memory = Memory::new(Arc::new(store.clone()), MemoryLimits::default());
    for (owner, _) in held_of(settings, &memory, whose).await? {
        let forgotten = memory.forget_all(&owner).await?;
        println!(
            "{}: forgotten, turns too: {}",
            owner.persona, forgotten.turns
        );
    }
    store.purge().await?;
    store.look_after().await?;
    Ok(())
}

/// What is kept of a person by the persona that was named, or by each that keeps something.
async fn held_of(
    settings: &Settings,
    memory: &Memory,
    whose: &Whose,
) -> Result<Vec<(Owner, Held)>, Failure> {
    let library = catalogue(settings).now();
    let visitor = if whose.web {
        Visitor {
            user: whose.user.clone(),
            channel: String::new(),
        }
    } else {
        Visitor::at_terminal(&whose.user)
    };
    let mut all = memory
        .held_by_all(&Audience::Private, &visitor.person())
        .await?;
    if let Some(id) = &whose.persona {
        // What was told to a persona stays when its file has gone.
        let is_kept = all.iter().any(|(owner, _)| owner.persona.as_str() == id);
        let id = match is_kept {
            true => id.clone(),
            false => known(&library, id)?.id.to_string(),
        };
        all.retain(|(owner, _)| owner.persona.as_str() == id);
    }
    if all.is_empty() {
        let (user, hint) = (
            &whose.user,
            if whose.web {
                ""
            } else {
                "; --web looks for an X-User-Id"
            },
        );
        return Err(Failure::Other(anyhow::anyhow!(
            "nothing is kept of {user:?}{hint}"
        )));
    }
    Ok(all)
}

/// The persona that is called so.
///
/// # Errors
/// When there is none; the nearest is named.
pub fn known<'a>(library: &'a Library, id: &str) -> Result<&'a Arc<Persona>, Failure> {
    library.find(id).ok_or_else(|| {
        let hint = library
            .nearest(id)
            .map_or_else(String::new, |nearest| format!(" (did you mean {nearest}?)"));
        Failure::Other(anyhow::anyhow!("there is no persona {id:?}{hint}"))
    })
}

fn catalogue(settings: &Settings) -> Catalogue {
    let (catalogue, faults) = Catalogue::open(&settings.personas_path);
    for fault in faults {
        tracing::warn!(%fault, "A persona file is broken and not used.");
    }
    catalogue
}

async fn open(settings: &Settings) -> Result<Memory, Failure> {
    let store = DiskStore::open(&settings.store_path, settings.store_cache_mib).await?;
    Ok(Memory::new(Arc::new(store), MemoryLimits::default()))
}
