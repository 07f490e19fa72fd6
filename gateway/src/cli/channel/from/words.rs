//! Splits a command line into words, as a shell of Unix or the command prompt of Windows does. Nothing is run, and no
//! variable is filled in.

mod ansi;
mod windows;

use std::{iter::Peekable, str::Chars};

use anyhow::{Result, bail, ensure};

/// Maximum number of words of a command.
const MAX_WORDS: usize = 2_000;

/// The words of the first command in a text.
pub(super) fn split(text: &str) -> Result<Vec<String>> {
    let text = text.trim().replace("\r\n", "\n");
    let words = if is_windows(&text) { windows::split(&text) } else { unix(&text) }?;
    ensure!(words.len() <= MAX_WORDS, "the command has more than {MAX_WORDS} words");
    Ok(words)
}

/// Whether it was copied for the command prompt of Windows: `^` stands before a sign or ends a line, or quotes within a
/// text are doubled.
fn is_windows(text: &str) -> bool {
    ["^\"", "^&", "{\"\"", "[\"\""].iter().any(|sign| text.contains(sign))
        || text.lines().any(|line| line.ends_with(" ^"))
}

type Signs<'a> = Peekable<Chars<'a>>;

fn unix(text: &str) -> Result<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\n' if !continues(&signs) => break,
            sign if sign.is_whitespace() => words.extend(word.take()),
            // What follows is another command, or a file for the answer.
            '|' | ';' | '>' | '<' => break,
            '&' if word.is_none() => break,
            '\\' => match signs.next() {
                Some('\n') => words.extend(word.take()),
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => {}
            },
            // Programs for writing make curved quotes of straight ones.
            '\'' | '‘' | '’' => single_quoted(&mut signs, sign, word.get_or_insert_default())?,
            '"' | '“' | '”' => double_quoted(&mut signs, sign, word.get_or_insert_default())?,
            '$' if signs.peek() == Some(&'\'') => {
                signs.next();
                ansi::quoted(&mut signs, word.get_or_insert_default())?;
            }
            sign => {
                let word = word.get_or_insert_default();
                ensure_no_variable(sign, &signs, word)?;
                word.push(sign);
            }
        }
    }
    words.extend(word);
    Ok(words)
}

/// Whether the next line belongs to the same command: documents lose the sign at the end of a line.
fn continues(signs: &Signs<'_>) -> bool {
    let next = signs.clone().find(|sign| !sign.is_whitespace());
    matches!(next, Some('-' | '–' | '—' | '\'' | '"'))
}

/// A text in quotes. A curved quote within straight ones belongs to the text.
fn single_quoted(signs: &mut Signs<'_>, open: char, word: &mut String) -> Result<()> {
    for sign in signs {
        match sign {
            '\'' => return Ok(()),
            '‘' | '’' if open != '\'' => return Ok(()),
            sign => word.push(sign),
        }
    }
    bail!("a quote ' in the command is not closed")
}

fn double_quoted(signs: &mut Signs<'_>, open: char, word: &mut String) -> Result<()> {
    while let Some(sign) = signs.next() {
        match sign {
            '"' => return Ok(()),
            '“' | '”' if open != '"' => return Ok(()),
            '\\' => match signs.next() {
                Some('\n') => {}
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            sign => {
                ensure_no_variable(sign, signs, word)?;
                word.push(sign);
            }
        }
    }
    bail!("a quote \" in the command is not closed")
}

/// Refuses what a shell would replace. `$top` after `?` or `&` is a parameter of `OData`, which people forget to quote.
fn ensure_no_variable(sign: char, signs: &Signs<'_>, before: &str) -> Result<()> {
    let next = signs.clone().next();
    let is_parameter = before.ends_with(['?', '&']);
    let is_variable = match sign {
        '`' => true,
        '$' if next.is_some_and(|next| next.is_ascii_alphabetic() || next == '_') => !is_parameter,
        '$' => matches!(next, Some('{' | '(')),
        _ => false,
    };
    let name: String =
        signs.clone().take_while(|c| c.is_alphanumeric() || "_{(}".contains(*c)).take(40).collect();
    ensure!(
        !is_variable,
        "`{sign}{name}` stands for something that a shell would fill in: write the value itself"
    );
    Ok(())
}
