//! libbpf's answers.

use crate::{
    corpus::objects::CorpusObject,
    error::{Context, Result},
    process::filter,
};
use serde_json::Value;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
};

pub(super) struct Oracle {
    program: PathBuf,
}

impl Oracle {
    pub(super) fn new(program: PathBuf) -> Oracle {
        Oracle { program }
    }

    /// An answer for each of these.
    pub(super) fn ask(&self, what: &str, objects: &[CorpusObject], btf: Option<&Path>) -> Result<Vec<Value>> {
        self.ask_watched(what, objects, btf, &[])
    }

    /// As `ask`, with these in its environment.
    pub(super) fn ask_watched(
        &self,
        what: &str,
        objects: &[CorpusObject],
        btf: Option<&Path>,
        env: &[(&str, &Path)],
    ) -> Result<Vec<Value>> {
        let mut command = Command::new(&self.program);
        command.arg(what).envs(env.iter().map(|(name, value)| (name, value.as_os_str())));
        if let Some(btf) = btf {
            command.arg("-b").arg(btf);
        }
        let files: String = objects.iter().map(|object| format!("{}\n", object.path.display())).collect();
        let text = filter(&mut command, files.as_bytes())?;
        let text = String::from_utf8(text).context("object-oracle")?;
        let mut answers = HashMap::new();
        for line in text.lines() {
            let answer: Value = serde_json::from_str(line).context(format_args!("object-oracle: {line:.200}"))?;
            answers.insert(answer["file"].as_str().unwrap_or_default().to_owned(), answer);
        }
        let mut answer = |object: &CorpusObject| {
            let path = object.path.display().to_string();
            answers.remove(&path).context(format_args!("object-oracle: no answer for {path}"))
        };
        objects.iter().map(&mut answer).collect()
    }
}

/// What killed libbpf, if something did.
pub(super) fn killed(answer: &Value) -> Option<String> {
    answer["signal"].as_i64().map(|signal| format!("libbpf dies of signal {signal}"))
}

/// What libbpf warned of, in a line.
pub(super) fn warnings(answer: &Value) -> String {
    let lines = answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let lines: Vec<String> = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("; ")
}

/// A field's text.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A field's elements.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// Bytes of a field in hex; none if it is null.
pub(super) fn bytes(value: &Value, name: &str) -> Option<Vec<u8>> {
    let text = value[name].as_str()?;
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    text.as_bytes().chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}
