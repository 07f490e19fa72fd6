use futures_util::FutureExt;

use super::*;

#[tokio::test]
async fn a_request_is_answered_by_a_pass_that_began_after_it() {
    let control = ChannelControl::default();
    let served = control.begin_pass();
    let request = control.pass_now();
    tokio::pin!(request);
    assert!(request.as_mut().now_or_never().is_none());
    control.complete_pass();
    assert!(request.as_mut().now_or_never().is_none(), "that pass was under way already");
    control.wait_for_requests(served).await;
    assert_eq!(control.begin_pass(), served + 1);
    control.complete_pass();
    assert_eq!(request.await, Ok(()));
}

#[tokio::test]
async fn a_request_fails_with_the_reason_why_the_channel_stops() {
    let control = ChannelControl::default();
    control.note_stop("long ago".to_owned());
    let request = control.pass_now();
    tokio::pin!(request);
    assert!(request.as_mut().now_or_never().is_none(), "that was before");
    control.begin_pass();
    control.note_stop("the password is wrong".to_owned());
    assert_eq!(request.await, Err("the password is wrong".to_owned()));
}

#[tokio::test]
async fn a_paused_channel_waits_until_it_is_resumed() {
    let control = ChannelControl::default();
    control.wait_while_paused().await;
    control.set_paused(true);
    assert!(control.is_paused());
    assert!(control.wait_while_paused().now_or_never().is_none());
    control.set_paused(false);
    control.wait_while_paused().await;
}
