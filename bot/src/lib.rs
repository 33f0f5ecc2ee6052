//! The daemon: what happens to a message from the moment a person sends it until the reply is shown and remembered.
//!
//! Begin with [`turn`]. Models live in `chatfriends-engine`, personas in `chatfriends-personas`; this package knows both.

pub mod amend;
pub mod attention;
pub mod back_off;
pub mod backups;
pub mod bench;
pub mod brains;
pub mod bursts;
pub mod catalogue;
pub mod check;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod compaction;
pub mod compose;
pub mod context;
pub mod delivery;
pub mod dialogue;
pub mod disclosure;
pub mod failure;
pub mod gate;
pub mod gone;
pub mod identity;
pub mod inbound;
pub mod inbox;
pub mod inspect;
pub mod intake;
pub mod invitations;
pub mod lanes;
pub mod logging;
pub mod memory;
pub mod messages;
pub mod metrics;
pub mod moves;
pub mod outlet;
pub mod paces;
pub mod platforms;
pub mod quiet;
pub mod reasons;
pub mod rules;
pub mod run;
pub mod safety;
pub mod service_manager;
pub mod settings;
pub mod speak;
pub mod starter;
pub mod store;
pub mod studio;
pub mod tally;
pub mod terminal;
#[cfg(test)]
mod torture;
pub mod turn;
pub mod underway;
pub mod web;
