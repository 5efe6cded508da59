//! System stories, told at the door, over every topology.

mod account;
mod arrows;
mod bad_input;
mod outage;
mod races;
mod support;
