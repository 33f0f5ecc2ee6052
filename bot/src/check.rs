//! `chatfriends check`: everything that the daemon would use, looked at in turn. A model server is called; nothing is started, and nothing
//! stays written.

use std::io::ErrorKind;
use std::path::Path;

use chatfriends_engine::Generate as _;
use chatfriends_personas::{Library, Persona};

use crate::brains;
use crate::platforms::{discord, telegram};
use crate::settings::{Brain, Settings};
use crate::store::disk::DiskStore;

/// Prints a line for each thing looked at; `false` when the daemon would not work with one of them.
///
/// The settings themselves were checked when they were read.
#[expect(clippy::print_stdout, reason = "the report is what was asked for")]
pub async fn check(settings: &Settings) -> bool {
    let mut sound = true;
    let mut report = |what: &str, found: Result<String, String>| match found {
        Ok(detail) => println!("ok      {what}: {detail}"),
        Err(fault) => {
            sound = false;
            println!("FAULT   {what}: {fault}");
        }
    };
    report("settings", Ok("all keys are known and in range".to_owned()));
    let in_use = DiskStore::is_in_use(&settings.store_path);
    report("store.path", store(&settings.store_path, in_use));
    report("web.listen", address(settings, in_use).await);
    report("default model", default_model(settings).await);
    report(
        "discord",
        match &settings.discord {
            None => Ok("not used: there is no DISCORD_TOKEN and no discord.token_file".to_owned()),
            Some(settings) => discord::look(settings).await,
        },
    );
    report(
        "telegram",
        match &settings.telegram {
            Some(telegram) => telegram::check(telegram).await,
            None => Ok(
                "not used: there is no TELEGRAM_BOT_TOKEN and no telegram.token_file".to_owned(),
            ),
        },
    );
    let loaded = Library::load(
        settings
            .personas_path
            .is_dir()
            .then_some(settings.personas_path.as_path()),
    );
    for fault in &loaded.faults {
        report("persona file", Err(fault.to_string()));
    }
    for persona in loaded.library.iter() {
        report(
            &format!("persona {}", persona.id),
            persona_files(persona, settings),
        );
    }
    let is_there = loaded.library.get(&settings.default_persona).is_some();
    report(
        "personas.default",
        if is_there {
            Ok(settings.default_persona.to_string())
        } else {
            Err(format!(
                "there is no persona {:?}",
                settings.default_persona.as_str()
            ))
        },
    );
    // No fault: the store, which knows those made by command, is not opened here.
    for (level, stranger) in settings.strangers(&loaded.library) {
        println!(
            "note    route at {level}: {stranger}; it works if it was made by command at that place"
        );
    }
    println!(
        "{}",
        match (sound, in_use) {
            (true, false) => "\nchatfriends would start.",
            (true, true) => "\nchatfriends is running, and would start again with these settings.",
            (false, _) => "\nMend the faults above, then check again.",
        }
    );
    sound
}

async fn address(settings: &Settings, in_use: bool) -> Result<String, String> {
    let address = settings.listen;
    match tokio::net::TcpListener::bind(address).await {
        Err(error) if in_use && error.kind() == ErrorKind::AddrInUse => {
            Ok(format!("a running chatfriends is at {address}"))
        }
        Ok(_) if in_use => Err(format!(
            "{address} is free, but another chatfriends holds the store; it has another address, or does not run as a daemon (stop it, or give this one a store.path of its own)"
        )),
        Ok(_) if address.ip().is_loopback() => Ok(format!("{address} is free")),
        Ok(_) => Ok(format!(
            "{address} is free; everybody who reaches it can talk and read what is remembered, so better keep to loopback and come through ssh -L"
        )),
        Err(error) => Err(format!(
            "{address}: {error}; another program may use it (set web.listen to another port)"
        )),
    }
}

fn store(path: &Path, in_use: bool) -> Result<String, String> {
    // The nearest folder that exists decides whether the rest can be made.
    let existing = path
        .ancestors()
        .find(|folder| folder.exists() || folder.as_os_str().is_empty())
        .unwrap_or(path);
    let existing = if existing.as_os_str().is_empty() {
        Path::new(".")
    } else {
        existing
    };
    let metadata =
        std::fs::metadata(existing).map_err(|error| format!("{}: {error}", existing.display()))?;
    if !metadata.is_dir() {
        return Err(format!("{} is not a folder", existing.display()));
    }
    // A file without a name shows what the mode bits do not, and leaves nothing.
    tempfile::tempfile_in(existing)
        .map_err(|error| format!("{} cannot be written: {error}", existing.display()))?;
    let note = if in_use {
        " (a running chatfriends holds it)"
    } else {
        ""
    };
    Ok(format!("{}{note}", path.display()))
}

async fn default_model(settings: &Settings) -> Result<String, String> {
    match &settings.brain {
        Brain::Starter => {
            Ok("the starter model, compiled in; scripts/README.md names better ones".to_owned())
        }
        Brain::File(path) => model(path, None),
        Brain::Server(choice) => {
            let answers = async { brains::server(choice)?.ready().await };
            match answers.await {
                Ok(()) => Ok(format!("{} at {}", choice.model, choice.url)),
                Err(error) => Err(format!("{}: {error}", choice.url)),
            }
        }
    }
}

/// Looks at the files that a persona names, and tells what they are.
///
/// # Errors
/// What is wrong with one, and the remedy.
pub fn persona_files(persona: &Persona, settings: &Settings) -> Result<String, String> {
    let mut found = vec![format!("{} facts", persona.facts.len())];
    if let Some(template) = &persona.template {
        chatfriends_engine::check_template(template).map_err(|error| error.to_string())?;
    }
    if let Some(path) = &persona.model {
        found.push(model(Path::new(path), persona.template.as_deref())?);
    }
    if let Some(adapter) = &persona.adapter {
        found.push(match (&persona.model, &settings.brain) {
            (Some(base), _) => adapter_on(adapter, Path::new(base))?,
            (None, Brain::File(base)) => adapter_on(adapter, base)?,
            (None, Brain::Starter) => return Err(format!("{} needs the model that it was trained for; set model.default or the persona's model", adapter.display())),
            (None, Brain::Server(_)) => return Err(format!("{} cannot be used with a model server", adapter.display())),
        });
    }
    Ok(found.join(", "))
}

fn model(path: &Path, template: Option<&str>) -> Result<String, String> {
    let gguf = chatfriends_engine::inspect(path).map_err(|error| error.to_string())?;
    gguf.check_model().map_err(|error| error.to_string())?;
    if gguf.chat_template.is_none() && template.is_none() {
        return Err(format!(
            "{} has no chat template; set `template` in the persona's file",
            path.display()
        ));
    }
    Ok(format!(
        "{} ({}, {:.0} million parameters)",
        path.display(),
        gguf.architecture,
        gguf.parameters as f64 / 1e6
    ))
}

fn adapter_on(adapter: &Path, base: &Path) -> Result<String, String> {
    let base = chatfriends_engine::inspect(base).map_err(|error| error.to_string())?;
    let found = chatfriends_engine::inspect(adapter).map_err(|error| error.to_string())?;
    found
        .check_adapter(&base)
        .map_err(|error| error.to_string())?;
    Ok(format!("adapter {}", adapter.display()))
}
