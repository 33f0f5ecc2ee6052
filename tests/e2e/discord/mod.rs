//! Discord: the daemon between a strict server with its gateway and a model, as people in servers, threads and private chats see it.

mod commands;
mod faces;
mod gateway;
mod production;
mod sending;
mod studio;
mod talk;
mod troubles;

use crate::support::fake_discord::people::Guild;
use crate::support::home::Home;

/// Writes a persona that says who it is by its id.
fn write_persona(home: &Home, id: &str, name: &str) {
    home.write(
        &format!("config/personas/{id}.toml"),
        format!(
            "name = \"{name}\"\nlanguages = [\"en\"]\nsystem = \"You are {id}.\"\ngreeting = \"Hi.\"\n"
        ),
    );
}

/// Writes what the settings say of a server.
fn write_route(home: &Home, guild: &Guild, rules: &str) {
    home.write(
        "config/local.toml",
        format!(
            "[[route]]\nat = \"discord:server/{}\"\n{rules}\n",
            guild.id()
        ),
    );
}
