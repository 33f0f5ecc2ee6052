//! `chatfriends check`: everything that the daemon would use, looked at in turn. Nothing is started and nothing is written.

use std::path::Path;

use chatfriends_personas::{Library, Persona};

use crate::settings::{Brain, Settings};

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
    report("web.listen", address(settings).await);
    report("store.path", store(&settings.store_path));
    report("default model", default_model(settings));
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
    println!(
        "{}",
        if sound {
            "\nchatfriends would start."
        } else {
            "\nMend the faults above, then check again."
        }
    );
    sound
}

async fn address(settings: &Settings) -> Result<String, String> {
    let address = settings.listen;
    match tokio::net::TcpListener::bind(address).await {
        Ok(_) if address.ip().is_loopback() => Ok(format!("{address} is free")),
        Ok(_) => Ok(format!(
            "{address} is free; everybody who reaches it can talk and read what is remembered, so better keep to loopback and come through ssh -L"
        )),
        Err(error) => Err(format!(
            "{address}: {error}; another program may use it (set web.listen to another port)"
        )),
    }
}

fn store(path: &Path) -> Result<String, String> {
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
    if metadata.permissions().readonly() {
        return Err(format!("{} cannot be written", existing.display()));
    }
    Ok(path.display().to_string())
}

fn default_model(settings: &Settings) -> Result<String, String> {
    match &settings.brain {
        Brain::Starter => {
            Ok("the starter model, compiled in; scripts/README.md names better ones".to_owned())
        }
        Brain::File(path) => model(path, None),
        Brain::Server(server) => Ok(format!(
            "{} at {} (not called by this check)",
            server.model, server.url
        )),
    }
}

fn persona_files(persona: &Persona, settings: &Settings) -> Result<String, String> {
    let mut found = vec![format!("{} facts", persona.facts.len())];
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
