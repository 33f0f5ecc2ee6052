//! Discord: the daemon between a strict server with its gateway and a model, as people in servers, threads and private chats see it.

mod commands;
mod production;
mod talk;
mod troubles;
