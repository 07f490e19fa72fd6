//! What is said about addresses that cannot be used: each has its own sentence, and says whether waiting
//! helps and what to do.

use std::{net::SocketAddr, path::PathBuf};

use contract::{Connector as _, OpenGate};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{City, Desk, FindBy, mysql, postgres, server};

/// A server that answers each connection with `answer`, and does not read.
async fn answering(answer: &'static [u8], tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(answer).await;
            open.push(stream);
        }
    });
    address
}

/// A server that waits for a first message, and answers `answer` without closing.
async fn replying(answer: &'static [u8], tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut served = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            served.spawn(async move {
                let mut asked = [0; 256];
                while let Ok(1..) = stream.read(&mut asked).await {
                    let is_request_for_tls = asked.starts_with(b"\0\0\0\x08\x04\xd2");
                    let said = if is_request_for_tls && answer[0] == b'R' { b"N" } else { answer };
                    let _ = stream.write_all(said).await;
                }
            });
        }
    });
    address
}

/// A PostgreSQL server that accepts TLS with the certificate of the broker, for `localhost`.
async fn encrypting(tasks: &mut JoinSet<()>) -> SocketAddr {
    let broker = server("TONGHUI_TEST_AMQPS");
    let broker = broker.rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut served = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let broker = broker.clone();
            served.spawn(async move {
                stream.read_exact(&mut [0; 8]).await.unwrap();
                stream.write_all(b"S").await.unwrap();
                let mut upstream = TcpStream::connect(broker).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut upstream).await;
            });
        }
    });
    address
}

/// The fault of a channel at this address.
async fn fault_at(city: City, url: &str) -> String {
    let city = city.with(json!({ "url": url, "timeout": "2s" }));
    let fault = match city.build(std::sync::Arc::new(OpenGate)) {
        Err(fault) => fault,
        Ok(mut table) => match Box::pin(table.read(None, 10)).await {
            Err(fault) => fault,
            Ok(_) => return "no fault".to_owned(),
        },
    };
    format!("{}: {fault}", fault.kind().name())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_has_its_own_sentence() {
    let mut tasks = JoinSet::new();
    let (pg, my) = (postgres(FindBy::FlagOnly).await, mysql(FindBy::FlagOnly).await);
    let (pg_url, my_url) = (pg.url.clone(), my.url.clone());
    let (pg_base, pg_name) = pg_url.rsplit_once('/').unwrap();
    let (my_base, my_name) = my_url.rsplit_once('/').unwrap();
    let (pg_host, my_host) =
        (pg_base.rsplit_once('@').unwrap().1, my_base.rsplit_once('@').unwrap().1);
    let Desk::MySql(mariadb) = &my.desk else { panic!("MariaDB") };
    for sql in [
        format!("CREATE USER {my_name}_ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('x1')"),
        format!("CREATE USER {my_name}_us@'%' IDENTIFIED VIA unix_socket"),
        format!("CREATE USER {my_name}_pw@'%' IDENTIFIED BY 'a@b:c/d#e?f%25'"),
        format!("GRANT SELECT ON {my_name}.* TO {my_name}_pw@'%'"),
        format!("CREATE USER {my_name}_ex@'%' IDENTIFIED BY 'x1' PASSWORD EXPIRE"),
        format!("GRANT SELECT ON {my_name}.* TO {my_name}_ex@'%'"),
        format!("CREATE USER {my_name}_no@'%' IDENTIFIED BY 'x1'"),
        format!("CREATE USER {my_name}_lo@'%' IDENTIFIED BY 'x1' ACCOUNT LOCK"),
        format!("CREATE USER {my_name}_on@'%' IDENTIFIED BY 'x1' WITH MAX_USER_CONNECTIONS 1"),
        format!("GRANT ALL ON {my_name}.* TO {my_name}_on@'%'"),
    ] {
        // Some versions lack a plugin: the address is then an unknown account.
        let _ = mariadb.execute(AssertSqlSafe(sql)).await;
    }
    let role = |suffix: &str| format!("{pg_name}_{suffix}");
    for sql in [
        format!("CREATE ROLE {} LOGIN CONNECTION LIMIT 0", role("limited")),
        format!("CREATE ROLE {} NOLOGIN", role("nologin")),
        format!("CREATE ROLE {} LOGIN", role("closed")),
        "CREATE SCHEMA office; CREATE TABLE office.hidden (id text, isfetch int)".to_owned(),
        format!("REVOKE CONNECT ON DATABASE {pg_name} FROM PUBLIC"),
        format!("CREATE ROLE {} LOGIN", role("reader")),
        format!("GRANT CONNECT ON DATABASE {pg_name} TO {}", role("reader")),
    ] {
        pg.run(&sql).await;
    }
    let occupied = format!("mysql://{my_name}_on:x1@{my_host}/{my_name}");
    let one = sqlx::MySqlPool::connect(&occupied).await.unwrap();

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ssh = answering(b"SSH-2.0-OpenSSH_9.2\r\n", &mut tasks).await;
    let silent = answering(b"", &mut tasks).await;
    let web = replying(b"HTTP/1.1 400 Bad Request\r\n\r\n", &mut tasks).await;
    // A request for a password by SHA-256, as openGauss sends it.
    let gauss = replying(b"R\0\0\0\x0c\0\0\0\x0a\0\0\0\x02", &mut tasks).await;
    let kerberos = replying(b"R\0\0\0\x08\0\0\0\x07", &mut tasks).await;
    let tls = encrypting(&mut tasks).await;
    let folder = tempfile::tempdir().unwrap();
    let ca: PathBuf = folder.path().join("ca.pem");
    std::fs::write(&ca, server("TONGHUI_TEST_AMQP_CA")).unwrap();
    let ca = ca.display();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "longer than the head of a database\n".repeat(200)).unwrap();
    let amqp = server("TONGHUI_TEST_AMQP");
    let amqp = amqp.rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned();

    let addresses = [
        ("method ed25519", "stopped", "", format!("mysql://{my_name}_ed:x1@{my_host}/{my_name}")),
        (
            "method unix_socket",
            "stopped",
            "does not log in with a password",
            format!("mysql://{my_name}_us:x1@{my_host}/{my_name}"),
        ),
        (
            "password not encoded",
            "stopped",
            "write %40 for @",
            format!("mysql://{my_name}_pw:a@b:c/d#e?f%25@{my_host}/{my_name}"),
        ),
        (
            "password cut by #",
            "stopped",
            "write %40 for @",
            format!("mysql://{my_name}_pw:1#b@{my_host}/{my_name}"),
        ),
        ("password encoded", "no fault", "no fault", {
            format!("mysql://{my_name}_pw:a%40b%3Ac%2Fd%23e%3Ff%2525@{my_host}/{my_name}")
        }),
        (
            "mysql wrong password",
            "stopped",
            "refused the account or its password",
            format!("mysql://root:s3cret@{my_host}/{my_name}"),
        ),
        (
            "mysql expired password",
            "stopped",
            "the password of the account has expired",
            format!("mysql://{my_name}_ex:x1@{my_host}/{my_name}"),
        ),
        (
            "mysql locked account",
            "stopped",
            "the account is locked",
            format!("mysql://{my_name}_lo:x1@{my_host}/{my_name}"),
        ),
        (
            "mysql no right on the database",
            "stopped",
            "no permission to open the database",
            format!("mysql://{my_name}_no:x1@{my_host}/{my_name}"),
        ),
        (
            "mysql no such database",
            "stopped",
            "the server has no such database",
            format!("{my_base}/nowhere"),
        ),
        (
            "mysql account has all its connections",
            "transient",
            "accepts no more connections",
            occupied.clone(),
        ),
        (
            "mysql certificate not trusted or none",
            "stopped",
            "",
            format!("{my_url}?ssl-mode=VERIFY_IDENTITY"),
        ),
        (
            "mysql ca missing",
            "stopped",
            "",
            format!("{my_url}?ssl-mode=VERIFY_CA&ssl-ca=/nowhere/ca.pem"),
        ),
        (
            "mysql port of nobody",
            "transient",
            "nobody listens on this port",
            format!("mysql://root:s3cret@{nobody}/x"),
        ),
        (
            "mysql port of a broker",
            "stopped",
            "the port of an AMQP broker",
            format!("mysql://root:s3cret@{amqp}/x"),
        ),
        (
            "mysql port of PostgreSQL",
            "stopped",
            "the port of a PostgreSQL server",
            format!("mysql://root:s3cret@{pg_host}/x"),
        ),
        (
            "mysql port of SSH",
            "stopped",
            "the port of an SSH server",
            format!("mysql://root:s3cret@{ssh}/x"),
        ),
        (
            "mysql port of a web server",
            "stopped",
            "the port of a web server",
            format!("mysql://root:s3cret@{web}/x"),
        ),
        (
            "mysql silent port",
            "transient",
            "does not answer a login",
            format!("mysql://root:s3cret@{silent}/x"),
        ),
        (
            "mysql unknown host",
            "transient",
            "the host name cannot be resolved",
            "mysql://root:s3cret@nosuch.invalid:3306/x?ssl-mode=VERIFY_IDENTITY".to_owned(),
        ),
        (
            "postgres wrong password",
            "stopped",
            "refused the account or its password",
            format!("postgres://postgres:s3cret@{pg_host}/{pg_name}"),
        ),
        (
            "postgres unknown role",
            "stopped",
            "does not know the account",
            format!("postgres://nobody_{pg_name}@{pg_host}/{pg_name}"),
        ),
        (
            "postgres role without login",
            "stopped",
            "does not know the account, or it may not log in",
            format!("postgres://{}@{pg_host}/{pg_name}", role("nologin")),
        ),
        (
            "postgres role limited to 0",
            "transient",
            "accepts no more connections",
            format!("postgres://{}@{pg_host}/{pg_name}", role("limited")),
        ),
        (
            "postgres database closed",
            "stopped",
            "no permission to open the database",
            format!("postgres://{}@{pg_host}/{pg_name}", role("closed")),
        ),
        (
            "postgres no right on the table",
            "stopped",
            "GRANT SELECT ON orders",
            format!("postgres://{}@{pg_host}/{pg_name}", role("reader")),
        ),
        (
            "postgres no such database",
            "stopped",
            "the server has no such database",
            format!("{pg_base}/nowhere"),
        ),
        (
            "postgres has no TLS",
            "stopped",
            "offers no encryption",
            format!("{pg_url}?sslmode=verify-full"),
        ),
        (
            "postgres certificate not trusted",
            "stopped",
            "an authority that is not trusted here",
            format!("postgres://u:s3cret@{tls}/x?sslmode=verify-full"),
        ),
        ("postgres certificate of another host", "stopped", "is for another host name", {
            format!("postgres://u:s3cret@{tls}/x?sslmode=verify-full&sslrootcert={ca}")
        }),
        ("postgres sslrootcert missing", "stopped", "a certificate, key or socket file", {
            format!("postgres://u:s3cret@{tls}/x?sslmode=verify-full&sslrootcert=/nowhere/ca.pem")
        }),
        (
            "postgres method of openGauss",
            "stopped",
            "SHA-256 of openGauss",
            format!("postgres://u:s3cret@{gauss}/x?sslmode=disable"),
        ),
        (
            "postgres method Kerberos",
            "stopped",
            "GSSAPI (Kerberos)",
            format!("postgres://u:s3cret@{kerberos}/x?sslmode=disable"),
        ),
        (
            "postgres port of MySQL",
            "stopped",
            "the port of a MySQL or MariaDB server",
            format!("postgres://u:s3cret@{my_host}/x"),
        ),
        (
            "postgres port of SSH",
            "stopped",
            "the port of an SSH server",
            format!("postgres://u:s3cret@{ssh}/x"),
        ),
        (
            "postgres port of a web server",
            "stopped",
            "the port of a web server",
            format!("postgres://u:s3cret@{web}/x"),
        ),
        (
            "postgres port of nobody",
            "transient",
            "nobody listens on this port",
            format!("postgres://u:s3cret@{nobody}/x"),
        ),
        (
            "sqlite no file",
            "stopped",
            "there is no such database file",
            "sqlite:/nowhere/orders.db".to_owned(),
        ),
        (
            "sqlite other file",
            "stopped",
            "not an SQLite database",
            format!("sqlite:{}", text.display()),
        ),
        (
            "oracle",
            "stopped",
            "names a database that is not supported: oracle",
            "oracle://u:s3cret@127.0.0.1:1521/x".to_owned(),
        ),
        (
            "jdbc",
            "stopped",
            "an address for JDBC",
            "jdbc:mysql://127.0.0.1:3306/x?user=root&password=s3cret".to_owned(),
        ),
        (
            "dm",
            "stopped",
            "names a database that is not supported: dm",
            "dm://SYSDBA:s3cret@127.0.0.1:5236".to_owned(),
        ),
        (
            "opengauss",
            "stopped",
            "write postgres:// instead",
            "opengauss://u:s3cret@127.0.0.1:5432/x".to_owned(),
        ),
        (
            "no scheme",
            "stopped",
            "does not begin with the name of a database",
            "127.0.0.1:3306".to_owned(),
        ),
    ];
    for (name, kind, what, url) in addresses {
        let fault = fault_at(City::sqlite(FindBy::FlagOnly).await, &url).await;
        assert!(!fault.contains("s3cret"), "{name}: {fault}");
        assert!(fault.starts_with(kind) && fault.contains(what), "{name}: {fault}");
        let is_unconnected =
            ["port of nobody", "unknown host"].iter().any(|mark| name.contains(mark));
        assert_eq!(fault.contains("cannot connect"), is_unconnected, "{name}: {fault}");
    }
    one.close().await;
}
