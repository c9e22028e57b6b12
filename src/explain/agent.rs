//! `[agent]` and `[global_tags]` of Telegraf's configuration -> what Telegraf does not start with (`AgentConfig` of
//! `config/config.go` in Telegraf 1.36 to 1.39).

use std::time::Duration;

use super::block::{TelegrafFile, not_set_here};
use super::check::Finding;
use super::execd_options;
use crate::quoted::{Quoted, QuotedPath};
use crate::telegraf_conf::{Block, BlockOption, Value};

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// A duration of 0 or more.
    Duration,
    /// A duration of more than 0.
    Interval,
    /// A duration, and one below 0 for none.
    AnyDuration,
    /// An integer.
    Integer,
    /// A number of bytes.
    Size,
    /// `true` or `false`.
    Boolean,
    /// A string.
    Text,
}

/// How Telegraf compares a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelt {
    /// As it is.
    So,
    /// Without regard to case and underscores.
    Anyhow,
}

const OPTIONS: [(&str, Spelt, Takes); 30] = [
    ("always_include_global_tags", Spelt::So, Takes::Boolean),
    ("always_include_local_tags", Spelt::So, Takes::Boolean),
    ("buffer_directory", Spelt::So, Takes::Text),
    ("buffer_disk_sync", Spelt::So, Takes::Boolean),
    ("buffer_strategy", Spelt::So, Takes::Text),
    ("collection_jitter", Spelt::Anyhow, Takes::Duration),
    ("collection_offset", Spelt::Anyhow, Takes::Duration),
    ("config_url_retry_attempts", Spelt::So, Takes::Integer),
    ("debug", Spelt::So, Takes::Boolean),
    ("flush_interval", Spelt::Anyhow, Takes::Interval),
    ("flush_jitter", Spelt::Anyhow, Takes::Duration),
    ("hostname", Spelt::Anyhow, Takes::Text),
    ("interval", Spelt::Anyhow, Takes::Interval),
    ("log_with_timezone", Spelt::So, Takes::Text),
    ("logfile", Spelt::So, Takes::Text),
    ("logfile_rotation_interval", Spelt::So, Takes::AnyDuration),
    ("logfile_rotation_max_archives", Spelt::So, Takes::Integer),
    ("logfile_rotation_max_size", Spelt::So, Takes::Size),
    ("logformat", Spelt::So, Takes::Text),
    ("logtarget", Spelt::So, Takes::Text),
    ("metric_batch_size", Spelt::Anyhow, Takes::Integer),
    ("metric_buffer_limit", Spelt::Anyhow, Takes::Integer),
    ("omit_hostname", Spelt::Anyhow, Takes::Boolean),
    ("precision", Spelt::Anyhow, Takes::AnyDuration),
    ("quiet", Spelt::So, Takes::Boolean),
    ("round_interval", Spelt::Anyhow, Takes::Boolean),
    ("skip_processors_after_aggregators", Spelt::So, Takes::Boolean),
    ("snmp_translator", Spelt::So, Takes::Text),
    ("statefile", Spelt::So, Takes::Text),
    ("structured_log_message_key", Spelt::So, Takes::Text),
];

/// Those that Telegraf 1.36 takes, and 1.38 knows no more.
const GONE: [&str; 2] = ["flush_buffer_when_full", "utc"];

/// The option of `[agent]` that Telegraf takes for that one, whose key it compares without regard to case and
/// underscores.
pub(super) fn get<'a>(agent: &'a Block, key: &str) -> Option<&'a BlockOption> {
    agent.options.iter().find(|option| known(&option.key).is_some_and(|(known, _)| known == key))
}

/// What Telegraf takes a key for.
fn known(key: &str) -> Option<(&'static str, Takes)> {
    let plain = |key: &str| key.to_lowercase().replace('_', "");
    let is_key =
        |known: &str, spelt| known == key || spelt == Spelt::Anyhow && plain(known) == plain(key);
    let option = OPTIONS.iter().find(|(known, spelt, _)| is_key(known, *spelt));
    option.map(|(known, _, takes)| (*known, *takes))
}

/// What is wrong with these tables of a file.
pub(super) fn check(TelegrafFile { path, document }: &TelegrafFile) -> Vec<Finding> {
    // What is not TOML has been told.
    let is_read = |option: &&BlockOption| {
        document.mistakes.iter().all(|mistake| mistake.line != Some(option.line))
    };
    let at = |option: &BlockOption| format!("{} line {}", QuotedPath(path), option.line);
    let agent = document.agent.iter().flat_map(|agent| &agent.options).filter(is_read);
    let of_agent = agent.filter_map(|option| check_option(option, &at(option)));
    let tags = document.global_tags.iter().flat_map(|tags| &tags.options).filter(is_read);
    let tags = tags.filter(|option| option.value.text().is_none());
    let of_tags = tags.map(|option| {
        let key = Quoted(option.key.as_bytes());
        Finding::fail(format!(
            "{}: the global tag {key} takes a string: Telegraf does not start",
            at(option)
        ))
    });
    of_agent.chain(of_tags).collect()
}

fn check_option(option: &BlockOption, place: &str) -> Option<Finding> {
    let shown = Quoted(option.key.as_bytes());
    let is_gone = GONE.contains(&option.key.as_str());
    let Some((key, takes)) = known(&option.key) else {
        if is_gone {
            return Some(Finding::warn(format!(
                "{place}: Telegraf 1.38 and newer know no {shown} in [agent], and do not start: leave it out"
            )));
        }
        // Of those that the block of some plugin has, it says nothing here either.
        return (!execd_options::is_of_any_plugin(&option.key)).then(|| {
            Finding::fail(format!(
                "{place}: Telegraf knows no {shown} in [agent], and does not start: leave it out"
            ))
        });
    };
    if takes != Takes::Text
        && let Some(finding) = not_set_here(option, place)
    {
        return Some(finding);
    }
    let value = &option.value;
    let duration = value.agent_duration();
    let text = match takes {
        Takes::Interval if duration == Some(Duration::ZERO) => {
            format!("{key} has to be more than 0: Telegraf does not start: write \"10s\"")
        }
        Takes::Interval | Takes::Duration if duration.is_none() => {
            format!("{key} is no duration, so that Telegraf does not start: write \"10s\"")
        }
        Takes::AnyDuration if duration.is_none() && !value.is_negative() => {
            format!("{key} is no duration, so that Telegraf does not start: write \"10s\"")
        }
        Takes::Integer if !is_integer(value) => refused(key, "an integer"),
        Takes::Size if !execd_options::is_size(value) => {
            refused(key, "a number of bytes, such as \"64KiB\"")
        }
        Takes::Boolean if !matches!(value, Value::Boolean(_)) => refused(key, "true or false"),
        Takes::Text if value.text().is_none() => refused(key, "a string"),
        _ => return None,
    };
    Some(Finding::fail(format!("{place}: {text}")))
}

fn refused(key: &str, takes: &str) -> String {
    format!("{key} takes {takes}: Telegraf does not start")
}

fn is_integer(value: &Value) -> bool {
    matches!(value, Value::Number(number) if number.replace('_', "").parse::<i64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telegraf_conf::{self, Variables};

    fn said(text: &str) -> Vec<String> {
        let document = telegraf_conf::read(text.as_bytes(), Variables::Replaced(&|_| None));
        let file = TelegrafFile { path: "a".into(), document: document.unwrap() };
        let findings = check(&file);
        findings.iter().map(|finding| finding.to_string().trim_end().to_owned()).collect()
    }

    #[test]
    fn what_telegraf_does_not_start_with_fails() {
        // Seen with Telegraf 1.39.1.
        for (options, what) in [
            ("foo = 1", "Telegraf knows no \"foo\" in [agent], and does not start: leave it out"),
            ("[agent.x]", "Telegraf knows no \"x\" in [agent]"),
            ("log_file = 'x'", "Telegraf knows no \"log_file\""),
            ("LogTarget = 'file'", "Telegraf knows no \"LogTarget\""),
            ("time_source = 'metric'", "Telegraf knows no \"time_source\""),
            ("omit_hostname = 'yes'", "omit_hostname takes true or false: Telegraf does not start"),
            ("OMITHOSTNAME = 1", "omit_hostname takes true or false: "),
            ("metric_batch_size = 'x'", "metric_batch_size takes an integer: "),
            ("MetricBatchSize = 1.5", "metric_batch_size takes an integer: "),
            ("logformat = 5", "logformat takes a string: "),
            ("hostname = true", "hostname takes a string: "),
            (
                "logfile_rotation_max_size = '1ZB'",
                "logfile_rotation_max_size takes a number of bytes",
            ),
            ("logfile_rotation_interval = 'x'", "logfile_rotation_interval is no duration"),
            ("Interval = 'x'", "interval is no duration, so that Telegraf does not start"),
            ("flush_Interval = 0", "flush_interval has to be more than 0: "),
            ("precision = [1]", "precision is no duration"),
        ] {
            let said = said(&format!("[agent]\n{options}\n"));
            assert_eq!(said.len(), 1, "{options}: {said:?}");
            assert!(said[0].starts_with(&format!("FAIL  \"a\" line 2: {what}")), "{said:?}");
        }
        for (tags, line) in
            [("[global_tags]\na = 1", 2), ("[tags]\na = []", 2), ("[global_tags.x]\na = 'b'", 1)]
        {
            let said = said(tags);
            let is_told = said.len() == 1
                && said[0].starts_with(&format!("FAIL  \"a\" line {line}: the global tag "));
            assert!(is_told, "{tags}: {said:?}");
        }
    }

    #[test]
    fn what_telegraf_takes_is_well() {
        let options = "[agent]\nInterval = '1s'\nflushinterval = 10\nROUND_INTERVAL = true\n\
                       metric_batch_size = 1_000\nmetric_buffer_limit = -1\nprecision = '-1s'\n\
                       logfile_rotation_interval = '-1s'\nlogfile_rotation_max_size = '-1'\n\
                       hostname = '$HOSTNAME'\nbuffer_strategy = 'x'\nalias = 5\nperiod = 5\ndata_format = 5\n\
                       [global_tags]\na = 'b'\nc = '${D}'\n[tags]\ne = ''\n";
        assert_eq!(said(options), [""; 0]);
    }

    #[test]
    fn what_is_not_known_here_or_to_every_telegraf_is_a_warning() {
        for (option, what) in [
            (
                "interval = '${I}'",
                "the variable \"${I}\" is not set here, so that interval was not",
            ),
            ("debug = $D", "the variable \"$D\" is not set here, so that debug was not looked at"),
            ("utc = true", "Telegraf 1.38 and newer know no \"utc\" in [agent], and do not start"),
        ] {
            let said = said(&format!("[agent]\n{option}\n"));
            assert_eq!(said.len(), 1, "{option}: {said:?}");
            assert!(said[0].starts_with(&format!("WARN  \"a\" line 2: {what}")), "{said:?}");
        }
    }
}
