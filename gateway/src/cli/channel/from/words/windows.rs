//! Splits a command line of Windows.

use anyhow::{Result, ensure};

/// The command prompt first removes `^`, and then the program splits what is left.
pub(super) fn split(text: &str) -> Result<Vec<String>> {
    let (mut line, mut is_quoted) = (String::new(), false);
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            // Browsers write it within quotes too, although the prompt keeps it there.
            '^' if !is_quoted || signs.peek().is_some_and(|next| !next.is_alphanumeric()) => {
                match signs.next() {
                    // An empty line after it is a line break of the text.
                    Some('\n') => line.push(signs.next_if_eq(&'\n').unwrap_or(' ')),
                    Some(escaped) => line.push(escaped),
                    None => {}
                }
            }
            '\n' if !is_quoted => break,
            '|' | '>' | '&' if !is_quoted => break,
            sign => {
                is_quoted ^= sign == '"';
                line.push(sign);
            }
        }
    }
    arguments(&line)
}

/// Splits a line into the arguments of a program of Windows.
fn arguments(line: &str) -> Result<Vec<String>> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), None::<String>, false);
    let mut signs = line.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            sign if sign.is_whitespace() && !is_quoted => words.extend(word.take()),
            '\\' => {
                let mut n = 1;
                while signs.next_if_eq(&'\\').is_some() {
                    n += 1;
                }
                let is_before_quote = signs.peek() == Some(&'"');
                let n_kept = if is_before_quote { n / 2 } else { n };
                let word = word.get_or_insert_default();
                word.extend(std::iter::repeat_n('\\', n_kept));
                if is_before_quote && n % 2 == 1 {
                    word.extend(signs.next());
                }
            }
            '"' if is_quoted && signs.next_if_eq(&'"').is_some() => {
                word.get_or_insert_default().push('"');
            }
            '"' => {
                word.get_or_insert_default();
                is_quoted = !is_quoted;
            }
            sign => word.get_or_insert_default().push(sign),
        }
    }
    ensure!(!is_quoted, "a quote \" in the command is not closed");
    words.extend(word);
    Ok(words)
}
