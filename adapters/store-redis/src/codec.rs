//! Values of redis-rs become replies. No I/O.

use maily_redis::{Command, Reply};
use redis::{Cmd, Value};

use crate::error;

pub(crate) fn command(command: &Command) -> Cmd {
    let mut cmd = Cmd::with_capacity(
        command.arguments.len(),
        command.arguments.iter().map(|argument| argument.len()).sum(),
    );
    for argument in &command.arguments {
        cmd.arg(argument.as_ref());
    }
    cmd
}

pub(crate) fn reply(value: Value) -> Reply {
    match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Integer(number),
        Value::Boolean(truth) => Reply::Integer(i64::from(truth)),
        Value::Okay => Reply::Data("OK".into()),
        Value::BulkString(bytes) | Value::BigNumber(bytes) => Reply::Data(bytes.into()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Reply::Data(text.into()),
        Value::Double(number) => Reply::Data(number.to_string().into()),
        Value::Array(values) | Value::Set(values) | Value::Push { data: values, .. } => {
            Reply::List(values.into_iter().map(reply).collect())
        }
        Value::Map(pairs) => {
            Reply::List(pairs.into_iter().flat_map(|(key, value)| [reply(key), reply(value)]).collect())
        }
        Value::Attribute { data, .. } => reply(*data),
        Value::ServerError(err) => error::refused(err.code(), err.details()),
        _ => Reply::Nil,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_become_lists_of_keys_and_values() {
        let map = Value::Map(vec![(Value::SimpleString("a".into()), Value::Int(1))]);

        assert_eq!(reply(map), Reply::List(vec![Reply::Data("a".into()), Reply::Integer(1)]));
    }

    #[test]
    fn values_keep_their_bytes() {
        assert_eq!(reply(Value::BulkString(vec![0, 255])), Reply::Data(vec![0, 255].into()));
        assert_eq!(reply(Value::Okay), Reply::Data("OK".into()));
        assert_eq!(reply(Value::Boolean(true)), Reply::Integer(1));
    }
}
