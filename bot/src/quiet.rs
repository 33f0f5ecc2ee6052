//! Hours of the day in which nobody is answered, such as `23:00-07:00 Asia/Seoul`. Only the reckoning; who keeps to them is `attention.rs`.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A span of each day, in the time of one place. It may go over midnight. Where no zone is written, it is that of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuietHours {
    from: NaiveTime,
    to: NaiveTime,
    zone: Tz,
}

/// A text that is no [`QuietHours`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoQuietHours {
    /// Not of the form.
    #[error("{0:?} is not like \"23:00-07:00 Asia/Seoul\"")]
    Form(String),
    /// The form is right, the zone is not.
    #[error("{0:?} is no time zone such as \"Asia/Seoul\", \"Europe/Paris\" or \"UTC\"")]
    Zone(String),
    /// Nothing, or everything.
    #[error("the hours begin and end at the same time")]
    Empty,
}

impl QuietHours {
    /// Whether `now` is among them.
    #[must_use]
    pub fn contain(&self, now: DateTime<Utc>) -> bool {
        let time = now.with_timezone(&self.zone).time();
        if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            self.from <= time || time < self.to
        }
    }
}

impl QuietHours {
    /// Reads hours, which are those of `home` where no zone stands behind them.
    fn read(text: &str, home: impl FnOnce() -> Tz) -> Result<Self, NoQuietHours> {
        let form = || NoQuietHours::Form(text.to_owned());
        let (hours, zone) = match text.trim().split_once(char::is_whitespace) {
            Some((hours, zone)) => (hours, Some(zone.trim())),
            None => (text.trim(), None),
        };
        let (from, to) = hours.split_once(['-', '~', '–']).ok_or_else(form)?;
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| form());
        let (from, to) = (time(from)?, time(to)?);
        if from == to {
            return Err(NoQuietHours::Empty);
        }
        let zone = match zone {
            Some(zone) => zone
                .parse()
                .map_err(|_| NoQuietHours::Zone(zone.to_owned()))?,
            None => home(),
        };
        Ok(Self { from, to, zone })
    }
}

/// The zone of this machine: as `TZ` names it, which containers are given, or as the system does. UTC where neither is a place's.
fn home() -> Tz {
    let named = std::env::var("TZ").ok();
    let zone = named.filter(|zone| !zone.is_empty());
    let zone = zone.or_else(|| iana_time_zone::get_timezone().ok());
    zone.and_then(|zone| zone.trim_start_matches(':').parse().ok())
        .unwrap_or(Tz::UTC)
}

impl FromStr for QuietHours {
    type Err = NoQuietHours;

    fn from_str(text: &str) -> Result<Self, NoQuietHours> {
        Self::read(text, home)
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}-{} {}",
            self.from.format("%H:%M"),
            self.to.format("%H:%M"),
            self.zone
        )
    }
}

impl TryFrom<String> for QuietHours {
    type Error = NoQuietHours;

    fn try_from(text: String) -> Result<Self, NoQuietHours> {
        text.parse()
    }
}

impl From<QuietHours> for String {
    fn from(hours: QuietHours) -> Self {
        hours.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-11-21T{text}:00Z").parse().unwrap()
    }

    #[test]
    fn hours_may_go_over_midnight_and_are_those_of_their_zone() {
        for (hours, quiet, loud) in [
            ("23:00-07:00", ["23:00", "02:00"], ["07:00", "22:59"]),
            ("12:00-13:00 UTC", ["12:00", "12:59"], ["13:00", "11:59"]),
            // Nine hours ahead.
            (
                "23:00-07:00 Asia/Seoul",
                ["14:00", "21:59"],
                ["22:00", "13:59"],
            ),
        ] {
            let hours = QuietHours::read(hours, || Tz::UTC).unwrap();
            assert!(quiet.iter().all(|time| hours.contain(at(time))), "{hours}");
            assert!(loud.iter().all(|time| !hours.contain(at(time))), "{hours}");
            assert_eq!(hours.to_string().parse(), Ok(hours));
        }
    }

    #[test]
    fn without_a_zone_they_are_those_of_the_machine() {
        let read = |text| QuietHours::read(text, || Tz::Asia__Seoul).unwrap();
        assert_eq!(read("23:00-07:00").to_string(), "23:00-07:00 Asia/Seoul");
        assert!(read("23:00-07:00").contain(at("14:00")));
        assert_eq!(read("23:00-07:00 UTC").to_string(), "23:00-07:00 UTC");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, fault) in [
            (
                "tonight",
                "\"tonight\" is not like \"23:00-07:00 Asia/Seoul\"",
            ),
            (
                "25:00-07:00",
                "\"25:00-07:00\" is not like \"23:00-07:00 Asia/Seoul\"",
            ),
            (
                "23:00-07:00 Soul",
                "\"Soul\" is no time zone such as \"Asia/Seoul\", \"Europe/Paris\" or \"UTC\"",
            ),
            ("07:00-07:00", "the hours begin and end at the same time"),
        ] {
            assert_eq!(text.parse::<QuietHours>().unwrap_err().to_string(), fault);
        }
    }
}
