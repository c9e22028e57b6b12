//! What `--format json` writes, beside the lines that the same gather would be.

use serde_json::{Map, Value};

use super::line::{Line, as_tag};
use super::text;

/// Fails unless an object of `--format json` is that line: the same tags, as they arrive in Telegraf, and
/// the same fields of the same types.
pub(crate) fn assert_is_line(record: &[u8], line: &[u8]) {
    let value: Value = serde_json::from_slice(record).unwrap_or_else(|error| {
        panic!("{error}: {}", text(record));
    });
    let Value::Object(record) = value else { panic!("{value}") };
    let keys: Vec<_> = record.keys().filter(|key| *key != "tags_hex").collect();
    assert_eq!(keys, ["fields", "name", "tags", "timestamp"]);
    assert_eq!(record["name"], "net");
    assert!(record["timestamp"].as_i64().is_some_and(|time| time > 1 << 60), "{record:?}");
    let line = Line::parse(line);
    let tags = tags(&record);
    let arrived: Vec<_> =
        tags.iter().filter_map(|(key, value)| Some((key.clone(), as_tag(value)?))).collect();
    assert_eq!(arrived, line.tags.into_iter().collect::<Vec<_>>());
    let fields = record["fields"].as_object().unwrap();
    let keys: Vec<_> = line.fields.keys().collect();
    assert_eq!(fields.keys().collect::<Vec<_>>(), keys);
    for (key, value) in fields {
        assert!(is_same(value, &line.fields[key]), "{key}: {value} and {}", line.fields[key]);
    }
}

/// Whether a value is that of line protocol: `5i`, `5u`, `0.5` or `"up"`.
fn is_same(value: &Value, written: &str) -> bool {
    match (value, written.strip_suffix(['i', 'u'])) {
        (Value::String(word), None) => written == format!("{word:?}"),
        (Value::Number(number), None) => number.is_f64() && number.as_f64() == written.parse().ok(),
        // Where line protocol has signed ones alone, they end there.
        (Value::Number(number), Some("9223372036854775807")) => {
            number.as_u64().is_some_and(|number| number >= i64::MAX.cast_unsigned())
        }
        (Value::Number(number), Some(digits)) => !number.is_f64() && number.to_string() == digits,
        _ => false,
    }
}

/// The bytes of its tags, in the order of their keys.
fn tags(record: &Map<String, Value>) -> Vec<(String, Vec<u8>)> {
    let hexadecimal = |key: &str| {
        let digits = record.get("tags_hex")?.get(key)?.as_str().unwrap().as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(&text(pair), 16).unwrap();
        Some(digits.chunks(2).map(byte).collect::<Vec<_>>())
    };
    let tags = record["tags"].as_object().unwrap().iter();
    let tags = tags.map(|(key, value)| {
        let value = value.as_str().unwrap().to_owned();
        let bytes = hexadecimal(key);
        // It is there where the text does not tell, and not where it does.
        let tells = bytes.as_ref().is_none_or(|bytes| str::from_utf8(bytes).is_err());
        assert!(tells, "{record:?}");
        let bytes = bytes.unwrap_or_else(|| value.clone().into_bytes());
        assert_eq!(text(&bytes), value);
        (key.clone(), bytes)
    });
    tags.collect()
}
