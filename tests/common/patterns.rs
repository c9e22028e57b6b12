//! Telegraf's name patterns as trees, and a plain matcher of these.

/// A pattern of the language, as a tree.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Literal(char),
    Any,
    One,
    List(bool, Vec<char>),
    Range(bool, char, char),
    Alternatives(Vec<Vec<Part>>),
}

/// The tree as it is written.
pub(crate) fn written(parts: &[Part]) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Literal(character) => format!("\\{character}"),
            Part::Any => "*".into(),
            Part::One => "?".into(),
            Part::List(not, list) => {
                let mut list: String =
                    list.iter().flat_map(|&character| ['\\', character]).collect();
                // "[\-" would start a range at the backslash.
                if list.starts_with("\\-") {
                    list.remove(0);
                }
                format!("[{}{list}]", if *not { "!" } else { "" })
            }
            Part::Range(not, low, high) => format!("[{}{low}-{high}]", if *not { "!" } else { "" }),
            Part::Alternatives(alternatives) => {
                let alternatives: Vec<_> = alternatives.iter().map(|part| written(part)).collect();
                format!("{{{}}}", alternatives.join(","))
            }
        })
        .collect()
}

/// Whether a text matches, found out by trying all there is.
pub(crate) fn is_match(parts: &[Part], text: &[char]) -> bool {
    let Some((part, behind)) = parts.split_first() else { return text.is_empty() };
    let one = |fits: &dyn Fn(char) -> bool| {
        text.split_first().is_some_and(|(first, rest)| fits(*first) && is_match(behind, rest))
    };
    match part {
        Part::Literal(character) => one(&|first| first == *character),
        Part::One => one(&|_| true),
        Part::List(not, list) => one(&|first| list.contains(&first) != *not),
        Part::Range(not, low, high) => one(&|first| (*low..=*high).contains(&first) != *not),
        Part::Any => (0..=text.len()).any(|length| is_match(behind, &text[length..])),
        Part::Alternatives(alternatives) => alternatives
            .iter()
            .any(|alternative| is_match(&[alternative.as_slice(), behind].concat(), text)),
    }
}
