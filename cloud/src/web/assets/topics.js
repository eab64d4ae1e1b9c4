// Every topic of the stream, once, without its root. A Rust test holds this list to domain/src/wire.

export const TOPICS = {
  mix: "upstream/mix",
  carbonNow: "computed/co2",
  zoneNow: "computed/co2/",
  flows: "upstream/flows",
  loadForecast: "upstream/load-forecast",
  marginalRates: "upstream/marginal/",
  prices: "upstream/price/",
  forecast: "forecast/co2",
  forecastConsumption: "forecast/co2/consumption",
  forecastMarginal: "forecast/co2/marginal/",
  skill: "forecast/co2/skill",
  carbon24h: "archive/co2/24h",
  carbon7d: "archive/co2/7d",
  fuelMixUpdated: "status/fuel-mix/updated",
  webUi: "application/webui",
  feedFuelMix: "status/feed/fuel-mix",
  serviceWeb: "status/web",
  fuelReading: "upstream/fuel-mix/",
};

// The load zones, as topics spell them.
export const ZONES = ["capitl", "centrl", "dunwod", "genese", "hud-vl", "longil", "mhk-vl", "millwd", "nyc", "north", "west"];
