//! Reading and unpacking files is work of its own: it is done where it may block.

use contract::Fault;

/// Runs `work` on a thread that may block. Where the caller is dropped the work ends by itself, and
/// what it found is lost: it is done again.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Fault::stopped("reading a file failed in a way that nobody foresaw"))
}
