//! Runs the Python programs in `peers/`. `cargo xtask` sets `TONGHUI_BENCH_PYTHON` to the Python interpreter
//! that has the packages that they import.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, ensure};

/// Runs the Python code `program` with `input` as standard input, and calls `each` with every line that it
/// prints.
pub fn run(program: &str, input: &[u8], mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let python = env::var("TONGHUI_BENCH_PYTHON")
        .context("TONGHUI_BENCH_PYTHON is not set: run this with `cargo xtask`, which sets it")?;
    let mut command = Command::new(python);
    command.args(["-c", program]).env("PYTHONIOENCODING", "utf-8");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("no pipe")?;
    let stdout = child.stdout.take().context("no pipe")?;
    thread::scope(|scope| {
        // The program may print before it has read everything.
        let writer = scope.spawn(move || stdin.write_all(input));
        for line in BufReader::new(stdout).lines() {
            each(&line?)?;
        }
        writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
        anyhow::Ok(())
    })?;
    ensure!(child.wait()?.success(), "a program in tests/text/peers failed, see above");
    Ok(())
}
