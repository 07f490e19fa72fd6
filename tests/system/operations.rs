//! Runs docs/operations.md, the handbook of whoever operates the gateway: a shell runs its commands with the real binary and
//! real servers, and what the page shows below them must be what they print.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Stdio},
};

use system_tests::gateway_process::{Server, command};

const ENGLISH: &str = include_str!("../../docs/operations.md");
const CHINESE: &str = include_str!("../../docs/operations.zh-CN.md");
const ALERTS: &str = include_str!("../../docs/monitoring/alerts.yml");

/// The first lines of the blocks that are not run, because they need root or several machines, or are files of the system.
const NOT_RUN: [(&str, &str); 9] = [
    ("console", "cargo build --profile dist -p gateway --no-default-features"),
    ("toml", "[store]"),
    ("ini", "[Unit]"),
    ("ini", "ExecStart=/usr/local/bin/tonghui run --role %i --config /etc/tonghui"),
    ("console", "systemctl daemon-reload"),
    ("cron", "*/5 * * * * tonghui /usr/local/bin/tonghui sync --all --deadline 4m --strict"),
    ("console", "rabbitmqctl -n rabbit@mq2 stop_app"),
    ("console", "psql -h pg2 -c 'SELECT pg_promote()'"),
    ("console", "mount -t tmpfs -o size=80m,uid=tonghui,mode=700 none /var/lib/tonghui"),
];

/// The code blocks of a page: the language of each, and its text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let parts = page.split("\n```").enumerate().filter(|(n, _)| n % 2 == 1);
    parts.map(|(_, block)| block.split_once('\n').unwrap()).collect()
}

/// The roles, which follow the id of a process in the table of processes.
const ROLES: [&str; 4] = ["all", "ingest", "sink", "console"];

/// A line as it is in each run: without its times, large numbers and ids of processes, the widths of its columns and the
/// name of the machine.
fn masked(line: &str, host: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let mask = |(at, word): (usize, &&str)| {
        let digits = word.split(|c: char| !c.is_ascii_digit());
        let is_process = at.checked_sub(1).is_some_and(|before| words[before] == "process")
            || words.get(at + 1).is_some_and(|next| at == 0 && ROLES.contains(next));
        let is_varying = is_process || word.contains(':') || digits.map(str::len).max() > Some(3);
        let word = if *word == host { "gw1" } else { word };
        let keep = |c: char| if is_varying && c.is_ascii_digit() { '0' } else { c };
        let mut masked: String = word.chars().map(keep).collect();
        // How many digits a number has that varies, varies too. Another number is the one that is shown.
        while is_varying && masked.contains("00") {
            masked = masked.replace("00", "0");
        }
        masked
    };
    words.iter().enumerate().map(mask).collect::<Vec<_>>().join(" ")
}

/// The lines of `shown` that are not among those that were `said`, in this order; `…` stands for a part of a line, or for
/// lines, that are not shown.
fn missing<'a>(shown: &'a str, said: &str, host: &str) -> Vec<&'a str> {
    let mut lines = said.lines().map(|line| masked(line, host));
    let is_missing = |line: &&str| {
        let expected = masked(line, host);
        let parts: Vec<_> = expected.split('…').map(str::trim).collect();
        let fits = |line: String| {
            let mut rest = Some(line.as_str());
            for part in &parts {
                rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, rest)| rest);
            }
            line.starts_with(parts[0])
                && rest.is_some_and(|rest| rest.is_empty() || expected.ends_with('…'))
        };
        !lines.any(fits)
    };
    shown.lines().filter(|line| *line != "…").filter(is_missing).collect()
}

#[test]
fn only_times_large_numbers_and_ids_of_processes_may_differ_from_what_is_shown() {
    for (shown, said, is_shown) in [
        ("10 demands", "10 demands", true),
        ("10 demands", "100 demands", false),
        ("1 of 20", "1 of 200", false),
        ("at 18:51:02, 1000 rows", "at 07:00:00, 31420 rows", true),
        ("process 31420 on gw1 (sink)", "process 31421 on city (sink)", true),
        ("process 31420 on gw1 (sink)", "process 98 on gw1 (sink)", true),
        ("31420 sink gw1", "98 sink gw1", true),
        ("31420 demands", "98 demands", false),
        ("… 0 rejected", "12 changed, 10 unchanged, 0 rejected", true),
        ("… unchanged, 0 rejected", "12 changed, 10 unchanged, 10 rejected", false),
        ("whole", "not whole", false),
    ] {
        assert_eq!(missing(shown, said, "city").is_empty(), is_shown, "{shown} | {said}");
    }
}

/// A folder with the programs that the page expects on the machine, and the variables that it names.
struct Machine {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    _servers: [Server; 2],
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("tonghui-ops-").tempdir_in("/tmp").unwrap();
        let server = |name: &'static str| {
            let home = folder.path().join(name);
            std::thread::spawn(move || Server::start(name, &home).unwrap())
        };
        let servers = [server("postgres"), server("rabbitmq")];
        let [postgres, broker] = servers.map(|server| server.join().unwrap());
        let (bin, tonghui) = (folder.path().join("bin"), command().unwrap());
        fs::create_dir(&bin).unwrap();
        symlink(tonghui.get_program(), bin.join("tonghui")).unwrap();
        symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs"), folder.path().join("docs"))
            .unwrap();
        let of = |name| broker.property(name).unwrap();
        let rabbitmqctl = format!(
            "#!/bin/sh\nHOME={} ERL_EPMD_PORT={} exec /usr/lib/rabbitmq/bin/rabbitmqctl --quiet --node {} \"$@\"\n",
            of("home"),
            of("epmd_port"),
            of("node")
        );
        fs::write(bin.join("rabbitmqctl"), rabbitmqctl).unwrap();
        fs::set_permissions(bin.join("rabbitmqctl"), fs::Permissions::from_mode(0o755)).unwrap();
        // postgres://user:password@host:port/name
        let url = postgres.property("TONGHUI_TEST_POSTGRES").unwrap();
        let words: Vec<_> = url.split([':', '/', '@']).filter(|word| !word.is_empty()).collect();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let variables = vec![
            ("PATH", format!("{}:{path}", bin.display())),
            ("HOME", folder.path().display().to_string()),
            ("PGUSER", words[1].to_owned()),
            ("PGPASSWORD", words[2].to_owned()),
            ("PGHOST", words[3].to_owned()),
            ("PGPORT", words[4].to_owned()),
            ("BROKER", of("TONGHUI_TEST_AMQP").to_owned()),
            ("CONSOLE", free.to_string()),
        ];
        Self { folder, variables, _servers: [postgres, broker] }
    }

    /// Runs scripts in one shell; returns what each of them printed, those after a failure not at all.
    fn run(&self, scripts: &[&str]) -> Vec<String> {
        const MARK: &str = "=== the next block ===";
        let script: String =
            scripts.iter().map(|script| format!("{script}\necho '{MARK}'\n")).collect();
        // Whatever happens, no process of the page outlives it.
        let script = format!("trap 'kill -9 $(cat *.pid) 2> /dev/null' EXIT\n{script}");
        let said = self.folder.path().join("said");
        let file = fs::File::create(&said).unwrap();
        Command::new("sh")
            .args(["-euc", &script])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .status()
            .unwrap();
        let said = fs::read_to_string(said).unwrap();
        said.split(&format!("{MARK}\n")).map(str::to_owned).collect()
    }
}

#[test]
fn every_command_of_the_handbook_does_what_the_page_says() {
    let blocks = blocks(ENGLISH);
    // What a block prints is shown below it. Only the first one prints nothing.
    let is_silent = |pair: &&[(&str, &str)]| pair[0].0 == "sh" && pair[1].0 != "text";
    assert_eq!(blocks.windows(2).filter(is_silent).count(), 1);
    let scripts: Vec<_> =
        blocks.iter().filter(|(kind, _)| *kind == "sh").map(|(_, text)| *text).collect();
    let machine = Machine::new();
    let said = machine.run(&scripts);
    let last = said.last().map_or("", String::as_str);
    assert_eq!(said.len(), scripts.len() + 1, "a command failed: {last}");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let (mut said, mut before) = (said.iter(), "");
    let mut different = String::new();
    for (kind, text) in blocks {
        match kind {
            "sh" => before = said.next().unwrap(),
            "text" => {
                // The others are missing because of the first one.
                if let Some(line) = missing(text, before, host.trim()).first() {
                    let what = format!("not said, or not in this order: {line}\n{before}\n");
                    different.push_str(&what);
                }
            }
            _ => {}
        }
    }
    assert!(different.is_empty(), "{different}");
}

#[test]
fn what_is_not_run_is_listed_and_both_languages_have_the_same_blocks() {
    let english = blocks(ENGLISH);
    let is_run = |kind: &str| matches!(kind, "sh" | "text");
    let others: Vec<_> = english
        .iter()
        .filter(|(kind, _)| !is_run(kind))
        .map(|(kind, text)| (*kind, text.lines().next().unwrap_or_default()))
        .collect();
    assert_eq!(others.len(), NOT_RUN.len(), "{others:#?}");
    for (found, listed) in others.iter().zip(NOT_RUN) {
        assert!(found.0 == listed.0 && found.1.starts_with(listed.1), "{found:?}, {listed:?}");
    }
    assert_eq!(english, blocks(CHINESE));
}

/// The words of `text` that begin with `start`, up to the first character that is not of a name.
fn names<'a>(text: &'a str, start: &str) -> BTreeSet<&'a str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c));
    words.filter(|word| word.starts_with(start) && word.len() > start.len()).collect()
}

#[test]
fn the_handbook_names_each_alert_and_only_metrics_that_exist() {
    let alerts: BTreeSet<_> =
        ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let metrics = names(include_str!("../../gateway/src/console/metrics.rs"), "tonghui_");
    for page in [ENGLISH, CHINESE] {
        let mut named = names(page, "Tonghui");
        named.remove("TonghuiX"); // any of them
        assert_eq!(named, alerts);
        // The roles of docs/rights begin like a metric.
        let unknown: Vec<_> = names(page, "tonghui_")
            .into_iter()
            .filter(|name| *name != "tonghui_sink" && !metrics.contains(name))
            .collect();
        assert_eq!(unknown, Vec::<&str>::new());
    }
}

/// The help of a command of `tonghui`; `None` if there is none.
fn help(words: &[&str]) -> Option<String> {
    let ended = command().unwrap().args(words).arg("--help").output().unwrap();
    ended.status.success().then(|| String::from_utf8(ended.stdout).unwrap())
}

#[test]
fn the_commands_that_are_not_run_have_these_names_and_options() {
    let mut n_commands = 0;
    let not_run = blocks(ENGLISH).into_iter().filter(|(kind, _)| !matches!(*kind, "sh" | "text"));
    let lines = not_run.flat_map(|(_, text)| text.lines());
    // In the text too: `tonghui CMD …`.
    let quoted = [ENGLISH, CHINESE].into_iter().flat_map(|page| page.split('`'));
    for line in lines.chain(quoted.filter(|quote| quote.starts_with("tonghui "))) {
        let program = |word: &&str| *word == "tonghui" || word.ends_with("/bin/tonghui");
        let words: Vec<_> = line.split_whitespace().collect();
        let is_command = |n: &usize| program(&words[*n]) && words.get(n + 1).is_some_and(is_word);
        let Some(at) = (0..words.len()).rfind(is_command) else { continue };
        if words[at] == "tonghui" && at > 0 {
            continue; // the name of a user or of a group
        }
        let words: Vec<_> = words[at + 1..].iter().copied().take_while(|w| *w != "2>&1").collect();
        let n_names = words.iter().take(2).take_while(|word| is_word(word)).count();
        let found = (1..=n_names).rev().find_map(|n| help(&words[..n]));
        let help = found.unwrap_or_else(|| panic!("there is no command `{line}`"));
        for option in words.iter().filter(|word| word.starts_with("--")) {
            let is_known = help.split([' ', ',', '\n']).any(|known| known == *option);
            assert!(is_known, "`{line}`: no option {option}\n{help}");
        }
        n_commands += 1;
    }
    assert!(n_commands > 20, "{n_commands}");
}

/// Whether a word may be the name of a command.
fn is_word(word: &&str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-')
}
