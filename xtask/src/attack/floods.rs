//! What strangers and senders do to the doors, to take the memory or the time of others.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use anyhow::Result;

use super::{
    Attack,
    gateway::{Gateway, TOKEN, WEBHOOK},
    http, pause,
};

/// The largest body that the intake takes, and a little less.
const MAX_BODY: usize = 8 << 20;
const LARGE_BODY: usize = MAX_BODY / 80 * 79;
/// How many bodies come at the same time.
const N_BODIES: usize = 12;
/// How many rows of quarantine one body may become.
const MAX_REJECTS: u32 = 1000;
/// How many connections a stranger keeps open, and for how long.
const N_IDLE: usize = 1500;
const IDLE_PERIOD: Duration = Duration::from_secs(20);
/// How long a stranger waits for one of these connections.
const SHORT: Duration = Duration::from_millis(300);
/// How long a sender may wait for the answer.
const CUSTODY: Duration = Duration::from_secs(25);

/// Four characters that were encoded as UTF-8 and decoded as GBK, several times.
const MOJIBAKE: &str = "鐢宠鐢ㄥ湴寤舵湡";

/// A list of the largest size, full of small values that are no records.
pub(super) fn bodies(attack: &mut Attack) -> Result<()> {
    for value in ["1", "{}", "[]"] {
        let body = list(LARGE_BODY, |_| value.to_owned());
        let gateway = two_channels(attack)?;
        let service = gateway.start()?;
        let item = format!("{N_BODIES} bodies of [{value},…]");
        let statuses = attack.watch(&item, &gateway, &service, || {
            Ok(thread::scope(|scope| {
                let push = || gateway.push("app", &body).status;
                let senders: Vec<_> = (0..N_BODIES).map(|_| scope.spawn(push)).collect();
                senders
                    .into_iter()
                    .map(|sender| sender.join().unwrap_or_default())
                    .collect::<Vec<_>>()
            }))
        })?;
        note_rejects(attack, &item, &gateway, &format!("; answers {statuses:?}"))?;
    }
    Ok(())
}

/// Half a mebibyte of different values that are no records.
pub(super) fn rejects(attack: &mut Attack) -> Result<()> {
    type Value = fn(usize) -> String;
    let values: [(&str, Value); 2] =
        [("numbers", |n| (100_000 + n).to_string()), ("objects", |n| format!("{{\"a\":{n}}}"))];
    for (what, value) in values {
        let gateway = two_channels(attack)?;
        let service = gateway.start()?;
        let answer = gateway.push("app", &list(MAX_BODY / 16, value));
        pause(Duration::from_secs(3));
        let item = format!("0.5 MiB of different {what}");
        attack.note_peak(&item, service.peak_kib());
        note_rejects(attack, &item, &gateway, &format!("; answer {}", answer.status))?;
    }
    Ok(())
}

fn note_rejects(attack: &mut Attack, item: &str, gateway: &Gateway, more: &str) -> Result<()> {
    let rows: u32 = gateway.ask("SELECT count(*) FROM quarantine")?.parse()?;
    let seen = format!("{rows} rows{more}");
    attack.note(format_args!("{item}: quarantine"), "at most 1000 rows", seen, rows <= MAX_REJECTS);
    Ok(())
}

/// Bodies that never end, of one sender, while another channel sends.
pub(super) fn open_bodies(attack: &mut Attack) -> Result<()> {
    for (what, n_bytes) in [("begun", 1), ("almost whole", MAX_BODY - 1)] {
        let gateway = two_channels(attack)?;
        let service = gateway.start()?;
        let head = format!(
            "POST /intake/app HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Length: {MAX_BODY}\r\n\r\n"
        );
        let bytes = [head.into_bytes(), vec![b'['; n_bytes]].concat();
        let item = format!("{N_BODIES} open bodies of one sender, {what}");
        attack.watch(&item, &gateway, &service, || {
            let send = || -> Result<TcpStream> {
                let mut stream = http::connect(gateway.intake, Duration::from_secs(5))?;
                // One that finds no room is closed.
                let _ = stream.write_all(&bytes);
                pause(Duration::from_secs(3));
                Ok(stream)
            };
            thread::scope(|scope| [(); N_BODIES].map(|()| scope.spawn(send)).map(drop));
            Ok(())
        })?;
    }
    Ok(())
}

/// Connections without a request, which are opened again when they are closed.
pub(super) fn idle_connections(attack: &mut Attack) -> Result<()> {
    for door in ["intake", "console"] {
        let gateway = two_channels(attack)?;
        let service = gateway.start()?;
        let port = if door == "intake" { gateway.intake } else { gateway.console };
        let is_done = AtomicBool::new(false);
        let item = format!("{N_IDLE} idle connections of one address at the {door}");
        attack.watch(&item, &gateway, &service, || {
            thread::scope(|scope| {
                scope.spawn(|| keep_open(port, &is_done));
                pause(IDLE_PERIOD);
                is_done.store(true, Relaxed);
            });
            Ok(())
        })?;
    }
    Ok(())
}

/// Keeps connections open, and opens one again when it is closed.
fn keep_open(port: u16, is_done: &AtomicBool) {
    let connect = || {
        let stream = http::connect(port, SHORT).ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(stream)
    };
    let mut open: Vec<Option<TcpStream>> = Vec::new();
    open.resize_with(N_IDLE, connect);
    while !is_done.load(Relaxed) {
        for slot in &mut open {
            let read = slot.as_mut().map(|stream| stream.read(&mut [0; 64]));
            let is_open = read
                .is_some_and(|read| read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
            if !is_open && !is_done.load(Relaxed) {
                *slot = connect();
            }
        }
        pause(Duration::from_millis(50));
    }
}

/// A text that was decoded with the wrong charset all along, and its repetition.
pub(super) fn mojibake(attack: &mut Attack) -> Result<()> {
    let gateway = two_channels(attack)?;
    let service = gateway.start()?;
    let content = MOJIBAKE.repeat(1_800_000 / MOJIBAKE.len());
    let body = format!("{{\"id\":\"m\",\"updated\":1,\"title\":\"t\",\"content\":\"{content}\"}}");
    let item = "1.8 MB of wrongly decoded text, twice";
    let push = || Ok([(); 2].map(|()| gateway.push("app", body.as_bytes())));
    let answers = attack.watch(item, &gateway, &service, push)?;
    for answer in answers {
        let holds = answer.status == 200 && answer.took <= CUSTODY;
        attack.note(format_args!("{item}: the sender"), "200 within 25 s", answer, holds);
    }
    Ok(())
}

/// A gateway with a channel that is attacked, and another one.
fn two_channels(attack: &Attack) -> Result<Gateway> {
    let gateway = attack.gateway()?;
    gateway.channel("app", WEBHOOK)?;
    gateway.other_channel()?;
    Ok(gateway)
}

/// A JSON list of this size.
fn list(n_bytes: usize, value: impl Fn(usize) -> String) -> Vec<u8> {
    let mut body = b"[".to_vec();
    for n in 0.. {
        body.extend(value(n).into_bytes());
        if body.len() + 2 > n_bytes {
            break;
        }
        body.push(b',');
    }
    body.push(b']');
    body
}
