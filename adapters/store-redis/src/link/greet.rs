//! The first words on a new connection.

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use maily_redis::Reply;
use tokio::io::AsyncWriteExt as _;

use super::events::Confirmation;
use super::resolve::Hello;
use super::{LinkOptions, Said, events};
use crate::error;
use crate::resp::{Frame, Frames, encode};
use crate::stream::Stream;

/// Switches to RESP3, says who we are, and says what the link wants to be said; all in one round trip, or two with a
/// database or a greeting.
///
/// Returns what the server said by itself as well: nobody may hear it before the connection is one to stay on.
pub(super) async fn greet(
    stream: &mut Stream,
    frames: &mut Frames,
    options: &LinkOptions,
) -> Result<(Hello, Vec<Said>)> {
    let mut pushed = Vec::new();
    let connect = &options.connect;
    let mut hello = vec![Bytes::from_static(b"HELLO"), Bytes::from_static(b"3")];
    if let Some(password) = &connect.password {
        let user = connect.user.as_deref().unwrap_or("default");
        hello.push(Bytes::from_static(b"AUTH"));
        hello.push(Bytes::copy_from_slice(user.as_bytes()));
        hello.push(Bytes::copy_from_slice(password.expose().as_bytes()));
    }
    hello.push(Bytes::from_static(b"SETNAME"));
    hello.push(Bytes::copy_from_slice(connect.name.as_bytes()));
    let hello = ask(stream, frames, &mut pushed, &[hello]).await;
    // A port for TLS takes plain words for nonsense, and closes.
    let hello = hello.map_err(|err| if connect.tls.is_none() { error::before_a_word(err) } else { err })?;
    let hello = Hello::read(&hello);
    if hello.is_too_old() {
        return Err(error::too_old(&hello.version));
    }

    let mut words = Vec::new();
    if connect.database != 0 {
        words.push(vec![Bytes::from_static(b"SELECT"), connect.database.to_string().into()]);
    }
    if let Some(greeting) = &options.greeting {
        words.extend(greeting());
    }
    if !words.is_empty() {
        ask(stream, frames, &mut pushed, &words).await?;
    }
    Ok((hello, pushed))
}

/// Sends commands, and returns the last reply when the server has accepted every one. That a channel may not be heard
/// is no reason to leave: the others may.
async fn ask(
    stream: &mut Stream,
    frames: &mut Frames,
    pushed: &mut Vec<Said>,
    commands: &[Vec<Bytes>],
) -> Result<Reply> {
    let mut bytes = Vec::new();
    for command in commands {
        encode::command(&mut bytes, command, None);
    }
    let sent = async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    };
    sent.await.map_err(|err| error::lost(&err))?;
    let mut last = Reply::Nil;
    for command in commands {
        let confirmation = Confirmation::of(command);
        last = answer(stream, frames, pushed, confirmation.as_ref()).await?;
        let Reply::Refused { code, message } = &last else { continue };
        match confirmation.and_then(|it| it.refused(code, message)) {
            Some(said) => pushed.push(said),
            None => return Err(refused(code, message)),
        }
    }
    Ok(last)
}

/// Returns the next reply, or the push that stands for one.
async fn answer(
    stream: &mut Stream,
    frames: &mut Frames,
    pushed: &mut Vec<Said>,
    confirmation: Option<&Confirmation>,
) -> Result<Reply> {
    loop {
        match frames.next().map_err(error::malformed)? {
            Some(Frame::Reply(reply)) => return Ok(reply),
            Some(Frame::Push(words)) if confirmation.is_some_and(|it| it.is(&words)) => {
                pushed.extend(events::said(words.clone()));
                return Ok(Reply::List(words));
            }
            Some(Frame::Push(words)) => pushed.extend(events::said(words)),
            None => {
                let read = tokio::io::AsyncReadExt::read_buf(stream, frames.buffer()).await;
                if read.map_err(|err| error::lost(&err))? == 0 {
                    return Err(error::closed());
                }
            }
        }
    }
}

fn refused(code: &str, message: &str) -> Error {
    match code {
        "NOAUTH" => {
            Error::new(Code::RedisPasswordRefused, "the server wants a password, and the URL has none")
        }
        "NOPERM" | "WRONGPASS" => {
            Error::new(Code::RedisPasswordRefused, "the server refused the password, or the user's rights")
        }
        // The one command with an argument that the server counts.
        "ERR" if message.starts_with("DB index") => {
            Error::new(Code::ConfigInvalid, "the server has no database of this number")
        }
        "ERR" if message.starts_with("max number of clients") => {
            Error::new(Code::RedisUnreachable, "the server has as many clients as it may")
        }
        "LOADING" | "MASTERDOWN" | "BUSY" | "CLUSTERDOWN" | "READONLY" | "MOVED" => {
            Error::new(Code::RedisUnreachable, "the server does not take commands now")
        }
        _ => Error::new(
            Code::RedisProtocol,
            "the server does not take the first commands; it must be 7.0 or newer",
        ),
    }
    .with_operation("store_redis::connect")
    .with_context("reply", code.to_owned())
    // A server that does not know a command quotes its arguments: here the password.
    .with_context("message", message.split(", with args").next().unwrap_or_default())
}
