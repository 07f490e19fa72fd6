//! Tests of the whole system: simulated sources, the real gateway, and what its store then contains.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod again;
mod allow;
mod architecture;
mod backfill;
mod backup;
mod black_box;
mod check;
mod city;
mod console;
mod crash_matrix;
mod damage;
mod enterprise;
mod faults;
mod feed;
mod first_steps;
mod flight;
mod hotline;
mod jobs;
mod last_answer;
mod leaks;
mod log;
mod new_channel;
mod no_servers;
mod operations;
mod processes;
mod random_sources;
mod reconcile;
mod reload;
mod repair;
mod replayed;
mod rights;
mod scenarios;
mod servers;
mod simulation;
mod soak;
mod statement;
mod states;
mod stretches;
mod three_processes;
mod twin;
mod usual;
