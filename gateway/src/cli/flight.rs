//! `tonghui flight`: messages that were published and are not stored. A message that the bus lost never comes: `republish`
//! reads again what the source has, `write-off` gives it up.

use chrono::TimeDelta;
use config::ChannelSettings;
use contract::{ChannelId, Period, ReadNo, TimeRange, Timestamp};
use serde::Serialize;
use sink::store::{Access, WrittenOff};

use super::{
    Change, Context, Exit, audit,
    books::ensure_known,
    out,
    reconcile::{Repaired, Unfinished, describe, repair, with_source},
};
use crate::{
    assemble, channel::LiveChannel, clock::format_time, flight::overdue_before, offline::keep_only,
    reconcile::Comparison, registry::ConnectorKind, service::run_within, stop::Stop,
    supervise::Shared,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the messages that were published and are not stored, the oldest first.
    List {
        /// List only this channel.
        channel: Option<ChannelId>,
    },
    /// Give up the messages that have been in flight for longer than `flight` in gateway.toml says: they count as `lost`
    /// in the books, for ever. What only they contained is not stored; `republish` reads it again.
    WriteOff {
        /// Folder name of the channel.
        channel: ChannelId,
        /// Why, for the audit log.
        #[arg(long)]
        reason: String,
    },
    /// Read everything that the source has again and store it. If nothing is missing then, the messages that were in
    /// flight before count as `lost` in the books.
    Republish {
        /// Folder name of the channel.
        channel: ChannelId,
        /// Time limit; after it the command exits with code 75.
        #[arg(long, default_value = "20m", value_name = "PERIOD")]
        deadline: Period,
    },
}

impl Command {
    /// What the command is about to change, if it does not record that itself.
    pub(super) fn change(&self) -> Option<Change> {
        let Self::Republish { channel, .. } = self else { return None };
        Some(Change { action: "republish", subject: channel.to_string() })
    }
}

pub(super) fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::List { channel } => list(context, channel.as_ref()),
        Command::WriteOff { channel, reason } => write_off(context, channel, reason),
        Command::Republish { channel, deadline } => republish(context, channel, *deadline),
    }
}

/// A message in flight.
#[derive(Serialize)]
struct Row {
    /// Its id: channel, read and part.
    message: String,
    channel: ChannelId,
    events: u64,
    read_at: Timestamp,
    age_seconds: i64,
}

fn list(context: &Context, channel: Option<&ChannelId>) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadOnly, async |settings, store| {
        ensure_known(settings, store, channel).await?;
        let (messages, now) = (store.messages_in_flight(channel).await?, store.now().await?);
        let rows: Vec<_> = messages
            .into_iter()
            .map(|message| Row {
                message: message.id.to_string(),
                channel: message.id.channel,
                events: message.events,
                read_at: message.read_at,
                age_seconds: (now - message.read_at).num_seconds(),
            })
            .collect();
        let cells = |row: &Row| {
            let read_at = format_time(row.read_at, settings.zone);
            vec![row.message.clone(), row.events.to_string(), read_at, age(now - row.read_at)]
        };
        out::show(context.format, &rows, |rows| {
            out::table(&["message", "events", "read at", "age"], rows.iter().map(cells), 1)
        })
    })
}

/// A duration in its two largest units.
fn age(duration: TimeDelta) -> String {
    let (days, hours) = (duration.num_days(), duration.num_hours() % 24);
    let (minutes, seconds) = (duration.num_minutes() % 60, duration.num_seconds() % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} m {seconds} s"),
        (0, _) => format!("{hours} h {minutes} m"),
        _ => format!("{days} d {hours} h"),
    }
}

/// What `write-off` has done.
#[derive(Serialize)]
struct GivenUp {
    channel: ChannelId,
    #[serde(flatten)]
    done: WrittenOff,
    /// Number of younger messages, which may still come.
    left: usize,
    /// What to do about what they contained.
    #[serde(skip)]
    again: String,
}

fn write_off(context: &Context, channel: &ChannelId, reason: &str) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadWrite, async |settings, store| {
        ensure_known(settings, store, Some(channel)).await?;
        let before = overdue_before(settings.limits.flight.0, store.now().await?);
        let entry = audit::entry("write-off", channel.as_str(), reason.to_owned());
        let done = store.write_off_older(channel, before, entry).await?;
        audit::copy(settings, store).await?;
        let left = store.messages_in_flight(Some(channel)).await?.len();
        let of_channel = |each: &&ChannelSettings| each.id == *channel;
        let kind = settings.channels.iter().find(of_channel).map(|each| each.connector.as_str());
        let again = match kind.and_then(ConnectorKind::by_name) {
            None if settings.channel_ids().contains(channel) => {
                "mend the file of its channel: `tonghui check` says what is wrong".to_owned()
            }
            None => "its channel is not configured any more, so nothing can be read again".to_owned(),
            Some(kind) if kind.is_pushed => "ask the sender to send it again".to_owned(),
            Some(_) => format!(
                "`tonghui flight republish {channel}` reads it again, as far as the source still has it"
            ),
        };
        let given_up = GivenUp { channel: channel.clone(), done, left, again };
        out::show(context.format, &given_up, GivenUp::draw)
    })
}

impl GivenUp {
    fn draw(&self) -> String {
        let Self { channel, done: WrittenOff { messages, events }, left, again } = self;
        let mut text = match messages {
            0 => format!("{channel}: nothing was written off"),
            _ => format!(
                "{channel}: {events} events of {messages} messages were written off, and count as lost for ever: what \
                 only they contained is NOT stored; {again}"
            ),
        };
        if *left > 0 {
            text.push_str(&format!(
                "\nleft in flight, because they are younger and may still come (`flight` in gateway.toml): {left} messages"
            ));
        }
        text
    }
}

/// What `republish` has done.
#[derive(Serialize)]
struct Republished {
    channel: ChannelId,
    /// Number of messages that were in flight before.
    in_flight: u64,
    /// What was found after it.
    #[serde(flatten)]
    found: Comparison,
    /// Number of messages that the bus lost, and that the books no longer wait for.
    lost: u64,
}

fn republish(context: &Context, channel: &ChannelId, deadline: Period) -> anyhow::Result<Exit> {
    let mut settings = assemble::settings(&context.config)?;
    keep_only(&mut settings, channel)?;
    super::runtime()?.block_on(async {
        let stop = Stop::default();
        let work = Box::pin(read_again(&mut settings, &stop));
        let done = match run_within(&stop, deadline.0, work).await? {
            Ok(done) => done,
            Err(why) => {
                out::note(why);
                return Ok(Exit::TryAgain);
            }
        };
        out::show(context.format, &done, Republished::draw)?;
        Ok(if done.found.is_whole() { Exit::Done } else { Exit::Failed })
    })
}

/// Reads everything again that the source of the only channel of the settings has.
async fn read_again(
    settings: &mut config::Settings,
    stop: &Stop,
) -> anyhow::Result<Result<Republished, Unfinished>> {
    let stopped = "stopped before anything was read again; nothing was changed";
    let work =
        with_source(settings, stop, stopped, async |channel: LiveChannel, shared: &Shared| {
            let (again, channel) = (channel.backfill(TimeRange::EVERYTHING), channel.id().clone());
            let in_flight = shared.store.missing_receipts(&channel, ReadNo(0), u64::MAX).await?;
            let begun = format!("{in_flight} messages were in flight");
            let done = Box::pin(repair(again, TimeRange::EVERYTHING, shared, &begun)).await?;
            Ok(done.map(|Repaired { found, lost }| Republished { channel, in_flight, found, lost }))
        });
    Box::pin(work).await
}

impl Republished {
    fn draw(&self) -> String {
        let mut text =
            format!("everything was read again; {}", describe(&self.channel, &self.found));
        if !self.found.is_whole() {
            text.push_str(
                "\nsomething is still missing, so nothing was written off; run the command again",
            );
        } else if self.lost > 0 {
            text.push_str(&format!("\n{} messages that the bus lost were written off", self.lost));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_its_two_largest_units() {
        for (seconds, expected) in [
            (7, "0 m 7 s"),
            (3_599, "59 m 59 s"),
            (3_600, "1 h 0 m"),
            (90_061, "1 d 1 h"),
            (-5, "0 m -5 s"),
        ] {
            assert_eq!(age(TimeDelta::seconds(seconds)), expected);
        }
    }

    #[test]
    fn what_was_written_off_is_said_not_to_be_stored_and_what_was_left_is_counted() {
        let said = |messages, events, left| {
            let done = WrittenOff { messages, events };
            GivenUp {
                channel: "hotline".parse().unwrap(),
                done,
                left,
                again: "`tonghui flight republish hotline` reads it again".to_owned(),
            }
            .draw()
        };
        let done = said(3, 308, 1);
        for part in ["308 events of 3 messages", "NOT stored", "`tonghui flight republish hotline`"]
        {
            assert!(done.contains(part), "{done}");
        }
        assert!(done.contains("may still come (`flight` in gateway.toml): 1 messages"), "{done}");
        assert_eq!(said(0, 0, 0), "hotline: nothing was written off");
    }
}
