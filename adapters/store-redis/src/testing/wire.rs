//! The few words of RESP2 that a test says to a server without the crate under test between.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use maily_redis::Reply;
use tokio_rustls::rustls::ClientConfig;

use super::tls;

/// Asks one question on a connection of its own; a server that hangs costs two seconds.
pub(crate) fn ask(
    address: SocketAddr,
    secret: Option<&Arc<ClientConfig>>,
    words: &[&str],
) -> io::Result<Reply> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    match secret {
        None => talk(stream, words),
        Some(client) => talk(tls::wrap(client, stream)?, words),
    }
}

fn talk(mut stream: impl Read + Write, words: &[&str]) -> io::Result<Reply> {
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(request.as_bytes())?;
    read(&mut BufReader::new(stream))
}

fn read(from: &mut impl BufRead) -> io::Result<Reply> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let line = line.trim_end();
    let Some((kind, rest)) = line.split_at_checked(1) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let number = || rest.parse::<i64>().map_err(io::Error::other);
    Ok(match kind {
        "+" => Reply::Data(rest.to_owned().into()),
        "-" => {
            let (code, message) = rest.split_once(' ').unwrap_or((rest, ""));
            Reply::refused(code, message)
        }
        ":" => Reply::Integer(number()?),
        "$" => match usize::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                from.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Reply::Data(bytes.into())
            }
        },
        "*" => match usize::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(count) => Reply::List((0..count).map(|_| read(&mut *from)).collect::<io::Result<_>>()?),
        },
        _ => return Err(io::Error::other(format!("not RESP2: {kind}"))),
    })
}

const PATIENCE: Duration = Duration::from_secs(2);
