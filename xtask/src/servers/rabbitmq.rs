//! A RabbitMQ node for the tests.
//!
//! Debian's wrapper script works only with the system's user and folders, so this module runs RabbitMQ's
//! own script. With `RUNNING_UNDER_SYSTEMD` that script `exec`s the Erlang VM instead of starting it as a
//! child, so the signal that is sent when xtask ends reaches the VM. The VM would start Erlang's port
//! mapper (`epmd`) as a daemon that never stops; so this module starts a port mapper first, on its own port.

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
/// The name of the Erlang node.
const NODE: &str = "tonghui-test@localhost";
pub(super) const OPENSSL: &str = "/usr/bin/openssl";

/// Writes the settings, creates certificates if there are none, and starts the port mapper and the node.
pub(crate) fn start(folder: &Folder) -> Result<Server> {
    let home = folder.server_home("rabbitmq", "rabbitmq")?;
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

    let mut mapper = home.server("TERM", Path::new(PORT_MAPPER));
    let mapper = mapper.args(["-debug", "-address", "127.0.0.1", "-port", &mapper_port]);
    let mapper = Process::start("epmd", "TERM", mapper, "epmd running")?;

    let mut run = home.server("TERM", Path::new(SERVER));
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
        details: vec![
            ("node", NODE.to_owned()),
            ("home", home.join("").display().to_string()),
            ("epmd_port", mapper_port),
        ],
        // Processes are stopped in this order: while it shuts down, a node still queries the port mapper.
        processes: vec![node, mapper],
        variables: vec![
            ("TONGHUI_TEST_AMQP", format!("amqp://tonghui:{password}@127.0.0.1:{port}/%2f")),
            ("TONGHUI_TEST_AMQPS", format!("amqps://tonghui:{password}@localhost:{tls_port}/%2f")),
            ("TONGHUI_TEST_AMQP_CA", std::fs::read_to_string(home.join("ca.pem"))?),
        ],
    })
}

/// Definitions that RabbitMQ imports: two users with the same password. `tonghui` may do everything,
/// `reader` may only read.
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

/// Creates a CA, and a certificate of that CA for the name `localhost` only.
fn make_certificates(home: &Home) -> Result<()> {
    if home.join("server.pem").exists() {
        return Ok(());
    }
    // The system's `openssl.cnf` would make every certificate a CA.
    let openssl_config = home.write("openssl.cnf", "[req]\ndistinguished_name = name\n[name]\n")?;
    let new_certificate = |name: &str, subject: &str| {
        let mut command = home.tool(Path::new(OPENSSL));
        command
            .args(["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", subject])
            .arg("-config")
            .arg(&openssl_config)
            .arg("-keyout")
            .arg(home.join(&format!("{name}.key")))
            .arg("-out")
            .arg(home.join(&format!("{name}.pem")));
        command
    };
    let mut ca = new_certificate("ca", "/CN=CA of one test run");
    output_of(ca.args(["-addext", "basicConstraints=critical,CA:TRUE"]))?;
    let mut server = new_certificate("server", "/CN=localhost");
    server.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    server.args(["-addext", "subjectAltName=DNS:localhost"]);
    server.arg("-CA").arg(home.join("ca.pem")).arg("-CAkey").arg(home.join("ca.key"));
    output_of(server).map(drop)
}
