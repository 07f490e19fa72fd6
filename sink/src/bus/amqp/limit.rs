//! How long to wait until the broker has confirmed what is sent. A broker that is short of memory or disk space blocks
//! its publishers, and says so: that is reported sooner than a broker that does not answer.

use std::{future::Future, time::Duration};

use contract::Fault;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::connect::Link;

/// The longest wait for confirms, while the broker is not blocked.
pub(super) const CONFIRM_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest wait for confirms, while the broker is blocked. After this time the channel is in trouble, and it reads
/// no more until the broker is ready.
pub(super) const UNBLOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Does `sending`, which ends with the confirms, once the broker is not blocked: before, the frames would only fill the
/// memory of this process.
///
/// # Errors
/// That of `sending`, or that the broker did not confirm in time.
pub(super) async fn send_in_time(
    link: &Link,
    sending: impl Future<Output = Result<(), Fault>>,
) -> Result<(), Fault> {
    let unblocked = async {
        let mut blocked = link.blocked.clone();
        let _ = blocked.wait_for(|blocked| !blocked).await;
        sending.await
    };
    let limit = time_limit(link.blocked.clone(), CONFIRM_TIMEOUT, UNBLOCK_TIMEOUT);
    tokio::select! {
        sent = Box::pin(unblocked) => sent,
        fault = limit => Err(fault.at(link.node.place())),
    }
}

/// Ends when the broker was blocked for `unblock_timeout`, or not blocked for `confirm_timeout`, without a
/// change in between. Returns the fault to report. `blocked` says whether it is blocked.
async fn time_limit(
    mut blocked: watch::Receiver<bool>,
    confirm_timeout: Duration,
    unblock_timeout: Duration,
) -> Fault {
    loop {
        match timeout(unblock_timeout, blocked.wait_for(|blocked| !blocked)).await {
            // The broker is not blocked, or the connection has ended.
            Ok(_) => {}
            Err(_) => {
                let seconds = unblock_timeout.as_secs();
                return Fault::transient(format!(
                    "the broker has accepted no messages for {seconds} s: it is short of memory or disk space"
                ))
                .remedy("free memory or disk space there; reading resumes by itself");
            }
        }
        let next_block = async {
            if blocked.wait_for(|blocked| *blocked).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = sleep(confirm_timeout) => {
                let seconds = confirm_timeout.as_secs();
                return Fault::transient(format!(
                    "the broker did not confirm the messages within {seconds} s"
                ))
                .remedy("check in the log of the broker whether the queue has lost most of its nodes");
            }
            () = next_block => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::{CONFIRM_TIMEOUT as CONFIRM, UNBLOCK_TIMEOUT as UNBLOCK, *};

    #[tokio::test(start_paused = true)]
    async fn a_silent_broker_is_given_up_after_the_limit() {
        let (_sender, blocked) = watch::channel(false);
        let (begun, fault) = (Instant::now(), time_limit(blocked, CONFIRM, UNBLOCK).await);
        assert_eq!(begun.elapsed().as_secs(), 60);
        assert!(fault.is_transient() && fault.to_string().contains("confirm"), "{fault}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_blocked_broker_is_waited_for_and_named() {
        let (sender, blocked) = watch::channel(false);
        let blocking = async {
            tokio::time::advance(Duration::from_secs(59)).await;
            sender.send_replace(true);
            tokio::task::yield_now().await;
            tokio::time::advance(Duration::from_secs(8)).await;
            sender.send_replace(false);
            tokio::task::yield_now().await;
            tokio::time::advance(Duration::from_secs(59)).await;
            sender.send_replace(true);
        };
        let begun = Instant::now();
        let (fault, ()) = tokio::join!(time_limit(blocked, CONFIRM, UNBLOCK), blocking);
        assert_eq!(begun.elapsed().as_secs(), 59 + 8 + 59 + 10);
        assert!(fault.is_transient() && fault.to_string().contains("is short"), "{fault}");
    }
}
