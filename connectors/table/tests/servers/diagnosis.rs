//! What is said about addresses that cannot be used: each has its own sentence, and says whether waiting
//! helps and what to do. If `UPDATE_GOLDEN` is set, the test writes `diagnosis.txt`.

use std::{net::SocketAddr, path::PathBuf};

use connector_testkit::Source as _;
use contract::{Connector as _, OpenGate};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{City, Desk, Shape, mysql, postgres, server};

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
        Ok(mut table) => match table.read(None, 10).await {
            Err(fault) => fault,
            Ok(_) => return "no fault".to_owned(),
        },
    };
    format!("{}: {fault}", fault.kind().name())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_has_its_own_sentence() {
    let mut tasks = JoinSet::new();
    let (pg, my) = (postgres(Shape::FlagOnly).await, mysql(Shape::FlagOnly).await);
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
        format!("CREATE SCHEMA office; CREATE TABLE office.hidden (id text, isfetch int)"),
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
        ("method ed25519", format!("mysql://{my_name}_ed:x1@{my_host}/{my_name}")),
        ("method unix_socket", format!("mysql://{my_name}_us:x1@{my_host}/{my_name}")),
        (
            "password not encoded",
            format!("mysql://{my_name}_pw:a@b:c/d#e?f%25@{my_host}/{my_name}"),
        ),
        ("password cut by #", format!("mysql://{my_name}_pw:1#b@{my_host}/{my_name}")),
        ("password encoded", {
            format!("mysql://{my_name}_pw:a%40b%3Ac%2Fd%23e%3Ff%2525@{my_host}/{my_name}")
        }),
        ("mysql wrong password", format!("mysql://root:s3cret@{my_host}/{my_name}")),
        ("mysql expired password", format!("mysql://{my_name}_ex:x1@{my_host}/{my_name}")),
        ("mysql locked account", format!("mysql://{my_name}_lo:x1@{my_host}/{my_name}")),
        ("mysql no right on the database", format!("mysql://{my_name}_no:x1@{my_host}/{my_name}")),
        ("mysql no such database", format!("{my_base}/nowhere")),
        ("mysql account has all its connections", occupied.clone()),
        ("mysql certificate not trusted or none", format!("{my_url}?ssl-mode=VERIFY_IDENTITY")),
        ("mysql ca missing", format!("{my_url}?ssl-mode=VERIFY_CA&ssl-ca=/nowhere/ca.pem")),
        ("mysql port of nobody", format!("mysql://root:s3cret@{nobody}/x")),
        ("mysql port of a broker", format!("mysql://root:s3cret@{amqp}/x")),
        ("mysql port of PostgreSQL", format!("mysql://root:s3cret@{pg_host}/x")),
        ("mysql port of SSH", format!("mysql://root:s3cret@{ssh}/x")),
        ("mysql port of a web server", format!("mysql://root:s3cret@{web}/x")),
        ("mysql silent port", format!("mysql://root:s3cret@{silent}/x")),
        ("mysql unknown host", "mysql://root:s3cret@nosuch.invalid:3306/x".to_owned()),
        ("postgres wrong password", format!("postgres://postgres:s3cret@{pg_host}/{pg_name}")),
        ("postgres unknown role", format!("postgres://nobody_{pg_name}@{pg_host}/{pg_name}")),
        (
            "postgres role without login",
            format!("postgres://{}@{pg_host}/{pg_name}", role("nologin")),
        ),
        ("postgres no line in pg_hba.conf", pg_url.replace("127.0.0.1", "127.0.0.2")),
        (
            "postgres role limited to 0",
            format!("postgres://{}@{pg_host}/{pg_name}", role("limited")),
        ),
        ("postgres database closed", format!("postgres://{}@{pg_host}/{pg_name}", role("closed"))),
        (
            "postgres no right on the table",
            format!("postgres://{}@{pg_host}/{pg_name}", role("reader")),
        ),
        ("postgres no such database", format!("{pg_base}/nowhere")),
        ("postgres has no TLS", format!("{pg_url}?sslmode=verify-full")),
        (
            "postgres certificate not trusted",
            format!("postgres://u:s3cret@{tls}/x?sslmode=verify-full"),
        ),
        ("postgres certificate of another host", {
            format!("postgres://u:s3cret@{tls}/x?sslmode=verify-full&sslrootcert={ca}")
        }),
        ("postgres sslrootcert missing", {
            format!("postgres://u:s3cret@{tls}/x?sslmode=verify-full&sslrootcert=/nowhere/ca.pem")
        }),
        ("postgres method of openGauss", format!("postgres://u:s3cret@{gauss}/x?sslmode=disable")),
        ("postgres method Kerberos", format!("postgres://u:s3cret@{kerberos}/x?sslmode=disable")),
        ("postgres port of MySQL", format!("postgres://u:s3cret@{my_host}/x")),
        ("postgres port of SSH", format!("postgres://u:s3cret@{ssh}/x")),
        ("postgres port of a web server", format!("postgres://u:s3cret@{web}/x")),
        ("postgres port of nobody", format!("postgres://u:s3cret@{nobody}/x")),
        ("sqlite no file", "sqlite:/nowhere/orders.db".to_owned()),
        ("sqlite other file", format!("sqlite:{}", text.display())),
        ("oracle", "oracle://u:s3cret@127.0.0.1:1521/x".to_owned()),
        ("jdbc", "jdbc:mysql://127.0.0.1:3306/x?user=root&password=s3cret".to_owned()),
        ("dm", "dm://SYSDBA:s3cret@127.0.0.1:5236".to_owned()),
        ("opengauss", "opengauss://u:s3cret@127.0.0.1:5432/x".to_owned()),
        ("no scheme", "127.0.0.1:3306".to_owned()),
    ];
    let known = [
        (pg_name, "DB"),
        (my_name, "DB"),
        (pg_host, "PG"),
        (my_host, "MY"),
        (&*amqp, "AMQP"),
        (&*nobody.to_string(), "NOBODY"),
        (&*ssh.to_string(), "SSH"),
        (&*silent.to_string(), "SILENT"),
        (&*web.to_string(), "WEB"),
        (&*gauss.to_string(), "GAUSS"),
        (&*kerberos.to_string(), "KERBEROS"),
        (&*tls.to_string(), "TLS"),
        (&*folder.path().display().to_string(), "FOLDER"),
    ];
    let mut said = String::new();
    for (name, url) in addresses {
        let fault = fault_at(City::sqlite(Shape::FlagOnly).await, &url).await;
        assert!(!fault.contains("s3cret"), "{fault}");
        let fault = known.iter().fold(fault, |text, (value, name)| text.replace(value, name));
        said.push_str(&format!("[{name}]\n{fault}\n\n"));
    }
    one.close().await;
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/servers/diagnosis.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    assert_eq!(said, std::fs::read_to_string(&path).unwrap_or_default());
}
