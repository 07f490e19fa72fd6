//! A RabbitMQ node for the tests.
//!
//! Debian's wrapper script works only with the user and the folders of the system, so this runs the
//! script of RabbitMQ itself. With `RUNNING_UNDER_SYSTEMD` the script is replaced by the virtual machine
//! instead of starting it as a child, so the signal at the end of this process reaches the machine.
//! Erlang's port mapper would be started as a daemon that is left behind, so it is started here too, on
//! its own port.

use std::path::Path;

use anyhow::Result;

use super::{
    Server,
    folder::{Folder, Home, free_port, password},
    process::Process,
};
use crate::run::output_of;

pub(super) const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
pub(super) const PORT_MAPPER: &str = "/usr/bin/epmd";
const NODE: &str = "tonghui-test@localhost";
pub(super) const OPENSSL: &str = "/usr/bin/openssl";

/// Creates users and certificates, and starts the node.
pub(crate) fn start(folder: &Folder) -> Result<Server> {
    let home = folder.home("rabbitmq", "rabbitmq")?;
    let port = home.load_or_create("port", free_port)?;
    let tls_port = home.load_or_create("tls_port", free_port)?;
    let node_port = home.load_or_create("node_port", free_port)?;
    let mapper_port = home.load_or_create("mapper_port", free_port)?;
    let password = home.load_or_create("password", password)?;
    home.load_or_create(".erlang.cookie", self::password)?;
    let definitions = home.write("definitions.json", &definitions(&password))?;
    make_certificates(&home)?;
    let settings = settings(&port, &tls_port, &definitions, &home);
    let settings = home.write("rabbitmq.conf", &settings)?;
    let plugins = home.write("enabled_plugins", "[].\n")?;

    let mut mapper = home.command("TERM", Path::new(PORT_MAPPER));
    let mapper = mapper.args(["-debug", "-address", "127.0.0.1", "-port", &mapper_port]);
    let mapper = Process::start("epmd", "TERM", mapper, "epmd running")?;

    let mut run = home.command("TERM", Path::new(SERVER));
    run.env("HOME", home.join(""))
        .env("RUNNING_UNDER_SYSTEMD", "true")
        .env("ERL_EPMD_PORT", &mapper_port)
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODENAME", NODE)
        .env("RABBITMQ_DIST_PORT", node_port)
        .env("RABBITMQ_MNESIA_BASE", home.join("data"))
        .env("RABBITMQ_LOG_BASE", home.join("log"))
        .env("RABBITMQ_CONFIG_FILE", settings)
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", plugins)
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
        );
    let node = Process::start("rabbitmq", "TERM", &mut run, "Server startup complete")?;
    Ok(Server {
        facts: vec![
            ("node", NODE.to_owned()),
            ("home", home.join("").display().to_string()),
            ("epmd_port", mapper_port),
        ],
        // Stopped in this order: a node that stops queries the mapper.
        processes: vec![node, mapper],
        variables: vec![
            ("TONGHUI_TEST_AMQP", format!("amqp://tonghui:{password}@127.0.0.1:{port}/%2f")),
            ("TONGHUI_TEST_AMQPS", format!("amqps://tonghui:{password}@localhost:{tls_port}/%2f")),
            ("TONGHUI_TEST_AMQP_CA", std::fs::read_to_string(home.join("ca.pem"))?),
        ],
    })
}

/// Two users with the same password: `tonghui` may do everything, `reader` may only read.
fn definitions(password: &str) -> String {
    format!(
        r#"{{
  "users": [
    {{"name": "tonghui", "password": "{password}", "tags": ""}},
    {{"name": "reader", "password": "{password}", "tags": ""}}
  ],
  "vhosts": [{{"name": "/"}}],
  "permissions": [
    {{"user": "tonghui", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}},
    {{"user": "reader", "vhost": "/", "configure": "^$", "write": "^$", "read": ".*"}}
  ]
}}
"#
    )
}

fn settings(port: &str, tls_port: &str, definitions: &Path, home: &Home) -> String {
    let [ca, certificate, key] = ["ca.pem", "server.pem", "server.key"].map(|name| home.join(name));
    let (ca, certificate, key) = (ca.display(), certificate.display(), key.display());
    let definitions = definitions.display();
    format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\n\
         listeners.ssl.1 = 127.0.0.1:{tls_port}\n\
         ssl_options.cacertfile = {ca}\n\
         ssl_options.certfile = {certificate}\n\
         ssl_options.keyfile = {key}\n\
         load_definitions = {definitions}\n\
         log.console = true\n\
         log.file = false\n\
         disk_free_limit.absolute = 50MB\n"
    )
}

/// Creates a CA for this run, and with it a certificate for `localhost` and no other name.
fn make_certificates(home: &Home) -> Result<()> {
    if home.join("server.pem").exists() {
        return Ok(());
    }
    // Not the settings of the system, with which every certificate would be a CA.
    let plain = home.write("openssl.cnf", "[req]\ndistinguished_name = name\n[name]\n")?;
    let request = |name: &str, subject: &str| {
        let mut command = home.command("KILL", Path::new(OPENSSL));
        command
            .args(["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", subject])
            .arg("-config")
            .arg(&plain)
            .arg("-keyout")
            .arg(home.join(&format!("{name}.key")))
            .arg("-out")
            .arg(home.join(&format!("{name}.pem")));
        command
    };
    let mut ca = request("ca", "/CN=CA of one test run");
    output_of(ca.args(["-addext", "basicConstraints=critical,CA:TRUE"]))?;
    let mut server = request("server", "/CN=localhost");
    server
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .arg("-CA")
        .arg(home.join("ca.pem"))
        .arg("-CAkey")
        .arg(home.join("ca.key"));
    output_of(server)?;
    Ok(())
}
