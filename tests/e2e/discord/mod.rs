//! Discord: the daemon between a strict server with its gateway and a model, as people in servers, threads and private chats see it.

mod commands;
mod faces;
mod gateway;
mod production;
mod sending;
mod studio;
mod talk;
mod troubles;
