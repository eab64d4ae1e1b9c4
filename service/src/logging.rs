//! Where the log goes and how it looks: one readable sentence plus fields, on standard error.
//!
//! | standard error is | each line has |
//! |---|---|
//! | a terminal | time, level, color (unless `NO_COLOR` is set) |
//! | the systemd journal | a syslog priority in front; the journal knows the time |
//! | anything else | time, level |
//! | any of these, and `NY_POWER_LOG_FORMAT=json` | one JSON object |
//!
//! Standard output stays free for what a command was asked for.

use std::fmt;
use std::io::{IsTerminal as _, stderr};
use std::os::unix::fs::MetadataExt as _;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber, warn};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::clock::{Clock as _, SystemClock};

/// What is logged unless `NY_POWER_LOG` or `RUST_LOG` says otherwise: our own life events, and of
/// libraries only what someone should look at.
pub const DEFAULT_FILTER: &str = "info,rumqttc=warn,mqtt5=error,hyper=warn,reqwest=warn,sled=warn";

/// Starts logging for this process. Call once, first thing in `main`; further calls do nothing.
///
/// `NY_POWER_LOG` (or else `RUST_LOG`) chooses what is logged, in the syntax of `RUST_LOG`:
/// `debug`, or `info,service::history=debug`. A filter that cannot be read is reported in the log
/// and the default used: a typing mistake there must not keep a car from charging.
pub fn init() {
    let asked = ["NY_POWER_LOG", "RUST_LOG"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)))
        .find(|(_, value)| !value.trim().is_empty());
    let (filter, complaint) = match &asked {
        None => (usual_filter(), None),
        Some((name, value)) => match value.parse::<Targets>() {
            Ok(filter) => (filter, None),
            Err(error) => (usual_filter(), Some((name, value, error))),
        },
    };
    let layout = Layout::of_this_process();
    // Not `EnvFilter`: what it can do beside, filter by spans and fields, costs the agent a regex engine.
    let builder = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(stderr);
    // Errors mean that logging was started before, which is what was asked for.
    let _ = match layout {
        Layout::Terminal { color } => builder
            .with_ansi(color)
            .with_target(false)
            .with_timer(UtcSeconds)
            .finish()
            .with(filter)
            .try_init(),
        Layout::Plain => builder
            .with_ansi(false)
            .with_target(false)
            .with_timer(UtcSeconds)
            .finish()
            .with(filter)
            .try_init(),
        Layout::Journal => {
            builder.with_ansi(false).event_format(JournalLine).finish().with(filter).try_init()
        }
        Layout::Json => {
            builder.with_ansi(false).event_format(JsonLine).finish().with(filter).try_init()
        }
    };
    if let Some((name, value, error)) = complaint {
        warn!("{name}={value:?} is not a log filter ({error}); using {DEFAULT_FILTER:?}");
    }
}

fn usual_filter() -> Targets {
    DEFAULT_FILTER.parse().expect("a valid filter")
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Terminal { color: bool },
    Journal,
    Plain,
    Json,
}

impl Layout {
    fn of_this_process() -> Self {
        let var = |name: &str| std::env::var(name).unwrap_or_default();
        let own_stderr = std::fs::metadata("/dev/stderr").ok().map(|file| (file.dev(), file.ino()));
        Self::choose(
            stderr().is_terminal(),
            &var("JOURNAL_STREAM"),
            own_stderr,
            &var("NY_POWER_LOG_FORMAT"),
            !var("NO_COLOR").is_empty() || var("TERM") == "dumb",
        )
    }

    /// `journal_stream` is `device:inode` of the journal's socket. It is inherited by everything a
    /// service starts, so it only counts where standard error still is that socket.
    fn choose(
        terminal: bool,
        journal_stream: &str,
        own_stderr: Option<(u64, u64)>,
        format: &str,
        no_color: bool,
    ) -> Self {
        let journal = journal_stream
            .split_once(':')
            .and_then(|(device, inode)| Some((device.parse().ok()?, inode.parse().ok()?)));
        if format.eq_ignore_ascii_case("json") {
            Self::Json
        } else if terminal {
            Self::Terminal { color: !no_color }
        } else if journal.is_some() && journal == own_stderr {
            Self::Journal
        } else {
            Self::Plain
        }
    }
}

/// `2026-03-10T16:00:00Z`: UTC to the second, as on the wire.
struct UtcSeconds;

impl FormatTime for UtcSeconds {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        write!(out, "{}", SystemClock::new().now().format("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// `<4>feed is late age_s=900`: the priority is what `journalctl -p warning` filters by.
struct JournalLine;

impl<S, N> FormatEvent<S, N> for JournalLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(out, "<{}>", syslog_priority(*event.metadata().level()))?;
        context.field_format().format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}

/// As in sd-daemon(3): 3 error, 4 warning, 6 informational, 7 debug.
fn syslog_priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// `{"ts":"…","level":"INFO","target":"…","message":"…", fields…}`: for log collectors.
struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = JsonFields::default();
        let now = SystemClock::new().now().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        line.add("ts", now.into());
        line.add("level", event.metadata().level().as_str().into());
        line.add("target", event.metadata().target().into());
        event.record(&mut line);
        writeln!(out, "{}", serde_json::Value::Object(line.0))
    }
}

#[derive(Default)]
struct JsonFields(serde_json::Map<String, serde_json::Value>);

impl JsonFields {
    fn add(&mut self, name: &str, value: serde_json::Value) {
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for JsonFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field.name(), format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing::info;

    use super::*;

    #[track_caller]
    fn check_layout(
        terminal: bool,
        journal_stream: &str,
        own_stderr: Option<(u64, u64)>,
        format: &str,
        expected: Layout,
    ) {
        assert_eq!(
            Layout::choose(terminal, journal_stream, own_stderr, format, false),
            expected,
            "terminal {terminal}, JOURNAL_STREAM {journal_stream:?}, stderr {own_stderr:?}"
        );
    }

    #[test]
    fn the_layout_follows_where_standard_error_leads() {
        let terminal = Layout::Terminal { color: true };
        check_layout(true, "", Some((5, 7)), "", terminal);
        check_layout(false, "", Some((5, 7)), "", Layout::Plain);
        check_layout(false, "8:4711", Some((8, 4711)), "", Layout::Journal);
        // Inherited by a shell of a desktop session, or redirected by the unit.
        check_layout(true, "8:4711", Some((5, 7)), "", terminal);
        check_layout(false, "8:4711", Some((5, 7)), "", Layout::Plain);
        check_layout(false, "8:4711", None, "", Layout::Plain);
        check_layout(false, "nonsense", Some((8, 4711)), "", Layout::Plain);
        check_layout(true, "", Some((5, 7)), "json", Layout::Json);
        check_layout(false, "8:4711", Some((8, 4711)), "JSON", Layout::Json);
    }

    #[test]
    fn no_color_is_obeyed() {
        assert_eq!(Layout::choose(true, "", None, "", true), Layout::Terminal { color: false });
    }

    #[test]
    fn the_default_filter_can_be_read() {
        usual_filter();
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(sink: &Sink, subscriber: impl Subscriber + Send + Sync) -> String {
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(age_s = 900, feed = "fuel-mix", "feed is late");
            info!(ratio = 0.5, good = true, "said \"so\"");
        });
        String::from_utf8(sink.0.lock().expect("not poisoned").clone()).expect("UTF-8")
    }

    #[test]
    fn a_line_for_the_journal_has_a_priority_and_no_time() {
        let sink = Sink::default();
        let out = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .event_format(JournalLine)
            .with_writer(move || out.clone())
            .finish();
        assert_eq!(
            logged(&sink, subscriber),
            "<4>feed is late age_s=900 feed=\"fuel-mix\"\n<6>said \"so\" ratio=0.5 good=true\n"
        );
    }

    #[test]
    fn a_json_line_is_json_with_typed_fields() {
        let sink = Sink::default();
        let out = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .event_format(JsonLine)
            .with_writer(move || out.clone())
            .finish();
        let text = logged(&sink, subscriber);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines[0]["message"], "feed is late");
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["age_s"], 900);
        assert_eq!(lines[0]["feed"], "fuel-mix");
        assert_eq!(lines[1]["message"], "said \"so\"");
        assert_eq!(lines[1]["ratio"], 0.5);
        assert_eq!(lines[1]["good"], true);
        assert!(lines[0]["ts"].as_str().expect("text").ends_with('Z'));
    }
}
