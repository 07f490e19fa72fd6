//! Cases of HTTP sources: each is a Python module with a function `answer`, which is served on loopback.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::{
    copy_files,
    gateway::{CHANNEL, Gateway, SECRET},
    judge::Seen,
    sorted_entries,
};
use crate::{run::output_of, servers::Process};

/// Serves the module of a case, writes its ports into a file, and says `ready`.
const SERVE: &str = "import importlib.util, sys, time
spec = importlib.util.spec_from_file_location('source', sys.argv[1])
m = importlib.util.module_from_spec(spec); spec.loader.exec_module(m)
s = m.serve(m.answer, host=getattr(m, 'HOST', '127.0.0.1'), ssl_context=getattr(m, 'SSL', None))
open(sys.argv[2], 'w').write(f\"{s.server_address[1]} {getattr(m, 'PORT2', 0)}\")
print('ready', flush=True)
while True: time.sleep(60)";

/// The variable that names a channel file of our own, for cases whose own file was written when a channel could not say
/// what they need.
const SAID: &str = "SAID";
/// A channel file has at most so many lines.
const MAX_LINES: usize = 60;

/// Starts the source of a case, and reads it twice.
pub(super) fn run(
    mut gateway: Gateway<'_>,
    case: &Path,
    variables: &[(String, String)],
) -> Result<Seen> {
    let folder = gateway.folder.clone();
    let (source, channel) = (folder.join("http/case"), gateway.channel());
    fs::create_dir_all(&source)?;
    copy_files(case.parent().context("a case is in a folder")?, &folder.join("http"))?;
    copy_files(case, &source)?;
    copy_files(case, &channel)?;
    // The modules were run in a folder that they call DIR.
    let module = source.join("source.py");
    let text = fs::read_to_string(&module)?;
    if text.contains("DIR/tls") {
        let tls = folder.join("tls");
        make_certificates(&tls)?;
        fs::copy(tls.join("ca.pem"), channel.join("ca.pem"))?;
    }
    fs::write(&module, text.replace("DIR", &folder.to_string_lossy()))?;

    let ports = folder.join("ports");
    let mut python = Command::new("setpriv");
    python.args(["--pdeathsig", "KILL", "--", "python3", "-c", SERVE]).arg(&module).arg(&ports);
    python.envs(variables.iter().cloned());
    let _source = Process::start("source", "TERM", &mut python, "ready")?;
    let ports = fs::read_to_string(ports)?;
    let (port, other) = ports.split_once(' ').context("the source wrote no ports")?;
    let file = channel.join("channel.toml");
    let said = variables.iter().find(|(name, _)| name == SAID).map(|(_, own)| own_channel(own));
    let text = said
        .unwrap_or_else(|| Ok(fs::read_to_string(&file)?))?
        .replace("@PORT@", port)
        .replace("@PORT2@", other);
    fs::write(&file, text.replace("DIR", &folder.to_string_lossy()))?;

    gateway.look(&[&["check"]])?;
    gateway.sync()?;
    gateway.sync()?;
    gateway.look(&[&["quarantine", "list"], &["books"], &["status"]])?;
    // What a trace shows is no message, but it may show no secret either, nor may what a source noted of
    // its requests.
    let n_said = gateway.seen.output.len();
    gateway.look(&[&["preview", CHANNEL, "--trace"]])?;
    for note in sorted_entries(&folder)?
        .iter()
        .filter(|path| path.extension().is_some_and(|name| name == "txt"))
    {
        gateway.seen.output.push_str(&fs::read_to_string(note)?);
    }
    ensure!(!gateway.seen.output.contains(SECRET), "a secret is in the output");
    gateway.seen.output.truncate(n_said);
    Ok(gateway.seen)
}

/// The channel file with this name in `cases/channels`.
fn own_channel(name: &str) -> Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cases/channels");
    let text = fs::read_to_string(folder.join(name).with_extension("toml"))?;
    ensure!(text.lines().count() <= MAX_LINES, "{name}.toml has more than {MAX_LINES} lines");
    Ok(text)
}

/// Makes an authority and three certificates of it for this machine: a good one, one for the name of another
/// host, and one that has expired.
fn make_certificates(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let openssl = |arguments: &str| {
        output_of(Command::new("openssl").current_dir(folder).args(arguments.split(' ')))
    };
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=authority",
    )?;
    for (name, host, days) in [
        ("good", "IP:127.0.0.1", 10),
        ("wrong", "DNS:other.example", 10),
        ("expired", "IP:127.0.0.1", -1),
    ] {
        fs::write(folder.join("extensions"), format!("subjectAltName={host}\n"))?;
        openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ))?;
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile extensions \
             -days {days} -out {name}.crt"
        ))?;
    }
    Ok(())
}
