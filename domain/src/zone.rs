//! New York's eleven load zones: where a driver's power is priced, and where its marginal rate holds.

/// A load zone of NYISO's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoadZone {
    /// Zone F, around Albany.
    Capitl,
    /// Zone C, around Syracuse.
    Centrl,
    /// Zone I, Westchester's south.
    Dunwod,
    /// Zone B, around Rochester.
    Genese,
    /// Zone G, the Hudson valley.
    HudVl,
    /// Zone K, Long Island.
    Longil,
    /// Zone E, the Mohawk valley.
    MhkVl,
    /// Zone H, Westchester's north.
    Millwd,
    /// Zone J, New York City.
    Nyc,
    /// Zone D, the north.
    North,
    /// Zone A, around Buffalo.
    West,
}

impl LoadZone {
    /// How many there are.
    pub const COUNT: usize = 11;

    /// All zones, in the order of NYISO's load forecast.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Capitl,
        Self::Centrl,
        Self::Dunwod,
        Self::Genese,
        Self::HudVl,
        Self::Longil,
        Self::MhkVl,
        Self::Millwd,
        Self::Nyc,
        Self::North,
        Self::West,
    ];

    /// NYISO's spelling in its price and emission files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Capitl => "CAPITL",
            Self::Centrl => "CENTRL",
            Self::Dunwod => "DUNWOD",
            Self::Genese => "GENESE",
            Self::HudVl => "HUD VL",
            Self::Longil => "LONGIL",
            Self::MhkVl => "MHK VL",
            Self::Millwd => "MILLWD",
            Self::Nyc => "N.Y.C.",
            Self::North => "NORTH",
            Self::West => "WEST",
        }
    }

    /// The zone of NYISO's spelling, upper or lower case: the load forecast writes `Hud Vl`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|zone| zone.name().eq_ignore_ascii_case(name))
    }

    /// The level of a topic, and the word in settings.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Capitl => "capitl",
            Self::Centrl => "centrl",
            Self::Dunwod => "dunwod",
            Self::Genese => "genese",
            Self::HudVl => "hud-vl",
            Self::Longil => "longil",
            Self::MhkVl => "mhk-vl",
            Self::Millwd => "millwd",
            Self::Nyc => "nyc",
            Self::North => "north",
            Self::West => "west",
        }
    }

    /// The zone of this slug.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|zone| zone.slug() == slug)
    }
}

impl std::fmt::Display for LoadZone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.slug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_slugs_read_back() {
        for zone in LoadZone::ALL {
            assert_eq!(LoadZone::from_name(zone.name()), Some(zone));
            assert_eq!(LoadZone::from_slug(zone.slug()), Some(zone));
        }
        assert_eq!(LoadZone::from_name("Hud Vl"), Some(LoadZone::HudVl));
        assert_eq!(LoadZone::from_name("H Q"), None);
        assert_eq!(LoadZone::from_slug("nyiso"), None);
    }
}
