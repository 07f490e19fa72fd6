//! Serves `tonghui retry` in this process: ends the waits after faults. The pause that a source asked for stays.

use contract::ChannelId;
use sink::{
    SinkState,
    store::{Request, RequestKind, RequestState},
};
use tracing::info;

use crate::{channel::LiveChannel, service::Role, watch::State};

/// Wakes what the request names, and returns the answer; `None` if the request does not concern a process with this
/// role.
pub(crate) fn serve(
    request: &Request,
    role: Role,
    channels: &[LiveChannel],
    sink: &SinkState,
) -> Option<RequestState> {
    let answer = match request.kind {
        RequestKind::Retry if role.reads_channels() => wake(channels, request.channel.as_ref()),
        RequestKind::RetrySinks if role.has_sink() => match sink.wake() {
            true => "woken: its sink".to_owned(),
            false => "its sink was not waiting after a fault".to_owned(),
        },
        _ => return None,
    };
    info!("retry requested: {answer}");
    Some(RequestState::Done(answer))
}

/// Wakes the channels that wait after a fault, or only this one. Says which, and why not the others that wait.
fn wake(channels: &[LiveChannel], only: Option<&ChannelId>) -> String {
    let (mut woken, mut others) = (Vec::new(), Vec::new());
    for channel in channels.iter().filter(|each| only.is_none_or(|only| each.id() == only)) {
        let (id, control) = (channel.id(), &channel.handle.control);
        if control.is_paused() {
            others.push(format!("; {id} is paused: `tonghui resume {id}`"));
        } else if control.retry.wake() {
            woken.push(id.as_str());
        } else if let State::Waiting(_) = channel.handle.watch.state() {
            others.push(format!(
                "; {id} was not woken: its source asked for a pause, or it failed just now (then ask again)"
            ));
        }
    }
    let woken = match woken.as_slice() {
        [] => "no channel of its own was waiting after a fault".to_owned(),
        woken => format!("woken: {}", woken.join(", ")),
    };
    woken + &others.concat()
}
