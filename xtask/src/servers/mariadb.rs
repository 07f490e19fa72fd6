//! A MariaDB server for the tests.

use std::path::Path;

use anyhow::Result;

use super::{
    Server,
    folder::{Folder, free_port, password},
    process::Process,
};
use crate::run::output_of;

pub(super) const INSTALL: &str = "/usr/bin/mariadb-install-db";
pub(super) const SERVER: &str = "/usr/sbin/mariadbd";

/// Creates the data folder if there is none, and starts the server. It says that it has the version
/// `version`, or its real one.
pub(crate) fn start(folder: &Folder, version: Option<&str>) -> Result<Server> {
    let home = folder.server_home("mariadb", "mysql")?;
    let data = format!("--datadir={}", home.join("data").display());

    if !home.join("data").exists() {
        let mut install = home.tool(Path::new(INSTALL));
        install.args(["--no-defaults", &data, "--skip-test-db", "--skip-name-resolve"]);
        install.arg("--auth-root-authentication-method=normal");
        output_of(install)?;
    }

    // The server runs `accounts.sql` before it accepts connections, so root always has a password.
    let password = home.load_or_create("password", password)?;
    let accounts = home.write(
        "accounts.sql",
        &format!(
            "CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
             GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n\
             ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';\n"
        ),
    )?;

    let port = home.load_or_create("port", free_port)?;
    let mut run = home.server("TERM", Path::new(SERVER));
    run.args(["--no-defaults", &data, "--bind-address=127.0.0.1", "--skip-name-resolve"])
        .arg(format!("--port={port}"))
        .arg(format!("--socket={}", home.join("socket").display()))
        .arg(format!("--pid-file={}", home.join("pid").display()))
        .arg(format!("--init-file={}", accounts.display()))
        .args(["--character-set-server=utf8mb4", "--collation-server=utf8mb4_unicode_ci"])
        // The data is deleted after the run, so it need not survive a power failure.
        .args(["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync"]);
    run.args(version.map(|version| format!("--version={version}")));
    let process = Process::start("mariadb", "TERM", &mut run, "ready for connections")?;
    let url = format!("mysql://root:{password}@127.0.0.1:{port}/");
    Ok(Server::new(process, vec![("TONGHUI_TEST_MYSQL", url)]))
}
