use futures_util::FutureExt;

use super::*;

#[tokio::test]
async fn a_request_is_answered_by_a_pass_that_began_after_it() {
    let control = ChannelControl::default();
    let served = control.begin();
    let request = control.pass_now();
    tokio::pin!(request);
    assert!(request.as_mut().now_or_never().is_none());
    control.complete();
    assert!(request.as_mut().now_or_never().is_none(), "that pass was under way already");
    control.wait_for_requests(served).await;
    assert_eq!(control.begin(), served + 1);
    control.complete();
    assert_eq!(request.await, Ok(()));
}

#[tokio::test]
async fn a_request_ends_with_what_stops_the_channel() {
    let control = ChannelControl::default();
    control.stopped("long ago".to_owned());
    let request = control.pass_now();
    tokio::pin!(request);
    assert!(request.as_mut().now_or_never().is_none(), "that was before");
    control.begin();
    control.stopped("the password is wrong".to_owned());
    assert_eq!(request.await, Err("the password is wrong".to_owned()));
}

#[tokio::test]
async fn a_paused_channel_waits_until_it_may_go_on() {
    let control = ChannelControl::default();
    control.wait_while_paused().await;
    control.pause(true);
    assert!(control.is_paused());
    assert!(control.wait_while_paused().now_or_never().is_none());
    control.pause(false);
    control.wait_while_paused().await;
}
