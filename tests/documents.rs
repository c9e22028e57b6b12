//! What the documents say of options, fields, messages and arguments is what the program has.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory as _;
use common::is_skipped_without;
use telegraf_net::cli::Args;
use telegraf_net::config::options::OPTIONS;
use telegraf_net::config::systems::{LINUX, System};
use telegraf_net::config::{Config, Tag};
use telegraf_net::model::Unit;
use telegraf_net::model::counters::{Counters, MoreCounters};
use telegraf_net::model::link::LinkState;
use telegraf_net::model::protocol::Group;

const SOURCE: &str = env!("CARGO_MANIFEST_DIR");
const README: &str = include_str!("../README.md");
const OPTIONS_MD: &str = include_str!("../docs/OPTIONS.md");
const FIELDS: &str = include_str!("../docs/FIELDS.md");
const COMMANDS: &str = include_str!("../docs/COMMANDS.md");
const TROUBLESHOOTING: &str = include_str!("../docs/TROUBLESHOOTING.md");
const DEPLOYING: &str = include_str!("../docs/DEPLOYING.md");
const BENCHMARKS: &str = include_str!("../docs/BENCHMARKS.md");
const SECURITY: &str = include_str!("../SECURITY.md");
const THREATS: &str = include_str!("../docs/SECURITY.md");
const PLUGIN_CONF: &str = include_str!("../plugin.conf");
const RTNL_LINK: &str = include_str!("../src/parse/netlink/rtnl_link.rs");
const ETHTOOL: &str = include_str!("../src/parse/netlink/ethtool.rs");

/// The rows of a document's table that has this header, or one that begins so, cell by cell.
fn table<'a>(document: &'a str, header: &str) -> Vec<Vec<&'a str>> {
    let mut lines = document.lines().map(str::trim_start);
    let is_whole = lines.any(|line| line == header);
    if !is_whole {
        lines = document.lines().map(str::trim_start);
        assert!(lines.any(|line| line.starts_with(header)), "no table {header}");
    }
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let row = row.trim_start_matches("| ").trim_end_matches(" |");
        row.split(" | ").map(str::trim).collect()
    })
    .collect()
}

/// The words of a text that stand between backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What stands below a heading, up to the next one.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let (_, rest) = document
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no section {heading}"));
    // Comments in a block of code begin with one.
    rest.find("\n##").map_or(rest, |end| &rest[..end])
}

/// The blocks of code of that language, in the order in which they stand.
fn blocks<'a>(document: &'a str, language: &'a str) -> impl Iterator<Item = String> + 'a {
    let mut lines = document.lines();
    std::iter::from_fn(move || {
        let fence = lines.find(|line| line.trim_start() == format!("```{language}"))?;
        let indent = fence.len() - fence.trim_start().len();
        let code = lines.by_ref().take_while(|line| line.trim_start() != "```");
        Some(code.map(|line| line.get(indent..).unwrap_or_default().to_owned() + "\n").collect())
    })
}

/// The documents, by their paths from the top.
fn documents() -> Vec<(PathBuf, String)> {
    let mut documents = Vec::new();
    for folder in ["", "docs"] {
        for entry in fs::read_dir(Path::new(SOURCE).join(folder)).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "md") {
                let name = Path::new(folder).join(file.file_name().unwrap());
                documents.push((name, fs::read_to_string(&file).unwrap()));
            }
        }
    }
    assert!(documents.len() > 12, "{}", documents.len());
    documents
}

/// For Linux, which has every option, and without an environment.
fn parse(text: &str) -> Result<Config, String> {
    Config::parse_for(System::Linux, text.as_bytes(), &|_| None).map_err(|error| error.to_string())
}

/// What a table says, however it says it.
fn meaning(text: &str) -> String {
    let mut config = parse(text).unwrap();
    for table in &mut config.tables {
        table.entries.clear();
        table.names_protocols = false;
        table.given.clear();
    }
    format!("{config:?}")
}

#[test]
fn the_documents_have_every_option_with_its_default() {
    let rows = table(OPTIONS_MD, "| option | default | meaning |");
    let mut documented = Vec::new();
    for row in &rows {
        let [options, default, ..] = row.as_slice() else { panic!("{row:?}") };
        for option in quoted(options) {
            documented.push((option, quoted(default)));
        }
    }
    for option in &OPTIONS {
        let found = documented.iter().find(|(key, _)| *key == option.key);
        let (_, default) = found.unwrap_or_else(|| panic!("OPTIONS.md lacks {}", option.key));
        if let Some(expected) = option.default {
            assert_eq!(default.as_slice(), [expected], "{}", option.key);
            let with = format!("[[inputs.net]]\n{} = {expected}\n", option.key);
            assert_eq!(meaning(&with), meaning("[[inputs.net]]\n"), "{with}");
        }
        // Of a list, it shows an example.
        let shown = option.default.filter(|default| !default.starts_with('[')).unwrap_or("");
        let line = format!("  # {} = {shown}", option.key);
        assert!(PLUGIN_CONF.lines().any(|one| one.starts_with(&line)), "{line}");
    }
    assert_eq!(documented.len(), OPTIONS.len(), "{documented:?}");
    for row in table(README, "| option | default | for |") {
        for option in quoted(row[0]) {
            let known = OPTIONS.iter().find(|known| known.key == option).unwrap();
            let default = quoted(row[1]);
            assert!(default.is_empty() || default == [known.default.unwrap()], "{option}");
        }
    }
}

/// An example of an option: what it is, the lines of the table, and what the program says.
#[derive(Debug)]
struct Example<'a> {
    title: &'a str,
    lines: String,
    message: Option<&'a str>,
}

/// The examples in a block, each below a comment that says what it is.
fn examples(block: &str) -> Vec<Example<'_>> {
    let mut examples: Vec<Example<'_>> = Vec::new();
    for line in block.lines().filter(|line| !line.is_empty()) {
        match (line.strip_prefix("# "), examples.last_mut()) {
            (Some(text), Some(last)) if text.get(1..3) == Some("! ") => last.message = Some(text),
            (Some(title), _) => {
                examples.push(Example { title, lines: String::new(), message: None });
            }
            (None, Some(last)) => last.lines.extend([line, "\n"]),
            (None, None) => panic!("{line} stands below no comment"),
        }
    }
    examples
}

#[test]
fn every_option_has_a_good_example_its_default_and_a_bad_one_with_its_message() {
    let empty = meaning("[[inputs.net]]\n");
    for option in &OPTIONS {
        let section = section(OPTIONS_MD, &format!("### {}", option.key));
        let [block] = blocks(section, "toml").collect::<Vec<_>>().try_into().unwrap();
        let mut titles = Vec::new();
        for Example { title, lines, message } in examples(&block) {
            let text = format!("[[inputs.net]]\n{lines}");
            let kind = title.split([':', ' ']).next().unwrap();
            titles.push(kind.to_owned());
            assert!(lines.lines().any(|line| line.starts_with(option.key)), "{title}: {lines}");
            match kind {
                "Good" => {
                    let config = parse(&text).unwrap();
                    assert!(config.warnings.is_empty() && message.is_none(), "{text}{config:?}");
                    assert_ne!(meaning(&text), empty, "{text}");
                }
                "Default" => {
                    assert_eq!(meaning(&text), empty, "{text}");
                    if let Some(default) = option.default {
                        assert_eq!(lines, format!("{} = {default}\n", option.key));
                    }
                }
                "Bad" => {
                    let message = message.unwrap_or_else(|| panic!("{text} has no message"));
                    let said = match parse(&text) {
                        Err(error) => vec![format!("E! \"plugin.conf\": {error}")],
                        Ok(_) => what_it_says(&text),
                    };
                    // Only Linux has the interfaces and statistics for these.
                    if message.starts_with("E! ") || cfg!(target_os = "linux") {
                        assert!(said.iter().any(|line| line == message), "{message}\n{said:?}");
                    }
                }
                kind => panic!("{kind} is no kind of example"),
            }
        }
        titles.dedup();
        assert_eq!(titles, ["Good", "Default", "Bad"], "{}", option.key);
    }
}

/// The program's log lines with that configuration on this machine.
fn what_it_says(config: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plugin.conf"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_telegraf-net"));
    command.current_dir(folder.path()).args(["--once", "--config", "plugin.conf"]);
    command.env_remove("HOST_PROC").env_remove("HOST_SYS");
    let output = command.output().unwrap();
    String::from_utf8(output.stderr).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn every_configuration_in_the_documents_can_be_used() {
    let mut tables = 0;
    for (document, text) in documents() {
        for block in blocks(&text, "toml").filter(|block| block.starts_with("[[inputs.")) {
            let shown = format!("{}:\n{block}", document.display());
            if block.starts_with("[[inputs.net]]") {
                let config = parse(&block).unwrap_or_else(|error| panic!("{shown}{error}"));
                assert!(config.warnings.is_empty(), "{shown}{config:?}");
                tables += 1;
            }
            if block.starts_with("[[inputs.execd]]") {
                let telegraf: toml::Table = block.parse().unwrap_or_else(|_| panic!("{shown}"));
                let execd = &telegraf["inputs"]["execd"][0];
                assert_eq!(execd["signal"].as_str(), Some("STDIN"), "{shown}");
                assert_eq!(execd["data_format"].as_str(), Some("influx"), "{shown}");
            }
        }
    }
    assert!(tables >= 8, "{tables}");
}

#[test]
fn plugin_conf_says_of_every_option_where_it_works() {
    let lines: Vec<_> = PLUGIN_CONF.lines().collect();
    for option in &OPTIONS {
        let assignment = format!("  # {} = ", option.key);
        let place = lines.iter().position(|line| line.starts_with(&assignment)).unwrap();
        let above = lines[..place].iter().rev().take_while(|line| line.starts_with("  #"));
        let is_linux_only = above.clone().any(|line| line.contains("Linux only"));
        assert_eq!(is_linux_only, option.systems == LINUX, "{}", option.key);
        let section = section(OPTIONS_MD, &format!("### {}", option.key));
        let is_linux_only = section.contains("Linux\nonly") || section.contains("Linux only");
        assert_eq!(is_linux_only, option.systems == LINUX, "OPTIONS.md: {}", option.key);
    }
}

#[test]
fn help_has_every_option_with_what_it_takes_and_its_default() {
    let help = Command::new(env!("CARGO_BIN_EXE_telegraf-net")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, options) = help.split_once("table in FILE").unwrap();
    // A row goes on below its second column.
    let options = options.replace(&format!("\n{}", " ".repeat(25)), " ");
    let rows: Vec<_> = options.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(rows.len(), OPTIONS.len(), "{options}");
    for (row, option) in rows.iter().zip(&OPTIONS) {
        let (key, meaning) = row.split_once(' ').unwrap();
        assert_eq!(key, option.key);
        let meaning = meaning.trim_start();
        let rest = meaning.strip_prefix(option.takes).unwrap_or_else(|| panic!("{row}"));
        let default = rest.strip_prefix(" [default: ").and_then(|rest| rest.strip_suffix(']'));
        assert_eq!(default, option.default.filter(|default| *default != "[]"), "{row}");
    }
}

#[test]
fn every_argument_is_documented_and_every_one_documented_there_is() {
    let mut command = Args::command();
    command.build();
    let known: BTreeSet<_> =
        command.get_arguments().filter_map(|argument| argument.get_long()).collect();
    let rows = table(COMMANDS, "| argument | meaning |");
    let documented = rows.iter().flat_map(|row| quoted(row[0]));
    let documented = documented.filter_map(|text| text.strip_prefix("--"));
    let documented = documented.map(|text| text.split([' ', '=']).next().unwrap());
    assert_eq!(documented.collect::<BTreeSet<_>>(), known);
    for row in table(README, "| command | what it shows |") {
        for argument in row.iter().flat_map(|cell| quoted(cell)) {
            let words = argument.split(' ').filter_map(|word| word.strip_prefix("--"));
            words.for_each(|word| assert!(known.contains(word), "{argument}"));
        }
    }
}

/// What a table calls a unit.
fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Packets => "packets",
        Unit::Count => "count",
        Unit::Number => "number",
        Unit::YesNo => "1 or 0",
        Unit::Word => "word",
    }
}

#[test]
fn the_documents_have_every_field_with_its_unit() {
    let nine = table(FIELDS, "| field | type | unit | meaning | Linux |");
    let names: Vec<_> = nine.iter().flat_map(|row| quoted(row[0])).collect();
    let expected: Vec<_> =
        Counters::TABLE.iter().map(|counter| counter.name).chain(["speed"]).collect();
    assert_eq!(names, expected);
    let more = table(FIELDS, "| field | unit | meaning | Linux | since |");
    let names: Vec<_> = more.iter().flat_map(|row| quoted(row[0])).collect();
    assert_eq!(names, MoreCounters::TABLE.map(|counter| counter.name));
    let counters = Counters::TABLE.iter().zip(nine.iter().map(|row| (row[2], row[4], "")));
    let more = more.iter().map(|row| {
        // The last cells of a row may be empty.
        let cell = |place: usize| row.get(place).copied().unwrap_or("").trim_matches(['|', ' ']);
        (cell(1), cell(3), cell(4))
    });
    for (counter, (unit, linux, since)) in counters.chain(MoreCounters::TABLE.iter().zip(more)) {
        let stats: Vec<_> = counter.stats.iter().map(|stat| stat.name()).collect();
        assert_eq!(unit, unit_name(counter.unit), "{}", counter.name);
        assert_eq!(quoted(linux), stats, "{}", counter.name);
        let told_since = counter.stats.iter().find_map(|stat| stat.since());
        assert_eq!(since, told_since.unwrap_or(""), "{}", counter.name);
    }
    let states = table(FIELDS, "| field | type | unit | meaning | Linux | since |");
    for field in &LinkState::FIELDS {
        let row = states.iter().find(|row| quoted(row[0]) == [field.name]);
        let row = row.unwrap_or_else(|| panic!("FIELDS.md lacks {}", field.name));
        assert_eq!(row[2], unit_name(field.unit), "{}", field.name);
        assert_eq!(quoted(row[4]), [field.kernel], "{}", field.name);
        let since = row.get(5).copied().unwrap_or("").trim_matches(['|', ' ']);
        assert_eq!(since, field.since.unwrap_or(""), "{}", field.name);
        // The parser's constant has the kernel's name.
        let is_read = [RTNL_LINK, ETHTOOL].iter().any(|source| source.contains(field.kernel));
        let is_constant = field.kernel.contains("_A_") || field.kernel.starts_with("IFLA_");
        assert!(is_read || !is_constant, "{}", field.kernel);
        // On the host, this is read.
        assert!(PLUGIN_CONF.contains(field.name), "plugin.conf: {}", field.name);
    }
    let rates = table(FIELDS, "| field | type | unit |");
    for counter in &Counters::TABLE {
        let name = format!("{}_rate", counter.name);
        let row = rates.iter().find(|row| quoted(row[0]).contains(&&*name)).unwrap();
        assert_eq!(row[2], format!("{} per second", unit_name(counter.unit)), "{name}");
    }
}

#[test]
fn the_readme_has_every_field_with_its_unit() {
    let nine = table(README, "| field | type | unit | meaning |");
    let unit_of = |rows: &[Vec<&str>], name: &str, unit: usize| {
        let row = rows.iter().find(|row| row.iter().any(|cell| quoted(cell).contains(&name)));
        row.unwrap_or_else(|| panic!("the README lacks {name}"))[unit].to_owned()
    };
    for counter in &Counters::TABLE {
        assert_eq!(unit_of(&nine, counter.name, 2), unit_name(counter.unit), "{}", counter.name);
    }
    assert_eq!(unit_of(&nine, "speed", 2), "Mbit/s");
    let added = table(README, "| option | fields | unit |");
    let added: Vec<_> = added.iter().map(|row| row[row.len() - 2..].to_vec()).collect();
    for (name, unit) in MoreCounters::TABLE
        .iter()
        .map(|counter| (counter.name.to_owned(), unit_name(counter.unit).to_owned()))
        .chain(LinkState::FIELDS.iter().map(|one| (one.name.into(), unit_name(one.unit).into())))
        .chain(Counters::TABLE.iter().map(|counter| {
            (format!("{}_rate", counter.name), unit_name(counter.unit).to_owned() + " per second")
        }))
    {
        assert_eq!(unit_of(&added, &name, 1), unit, "{name}");
    }
    let on_linux = MoreCounters::TABLE.iter().filter(|counter| !counter.stats.is_empty()).count();
    assert!(README.contains(&format!("on request {on_linux} more counters")), "{on_linux}");
}

#[test]
fn the_documents_have_every_tag() {
    let rows = table(FIELDS, "| tag | on | value |");
    let documented: Vec<_> = rows.iter().flat_map(|row| quoted(row[0])).collect();
    for tag in Tag::ALL {
        assert!(documented.contains(&tag.key()), "FIELDS.md: {}", tag.key());
        assert!(PLUGIN_CONF.contains(&format!("{:?}", tag.key())), "plugin.conf: {}", tag.key());
    }
    let others = documented.iter().filter(|key| Tag::ALL.iter().all(|tag| tag.key() != **key));
    assert_eq!(others.collect::<Vec<_>>(), [&"interface", &"container"]);
}

#[test]
fn the_documents_have_every_group_of_protocol_statistics() {
    let section = section(OPTIONS_MD, "### protocols");
    let rows = table(FIELDS, "| group in `protocols` | fields | file in `/proc/net` |");
    for group in Group::ALL {
        let name = group.name();
        assert!(section.contains(&format!("\"{name}\"")), "OPTIONS.md lacks {name}");
        assert!(PLUGIN_CONF.contains(name), "plugin.conf lacks {name}");
        let row = rows.iter().find(|row| quoted(row[0]).contains(&name));
        let row = row.unwrap_or_else(|| panic!("FIELDS.md lacks {name}"));
        assert!(row[1].contains(&format!("`{name}_*`")), "{row:?}");
    }
}

/// The files of Rust's in a folder of the repository, and in those in it.
fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(SOURCE).join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    files
}

/// The files of the program's source, without their tests.
fn sources() -> Vec<(PathBuf, String)> {
    let mut sources = rust_files("src");
    let is_of_tests = |path: &Path| {
        let inside = path.strip_prefix(SOURCE).unwrap().with_extension("");
        inside.components().any(|part| part.as_os_str() == "tests")
    };
    sources.retain(|(path, _)| !is_of_tests(path));
    for (_, text) in &mut sources {
        let program = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
        let program = program.split("\n#[cfg(test)]\npub(crate) mod tests {").next();
        *text = program.unwrap().to_owned();
    }
    assert!(sources.len() > 60, "{}", sources.len());
    sources
}

/// A literal of Rust's source that begins there, as the compiler reads it; `None` where there is none.
fn literal(source: &str) -> Option<String> {
    if let Some(raw) = source.strip_prefix("r#\"") {
        return raw.split_once("\"#").map(|(text, _)| text.to_owned());
    }
    let mut characters = source.strip_prefix('"')?.chars().peekable();
    let mut text = String::new();
    loop {
        match characters.next()? {
            '"' => return Some(text),
            '\\' => match characters.next()? {
                '\n' => while characters.next_if(|next| next.is_whitespace()).is_some() {},
                'n' => text.push('\n'),
                't' => text.push('\t'),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

/// The parts of a format string between what it is filled with.
fn fixed_parts(format: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '{' | '}' if characters.next_if_eq(&character).is_some() => {
                parts.last_mut().unwrap().push(character);
            }
            '{' => {
                characters.by_ref().find(|&next| next == '}');
                parts.push(String::new());
            }
            _ => parts.last_mut().unwrap().push(character),
        }
    }
    parts
}

/// A part of a message by its words: what stands around them may be another part's.
fn words(part: &str) -> String {
    part.trim_matches(|c: char| c.is_whitespace() || ":;,.\"()".contains(c)).to_owned()
}

/// The messages of the tables, by the parts between `<...>`.
fn documented_messages() -> Vec<Vec<String>> {
    let rows = TROUBLESHOOTING.split("\n| line | meaning | what to do |\n").skip(1);
    let rows = rows.flat_map(|rows| rows.lines().skip(1).take_while(|row| row.starts_with('|')));
    let cells = rows.map(|row| row.split(" | ").next().unwrap());
    let messages = cells.flat_map(quoted).filter(|text| text.contains(' '));
    let is_level = |text: &str| ["E! ", "W! ", "I! ", "D! "].iter().any(|it| text.starts_with(it));
    let messages = messages.filter(|text| is_level(text)).map(|text| &text[3..]);
    let parts = |message: &str| {
        let mut parts = vec![String::new()];
        for (number, part) in message.split('<').enumerate() {
            // `</dev/null` is none.
            let is_name = |(name, _): &(&str, &str)| !name.contains('/');
            match part.split_once('>').filter(is_name) {
                Some((_, rest)) => parts.push(rest.to_owned()),
                None if number == 0 => parts.push(part.to_owned()),
                None => parts.last_mut().unwrap().extend(["<", part]),
            }
        }
        let parts = parts.iter().map(|part| words(part));
        parts.filter(|part| !part.is_empty()).collect()
    };
    messages.map(parts).collect()
}

/// Whether these stand in that order, each in one of those.
fn stand_in_order(parts: &[String], within: &[String]) -> bool {
    let mut rest = within.iter().map(String::as_str);
    let mut current = rest.next().unwrap_or("");
    parts.iter().all(|part| {
        loop {
            if let Some(place) = current.find(part.as_str()) {
                current = &current[place + part.len()..];
                return true;
            }
            match rest.next() {
                Some(next) => current = next,
                None => return false,
            }
        }
    })
}

/// The format strings of what the program logs: those that `format_args!` makes a message of for the log,
/// and those that it ends with.
fn logged_formats() -> Vec<(PathBuf, String)> {
    let mut formats = Vec::new();
    for (path, source) in sources() {
        for start in ["format_args!(", "Failure::failed(format!(", "Failure::unusable(format!("] {
            for (place, _) in source.match_indices(start) {
                let before = source[..place].rsplit([';', '{', '}']).next().unwrap();
                let is_logged = start.starts_with("Failure")
                    || ["log.", ".log()", "problems.report(", "let message =", "Level::"]
                        .iter()
                        .any(|call| before.contains(call));
                if let Some(text) = literal(source[place + start.len()..].trim_start())
                    && is_logged
                {
                    formats.push((path.clone(), text));
                }
            }
        }
    }
    formats
}

#[test]
fn every_message_that_is_logged_is_in_the_tables_of_troubleshooting() {
    let documented = documented_messages();
    let (mut count, mut missing) = (0, Vec::new());
    for (path, format) in logged_formats() {
        let parts: Vec<_> = fixed_parts(&format).iter().map(|part| words(part)).collect();
        // What is but filled with other texts says nothing by itself.
        let parts: Vec<_> = parts.into_iter().filter(|part| part.len() > 3).collect();
        // That a problem has ended is said by its own text.
        if parts.is_empty() || format.starts_with("resolved: ") {
            continue;
        }
        count += 1;
        if !documented.iter().any(|message| stand_in_order(&parts, message)) {
            missing.push((path, format));
        }
    }
    assert!(missing.is_empty(), "TROUBLESHOOTING.md lacks {missing:#?}");
    assert!(count > 50, "{count}");
}

#[test]
fn every_message_in_the_tables_of_troubleshooting_is_in_the_program() {
    let mut literals = Vec::new();
    for (_, source) in sources() {
        for (place, _) in source.match_indices('"') {
            let start = if source[..place].ends_with("r#") { place - 2 } else { place };
            literals.extend(literal(&source[start..]));
        }
    }
    let texts = literals.iter().map(|literal| fixed_parts(literal).join("\0"));
    let texts = texts.collect::<Vec<_>>().join("\0");
    for message in documented_messages() {
        for part in &message {
            // It may be put together of several texts.
            let pieces = part.split(": ").flat_map(|piece| piece.split(" ("));
            let mut pieces = pieces.map(words);
            let is_there = texts.contains(part) || pieces.all(|piece| texts.contains(&piece));
            assert!(is_there, "the program does not say {part:?} of {message:?}");
        }
    }
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let documents = documents();
    let anchors = |text: &str| -> BTreeSet<String> {
        let mut is_code = false;
        let headings = text.lines().filter(|line| {
            is_code ^= line.trim_start().starts_with("```");
            !is_code && line.starts_with('#')
        });
        let anchor = |heading: &str| -> String {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        headings.map(anchor).collect()
    };
    let mut count = 0;
    for (document, text) in &documents {
        // Every second part is a block of code.
        let prose: String = text.split("```").step_by(2).collect();
        for link in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let place = document.parent().unwrap().join(file);
            let place = if file.is_empty() { document.clone() } else { place };
            let full = Path::new(SOURCE).join(&place);
            assert!(full.exists(), "{}: {link}", document.display());
            if !anchor.is_empty() {
                let target = fs::read_to_string(&full).unwrap();
                assert!(anchors(&target).contains(anchor), "{}: {link}", document.display());
            }
        }
    }
    assert!(count > 60, "{count}");
}

/// A time of the benchmark as the README rounds it: two digits.
fn rounded_ms(us: &str) -> String {
    let ms = us.parse::<f64>().unwrap() / 1000.0;
    match ms {
        10.0.. => format!("{ms:.0} ms"),
        1.0.. => format!("{ms:.1} ms"),
        _ => format!("{ms:.2} ms"),
    }
}

#[test]
fn the_readme_has_what_was_measured() {
    let measured = table(BENCHMARKS, "| interfaces | program |");
    let cold = |interfaces: &str, program: &str| {
        let row = measured.iter().find(|row| row[0] == interfaces && row[1] == program);
        let row = row.unwrap_or_else(|| panic!("no row {interfaces} {program}"));
        // Of the rows of Telegraf, the cells of warm gathers are empty.
        let cells: Vec<_> = row.iter().filter(|cell| !cell.is_empty()).collect();
        let place = if program.starts_with("Telegraf") { 2 } else { 5 };
        (rounded_ms(cells[place]), (*cells.last().unwrap()).to_owned())
    };
    let rows = table(README, "| | Telegraf's `inputs.net` | telegraf-net |");
    let row = |start: &str| rows.iter().find(|row| row[0].starts_with(start)).unwrap();
    for (start, interfaces) in [
        ("CPU time of a gather, 10 interfaces", "10"),
        ("100 interfaces", "100"),
        ("1000 interfaces", "1000"),
    ] {
        let (inputs_net, _) = cold(interfaces, "Telegraf with inputs.net");
        let (ours, _) = cold(interfaces, "telegraf-net, steady");
        assert_eq!(row(start)[1..], [inputs_net, ours], "{start}");
    }
    let (inputs_net, memory) = cold("1000", "Telegraf with inputs.net");
    let (both, memory_of_both) = cold("1000", "Telegraf with telegraf-net");
    let quiet = "Telegraf with telegraf-net, dedup_interval = \"10m\", 5 % traffic";
    let (quiet, _) = cold("1000", quiet);
    let together = row("1000 interfaces, Telegraf and plugin together");
    assert_eq!(together[1], inputs_net);
    let expected =
        format!("{both}; with `dedup_interval` and 5 % of the interfaces in use {quiet}");
    assert_eq!(together[2], expected);
    let numbers = memory_of_both.split(' ').filter_map(|word| word.parse::<f64>().ok());
    let memory: f64 = memory.parse().unwrap();
    let expected = [format!("{memory:.0} MB"), format!("{:.0} MB", numbers.sum::<f64>())];
    assert_eq!(row("memory of these")[1..], expected);
}

#[test]
fn vulnerabilities_are_reported_to_the_packages_maintainer() {
    let address = env!("CARGO_PKG_AUTHORS").split(['<', '>']).nth(1).unwrap();
    assert!(SECURITY.contains(&format!("<{address}>")), "{address}");
}

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let files = ["src", "tests"].into_iter().flat_map(rust_files);
    let code: String = files.map(|(_, text)| text).collect();
    let rows = table(THREATS, "| who | by what | the worst | what holds it | tests |");
    for row in rows.iter().skip(1) {
        let tests = quoted(row[4]);
        assert!(!tests.is_empty(), "{row:?}");
        for test in tests {
            assert!(code.contains(&format!("#[test]\nfn {test}() {{")), "{test}");
        }
    }
}

/// What the playbook of docs/DEPLOYING.md leaves of a `telegraf.conf`; `None` without Python, whose expressions
/// it has.
fn with_inputs_net_taken_out(text: &str) -> Option<String> {
    let value = |key: &str| {
        let lines = DEPLOYING.lines().map(str::trim_start);
        let mut values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": '"));
        let value = values.next().unwrap().strip_suffix('\'').unwrap();
        assert_eq!(values.next(), None, "{key} is stated once");
        value
    };
    // As ansible.builtin.replace does it.
    let script =
        "import re, sys\nsys.stdout.buffer.write(re.sub(*sys.argv[1:4], flags=re.M).encode())";
    let mut python = Command::new("python3");
    let output = python.args(["-c", script, value("regexp"), value("replace"), text]).output();
    let has_it = output.as_ref().is_ok_and(|output| output.status.success());
    (!is_skipped_without("python3", has_it))
        .then(|| String::from_utf8(output.unwrap().stdout).unwrap())
}

#[test]
fn the_playbook_takes_blocks_of_inputs_net_out_and_nothing_else() {
    const GONE: &str =
        "# telegraf-net reports what inputs.net did: see telegraf.d/telegraf-net.conf";
    for (what, before, block, after) in [
        (
            "as Telegraf has it",
            "[agent]\n  interval = \"1s\"\n\n# Of interfaces.\n",
            "[[inputs.net]]\n  ## By default, all.\n  ##\n  # interfaces = [\"eth*\"]",
            "\n\n\n# Of files.\n[[inputs.disk]]\n",
        ),
        (
            "indented",
            "",
            "  [[inputs.net]]\n    interfaces = [\"lo\"]\n    [inputs.net.tags]\n      a = \"b\"",
            "\n\n  # Of files.\n  [[inputs.disk]]\n",
        ),
        (
            "not indented",
            "",
            "[[inputs.net]]\ninterfaces = [\"lo\"]\n[inputs.net.tags]\na = \"b\"\n[inputs.net.tagpass]\nb = []",
            "\n[[inputs.netstat]]\nx = 1\n",
        ),
        (
            "blank lines within",
            "x = 1\n",
            "[[inputs.net]]\n\n  interfaces = [\"lo\"]\n\n# one\n  # two\n\n  alias = \"a\"",
            "\n\n# Of files.\n[[inputs.disk]]\n",
        ),
        (
            "no end of the last line",
            "[[inputs.disk]]\n",
            "[[inputs.net]]\n  interfaces = [\"lo\"]",
            "",
        ),
        ("a header alone", "[[inputs.disk]]\n", "[[inputs.net]]", ""),
        (
            "a comment behind the header",
            "",
            "[[inputs.net]] # [[inputs.x]]\n  alias = \"[[inputs.x]]\" # [x]",
            "\n[[inputs.disk]]\n",
        ),
        (
            "line breaks of Windows",
            "[agent]\r\n",
            "[[inputs.net]]\r\n  interfaces = [\"lo\"]\r\n\r\n  alias = \"a\"\r",
            "\n\r\n# Of files.\r\n[[inputs.disk]]\r\n",
        ),
        ("single brackets", "", "[inputs.net]\n  interfaces = [\"lo\"]", "\n[inputs.disk]\n"),
        (
            "spaces within brackets",
            "",
            "[[ inputs . net ]]\n  interfaces = [\"lo\"]\n  [ inputs.net.tags ]\n  a = \"b\"",
            "\n[ inputs.disk ]\n",
        ),
        (
            "a list of several lines",
            "",
            "[[inputs.net]]\n  interfaces = [\n    \"lo\",\n# [both]\n\n\"[a-c]\",\n]",
            "\n[[inputs.disk]]\n",
        ),
        (
            "others of similar names",
            "# [[inputs.net]]\n#   interfaces = [\"lo\"]\n[[inputs.net_response]]\n  x = 1\n[inputs.netflow]\n",
            "",
            "",
        ),
    ] {
        let Some(left) = with_inputs_net_taken_out(&[before, block, after].concat()) else {
            return;
        };
        let gone = if block.is_empty() { "" } else { GONE };
        assert_eq!(left, [before, gone, after].concat(), "{what}");
    }
    // Each of several.
    let several = "[[inputs.net]]\n  x = 1\n[[inputs.cpu]]\n[[inputs.net]]\n  x = 2\n# Of memory.\n[[inputs.mem]]\n";
    let Some(left) = with_inputs_net_taken_out(several) else { return };
    assert_eq!(left, format!("{GONE}\n[[inputs.cpu]]\n{GONE}\n# Of memory.\n[[inputs.mem]]\n"));
    // Python would try each split of a long text of comments if the expression could match it in several ways.
    let long = format!("[[inputs.net]]\r\n{}[[inputs.cpu]]\r\n", "# comment\r\n".repeat(5000));
    let Some(left) = with_inputs_net_taken_out(&long) else { return };
    assert_eq!(left.lines().count(), long.lines().count());
}
