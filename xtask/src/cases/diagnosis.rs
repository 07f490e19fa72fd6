//! The case of many addresses: what `preview` says about each is compared with `diagnosis.txt`, line by line.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::Command,
    thread,
};

use anyhow::{Context as _, Result, ensure};

use super::{
    copy_files,
    gateway::{CHANNEL, Gateway},
    infra::{ask, create},
    judge::Seen,
};
use crate::{run::output_of, servers::Servers};

/// What is right for each address, in their order.
const RIGHT: &str = include_str!("diagnosis.txt");
/// The rules of access that the case expects: a role with a password, and one that is not admitted.
const RULES: &str = "host all pw 127.0.0.1/32 scram-sha-256;host all ldapu 127.0.0.1/32 reject;\
                     host all postgres 127.0.0.1/32 scram-sha-256;host all all 127.0.0.1/32 trust";
/// The table at the addresses that are right.
const TABLE: &str = "CREATE TABLE orders (id INT PRIMARY KEY, updated TIMESTAMP)";

/// Asks each address of the case once.
pub(super) fn run(mut gateway: Gateway<'_>, case: &Path, servers: &mut Servers) -> Result<Seen> {
    let script = fs::read_to_string(case.join("diag.sh"))?;
    let postgres = create(&servers.address("TONGHUI_TEST_POSTGRES")?, "pg", "c20")?;
    let mariadb = create(&servers.address("TONGHUI_TEST_MYSQL")?, "mysql", "c20")?;
    ask(&postgres, &format!("{TABLE}; GRANT SELECT ON orders TO PUBLIC"))?;
    ask(&mariadb, TABLE)?;
    let (user, mysql_host) = place(&mariadb)?;
    let password = user.split_once(':').context("root has a password")?.1;
    let (_, postgres_host) = place(&postgres)?;
    prepare(&script, &postgres, &format!("mariadb --port={} -uroot", port(mysql_host)), password)?;

    // The ports that the case names, what is there instead, and how the golden file calls it.
    let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let broker = answering(|_| b"AMQP\0\0\x09\x01")?;
    let gauss = answering(|asked| match asked {
        [0, 0, 0, 8, 4, 0xd2, ..] => b"N",
        _ => b"R\0\0\0\x0c\0\0\0\x0a\0\0\0\x02",
    })?;
    let hosts = [
        ("13306", mysql_host, "MYSQL"),
        ("15432", postgres_host, "POSTGRES"),
        ("13399", &nobody, "NOBODY"),
        ("15672", &broker, "BROKER"),
        ("15433", &gauss, "GAUSS"),
    ];
    copy_files(&case.join("config/channels/x"), &gateway.channel())?;
    let mut said = Vec::new();
    for (number, url) in addresses(&script).enumerate() {
        let mut url = url.replace("root:root@", &format!("{user}@"));
        url = url.replace("/c09", "/c20").replace("/c07", "/c20");
        for (old, host, _) in hosts {
            url = url.replace(&format!(":{old}"), &format!(":{}", port(host)));
        }
        fs::write(gateway.channel().join("url"), &url)?;
        let n_said = gateway.seen.output.len();
        let code = gateway.run(&["preview", CHANNEL])?;
        let mut answer = gateway.seen.output.get(n_said..).unwrap_or_default().to_owned();
        ensure!(!answer.contains(password), "address {} shows a password", number + 1);
        for (_, host, name) in hosts {
            for place in [host, &host.replace("127.0.0.1", "localhost")] {
                answer = answer.replace(place, name);
            }
        }
        let answer = answer.split_whitespace().collect::<Vec<_>>().join(" ");
        let code = code.map_or("killed".to_owned(), |code| code.to_string());
        said.push(format!("{} exit {code}: {answer}", number + 1));
    }
    if env::var_os("UPDATE_GOLDEN").is_some() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cases/diagnosis.txt");
        fs::write(golden, said.join("\n") + "\n")?;
    } else {
        let right: Vec<_> = RIGHT.lines().collect();
        let different = said.iter().find(|line| !right.contains(&line.as_str()));
        ensure!(different.is_none(), "{}", different.cloned().unwrap_or_default());
        ensure!(said.len() == right.len(), "{} addresses, not {}", said.len(), right.len());
    }
    Ok(gateway.seen)
}

/// The account and the host with its port in a URL.
fn place(url: &str) -> Result<(&str, &str)> {
    let (_, rest) = url.split_once("://").context("a URL has a scheme")?;
    let (user, rest) = rest.split_once('@').context("a URL has an account")?;
    Ok((user, rest.split('/').next().unwrap_or_default()))
}

fn port(host: &str) -> &str {
    host.rsplit(':').next().unwrap_or_default()
}

/// The addresses of the script: the last word of each line `try "NAME" ADDRESS`.
fn addresses(script: &str) -> impl Iterator<Item = String> {
    let lines = script.lines().filter(|line| line.starts_with("try \""));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.1.trim_matches('\'').to_owned()))
}

/// Makes the accounts of the script, by its own lines that begin with the client `$M` or `$P`.
fn prepare(script: &str, postgres: &str, mariadb: &str, password: &str) -> Result<()> {
    let lines = script.lines().filter(|line| line.starts_with("$M") || line.starts_with("$P"));
    let lines = lines.collect::<Vec<_>>().join("\n");
    let mut shell = Command::new("sh");
    shell.env("M", format!("{mariadb} -h127.0.0.1")).env("P", format!("psql -qX {postgres}"));
    shell.env("MYSQL_PWD", password).arg("-ec");
    // The plugin is there, but not loaded.
    shell.arg(format!("$M -e \"INSTALL SONAME 'auth_ed25519'\"\n{lines}"));
    output_of(shell)?;
    let rules = RULES.split(';').map(|rule| format!("(''{rule}'')")).collect::<Vec<_>>().join(",");
    let write = "COPY (VALUES {}) TO %L".replace("{}", &rules);
    let file = "current_setting('hba_file')";
    ask(postgres, &format!("DO $$ BEGIN EXECUTE format('{write}', {file}); END $$"))?;
    ask(postgres, "SELECT pg_reload_conf()")?;
    let (user, _) = place(postgres)?;
    let refused = postgres.replace(user, "ldapu");
    let is_loaded = (0..100).any(|_| ask(&refused, "SELECT 1").is_err());
    ensure!(is_loaded, "PostgreSQL has not loaded the rules of access");
    Ok(())
}

/// A server that answers each message so. Returns its host and port.
fn answering(answer: fn(&[u8]) -> &'static [u8]) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let host = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(Result::ok) {
            thread::spawn(move || {
                let mut asked = [0; 512];
                while let Ok(n @ 1..) = stream.read(&mut asked) {
                    let _ = stream.write_all(answer(asked.get(..n).unwrap_or_default()));
                }
            });
        }
    });
    Ok(host)
}
